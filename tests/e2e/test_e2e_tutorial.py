"""The tutorial's blocks, executed as they are written, on a stack of backends only."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from observability.alerting.profiles import DEMO
from observability.cli import app as cli
from tests.support.ports import free_port
from tests.support.stack import Stack
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
# below the ports that the system gives to whoever asks for any
PORT_OFFSET = 15100
TUTORIAL = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(text: str, language: str) -> dict[str, str]:
    """Fenced blocks of a language by their title; those without are numbered."""
    found = [(title, body) for kind, title, body in _BLOCK.findall(text) if kind == language]
    return {title or str(number): body for number, (title, body) in enumerate(found)}


class OwnStack(Stack):
    """Backends and console with a belfry.toml of their own."""

    @property
    def environment(self) -> dict[str, str]:
        """Environment in which `belfry` reads that file."""
        return super().environment | {"BELFRY_CONFIG": str(self.state.parent / "belfry.toml")}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStack]:
    """A stack in which no shop runs."""
    folder = tmp_path_factory.mktemp("tutorial")
    (folder / "belfry.toml").write_text('[stack]\nnamespace = "mine"\n', encoding="utf-8")
    (folder / "dashboards").symlink_to(ROOT / "dashboards")
    running = OwnStack(folder / "state", PORT_OFFSET)
    running.command("up", "--detach", timeout=300)
    yield running
    running.http.close()
    running.command("down")


@pytest.fixture(scope="module")
def port() -> int:
    """Where the service listens instead of 9999."""
    return free_port()


@pytest.fixture
def service(own: OwnStack, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The tutorial's service, saved and started by its own blocks."""
    folder = own.state.parent
    (folder / "hello.py").write_text(blocks(TUTORIAL, "python")["hello.py"], encoding="utf-8")
    _, *command = shlex.split(blocks(TUTORIAL, "sh")["run"].replace("9999", str(port)))
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": own.url("collector")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    eventually(lambda: _answers(port), within=20, what="the service answers")
    yield process
    process.send_signal(signal.SIGINT)
    process.wait(timeout=20)


def _answers(port: int) -> bool:
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/hello/world")
    except httpx.HTTPError:
        return False
    return bool(answer.json() == {"hello": "world"})


def test_a_service_of_ones_own_is_proven_then_rings_when_it_is_down(
    own: OwnStack, service: subprocess.Popen[bytes], port: int
) -> None:
    """Run, configure, verify, break, alert: each step as the tutorial has it."""
    refused = own.belfry("verify", "--service", "hello")
    assert refused.returncode == 2
    assert "[targets.hello]" in refused.stderr

    config = own.state.parent / "belfry.toml"
    line = blocks(TUTORIAL, "toml")["belfry.toml"].replace("9999", str(port))
    config.write_text(config.read_text(encoding="utf-8") + line, encoding="utf-8")
    report = own.belfry("verify", "--service", "hello", "--json")
    found = json.loads(report.stdout)
    assert [one for one in found["findings"] if not one["ok"]] == []
    assert report.returncode == 0
    assert {one["check"] for one in found["findings"]} == {"service", "hop", "shape", "panel"}

    service.send_signal(signal.SIGINT)
    service.wait(timeout=20)
    eventually(
        lambda: any(
            one["labels"]["service_name"] == "hello" for one in own.notifications("ServiceDown")
        ),
        within=DEMO.warm_up_seconds + 30,
        what="ServiceDown of hello in the inbox",
    )


def test_the_readme_has_the_same_service() -> None:
    """What the README shows is what the tutorial proves."""
    [shown] = blocks(README, "python").values()
    assert shown == blocks(TUTORIAL, "python")["hello.py"]


@pytest.mark.parametrize("text", [README, TUTORIAL], ids=["README", "tutorial"])
def test_commands_that_are_shown_exist(own: OwnStack, text: str) -> None:
    """Each `belfry …` line is a command whose options `--help` knows."""
    assert cli.info.name == "belfry"
    lines = [line for body in blocks(text, "sh").values() for line in body.splitlines()]
    shown = [shlex.split(line, comments=True) for line in lines if line.startswith("belfry ")]
    assert shown
    for _, *arguments in shown:
        words = [word for word in arguments if re.fullmatch(r"[a-z]+", word)]
        known = [own.belfry(*words[:depth], "--help") for depth in (2, 1)]
        help_text = next(one.stdout for one in known if one.returncode == 0)
        for option in (word for word in arguments if word.startswith("--")):
            assert option in help_text, " ".join(arguments)


def test_a_metric_of_ones_own_is_on_the_same_page() -> None:
    """The last block runs as it stands."""
    done = subprocess.run(
        [sys.executable, "-c", blocks(TUTORIAL, "python")["extra.py"]],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
