"""The shop's message queue: one port, an embedded implementation and RabbitMQ's.

`open_queue(url)` gives the one that the URL names, with trace context carried along.
"""

from services.kit.queue.opening import open_queue

__all__ = ["open_queue"]
