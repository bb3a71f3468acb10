"""How much work a live run takes on: the network's size, and which pictures need it at all."""
