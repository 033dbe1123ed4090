"""The console as a process: its pages, its controls, its stream, and how it stops."""

import html
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.integration.alerting.processes import Process, console
from tests.support.ports import free_port
from tests.unit.alerting.samples import alert, webhook

ROOT = Path(__file__).parents[3]
VIEWS = (
    "/",
    "/dashboards",
    "/dashboards/shop-overview",
    "/traces",
    "/traces/0123456789abcdef0123456789abcdef",
    "/logs",
    "/alerts",
    "/controls",
)


class Running:
    """A console and a client of it."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.state = folder / "state"
        self.process: Process | None = console(folder, port)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20)

    def stop(self) -> float:
        """Seconds that it took to stop."""
        process, self.process = self.process, None
        return process.stop() if process else 0.0

    def text(self, path: str) -> str:
        """What a page is made of, its escapes undone."""
        response = self.http.get(path)
        assert response.status_code == 200, f"{path}: {response.text[:300]}"
        return html.unescape(response.text)

    @property
    def token(self) -> str:
        """The console's."""
        return (self.state / "secrets" / "console_token").read_text()

    def sign_in(self, person: str = "Ada Bell") -> str:
        """Sign in; answers with the token that forms carry from then on."""
        self.http.post("/controls/sign-in", data={"token": self.token, "person": person})
        return self.form_token("/controls")

    def form_token(self, path: str) -> str:
        """What the forms of a page carry."""
        found = re.search(r'name="form_token" value="([^"]+)"', self.text(path))
        assert found
        return found[1]

    def audited(self, action: str) -> list[dict[str, str]]:
        """Events of the console's audit trail, oldest first."""
        [journal] = (self.state / "audit").glob("*.jsonl")
        events = [json.loads(line) for line in journal.read_text().splitlines()]
        return [event for event in events if event["action"] == action]


@contextmanager
def started(folder: Path, **variables: str) -> Iterator[Running]:
    """A console of the repository's dashboards, with no backend but those of `variables`."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BELFRY_CONFIG", str(ROOT / "belfry.toml"))
        environment.setenv("BELFRY_AUDIT_DIR", str(folder / "state" / "audit"))
        for backend in ("PROMETHEUS", "LOKI", "JAEGER", "ALERTMANAGER"):
            environment.setenv(f"BELFRY_PORT_{backend}", str(free_port()))
        for name, value in variables.items():
            environment.setenv(name, value)
        running = Running(folder)
    try:
        yield running
    finally:
        running.http.close()
        running.stop()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One for the tests that do not mind each other."""
    with started(tmp_path_factory.mktemp("console")) as one:
        yield one


def post(running: Running, *alerts: dict[str, object]) -> None:
    """Send a notification as Alertmanager does."""
    token = (running.state / "secrets" / "inbox_token").read_text()
    known = {"Authorization": f"Bearer {token}"}
    answer = running.http.post("/api/inbox/alertmanager", json=webhook(*alerts), headers=known)
    answer.raise_for_status()


def requests(running: Running, route: str) -> float:
    """Successful ones that the console counts for a route."""
    wanted = (
        f'http_route="{route}"',
        'status_code="200"',
        "http_server_request_duration_seconds_count",
    )
    counts = [
        float(line.rpartition(" ")[2])
        for line in running.http.get("/metrics").text.splitlines()
        if all(part in line for part in wanted)
    ]
    return sum(counts)


def test_every_view_has_its_frame_without_any_backend(running: Running) -> None:
    """Header, ways to the other views and a heading are in the page as it is sent."""
    for path in VIEWS:
        page = running.text(path)
        assert '<nav aria-label="Views">' in page, path
        assert "<h1>" in page, path
        assert "Skip to the content" in page, path
    assert "Prometheus does not answer" in running.text("/dashboards/shop-overview")
    for path in ("/dashboards/none", "/traces/none", "/alerts/1", "/docs/runbooks/Unheard.md"):
        assert running.http.get(path).status_code == 404, path


def test_what_a_page_needs_is_served_by_the_console_itself(running: Running) -> None:
    """It works without the internet, and its policy lets nothing else in."""
    response = running.http.get("/")
    policy = response.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script" not in policy, "no script but the console's own file"
    assert not re.search(r'src="https?://|<link[^>]*href="https?://', response.text)
    assert "<script>" not in response.text
    for asset in ("/static/console.css", "/static/console.js", "/static/belfry.svg"):
        assert asset in response.text
        served = running.http.get(asset)
        assert served.status_code == 200
        assert served.headers["x-content-type-options"] == "nosniff"


def test_a_part_of_a_page_is_an_answer_of_its_own(running: Running) -> None:
    """Named in the page; without a frame; not among the requests that are observed."""
    page = running.text("/alerts?status=firing")
    [address] = re.findall(r'<belfry-lazy src="([^"]+)"', page)
    part = running.text(address)
    assert "<h2>Firing now</h2>" in part
    assert "<nav" not in part
    assert running.http.get("/alerts?part=none").status_code == 404
    before = requests(running, "/alerts")
    assert before > 0
    running.text(address)
    assert requests(running, "/alerts") == before


def test_what_is_not_there_is_said_on_a_page(running: Running) -> None:
    """With the ways to what is; a program is told in JSON."""
    missing = running.http.get("/nothing/here")
    assert missing.status_code == 404
    assert '<nav aria-label="Views">' in missing.text
    assert "no dashboard none" in running.http.get("/dashboards/none").text
    assert running.http.get("/api/inbox/77").json() == {"detail": "no notification 77"}


