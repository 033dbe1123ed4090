"""Consul's HTTP API, as far as it is used here.

Sources: https://developer.hashicorp.com/consul/api-docs/agent/service,
https://developer.hashicorp.com/consul/api-docs/health and, for watching,
https://developer.hashicorp.com/consul/api-docs/features/blocking.
"""

from collections.abc import AsyncIterator
from typing import Any

import httpx

from services.kit.discovery import Instance
from services.kit.registry.port import CHECK_SECONDS, Registration, accepted, send

WAIT_SECONDS = 30
FORGET_AFTER = "1m"
"""An instance whose check has failed for so long is taken out by Consul itself."""


class Consul:
    """A Consul agent. It checks each instance's `/readyz` itself."""

    renew_seconds = 5.0

    def __init__(self, http: httpx.AsyncClient, token: str | None = None) -> None:
        self._http = http
        if token:
            http.headers["X-Consul-Token"] = token

    async def register(self, me: Registration) -> None:
        """Register with the agent, an HTTP check included."""
        body = {
            "ID": me.instance_id,
            "Name": me.service,
            "Address": me.host,
            "Port": me.port,
            "Meta": {"version": me.version, "metrics_path": "/metrics"},
            "Check": {
                "HTTP": f"{me.url}/readyz",
                "Interval": f"{CHECK_SECONDS}s",
                "Timeout": f"{CHECK_SECONDS}s",
                "DeregisterCriticalServiceAfter": FORGET_AFTER,
            },
        }
        accepted(await send(self._http, "PUT", "/v1/agent/service/register", json=body))

    async def renew(self, me: Registration) -> bool:
        """Whether the agent still knows the instance; an agent that lost its data does not."""
        response = await send(self._http, "GET", f"/v1/agent/service/{me.instance_id}")
        return response.status_code != httpx.codes.NOT_FOUND

    async def deregister(self, me: Registration) -> None:
        """Take the instance out."""
        response = await send(self._http, "PUT", f"/v1/agent/service/deregister/{me.instance_id}")
        if response.status_code != httpx.codes.NOT_FOUND:
            accepted(response)

    async def watch(self, service: str) -> AsyncIterator[list[Instance]]:
        """Instances whose checks pass, by blocking queries."""
        index = 0
        while True:
            response = accepted(
                await send(
                    self._http,
                    "GET",
                    f"/v1/health/service/{service}",
                    params={"passing": "true", "index": index, "wait": f"{WAIT_SECONDS}s"},
                    # Consul adds up to a sixteenth of the wait to spread its answers.
                    timeout=WAIT_SECONDS * 1.1 + 3,
                )
            )
            new = int(response.headers.get("X-Consul-Index", 0))
            # An index that went backwards means that Consul began anew: ask without one.
            index = new if new > index else 0
            yield sorted((_instance(one) for one in response.json()), key=lambda one: one.url)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _instance(entry: dict[str, Any]) -> Instance:
    """An entry's instance; one without an address is where its node is."""
    service = entry["Service"]
    host = service["Address"] or entry["Node"]["Address"]
    return Instance(f"http://{host}:{service['Port']}")
