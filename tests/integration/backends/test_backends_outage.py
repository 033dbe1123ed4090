"""Whatever goes down, for as long as the disk lasts: no span and no log line is lost."""

import signal
from pathlib import Path

import pytest

from tests.support.otlp_json import new_trace_id, record, records, span, spans
from tests.support.real_servers import RealServers

pytestmark = pytest.mark.timeout(1800)  # the first run ever builds the servers


class Sender:
    """Sends traces and lines through the Collector, and remembers each."""

    def __init__(self, servers: RealServers) -> None:
        self._servers = servers
        self.traces: list[str] = []

    def send(self, count: int) -> None:
        """Send so many traces, each of one span and one line; every one must be accepted."""
        for _ in range(count):
            trace_id = new_trace_id()
            one = span(trace_id, "GET /")
            line = record("visited", trace_id, one["spanId"])
            self._servers.post("collector", "/v1/traces", spans("gateway", one))
            self._servers.post("collector", "/v1/logs", records("gateway", line))
            self.traces.append(trace_id)

    def wait_until_all_are_found(self) -> None:
        """Fail unless every trace and every line arrives."""
        sent = set(self.traces)
        self._servers.until(
            lambda: sent <= self._traces_found(), within=30, what=f"all {len(sent)} traces"
        )
        self._servers.until(
            lambda: sent <= self._lines_found(), within=30, what=f"all {len(sent)} lines"
        )

    def _traces_found(self) -> set[str]:
        query = {"service": "gateway", "limit": 1500, "lookback": "1h"}
        return {
            one["traceID"] for one in self._servers.get("jaeger", "/api/traces", **query)["data"]
        }

    def _lines_found(self) -> set[str]:
        query = {"query": '{service_name="gateway"}', "limit": 5000, "since": "1h"}
        found = self._servers.get("loki", "/loki/api/v1/query_range", **query)["data"]["result"]
        return {stream["stream"]["trace_id"] for stream in found}


def test_nothing_is_lost_when_loki_jaeger_and_the_collector_itself_go_down(tmp_path: Path) -> None:
    """Loki and Jaeger are killed, then the Collector with its queue full, then all come back."""
    with RealServers(tmp_path / "state") as servers:
        sender = Sender(servers)
        sender.send(50)
        sender.wait_until_all_are_found()

        servers.stop("loki", signal.SIGKILL)
        servers.stop("jaeger", signal.SIGKILL)
        sender.send(100)
        servers.stop("collector", signal.SIGKILL)
        servers.start("collector")
        sender.send(100)
        servers.start("loki")
        servers.start("jaeger")
        sender.send(50)

        sender.wait_until_all_are_found()
        assert len(sender.traces) == 300
