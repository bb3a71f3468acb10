"""From the network's grid to the frame's size: `Matte` -> `Cutout`."""
