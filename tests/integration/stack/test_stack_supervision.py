"""What is running is watched: repaired, scaled, restarted, kept within bounds."""

import json
import os
import signal

from observability.instrumentation.audit import read_journal
from tests.support.ports import free_ports
from tests.support.waiting import eventually

from .conftest import TinyStack
from .test_stack_lifecycle import environment_of, get


def test_what_is_killed_is_repaired_and_noticed(shop: TinyStack) -> None:
    """`kill -9`: ready again within ten seconds, the restart counted; even thrice."""
    shop.up("--only=back")

    for restarts in (1, 2, 3):
        before = shop.row("back-1")
        os.kill(before["pid"], signal.SIGKILL)

        def repaired(pid: int = before["pid"], restarts: int = restarts) -> bool:
            now = shop.row("back-1")
            return bool(
                now["state"] == "ready" and now["pid"] != pid and now["restarts"] == restarts
            )

        eventually(repaired, 10, "ready again")
    assert "back-1 backing-off: killed by SIGKILL" in shop.belfry("logs", "supervisor").stdout


def test_who_says_that_it_is_not_ready_is_shown_so(shop: TinyStack) -> None:
    """Readiness is watched after the start too; it is told apart from a crash."""
    switch = shop.folder / "unready"
    shop.variables["TINY_UNREADY"] = str(switch)
    shop.up("--only=back")

    switch.touch()
    eventually(lambda: shop.row("back-1")["state"] == "unready", 5, "seen to be unready")
    assert shop.row("back-1")["reason"] == "answers 503: ok"
    assert shop.belfry("status").returncode == 1
    switch.unlink()
    eventually(lambda: shop.row("back-1")["state"] == "ready", 5, "seen to be ready")
    assert shop.row("back-1")["restarts"] == 0


def test_scaling_starts_and_stops_replicas(shop: TinyStack) -> None:
    """Each replica has its own port, identity and scrape target; those too many are stopped."""
    base = shop.ports["worker"]
    shop.up("--scale=worker=2")
    assert [row["instance"] for row in shop.status() if row["name"] == "worker"] == [
        "worker-1",
        "worker-2",
    ]

    done = shop.belfry("scale", "worker=3")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "worker-1, worker-2, worker-3 ready"
    assert shop.targets()["worker-3"] == f"127.0.0.1:{base + 2}"
    assert "service.instance.id=worker-3" in (environment_of(base + 2)["OTEL_RESOURCE_ATTRIBUTES"])

    assert shop.belfry("scale", "worker=1").returncode == 0
    assert [row["instance"] for row in shop.status() if row["name"] == "worker"] == ["worker-1"]
    assert {one for one in shop.targets() if one.startswith("worker")} == {"worker-1"}
    assert len(shop.processes()) == 3


def test_what_cannot_be_scaled_is_refused(shop: TinyStack) -> None:
    """One line, exit code 2; the stack goes on as it was."""
    shop.up("--only=back,worker")

    for target in ("back=2", "worker=65", "nobody=1", "worker"):
        refused = shop.belfry("scale", target)
        assert refused.returncode == 2, target
        assert len(refused.stderr.splitlines()) == 1
    assert len(shop.processes()) == 2


def test_the_trail_says_what_was_done_to_the_stack_and_what_was_refused(shop: TinyStack) -> None:
    """By command: what, how, with what outcome."""
    shop.up("--only=back,worker")
    shop.belfry("scale", "worker=2")
    shop.belfry("scale", "worker=65")
    shop.belfry("restart", "worker", "--version", "2.0")
    shop.belfry("down")
    trail = read_journal(shop.state / "audit" / "belfry-cli.jsonl")
    assert [(one.action, one.target, one.outcome) for one in trail] == [
        ("scale", "worker", "success"),
        ("scale", "worker", "failure"),
        ("restart", "worker", "success"),
        ("down", "stack", "success"),
    ]
    details = [json.loads(one.detail) for one in trail]
    assert details[0] == {"replicas": "2"}
    assert "must be from 0 to 64" in details[1]["reason"]
    assert details[2] == {"version": "2.0"}


