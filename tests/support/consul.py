"""A local server of the part of Consul's API that is used, true to its documentation.

It really runs the HTTP checks, answers blocking queries, and forgets what stays critical. With
`BELFRY_TEST_CONSUL_URL` (such as http://127.0.0.1:8500) the same tests run against a real Consul.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response


@dataclass
class _Service:
    """A registered service and how its check goes; critical until the first check passes."""

    definition: dict[str, Any]
    passing: bool = False
    critical_since: float = field(default_factory=time.monotonic)


class Agent:
    """Registered services, their checks, and who waits for a change."""

    def __init__(self) -> None:
        self._services: dict[str, _Service] = {}
        self._checks: dict[str, asyncio.Task[None]] = {}
        self._index = 1
        self._changed = asyncio.Condition()

    async def register(self, definition: dict[str, Any]) -> None:
        """Take a service in, or replace it, and begin to check it."""
        await self.forget(definition["ID"])
        service = _Service(definition)
        self._services[definition["ID"]] = service
        self._checks[definition["ID"]] = asyncio.create_task(self._check(service))
        await self._change()

    async def forget(self, service_id: str) -> bool:
        """Take a service out; whether it was in."""
        if check := self._checks.pop(service_id, None):
            check.cancel()
        known = self._services.pop(service_id, None) is not None
        if known:
            await self._change()
        return known

    def find(self, service_id: str) -> dict[str, Any] | None:
        """A service as `/v1/agent/service/:id` shows it."""
        service = self._services.get(service_id)
        return None if service is None else _shown(service.definition)

    async def health(
        self, name: str, *, passing: bool, index: int, wait: float
    ) -> tuple[int, list[dict[str, Any]]]:
        """Entries of `/v1/health/service/:name`, held back until the index has grown."""
        await self._wait(index, wait)
        found = [s for s in self._services.values() if s.definition["Name"] == name]
        return self._index, [_entry(s) for s in found if s.passing or not passing]

    async def names(self, *, index: int, wait: float) -> tuple[int, dict[str, list[str]]]:
        """Names of `/v1/catalog/services` with their tags, of which there are none."""
        await self._wait(index, wait)
        # A real Consul lists itself.
        return self._index, {"consul": []} | {
            service.definition["Name"]: [] for service in self._services.values()
        }

    async def _wait(self, index: int, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: self._index > index)

    async def close(self) -> None:
        """End all checks."""
        for service_id in list(self._checks):
            await self.forget(service_id)

    async def _check(self, service: _Service) -> None:
        check = service.definition["Check"]
        forget_after = _seconds(check["DeregisterCriticalServiceAfter"])
        async with httpx.AsyncClient(timeout=_seconds(check["Timeout"]), trust_env=False) as http:
            while True:
                passing = await _answers(http, check["HTTP"])
                if passing != service.passing:
                    service.passing, service.critical_since = passing, time.monotonic()
                    await self._change()
                if not passing and time.monotonic() - service.critical_since > forget_after:
                    self._checks.pop(service.definition["ID"], None)
                    self._services.pop(service.definition["ID"], None)
                    await self._change()
                    return
                await asyncio.sleep(_seconds(check["Interval"]))

    async def _change(self) -> None:
        async with self._changed:
            self._index += 1
            self._changed.notify_all()


async def _answers(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(url)).is_success
    except httpx.HTTPError:
        return False


def _seconds(duration: str) -> float:
    number = duration.rstrip("ms")
    return float(number) * {"ms": 0.001, "s": 1, "m": 60}[duration.removeprefix(number)]


def _shown(definition: dict[str, Any]) -> dict[str, Any]:
    names = {"ID": "ID", "Name": "Service", "Address": "Address", "Port": "Port", "Meta": "Meta"}
    return {shown: definition[given] for given, shown in names.items()}


def _entry(service: _Service) -> dict[str, Any]:
    status = "passing" if service.passing else "critical"
    return {
        "Node": {"Node": "local", "Address": "127.0.0.1", "Datacenter": "dc1"},
        "Service": _shown(service.definition),
        "Checks": [{"CheckID": f"service:{service.definition['ID']}", "Status": status}],
    }


def _tell(response: Response, index: int) -> None:
    """What Consul says of an answer; its own client refuses one without."""
    response.headers["X-Consul-Index"] = str(index)
    response.headers["X-Consul-KnownLeader"] = "true"
    response.headers["X-Consul-LastContact"] = "0"


def app() -> FastAPI:
    """The API of one agent."""
    agent = Agent()

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await agent.close()

    served = FastAPI(lifespan=lifespan)

    @served.put("/v1/agent/service/register")
    async def register(request: Request) -> Response:
        await agent.register(await request.json())
        return Response()

    @served.put("/v1/agent/service/deregister/{service_id}")
    async def deregister(service_id: str) -> Response:
        known = await agent.forget(service_id)
        return Response(status_code=200 if known else 404)

    @served.get("/v1/agent/self")
    async def myself() -> Any:
        return {"Config": {"Datacenter": "dc1", "NodeName": "local"}}

    @served.get("/v1/catalog/services")
    async def services(response: Response, index: int = 0, wait: str = "300s") -> Any:
        now, found = await agent.names(index=index, wait=_seconds(wait))
        _tell(response, now)
        return found

    @served.get("/v1/agent/service/{service_id}")
    async def service(service_id: str) -> Any:
        return agent.find(service_id) or Response("unknown service ID", status_code=404)

    @served.get("/v1/health/service/{name}")
    async def health(
        response: Response, name: str, passing: bool = False, index: int = 0, wait: str = "300s"
    ) -> Any:
        now, found = await agent.health(name, passing=passing, index=index, wait=_seconds(wait))
        _tell(response, now)
        return found

    return served


@contextlib.contextmanager
def running(port: int) -> Iterator[str]:
    """Such an agent in a thread; its `consul://` URL."""
    config = uvicorn.Config(
        app(), port=port, log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"consul://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()
