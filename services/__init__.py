"""The example shop: FastAPI services that Belfry observes."""
