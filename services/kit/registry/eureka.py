"""Eureka's REST operations, as far as they are used here.

Source: https://github.com/Netflix/eureka/wiki/Eureka-REST-operations.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx

from services.kit.discovery import Instance
from services.kit.registry.port import Registration, accepted, send

POLL_SECONDS = 2.0
LEASE_SECONDS = 15
"""An instance that sends no heartbeat for so long is taken out by Eureka."""
_JSON = {"Accept": "application/json"}


class Eureka:
    """A Eureka server. Instances tell it by heartbeat that they are well; it checks nothing."""

    renew_seconds = 5.0

    def __init__(self, http: httpx.AsyncClient, token: str | None = None) -> None:
        self._http = http
        if token:
            http.headers["Authorization"] = f"Bearer {token}"

    async def register(self, me: Registration) -> None:
        """Register as UP, with a lease."""
        body = {"instance": _described(me, self.renew_seconds)}
        accepted(await send(self._http, "POST", f"/apps/{me.service.upper()}", json=body))

    async def renew(self, me: Registration) -> bool:
        """Send a heartbeat."""
        response = await send(self._http, "PUT", _path(me))
        if response.status_code == httpx.codes.NOT_FOUND:
            return False
        accepted(response)
        return True

    async def deregister(self, me: Registration) -> None:
        """Take the instance out."""
        response = await send(self._http, "DELETE", _path(me))
        if response.status_code != httpx.codes.NOT_FOUND:
            accepted(response)

    async def watch(self, service: str) -> AsyncIterator[list[Instance]]:
        """Instances that are UP, asked for every few seconds."""
        known: list[Instance] | None = None
        while True:
            found = await self._up(service)
            if found != known:
                known = found
                yield found
            await asyncio.sleep(POLL_SECONDS)

    async def _up(self, service: str) -> list[Instance]:
        response = await send(self._http, "GET", f"/apps/{service.upper()}", headers=_JSON)
        if response.status_code == httpx.codes.NOT_FOUND:
            return []
        listed = accepted(response).json()["application"]["instance"]
        found = [
            Instance(f"http://{one['ipAddr']}:{one['port']['$']}")
            for one in listed
            if one["status"] == "UP"
        ]
        return sorted(found, key=lambda one: one.url)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _path(me: Registration) -> str:
    return f"/apps/{me.service.upper()}/{me.instance_id}"


def _described(me: Registration, renew_seconds: float) -> dict[str, Any]:
    return {
        "instanceId": me.instance_id,
        "hostName": me.host,
        "app": me.service.upper(),
        "ipAddr": me.host,
        "vipAddress": me.service,
        "status": "UP",
        "port": {"$": me.port, "@enabled": "true"},
        "healthCheckUrl": f"{me.url}/readyz",
        "statusPageUrl": f"{me.url}/readyz",
        "homePageUrl": f"{me.url}/",
        "dataCenterInfo": {
            "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
            "name": "MyOwn",
        },
        "leaseInfo": {
            "renewalIntervalInSecs": int(renew_seconds),
            "durationInSecs": LEASE_SECONDS,
        },
        "metadata": {"version": me.version, "metrics_path": "/metrics"},
    }
