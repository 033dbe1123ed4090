"""The example shop: FastAPI services that Belfry observes."""

# first of all, as what others import with it is loaded without what no service needs
from observability import instrumentation as instrumentation
