"""How good a matte is: metrics, sets with known alpha, and the run over them."""
