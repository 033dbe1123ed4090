"""Who this service is: the same identity on all three signals."""

import os

from opentelemetry.sdk.resources import Resource


def build(name: str, version: str | None) -> Resource:
    """Describe the service; each process is an instance of its own unless the environment says.

    Args:
        name: used unless ``OTEL_SERVICE_NAME`` or ``OTEL_RESOURCE_ATTRIBUTES`` has one.
        version: used unless ``OTEL_RESOURCE_ATTRIBUTES`` has ``service.version``.
    """
    described = dict(Resource.create({}).attributes or {})
    if not _named_by_environment():
        described["service.name"] = name
    if version:
        described.setdefault("service.version", version)
    return Resource(described)


def text(resource: Resource, attribute: str) -> str:
    """Read one attribute as text, empty when absent."""
    value = (resource.attributes or {}).get(attribute)
    return "" if value is None else str(value)


def _named_by_environment() -> bool:
    pairs = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(",")
    named = any(pair.strip().startswith("service.name=") for pair in pairs)
    return named or bool(os.environ.get("OTEL_SERVICE_NAME", "").strip())
