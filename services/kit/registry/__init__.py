"""Service registries: where an instance makes itself known and finds the others.

The URL decides which one: `consul://HOST:8500` or `eureka://HOST:8761/eureka`.
"""

from services.kit.registry.announcing import Announcement, announced
from services.kit.registry.by_url import registry_for
from services.kit.registry.consul import Consul
from services.kit.registry.eureka import Eureka
from services.kit.registry.port import Registration, Registry
from services.kit.registry.resolving import RegistryResolver

__all__ = [
    "Announcement",
    "Consul",
    "Eureka",
    "Registration",
    "Registry",
    "RegistryResolver",
    "announced",
    "registry_for",
]
