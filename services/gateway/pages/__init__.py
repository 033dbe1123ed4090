"""The storefront: pages rendered here, without any script."""

from services.gateway.pages import account, browse, cart, checkout, orders

ROUTERS = (browse.router, account.router, cart.router, checkout.router, orders.router)
