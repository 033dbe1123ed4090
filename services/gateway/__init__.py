"""The gateway: the storefront's pages and the JSON API in front of the other services."""
