"""The console answers to its own names, and to no name that somebody else can make up."""

import httpx
import pytest
from fastapi import FastAPI

from observability.console.hosts import KnownHosts

OWN = ("https://console.example.org:8443/", "")


async def asked(host: str) -> int:
    """The status of a page asked for by this name."""
    app = FastAPI()

    @app.get("/")
    async def page() -> str:
        return "logs"

    transport = httpx.ASGITransport(KnownHosts(app, OWN))
    async with httpx.AsyncClient(transport=transport, base_url="http://any") as http:
        return (await http.get("/", headers={"Host": host})).status_code


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8080",
        "10.0.0.7",
        "[::1]:8080",
        "localhost:8080",
        "console:8080",
        "Console.Example.org:8443",
        "",
    ],
)
async def test_addresses_and_own_names_are_served(host: str) -> None:
    """A name without a dot is of this machine or of a network of containers."""
    assert await asked(host) == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "console.example.org.evil.example:8080"]
)
async def test_a_name_that_is_not_its_own_is_refused(host: str) -> None:
    """Whatever address it leads to: a page of that name must not read ours."""
    assert await asked(host) == 421
