"""The shop's message queue: one port, an embedded implementation and RabbitMQ's.

    queue = open_queue(settings.queue)
    attachment = Attachment(queue, SHOP, [Consumer("shipping", handle)])

The names are loaded when first used, so that commands which need none of them start quickly.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.kit.queue.attached import Attachment, Consumer
    from services.kit.queue.opening import open_queue
    from services.kit.queue.port import Message, Queue, QueueError, RejectedError, TryLaterError
    from services.kit.queue.topology import SHOP

__all__ = [
    "SHOP",
    "Attachment",
    "Consumer",
    "Message",
    "Queue",
    "QueueError",
    "RejectedError",
    "TryLaterError",
    "open_queue",
]

_HOMES = {
    "attached": ("Attachment", "Consumer"),
    "opening": ("open_queue",),
    "port": ("Message", "Queue", "QueueError", "RejectedError", "TryLaterError"),
    "topology": ("SHOP",),
}


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
