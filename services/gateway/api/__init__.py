"""The JSON API: the services' own, under one roof."""

from services.gateway.api import accounts, cart, orders, products

ROUTERS = (accounts.router, products.router, cart.router, orders.router)
