"""The catalog: products, prices, stock and its reservations."""
