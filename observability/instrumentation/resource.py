"""Who this service is: the same identity on all three signals."""

import functools
import os
import socket

from opentelemetry.sdk.resources import Resource


class _ServiceResource(Resource):
    """A resource that is hashed once: the encoders group each single item by its resource."""

    @functools.cached_property
    def _hash(self) -> int:
        return super().__hash__()

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or super().__eq__(other)


def build(name: str, version: str | None) -> Resource:
    """Describe the service.

    Args:
        name: used unless ``OTEL_SERVICE_NAME`` or ``OTEL_RESOURCE_ATTRIBUTES`` has one.
        version: used unless ``OTEL_RESOURCE_ATTRIBUTES`` has ``service.version``.
    """
    from_environment = dict(Resource.create({}).attributes or {})
    if not _named_by_environment():
        from_environment["service.name"] = name
    defaults: dict[str, str] = {"service.instance.id": f"{socket.gethostname()}-{os.getpid()}"}
    if version:
        defaults["service.version"] = version
    return _ServiceResource({**defaults, **from_environment})


def text(resource: Resource, attribute: str) -> str:
    """Read one attribute as text, empty when absent."""
    value = (resource.attributes or {}).get(attribute)
    return "" if value is None else str(value)


def _named_by_environment() -> bool:
    pairs = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(",")
    named = any(pair.strip().startswith("service.name=") for pair in pairs)
    return named or bool(os.environ.get("OTEL_SERVICE_NAME", "").strip())
