"""Traffic for the shop: browsing and buying users, made by Locust."""
