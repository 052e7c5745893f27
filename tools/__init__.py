"""Tools of whoever works on the project; no command of its users needs them."""
