"""What the person in the picture asks of the network."""
