"""What the export queues need to know of how records are written on the wire."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

T_contra = TypeVar("T_contra", contravariant=True)
Group = TypeVar("Group")
# One process has one resource and a scope for each library that makes spans.
MAX_GROUPS = 256


class Packed(NamedTuple):
    """One record as bytes.

    Attributes:
        group: stands for its resource and scope; records of one group are sent together.
        body: the record alone.
    """

    group: Any
    body: bytes


class WireFormat(Protocol[T_contra]):
    """How one signal is written in OTLP, as JSON or protobuf.

    Attributes:
        content_type: of a request.
    """

    content_type: str

    def pack(self, item: T_contra) -> Packed:
        """Encode one record.

        Raises:
            Exception: the record has something that cannot be encoded.
        """
        ...

    def request(self, packed: Sequence[Packed]) -> bytes:
        """Join records into the body of one request."""
        ...

    def rejected(self, answer: bytes) -> int:
        """Read how many records a successful answer says were not taken.

        Raises:
            Exception: the answer cannot be read.
        """
        ...


class Groups(Generic[Group]):
    """One group for each resource and scope, made when it is first met.

    Args:
        make: describes a resource and a scope on the wire.
    """

    def __init__(self, make: Callable[[Resource, InstrumentationScope | None], Group]) -> None:
        self._make = make
        # By identity, as hashing a resource takes longer than encoding a span. What is kept
        # along keeps the identities from being given to others.
        self._known: dict[tuple[int, int], tuple[Group, object, object]] = {}

    def of(self, resource: Resource, scope: InstrumentationScope | None) -> Group:
        """Return the group of a resource and a scope."""
        key = (id(resource), id(scope))
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= MAX_GROUPS:
                self._known.clear()
            known = self._known[key] = (self._make(resource, scope), resource, scope)
        return known[0]


def grouped(packed: Sequence[Packed]) -> list[tuple[Any, list[bytes]]]:
    """Bring the records of each group together."""
    found: dict[int, tuple[Any, list[bytes]]] = {}
    for group, body in packed:
        found.setdefault(id(group), (group, []))[1].append(body)
    return list(found.values())