def test_a_notification_has_a_page_of_its_own(running: Running) -> None:
    """With ways to the dashboard at its time and to the runbook; its text stays text."""
    post(running, alert(annotations={"summary": "<script>alert(1)</script>"}))
    [received] = running.http.get("/api/inbox").json()
    page = running.http.get(f"/alerts/{received['id']}").text
    assert "<script>alert(1)" not in page
    told = running.text(f"/alerts/{received['id']}")
    assert "/docs/runbooks/ServiceDown.md" in told
    assert "/dashboards/service-detail?var-service=checkout&from=1772358300123&to=now" in told


def test_a_runbook_is_a_page(running: Running) -> None:
    """Nothing outside the folder is served."""
    page = running.text("/docs/runbooks/ServiceDown.md")
    assert "<h2>Likely causes</h2>" in page
    assert "<table>" in page
    for path in ("/docs/runbooks/..%2F..%2FREADME.md", "/docs/runbooks/.md"):
        assert running.http.get(path).status_code in (404, 422)


def test_grafanas_addresses_lead_to_the_same_here(running: Running) -> None:
    """A link of an alert or a dashboard works in both."""
    answer = running.http.get("/d/service-detail/name?var-service=cart&from=now-1h")
    assert answer.headers["location"] == "/dashboards/service-detail?var-service=cart&from=now-1h"
    panes = json.dumps({"a": {"queries": [{"datasource": {"type": "jaeger"}, "query": "abc"}]}})
    assert (
        running.http.get("/explore", params={"panes": panes}).headers["location"] == "/traces/abc"
    )


def test_controls_refuse_who_is_not_signed_in(running: Running) -> None:
    """Being on this machine is not enough; each refusal is in the audit trail."""
    page = running.text("/controls")
    assert "Sign in" in page
    assert "Clear all faults" not in page
    form = {"form_token": "x", "name": "checkout.error_rate", "value": "1"}
    for path in ("faults", "faults/clear", "load/stop", "sign-out"):
        assert running.http.post(f"/controls/{path}", data=form).status_code == 403
    assert running.http.post("/controls/faults", data={"name": "a"}).status_code == 422
    refused = running.http.post("/controls/sign-in", data={"token": "guess"})
    assert refused.headers["location"] == "/controls?refused=token"
    nameless = running.http.post("/controls/sign-in", data={"token": running.token, "person": " "})
    assert nameless.headers["location"] == "/controls?refused=name"
    for answer in (refused, nameless):
        assert "set-cookie" not in answer.headers
    assert {(one["actor"], one["outcome"]) for one in running.audited("fault_set")} == {
        ("anonymous", "denied")
    }


def test_controls_work_with_the_token_and_say_what_they_did(running: Running) -> None:
    """A fault is set and cleared in the flag file; a value that cannot be is refused in words."""
    flags = ROOT / "services" / "kit" / "flags.json"
    (running.state / "flags.json").write_text(flags.read_text())
    token = running.sign_in()

    def send(path: str, **fields: str) -> str:
        answer = running.http.post(f"/controls/{path}", data={"form_token": token, **fields})
        assert answer.headers["location"] == "/controls"
        return running.text("/controls")

    assert "checkout.error_rate is 0.5" in send("faults", name="checkout.error_rate", value="0.5")
    flag = json.loads((running.state / "flags.json").read_text())["flags"]["checkout.error_rate"]
    assert flag["variants"][flag["defaultVariant"]] == 0.5
    assert "give a number" in send("faults", name="checkout.error_rate", value="7")
    assert "unknown fault" in send("faults", name="no.such", value="1")
    assert "All faults are off" in send("faults/clear")
    assert "numbers" in send("load", users="many", seconds="1")
    assert "Not done: users" in send("load", users="5000", seconds="1")
    acts = running.audited("fault_set")[-3:]
    assert [(one["actor"], one["outcome"]) for one in acts] == [
        ("Ada Bell", "success"),
        ("Ada Bell", "failure"),
        ("Ada Bell", "failure"),
    ]
    running.http.post("/controls/sign-out", data={"form_token": token})
    assert "Sign in" in running.text("/controls")


def test_an_act_that_breaks_off_is_audited(running: Running) -> None:
    """Whatever the error: something may have been changed. The page says where to look."""
    flags = running.state / "flags.json"
    flags.write_text((ROOT / "services" / "kit" / "flags.json").read_text())
    token = running.sign_in("Eve")
    flags.unlink()
    flags.mkdir()
    try:
        answer = running.http.post("/controls/faults/clear", data={"form_token": token})
    finally:
        flags.rmdir()
    assert answer.status_code == 303
    last = running.audited("fault_cleared")[-1]
    assert (last["actor"], last["outcome"]) == ("Eve", "failure")


def test_health_and_metrics_are_there(running: Running) -> None:
    """As for every service."""
    assert running.http.get("/livez").status_code == 200
    assert running.http.get("/readyz").json() == {"checks": {"inbox": "ok"}}
    assert "python_event_loop_lag_seconds" in running.http.get("/metrics").text


@pytest.mark.timeout(60)
def test_an_open_stream_hears_and_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    """A notification reaches a listener at once; a stop ends the stream, well below 10 s."""
    with started(tmp_path) as running:
        _hears_and_stops(running)


def _hears_and_stops(running: Running) -> None:
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
