"""Carts: what each signed-in user means to buy."""
