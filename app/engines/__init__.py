"""What runs the network: `torch` on any device, `openvino` on CPUs and Intel's GPUs and NPUs."""
