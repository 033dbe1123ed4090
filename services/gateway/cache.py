"""The response cache: what the catalogue said, kept for a while and given out by HTTP's rules.

Fresh answers are given out as they are; for some seconds more they are while a new one is fetched
(stale-while-revalidate); and for minutes more if the catalogue does not answer (stale-if-error).
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict
from urllib.parse import urlencode

from fastapi import Request, Response

from observability import cache_request, get_logger
from services.gateway.settings import GatewaySettings
from services.kit.cache import Cache, SharedCache
from services.kit.client import ServiceClient
from services.kit.problems import Problem

NAME = "gateway_response"
MAX_ENTRIES = 1024
log = get_logger(__name__)

Params = Mapping[str, str | int | Sequence[str]]


class Stored(TypedDict):
    """What is kept of an answer; plain JSON, for a shared cache."""

    body: str
    etag: str
    age: float
    """Seconds since the catalogue had read it from its database, when it came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the catalogue.

    Attributes:
        body: The JSON text.
        etag: Changes with the body.
        age: Seconds since it was so.
        failed: The catalogue does not answer now; this is the last that it said.
    """

    body: str
    etag: str
    age: float
    failed: bool = False


class ResponseCache:
    """Answers of the catalogue.

    Args:
        catalog: Who is asked.
        settings: For how long answers are given out.
        shared: Where replicas of the gateway share answers, if anywhere.
        clock: Unix seconds.
    """

    def __init__(
        self,
        catalog: ServiceClient,
        settings: GatewaySettings,
        shared: SharedCache | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        fresh, stale = settings.cache_ttl_seconds, settings.cache_stale_seconds
        self._catalog = catalog
        self._clock = clock
        self._cache: Cache[Stored] = Cache(
            NAME,
            ttl=fresh,
            stale=stale,
            max_entries=MAX_ENTRIES,
            shared=shared,
            age_of=lambda stored: stored["age"],
            clock=clock,
        )
        self._last: OrderedDict[str, tuple[Stored, float]] = OrderedDict()
        """What was given out last, and when it was so."""
        self._last_for = fresh + stale + settings.cache_error_seconds
        self.control = (
            f"public, max-age={fresh:.0f}, stale-while-revalidate={stale:.0f}, "
            f"stale-if-error={settings.cache_error_seconds:.0f}"
        )

    async def get(self, path: str, params: Params | None = None) -> Answer:
        """Return what the catalogue says, or said lately, at a path.

        Raises:
            Problem: The catalogue refused (4xx), or does not answer and nothing is kept.
        """
        query = urlencode(sorted((params or {}).items()), doseq=True)
        key = f"{path}?{query}" if query else path
        try:
            stored, age = await self._cache.aged(key, lambda: self._load(key))
        except Problem as problem:
            if problem.status < 500:
                raise
            return self._last_known(key, problem)
        self._remember(key, stored, age)
        return Answer(stored["body"], stored["etag"], age)

    async def forget(self) -> None:
        """Drop everything, after something was changed."""
        self._last.clear()
        await self._cache.invalidate()

    async def _load(self, key: str) -> Stored:
        response = await self._catalog.get(key)
        digest = hashlib.blake2b(response.content, digest_size=16).hexdigest()
        age = response.headers.get("age", "")
        return Stored(
            body=response.text, etag=f'"{digest}"', age=float(age) if age.isdecimal() else 0.0
        )

    def _remember(self, key: str, stored: Stored, age: float) -> None:
        self._last[key] = stored, self._clock() - age
        self._last.move_to_end(key)
        while len(self._last) > MAX_ENTRIES:
            self._last.popitem(last=False)

    def _last_known(self, key: str, problem: Problem) -> Answer:
        stored, at = self._last.get(key, (None, 0.0))
        age = max(0.0, self._clock() - at)
        if stored is None or age > self._last_for:
            raise problem
        cache_request(NAME, "stale")
        log.warning("stale_answer_served", path=key.partition("?")[0], reason=problem.detail)
        return Answer(stored["body"], stored["etag"], age, failed=True)


def cached_response(request: Request, answer: Answer, control: str) -> Response:
    """Return the answer as a response that caches on the way may keep, or 304 if it is known."""
    headers: dict[str, Any] = {
        "ETag": answer.etag,
        "Cache-Control": control,
        "Age": str(int(answer.age)),
    }
    if _matches(request.headers.get("if-none-match", ""), answer.etag):
        return Response(status_code=304, headers=headers)
    return Response(answer.body, media_type="application/json", headers=headers)


def _matches(if_none_match: str, etag: str) -> bool:
    """Whether an ``If-None-Match`` names the tag; compared weakly, as the standard has it."""
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in tags or "*" in tags
