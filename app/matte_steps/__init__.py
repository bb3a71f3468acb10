"""What may be done to the matte on the network's grid, as the user asks: from Matte to Matte."""
