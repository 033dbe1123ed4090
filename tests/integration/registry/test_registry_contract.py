"""What every registry must do, run against each kind.

Consul is a local server of its API unless `BELFRY_TEST_CONSUL_URL` names a real one; Eureka is a
real one, or the one that `BELFRY_TEST_EUREKA_URL` names.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from services.kit.client import ServiceClient
from services.kit.discovery import Instance
from services.kit.registry import Announcement, Registration, RegistryResolver, registry_for
from services.kit.registry.port import RegistryError
from tests.support import consul, eureka
from tests.support.ports import free_port

_INSTANCE = """
import sys, http.server
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")
    def log_message(self, *arguments): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Ready).serve_forever()
"""


def _given(kind: str) -> str | None:
    """URL of a real registry that the environment names."""
    url = os.environ.get(f"BELFRY_TEST_{kind.upper()}_URL")
    if not url:
        return None
    parts = urlsplit(url)
    return f"{kind}://{parts.netloc}{parts.path}"


@pytest.fixture(scope="module", params=["consul", "eureka"])
def registry_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A registry of each kind."""
    kind: str = request.param
    if given := _given(kind):
        yield given
        return
    server = {"consul": consul.running, "eureka": eureka.running}[kind]
    with server(free_port()) as url:
        yield url


@dataclass(frozen=True)
class Running:
    """A process that answers `/readyz`, and how it registers."""

    process: subprocess.Popen[bytes]
    me: Registration

    @property
    def instance(self) -> Instance:
        """As a resolver finds it."""
        return Instance(self.me.url)


@pytest.fixture
def service() -> str:
    """A service name of the test's own."""
    return f"test-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def start(service: str) -> Iterator[Callable[[int], Running]]:
    """Starts instances, each a real process."""
    started: list[Running] = []

    def begin(number: int) -> Running:
        port = free_port()
        process = subprocess.Popen([sys.executable, "-c", _INSTANCE, str(port)])
        one = Running(process, Registration(service, f"{service}-{number}", "127.0.0.1", port, "1"))
        started.append(one)
        return one

    yield begin
    for one in started:
        one.process.kill()
        one.process.wait()


@pytest.fixture
async def resolver(registry_url: str) -> AsyncIterator[RegistryResolver]:
    """Finds instances in the registry."""
    resolver = RegistryResolver(registry_for(registry_url))
    yield resolver
    await resolver.aclose()


async def _until(
    resolver: RegistryResolver, service: str, expected: set[Instance], within: float = 20
) -> None:
    deadline = time.monotonic() + within
    while set(await resolver.instances(service)) != expected:
        assert time.monotonic() < deadline, f"still {await resolver.instances(service)}"
        await asyncio.sleep(0.1)


async def test_an_instance_is_found_while_it_is_announced(
    registry_url: str, resolver: RegistryResolver, service: str, start: Callable[[int], Running]
) -> None:
    """Registered on entry, found once its check passes, gone after it has deregistered."""
    one, two = start(1), start(2)

    async with Announcement(registry_for(registry_url), one.me):
        await _until(resolver, service, {one.instance})
        async with Announcement(registry_for(registry_url), two.me):
            await _until(resolver, service, {one.instance, two.instance})
        await _until(resolver, service, {one.instance})
    await _until(resolver, service, set())


async def test_an_instance_that_dies_is_dropped(
    registry_url: str, resolver: RegistryResolver, service: str, start: Callable[[int], Running]
) -> None:
    """A check that fails (Consul) or heartbeats that stop (Eureka) take it out of the answers."""
    one, two = start(1), start(2)
    dying = contextlib.AsyncExitStack()

    async with Announcement(registry_for(registry_url), one.me):
        registry = registry_for(registry_url)
        await registry.register(two.me)
        dying.push_async_callback(registry.aclose)
        await _until(resolver, service, {one.instance, two.instance})
        two.process.kill()
        await _until(resolver, service, {one.instance}, within=45)
        await registry.deregister(two.me)
    await dying.aclose()


async def test_a_registry_that_forgot_is_told_again(
    registry_url: str, resolver: RegistryResolver, service: str, start: Callable[[int], Running]
) -> None:
    """An instance taken out behind its back, as by a registry that began anew, comes back."""
    one = start(1)

    async with Announcement(registry_for(registry_url), one.me):
        await _until(resolver, service, {one.instance})
        other = registry_for(registry_url)
        await other.deregister(one.me)
        await other.aclose()
        await _until(resolver, service, set())
        await _until(resolver, service, {one.instance})


async def test_deregistering_twice_is_no_error(registry_url: str, service: str) -> None:
    """What is not in is out."""
    registry = registry_for(registry_url)
    await registry.deregister(Registration(service, f"{service}-1", "127.0.0.1", 9))
    await registry.aclose()


async def test_a_dead_instance_costs_no_call(
    registry_url: str, service: str, start: Callable[[int], Running]
) -> None:
    """Before the registry notices, calls to an instance that died succeed at another."""
    one, two = start(1), start(2)
    async with (
        Announcement(registry_for(registry_url), one.me),
        Announcement(registry_for(registry_url), two.me),
    ):
        resolver = RegistryResolver(registry_for(registry_url))
        await _until(resolver, service, {one.instance, two.instance})
        client = ServiceClient(service, registry_url, resolver=resolver)

        two.process.kill()
        two.process.wait()
        answers = [await client.get("/anything") for _ in range(20)]

        assert {answer.status_code for answer in answers} == {200}
        await client.aclose()


async def test_a_registry_that_is_away_stops_nobody(service: str) -> None:
    """Neither start nor stop of an instance waits for it; asking it directly says so."""
    url = f"consul://127.0.0.1:{free_port()}"
    me = Registration(service, f"{service}-1", "127.0.0.1", 9)

    began = time.monotonic()
    async with Announcement(registry_for(url), me):
        await asyncio.sleep(0.1)
    assert time.monotonic() - began < 2

    registry = registry_for(url)
    with pytest.raises(RegistryError, match=r"127\.0\.0\.1"):
        await registry.register(me)
    await registry.aclose()
