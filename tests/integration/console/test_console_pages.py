"""The console as a process: its pages, its stream, and how it stops."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.alerting.processes import Process, console, free_port
from tests.unit.alerting.samples import alert, webhook


class Running:
    """A console and a client of it."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.environment = dict(os.environ) | {"BELFRY_PORT_CONSOLE": str(port)}
        self.process: Process | None = console(folder, port)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10)

    def stop(self) -> float:
        """Seconds that it took to stop."""
        process, self.process = self.process, None
        return process.stop() if process else 0.0


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A console with an empty inbox."""
    started = Running(tmp_path)
    yield started
    started.http.close()
    started.stop()


def post(running: Running, *alerts: dict[str, object]) -> None:
    """Send a notification as Alertmanager does."""
    answer = running.http.post("/api/inbox/alertmanager", json=webhook(*alerts))
    answer.raise_for_status()


def test_the_start_page_shows_what_fires_and_what_was_received(running: Running) -> None:
    """Empty it says so; text from outside is shown as text."""
    assert "Nothing. All is well" in running.http.get("/").text
    post(running, alert(annotations={"summary": "<script>alert(1)</script>"}))
    page = running.http.get("/").text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert 'href="/docs/runbooks/ServiceDown.md"' in page
    assert page.count("/d/service-detail?var-service=checkout") == 2
    post(running, alert("resolved"))
    assert "Nothing. All is well" in running.http.get("/").text


def test_what_the_page_needs_is_served_by_the_console_itself(running: Running) -> None:
    """It works without the internet."""
    page = running.http.get("/").text
    for asset in ("/static/console.css", "/static/inbox.js", "/static/belfry.svg"):
        assert asset in page
        assert running.http.get(asset).status_code == 200
    assert "https://" not in page


def test_a_runbook_is_a_page(running: Running) -> None:
    """An alert without one is told apart; nothing outside the folder is served."""
    page = running.http.get("/docs/runbooks/ServiceDown.md")
    assert "<h2>Likely causes</h2>" in page.text
    assert "<table>" in page.text
    assert running.http.get("/docs/runbooks/Unheard.md").status_code == 404
    assert running.http.get("/docs/runbooks/..%2F..%2FREADME.md").status_code in (404, 422)


def test_health_and_metrics_are_there(running: Running) -> None:
    """As for every service."""
    assert running.http.get("/livez").status_code == 200
    assert running.http.get("/readyz").json() == {"checks": {"inbox": "ok"}}
    assert "python_event_loop_lag_seconds" in running.http.get("/metrics").text


@pytest.mark.timeout(60)
def test_an_open_stream_hears_and_does_not_hold_up_the_stop(running: Running) -> None:
    """A notification reaches a listener at once; a stop ends the stream, well below 10 s."""
    heard: list[str] = []
    arrived, ended = threading.Event(), threading.Event()

    def listen() -> None:
        with running.http.stream("GET", "/api/inbox/stream?after=0") as response:
            for line in response.iter_lines():
                heard.append(line)
                if line.startswith("data:"):
                    arrived.set()
        ended.set()

    listener = threading.Thread(target=listen)
    listener.start()
    post(running, alert())
    assert arrived.wait(5)
    [data] = [line.removeprefix("data: ") for line in heard if line.startswith("data:")]
    assert json.loads(data)["name"] == "ServiceDown"
    assert running.stop() < 5
    assert ended.wait(5)
    listener.join()


@pytest.mark.timeout(60)
def test_follow_prints_what_was_received_and_what_arrives(running: Running) -> None:
    """One a line, at once; Ctrl-C ends it without complaint."""
    post(running, alert())
    follower = subprocess.Popen(
        [sys.executable, "-m", "observability.cli", "alerts", "--follow", "--json"],
        env=running.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with follower:
        assert follower.stdout is not None
        assert json.loads(follower.stdout.readline())["status"] == "firing"
        post(running, alert("resolved"))
        assert json.loads(follower.stdout.readline())["status"] == "resolved"
        follower.send_signal(signal.SIGINT)
        _, errors = follower.communicate(timeout=10)
    assert (follower.returncode, errors) == (0, "")
