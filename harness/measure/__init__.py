"""How memory and time are read."""
