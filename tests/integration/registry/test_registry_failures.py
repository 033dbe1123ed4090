"""Registries that ask for a password, answer nonsense, or are left by a service that drains."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from services.kit.discovery import Instance
from services.kit.registry import Announcement, Registration, RegistryResolver, registry_for
from services.kit.registry.port import RegistryError
from tests.support import eureka
from tests.support.http import listening
from tests.support.ports import free_port
from tests.support.shop import running_shop
from tests.support.waiting import eventually, eventually_async

ME = Registration("tea", "tea-1", "127.0.0.1", 9)


async def test_a_password_in_the_address_is_sent_and_never_told() -> None:
    """As Eureka's usual basic authentication wants it; errors show host and port alone."""
    app, seen = FastAPI(), []

    @app.post("/eureka/apps/TEA")
    async def register(request: Request) -> Response:
        seen.append(request.headers["authorization"])
        return Response(status_code=403)

    async with listening(app) as url:
        place = url.removeprefix("http://")
        registry = registry_for(f"eureka://ann:pa%2F55@{place}/eureka")
        with pytest.raises(RegistryError) as refused:
            await registry.register(ME)
    with pytest.raises(RegistryError) as away:
        await registry.register(ME)
    await registry.aclose()
    assert seen == ["Basic " + base64.b64encode(b"ann:pa/55").decode()]
    for caught in (refused, away):
        assert place in str(caught.value)
        assert "ann" not in str(caught.value)
        assert "55@" not in str(caught.value)


async def test_an_answer_nobody_thought_of_does_not_end_the_watching(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A proxy's page today, instances tomorrow; said once."""
    app, answers = FastAPI(), 0

    @app.get("/v1/health/service/tea")
    async def health() -> Response:
        nonlocal answers
        answers += 1
        if answers <= 2:
            return Response("<html>Back soon</html>")
        await asyncio.sleep(0.05 * (answers > 3))  # a blocking query
        return Response('[{"Service": {"Address": "10.0.0.1", "Port": 80}}]')

    async with listening(app) as url:
        resolver = RegistryResolver(registry_for(url.replace("http", "consul")))

        async def found() -> list[Instance]:
            return await resolver.instances("tea")

        async with asyncio.timeout(20):
            while await found() != [Instance("http://10.0.0.1:80")]:
                pass  # the first question waits for the first answer that can be understood
        await resolver.aclose()
    assert capsys.readouterr().out.count('"event":"registry_not_understood"') == 1


class Moody:
    """A registry whose client fails at its first renewals as nobody thought it could."""

    renew_seconds = 0.01

    def __init__(self) -> None:
        self.renewals = 0
        self.registered = 0

    async def register(self, me: Registration) -> None:
        """Take it in."""
        self.registered += 1

    async def renew(self, me: Registration) -> bool:
        """Fail once."""
        self.renewals += 1
        if self.renewals == 1:
            raise ValueError("a heartbeat that was not understood")
        return True

    async def deregister(self, me: Registration) -> None:
        """Fail as well."""
        raise ValueError("nor this")

    async def watch(self, service: str) -> AsyncIterator[list[Instance]]:
        """Nobody asks."""
        yield []

    async def aclose(self) -> None:
        """Nothing is held."""


async def test_an_error_nobody_thought_of_does_not_end_the_heartbeats() -> None:
    """Else the registry would drop an instance that is well."""
    registry = Moody()
    async with Announcement(registry, ME):
        await eventually_async(lambda: registry.renewals > 3)
    assert registry.registered >= 1


def test_a_service_that_drains_leaves_the_registry_at_once_and_still_serves(
    tmp_path: Path,
) -> None:
    """Eureka checks nothing itself: only by being told does it send nobody there any more."""
    port = free_port()
    extra = {
        "SHOP_DRAIN_SECONDS": "8",
        "SHOP_REGISTRY_URL": f"eureka://127.0.0.1:{port}/eureka",
        "OTEL_RESOURCE_ATTRIBUTES": "service.version=1.2.3",
    }
    apps = f"http://127.0.0.1:{port}/eureka/apps/CART"

    def known() -> list[dict[str, dict[str, str]]]:
        answer = httpx.get(apps, headers={"Accept": "application/json"})
        if answer.status_code == httpx.codes.NOT_FOUND:
            return []
        found: list[dict[str, dict[str, str]]] = answer.json()["application"]["instance"]
        return found

    with eureka.running(port), running_shop(tmp_path, ["cart"], extra) as shop:
        (instance,) = eventually(known, within=30)
        assert instance["metadata"]["version"] == "1.2.3"
        shop.terminate("cart")
        eventually(lambda: not known(), within=5)
        assert httpx.get(f"{shop.url('cart')}/livez").status_code == httpx.codes.OK
