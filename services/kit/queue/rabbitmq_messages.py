"""Between the port's messages and AMQP's.

The publisher's headers travel as AMQP headers under their own names, so that consumers in other
languages find `traceparent` where they expect it. What this module adds starts with `x-belfry-`:
a retried message reaches its queue through other exchanges, which would lose its routing key.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from dataclasses import dataclass, replace
from typing import Any

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from services.kit.queue.port import Body, Envelope, Message

OWN = "x-belfry-"
FRONT = 1
"""Priority of a message that must not queue behind the others once more."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message off the wire with what has happened to it so far."""

    envelope: Envelope
    enqueued_at: float
    failures: int = 0
    deferrals: int = 0
    redeliveries: int = 0
    reason: str = ""
    died_at: float = 0.0
    undecodable: str = ""
    """Why the body could not be read, if so."""

    def message(self) -> Message:
        """What a handler gets to see."""
        envelope = self.envelope
        return Message(
            id=envelope.message_id,
            routing_key=envelope.routing_key,
            body=envelope.body,
            headers=envelope.headers,
            attempt=self.failures + 1,
            enqueued_at=self.enqueued_at,
        )

    def fresh(self) -> Delivery:
        """The same message as if just published, for a replay."""
        return Delivery(self.envelope, time.time())

    def buried(self, reason: str) -> Delivery:
        """The same message as a dead letter."""
        return replace(self, reason=reason, died_at=time.time())


def encode(delivery: Delivery, *, front: bool = False) -> aio_pika.Message:
    """Make a persistent AMQP message."""
    envelope = delivery.envelope
    own: dict[str, Any] = {
        "routing-key": envelope.routing_key,
        "enqueued-at": repr(delivery.enqueued_at),
        "failures": delivery.failures,
        "deferrals": delivery.deferrals,
        "redeliveries": delivery.redeliveries,
    }
    if delivery.reason:
        own |= {"reason": delivery.reason, "died-at": repr(delivery.died_at)}
    return aio_pika.Message(
        json.dumps(envelope.body).encode(),
        headers={**envelope.headers, **{OWN + name: value for name, value in own.items()}},
        content_type="application/json",
        message_id=envelope.message_id,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        priority=FRONT if front else 0,
    )


def decode(incoming: AbstractIncomingMessage) -> Delivery:
    """Read an AMQP message, also one published by something else than this shop."""
    own = {
        name.removeprefix(OWN): value
        for name, value in incoming.headers.items()
        if name.startswith(OWN)
    }
    # Names in x- are the broker's own (x-death, …) and of no interest to handlers.
    headers = {
        name: str(value) for name, value in incoming.headers.items() if not name.startswith("x-")
    }
    body, undecodable = _read(incoming.body)
    return Delivery(
        envelope=Envelope(
            routing_key=str(own.get("routing-key", incoming.routing_key or "")),
            body=body,
            headers=headers,
            message_id=incoming.message_id or _id_for(incoming),
        ),
        enqueued_at=_number(own.get("enqueued-at"), time.time()),
        failures=int(_number(own.get("failures"), 0)),
        deferrals=int(_number(own.get("deferrals"), 0)),
        redeliveries=int(_number(own.get("redeliveries"), 0)),
        reason=str(own.get("reason", "")),
        died_at=_number(own.get("died-at"), 0.0),
        undecodable=undecodable,
    )


def _id_for(incoming: AbstractIncomingMessage) -> str:
    """An id for a message that came without, the same at each delivery."""
    digest = hashlib.blake2b(incoming.body, digest_size=16)
    digest.update(f"\0{incoming.routing_key}\0{incoming.timestamp}".encode())
    return digest.hexdigest()


def _read(body: bytes) -> tuple[Body, str]:
    """The JSON object in a message, or its text as is and what is wrong with it."""
    try:
        value = json.loads(body)
    except ValueError as error:
        return {"undecodable": body.decode("utf-8", "replace")}, f"not JSON: {error}"
    if isinstance(value, dict):
        return value, ""
    return {"undecodable": value}, "not a JSON object"


def _number(value: object, default: float) -> float:
    try:
        number = float(str(value))
    except ValueError:
        return default
    return number if math.isfinite(number) else default
