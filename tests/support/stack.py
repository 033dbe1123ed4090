"""A whole stack of its own for a test: started by `belfry up`, asked through the backends' APIs."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from observability.settings import Settings


@dataclass(frozen=True)
class Stack:
    """Commands to, and questions about, one running stack."""

    state: Path
    port_offset: int
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=10))

    @property
    def environment(self) -> dict[str, str]:
        """Environment in which `belfry` speaks to this stack and to no other."""
        own = {"BELFRY_STATE_DIR": str(self.state), "BELFRY_PORT_OFFSET": str(self.port_offset)}
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("BELFRY_PORT")}
        return inherited | own

    def belfry(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run `belfry …` to its end."""
        return subprocess.run(
            [sys.executable, "-m", "observability.cli", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Run `belfry …` beside the test, which ends it."""
        return subprocess.Popen(
            [sys.executable, "-m", "observability.cli", *arguments],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def command(self, *arguments: str, timeout: float = 120) -> str:
        """Standard output of a `belfry …` that must succeed."""
        done = self.belfry(*arguments, timeout=timeout)
        assert done.returncode == 0, f"belfry {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def url(self, name: str) -> str:
        """Base URL of a process of the stack."""
        return Settings(state_dir=self.state, port_offset=self.port_offset).url(name)

    def get(self, name: str, path: str, **params: Any) -> Any:
        """JSON answer of a backend's own API."""
        response = self.http.get(self.url(name) + path, params=params)
        response.raise_for_status()
        return response.json()

    def status(self) -> list[dict[str, Any]]:
        """`belfry status --json`, whether or not everything is ready."""
        processes: list[dict[str, Any]] = json.loads(self.belfry("status", "--json").stdout)
        return processes

    def spans(self, trace_id: str) -> list[dict[str, Any]]:
        """Spans of a trace by Jaeger, each with its `service` beside OTLP's own fields."""
        response = self.http.get(f"{self.url('jaeger')}/api/v3/traces/{trace_id}")
        if response.status_code == httpx.codes.NOT_FOUND:
            return []
        response.raise_for_status()
        return [
            span | {"service": _attribute(resource["resource"], "service.name")}
            for resource in response.json()["result"]["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]

    def log_lines(self, query: str) -> list[dict[str, Any]]:
        """Log lines by Loki of the last hour: their stream labels with structured metadata."""
        now = time.time()
        answer = self.get(
            "loki",
            "/loki/api/v1/query_range",
            query=query,
            start=f"{now - 3600:.0f}000000000",
            end=f"{now + 60:.0f}000000000",
            limit=1000,
        )
        return [
            stream["stream"] | {"line": line[1]}
            for stream in answer["data"]["result"]
            for line in stream["values"]
        ]

    def samples(self, query: str) -> list[dict[str, Any]]:
        """Instant vector by Prometheus."""
        vector: list[dict[str, Any]] = self.get("prometheus", "/api/v1/query", query=query)["data"][
            "result"
        ]
        return vector

    def exemplars(self, query: str) -> list[dict[str, Any]]:
        """Exemplars by Prometheus of the last hour."""
        now = time.time()
        answer = self.get(
            "prometheus", "/api/v1/query_exemplars", query=query, start=now - 3600, end=now + 60
        )
        return [exemplar for series in answer["data"] for exemplar in series["exemplars"]]

    def notifications(self, alert: str) -> list[dict[str, Any]]:
        """Notifications of one alert in the inbox, oldest first."""
        received: list[dict[str, Any]] = json.loads(self.command("alerts", "--json"))
        return [one for one in received if one["labels"]["alertname"] == alert]


def _attribute(resource: dict[str, Any], key: str) -> str | None:
    for attribute in resource.get("attributes", []):
        if attribute["key"] == key:
            value: str = attribute["value"]["stringValue"]
            return value
    return None
