"""Calls from one service to another: timeouts, bounded retries, clear errors.

What is retried: a call whose connection was refused (nothing was sent), at once on another
instance; a safe or idempotent call that timed out, broke off or met 502, 503 or 504, at most twice
and only while the retry budget lasts, so that retries never become the load that keeps a service
down. A service that says when to come back (`Retry-After`) is not asked again before; another
instance of it may be.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Self

import httpx

from observability import get_logger, instrument_client
from services.kit import upstream_calls
from services.kit.auditing import FORWARDED, client_address
from services.kit.auth import ServiceIdentity
from services.kit.balancer import Balancer, CircuitOpenError, Outcome
from services.kit.discovery import Instance, Resolver, resolver_for
from services.kit.problems import Problem
from services.kit.settings import ShopSettings

RETRIES = 2
BACKOFF_SECONDS = 0.05
BUDGET = 10.0
BUDGET_PER_REQUEST = 0.2
CONNECT_SECONDS = 1.0
CONNECTIONS = 200
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
RETRIED_STATUSES = frozenset({502, 503, 504})
# Below the 5 s after which uvicorn closes an idle connection: no request meets a closing one.
KEEPALIVE_SECONDS = 3.0
FAILED = "Upstream failed"
MEMBERS = frozenset({"type", "title", "status", "detail", "instance", "trace_id"})
"""Of a problem document, those that are not extensions."""
PASSED_ON = ("Retry-After", "WWW-Authenticate")
"""Headers of an error that tell the caller what to do."""

log = get_logger(__name__)


class ServiceClient:
    """Calls one other service.

    Args:
        name: the service's name, as it shows up in metrics, spans and errors.
        url: where it is; see `services.kit.discovery`.
        timeout: seconds for one attempt once connected; when that long has passed none is started
            but, after an instance that did not answer, one at another.
        resolver: finds the instances; by default what the URL asks for.
        identity: makes the token of the calling service, sent where no person's is.
    """

    def __init__(
        self,
        name: str,
        url: str,
        timeout: float = 5.0,
        *,
        resolver: Resolver | None = None,
        identity: Callable[[], str] | None = None,
    ) -> None:
        upstream_calls.measure()
        self.name = name
        self._identity = identity
        self._timeout = timeout
        self._resolver = resolver or resolver_for(url)
        self._balancer = Balancer()
        self._budget = BUDGET
        self._http = instrument_client(
            httpx.AsyncClient(
                timeout=httpx.Timeout(timeout, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS),
                limits=httpx.Limits(
                    max_connections=CONNECTIONS,
                    max_keepalive_connections=50,
                    keepalive_expiry=KEEPALIVE_SECONDS,
                ),
                trust_env=False,
            ),
            peer=name,
        )

    @classmethod
    def to(cls, name: str, settings: ShopSettings) -> Self:
        """A client of another service; the settings say where it is and how long it may take.

        A call on no person's behalf carries the calling service's own token; see `kit.auth`.
        """
        url = settings.url_of(name)
        resolver = resolver_for(url, settings.registry_secret)
        identity = ServiceIdentity(settings).token
        return cls(name, url, settings.timeout_of(name), resolver=resolver, identity=identity)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        """GET; options as for `request`."""
        return await self.request("GET", path, **options)

    async def post(self, path: str, **options: Any) -> httpx.Response:
        """POST; retried only with an `idempotency_key` or `idempotent=True`."""
        return await self.request("POST", path, **options)

    async def put(self, path: str, **options: Any) -> httpx.Response:
        """PUT; options as for `request`."""
        return await self.request("PUT", path, **options)

    async def patch(self, path: str, **options: Any) -> httpx.Response:
        """PATCH; retried only with an `idempotency_key` or `idempotent=True`."""
        return await self.request("PATCH", path, **options)

    async def delete(self, path: str, **options: Any) -> httpx.Response:
        """DELETE; options as for `request`."""
        return await self.request("DELETE", path, **options)

    async def request(  # noqa: PLR0913 - an HTTP request has that many parts
        self,
        method: str,
        path: str,
        *,
        params: Any = None,
        json: Any = None,
        token: str | None = None,
        idempotency_key: str | None = None,
        idempotent: bool | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request and return the response, whose status is below 400.

        Args:
            method: HTTP method.
            path: from the service's root, such as `/products`.
            params: query parameters, in any form that httpx takes.
            json: body.
            token: Bearer token of the person on whose behalf this is; by default the calling
                service's own.
            idempotency_key: sent as `Idempotency-Key`; makes the call one that may be repeated.
            idempotent: whether the call may be repeated; by default what the method says.
            headers: further headers.

        Raises:
            Problem: the service's own for 4xx, also when its status is 502, 503 or 504; a 502,
                503 or 504, naming the service, when it failed otherwise, could not be reached or
                did not answer in time.
        """
        upstream_calls.count()
        sent = dict(headers or {})
        if bearer := token or (self._identity and self._identity()):
            sent["Authorization"] = f"Bearer {bearer}"
        if idempotency_key:
            sent["Idempotency-Key"] = idempotency_key
        if address := client_address.get():
            sent[FORWARDED] = address
        repeatable = method in IDEMPOTENT or idempotency_key is not None
        if idempotent is not None:
            repeatable = idempotent
        arguments = {"params": params, "json": json, "headers": sent}
        response = await self._attempts(method, path, repeatable, arguments)
        if response.is_client_error or response.is_server_error:
            raise self._problem_of(response)
        return response

    async def _attempts(
        self, method: str, path: str, repeatable: bool, arguments: dict[str, Any]
    ) -> httpx.Response:
        """Attempt until there is an answer worth passing on, or no further attempt is due."""
        self._budget = min(BUDGET, self._budget + BUDGET_PER_REQUEST)
        started = time.monotonic()
        tried: list[Instance] = []
        retries = 0
        while True:
            instance = await self._pick(tried)
            outcome, result = await self._attempt(instance, method, path, arguments)
            again = outcome.unsent or (
                repeatable and (outcome is Outcome.SILENT or _is_retried(result))
            )
            if not again:
                return self._answer(result)
            tried.append(instance)
            another = await self._has_untried(tried)
            if outcome.unsent and another:
                continue  # nothing was sent, and there is another: no need to wait
            # One that did not answer has used up the time: then only another gets a chance, once.
            late = time.monotonic() - started >= self._timeout and (retries or not another)
            late = late or (not another and _asks_to_wait(result))
            if retries == RETRIES or late or self._budget < 1:
                return self._answer(result)
            retries += 1
            self._budget -= 1
            await asyncio.sleep(BACKOFF_SECONDS * 2**retries * random.uniform(0.5, 1))  # noqa: S311 - jitter

    async def _pick(self, tried: list[Instance]) -> Instance:
        instances = await self._resolver.instances(self.name)
        try:
            return self._balancer.pick(instances, tried)
        except CircuitOpenError as error:
            raise self._failed(503, "does not answer") from error

    async def _has_untried(self, tried: list[Instance]) -> bool:
        return any(one not in tried for one in await self._resolver.instances(self.name))

    async def _attempt(
        self, instance: Instance, method: str, path: str, arguments: dict[str, Any]
    ) -> tuple[Outcome, httpx.Response | Problem]:
        """One request to one instance, its outcome reported to the balancer."""
        result: httpx.Response | Problem
        try:
            answer = await self._http.request(method, instance.url + path, **arguments)
            outcome = Outcome.ERROR if answer.is_server_error else Outcome.OK
            result = answer
        except httpx.ConnectError:
            outcome, result = Outcome.REFUSED, self._failed(503, "cannot be reached")
        except httpx.PoolTimeout as error:
            # Says nothing about the instance: it is we who have too much under way.
            raise self._failed(503, "has too many calls under way") from error
        except httpx.ConnectTimeout:
            outcome, result = Outcome.UNREACHABLE, self._failed(503, "cannot be reached")
        except httpx.TimeoutException:
            outcome = Outcome.SILENT
            result = self._failed(504, f"did not answer within {self._timeout:g} s")
        except httpx.HTTPError:
            outcome, result = Outcome.SILENT, self._failed(502, "broke off the connection")
        self._balancer.report(instance, outcome)
        if outcome is not Outcome.OK:
            log.warning("upstream_failed", upstream=self.name, outcome=outcome.value, path=path)
        return outcome, result

    def _answer(self, result: httpx.Response | Problem) -> httpx.Response:
        if isinstance(result, Problem):
            raise result
        return result

    def _failed(self, status: int, what: str) -> Problem:
        return Problem(status, FAILED, f"{self.name} {what}.", upstream=self.name)

    def _problem_of(self, response: httpx.Response) -> Problem:
        """The problem that the service answered with, to pass on."""
        document, status = _document(response), response.status_code
        title = str(document.get("title") or response.reason_phrase)
        detail = document.get("detail")
        if response.is_server_error:
            detail = f"{self.name} answered {status} {title}" + (f": {detail}" if detail else ".")
            if status not in RETRIED_STATUSES:
                status, title = 502, FAILED
        extra = {name: value for name, value in document.items() if name not in MEMBERS}
        return Problem(
            status,
            title,
            detail,
            document.get("type"),
            {name: response.headers[name] for name in PASSED_ON if name in response.headers},
            **{"upstream": self.name, **extra},
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()
        await self._resolver.aclose()


def _is_retried(result: httpx.Response | Problem) -> bool:
    return isinstance(result, httpx.Response) and result.status_code in RETRIED_STATUSES


def _asks_to_wait(result: httpx.Response | Problem) -> bool:
    return isinstance(result, httpx.Response) and "Retry-After" in result.headers


def _document(response: httpx.Response) -> dict[str, Any]:
    """The body as a problem document; empty if it is none."""
    try:
        document = response.json()
    except ValueError:
        return {}
    if not isinstance(document, dict):
        return {}
    reserved = {"self", "status", "headers"}  # parameters of `Problem` that are not for others
    return {str(name): value for name, value in document.items() if name not in reserved}
