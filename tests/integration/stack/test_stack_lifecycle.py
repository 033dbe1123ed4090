"""A stack from start to stop, however it is stopped."""

import json
import os
import signal
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.support.ports import free_ports
from tests.support.waiting import eventually

from .conftest import TinyStack


def environment_of(port: int) -> dict[str, str]:
    """What a tiny service was started with."""
    lines = get(f"http://127.0.0.1:{port}/environment").decode().splitlines()
    return dict(line.partition("=")[::2] for line in lines if "=" in line)


def test_up_waits_until_all_is_ready_and_says_what_to_open(shop: TinyStack) -> None:
    """`up --detach` ends with 0 once all is ready, names the pages, and leaves it running."""
    done = shop.up()

    assert done.returncode == 0, done.stderr
    assert "ready after" in done.stdout
    assert f"http://127.0.0.1:{shop.ports['front']}  the front" in done.stdout
    rows = {row["name"]: row for row in shop.status()}
    assert {name: row["state"] for name, row in rows.items()} == {
        "front": "ready",
        "back": "ready",
        "worker": "ready",
    }
    assert rows["front"]["started_at"] > rows["back"]["started_at"], "what is needed comes first"
    assert all(row["memory_bytes"] > 1_000_000 for row in rows.values())
    assert {row["kind"] for row in rows.values()} == {"service"}


def test_a_service_is_told_who_and_where_it_is(shop: TinyStack) -> None:
    """Telemetry identity, addresses of the others, a secret that only its owner can read."""
    shop.up("--only=back")

    environment = environment_of(shop.ports["back"])
    assert environment["OTEL_SERVICE_NAME"] == "back"
    assert "service.namespace=tiny" in environment["OTEL_RESOURCE_ATTRIBUTES"]
    assert "service.instance.id=back-1" in environment["OTEL_RESOURCE_ATTRIBUTES"]
    assert environment["TINY_BACK"] == f"http://127.0.0.1:{shop.ports['back']}"
    key = Path(environment["TINY_KEY_FILE"])
    assert len(key.read_text()) == 64
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_what_the_user_has_set_goes_before_belfry_toml(shop: TinyStack) -> None:
    """A value in the environment is not overwritten by the default in the file."""
    shop.variables["TINY_BACK"] = "http://elsewhere"
    shop.up("--only=back")

    assert environment_of(shop.ports["back"])["TINY_BACK"] == "http://elsewhere"


def test_down_stops_everything_and_data_stays(shop: TinyStack) -> None:
    """After `down` no process is left; the secrets are those of before at the next start."""
    shop.up()
    key = (shop.state / "secrets" / "key").read_text()

    assert shop.belfry("down").returncode == 0
    assert shop.processes() == []
    asked = shop.belfry("status", "--json")
    assert (asked.returncode, json.loads(asked.stdout)) == (1, [])
    assert shop.up().returncode == 0
    assert (shop.state / "secrets" / "key").read_text() == key


def test_stopping_goes_backwards(shop: TinyStack) -> None:
    """Who needs another is stopped before it."""
    shop.up()
    shop.belfry("down")

    journal = (shop.state / "logs" / "supervisor.log").read_text().splitlines()
    stopped = [line.split()[1] for line in journal if line.endswith("stopped")]
    assert stopped.index("front-1") < stopped.index("back-1")


def test_ctrl_c_stops_everything(shop: TinyStack) -> None:
    """SIGINT in the foreground: exit code 0, no process left, the data said to stay."""
    foreground = shop.up_in_foreground()

    foreground.send_signal(signal.SIGINT)
    output, _ = foreground.communicate(timeout=20)

    assert foreground.returncode == 0, output
    assert "data stays" in output
    assert shop.processes() == []


def test_no_orphan_outlives_a_killed_supervisor(shop: TinyStack) -> None:
    """`kill -9` of the supervisor ends its children too, and the next start finds its way clear."""
    shop.up()
    assert len(shop.processes()) == 3

    os.kill(shop.supervisor(), signal.SIGKILL)

    eventually(lambda: shop.processes() == [], 5, "no process left")
    assert shop.belfry("status").returncode == 1
    assert shop.up().returncode == 0


def test_a_second_start_is_refused(shop: TinyStack) -> None:
    """One line that names the pid of the first, exit code 2, and the first goes on."""
    shop.up()

    for arguments in ([], ["--detach"]):
        second = shop.belfry("up", "--only=services", *arguments)
        assert second.returncode == 2
        assert len(second.stderr.splitlines()) == 1
        assert f"already running on {shop.state} (pid {shop.supervisor()})" in second.stderr
    assert shop.all_ready()


