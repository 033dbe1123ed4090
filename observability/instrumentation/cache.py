"""How caches fare."""

from typing import Literal

from observability.instrumentation import metrics

CacheResult = Literal["hit", "miss", "stale"]

_requests = metrics.counter(
    "cache_requests_total", "Look-ups in a cache, by result.", ["cache", "result"]
)


def cache_request(cache: str, result: CacheResult) -> None:
    """Count one look-up.

    Args:
        cache: the cache's name, one of few.
        result: ``hit``, ``miss``, or ``stale`` for an old value served meanwhile.
    """
    _requests.labels(cache, result).inc()