def test_restart_replaces_a_process_and_may_change_its_version(shop: TinyStack) -> None:
    """A new pid, no crash counted; the version is what telemetry carries from then on."""
    shop.up("--only=back")
    before = shop.row("back-1")

    assert shop.belfry("restart", "back", "--version", "2.0").returncode == 0

    after = shop.row("back-1")
    assert after["pid"] != before["pid"]
    assert (after["version"], after["restarts"]) == ("2.0", 0)
    attributes = environment_of(shop.ports["back"])["OTEL_RESOURCE_ATTRIBUTES"]
    assert "service.version=2.0" in attributes
    assert shop.belfry("restart", "nobody").returncode == 2


def test_a_variable_given_at_a_restart_holds_until_the_next(shop: TinyStack) -> None:
    """A crash keeps it, a plain restart forgets it; the trail names it without its value."""
    shop.up("--only=back")

    def greeting() -> str | None:
        return environment_of(shop.ports["back"]).get("TINY_GREETING")

    assert shop.belfry("restart", "back", "--set", "TINY_GREETING=a=b c").returncode == 0
    assert greeting() == "a=b c"
    pid = shop.row("back-1")["pid"]
    os.kill(pid, signal.SIGKILL)
    eventually(
        lambda: shop.row("back-1")["state"] == "ready" and shop.row("back-1")["pid"] != pid,
        10,
        "repaired",
    )
    assert greeting() == "a=b c"
    assert shop.belfry("restart", "back").returncode == 0
    assert greeting() is None
    trail = read_journal(shop.state / "audit" / "belfry-cli.jsonl")
    assert [json.loads(one.detail) for one in trail] == [{"variables": "TINY_GREETING"}, {}]
    assert shop.belfry("restart", "back", "--set", "no value").returncode == 2


def test_a_log_that_grows_is_bounded(shop: TinyStack) -> None:
    """A process that writes more than its log may hold goes on, and the log is cut."""
    shop.up("--only=back")
    log = shop.state / "logs" / "back.log"
    with log.open("ab") as file:
        file.write(b"x" * 10_100_000)

    eventually(lambda: log.stat().st_size < 1_000_000, 5, "cut")
    get(f"http://127.0.0.1:{shop.ports['back']}/say")
    eventually(lambda: log.stat().st_size >= 1000, 5, "written to again")
    assert (shop.state / "logs" / "back.log.1").stat().st_size > 10_000_000


def test_logs_of_replicas_are_told_apart(shop: TinyStack) -> None:
    """`belfry logs worker` shows both, each line with its replica; an unknown name is refused."""
    shop.up("--only=worker", "--scale=worker=2")

    lines = shop.belfry("logs", "worker", "--lines", "2").stdout.splitlines()
    assert {line.split(":")[0] for line in lines} == {"worker-1", "worker-2"}
    refused = shop.belfry("logs", "nobody")
    assert refused.returncode == 2
    assert "worker-1" in refused.stderr


def test_a_service_of_ones_own_is_scraped(tiny: TinyStack) -> None:
    """`[targets.hello]` with a url is all it needs, beside what runs here."""
    (port,) = free_ports(1)
    tiny.configure(
        f"""
        [stack]
        namespace = "tiny"
        [services.good]
        app = "tiny:app"
        port = {port}
        [targets.hello]
        url = "http://127.0.0.1:9999"
        """
    )
    assert tiny.up().returncode == 0

    assert tiny.targets() == {"good-1": f"127.0.0.1:{port}", "hello-1": "127.0.0.1:9999"}

    text = (tiny.folder / "belfry.toml").read_text()
    tiny.configure(text.replace("9999", "9998"))
    eventually(
        lambda: tiny.targets().get("hello-1") == "127.0.0.1:9998", 10, "the change without restart"
    )