def test_a_state_folder_of_any_length_will_do(shop: TinyStack) -> None:
    """A path longer than a socket's address may be does not keep commands from the supervisor."""
    shop.state = shop.folder / ("long" * 30)

    assert shop.up("--only=back").returncode == 0
    assert [row["state"] for row in shop.status()] == ["ready"]


def test_only_and_without_choose(shop: TinyStack) -> None:
    """Just what is asked for is started, and scraped."""
    done = shop.belfry("up", "--detach", "--only", "front,back", "--without", "front")

    assert done.returncode == 0, done.stderr
    assert [row["name"] for row in shop.status()] == ["back"]
    assert list(shop.targets()) == ["back-1"]


def test_what_fails_is_named_and_the_rest_runs(tiny: TinyStack) -> None:
    """`up --detach` ends with 1, shows the broken one's last line, and keeps the others."""
    good, bad = free_ports(2)
    tiny.configure(
        f"""
        [services.good]
        app = "tiny:app"
        port = {good}
        [services.bad]
        app = "broken:app"
        port = {bad}
        """
    )

    done = tiny.up()

    assert done.returncode == 1
    assert "bad failed" in done.stdout
    assert "broken: bad setting TINY_URL" in done.stdout
    assert tiny.row("good-1")["state"] == "ready"
    assert "bad setting TINY_URL" in tiny.belfry("logs", "bad").stdout


def test_status_is_there_for_programs_and_for_people(shop: TinyStack) -> None:
    """--json is a list of objects with the agreed fields; the table has a row for each."""
    shop.up("--only=back")

    status = shop.belfry("status", "--json")
    assert status.returncode == 0
    (row,) = json.loads(status.stdout)
    assert row.items() >= {"name": "back", "state": "ready", "port": shop.ports["back"]}.items()
    assert row.keys() >= {"kind", "pid", "version", "memory_bytes", "started_at", "restarts"}
    heading, line = shop.belfry("status").stdout.splitlines()
    assert heading.split()[:3] == ["process", "state", "version"]
    assert line.split()[:2] == ["back", "ready"]


def test_a_request_under_way_is_finished_before_the_stop(shop: TinyStack) -> None:
    """Who has been let in is served: SIGTERM comes first, and time to finish."""
    shop.up("--only=back")
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(get, f"http://127.0.0.1:{shop.ports['back']}/slow?1.5")
        eventually(slow.running, 5, "asked")
        time.sleep(0.5)
        assert shop.belfry("down").returncode == 0

        assert slow.result() == b"ok"


def test_a_second_ctrl_c_does_not_wait(shop: TinyStack) -> None:
    """Whoever is impatient need not wait for a request that takes for ever."""
    foreground = shop.up_in_foreground()
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(get, f"http://127.0.0.1:{shop.ports['back']}/slow?60")
        eventually(slow.running, 5, "asked")
        time.sleep(0.5)
        began = time.monotonic()
        foreground.send_signal(signal.SIGINT)
        time.sleep(0.5)
        foreground.send_signal(signal.SIGINT)
        output, _ = foreground.communicate(timeout=20)

        assert time.monotonic() - began < 8, output
        assert shop.processes() == []
        with pytest.raises(httpx.TransportError):
            slow.result()


def test_a_build_that_fails_is_explained_and_the_rest_runs(shop: TinyStack) -> None:
    """Why, what to do, and how to try again; the services are there all the same."""
    in_the_way = shop.folder / "belfry.toml" / "cache"
    shop.variables |= {"BELFRY_CACHE_DIR": str(in_the_way), "BELFRY_IGNORE_PATH": "true"}

    done = shop.belfry("up", "--detach", "--only=back,collector")

    assert done.returncode == 1
    assert "Collector cannot be built into" in done.stdout
    assert "belfry restart collector" in done.stdout
    states = {row["name"]: row["state"] for row in shop.status()}
    assert states == {"back": "ready", "collector": "failed"}
    backends = json.loads((shop.state / "targets" / "backends.json").read_text())
    assert backends == [], "what has never run is not missed"
    shop.variables.clear()
    assert shop.belfry("restart", "collector").returncode == 1, "tried again"


def test_a_server_of_another_version_on_path_is_refused(shop: TinyStack) -> None:
    """One line: where it is, which version it is, which is needed; and how to pass it over."""
    folder = shop.folder / "bin"
    folder.mkdir()
    fake = folder / "prometheus"
    fake.write_text("#!/bin/sh\necho prometheus, version 2.45.0\n")
    fake.chmod(0o755)
    shop.variables["PATH"] = f"{folder}:{os.environ['PATH']}"

    done = shop.belfry("up", "--only=prometheus")

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"{fake} is version 2.45.0, but Prometheus >=3" in line
    assert "BELFRY_IGNORE_PATH" in line


def get(url: str) -> bytes:
    """Body of an answer."""
    return httpx.get(url, timeout=90).content
