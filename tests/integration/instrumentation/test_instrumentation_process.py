"""What a process does to its telemetry: it forks, fills its memory, and ends."""

import os
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from tests.integration.instrumentation.otlp_receiver import Receiver, serving

HEAD = """
import os, sys, time
from observability import audit, get_logger, instrument, span
from fastapi import FastAPI
app = FastAPI()
telemetry = instrument(app, "process")
log = get_logger("process")
"""


def run(code: str, port: int, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "BELFRY_"))}
    return subprocess.run(
        [sys.executable, "-c", HEAD + code],
        env={
            **kept,
            "PYTHONPATH": os.getcwd(),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            **environment,
        },
        capture_output=True,
        check=False,
        timeout=120,
    )


def test_a_forked_child_exports_as_an_instance_of_its_own(tmp_path: Path) -> None:
    """What waits is sent once, by the parent; the child's own arrives under another identity."""
    code = """
for number in range(50):
    with span(f"parent-{number}"):
        log.info("parent_logged")
    audit("parent_acts", actor="a", target="t")
child = os.fork()
if child == 0:
    for number in range(50):
        with span(f"child-{number}"):
            log.info("child_logged")
    audit("child_acts", actor="a", target="t")
    page = telemetry.page.render("")[0].decode()
    assert telemetry.resource.attributes["service.instance.id"] in page
    os._exit(0 if telemetry.drain(10) else 1)
_, status = os.waitpid(child, 0)
assert telemetry.drain(10)
os._exit(os.waitstatus_to_exitcode(status))
"""
    receiver = Receiver()
    with serving(receiver) as port:
        done = run(code, port, BELFRY_AUDIT_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    names = receiver.span_names()
    assert {name: count for name, count in names.items() if count != 1} == {}
    assert len(names) == 100
    assert receiver.events()["parent_logged"] == receiver.events()["child_logged"] == 50
    instances = {resource["service.instance.id"] for resource in receiver.resources}
    assert len(instances) == 2
    # One chain of audit events each.
    assert {path.stem for path in tmp_path.iterdir()} == instances


def test_memory_is_bounded_whatever_is_recorded_while_the_collector_hangs() -> None:
    """Tens of thousands of spans and lines, megabytes in a field: 32 MiB a signal and no more."""
    code = """
import psutil
def rss() -> int:
    return psutil.Process().memory_info().rss
log.info("first")
time.sleep(1)  # the first request is on its way, and will not be answered
before = rss()
for number in range(33_000):
    with span("small", number=number):
        log.info("small", number=number)
for _ in range(200):
    with span("large", text="x" * 1_000_000):
        log.info("large", text="x" * 1_000_000)
for _ in range(3000):
    try:
        raise ValueError("deep " * 1000)
    except ValueError:
        log.exception("failed")
# not among the lines: a large one may be half written
print(f"GREW {(rss() - before) / 2**20:.0f}", file=sys.stderr, flush=True)
os._exit(0)
"""
    receiver = Receiver()
    receiver.delay = 600
    with serving(receiver) as port:
        done = run(code, port)
    assert done.returncode == 0, done.stderr
    [grew] = [int(line.split()[1]) for line in done.stderr.splitlines() if line[:4] == b"GREW"]
    assert 10 < grew < 90


@pytest.mark.parametrize("away", [False, True])
def test_a_process_that_just_ends_delivers_and_does_not_linger(away: bool) -> None:
    """Without a lifespan, at exit: nothing raised, the last lines there, no wait for nobody."""
    code = """
with span("last"):
    log.info("last_words")
print(f"ENDS {time.monotonic()}")
"""
    receiver = Receiver()
    with serving(receiver) as port:
        done = run(code, 9 if away else port)
    ended = time.monotonic()
    assert (done.returncode, done.stderr) == (0, b"")
    if not away:
        assert receiver.span_names() == {"last": 1}
        assert receiver.events()["last_words"] == 1
    [said] = [float(line.split()[1]) for line in done.stdout.splitlines() if line[:4] == b"ENDS"]
    assert ended - said < 4


def test_the_end_needs_no_further_threads() -> None:
    """Some interpreters refuse them while they end: 3.12 does."""
    code = """
import atexit, threading
def refuse(self):
    raise RuntimeError("can't create new thread at interpreter shutdown")
with span("last"):
    log.info("last_words")
atexit.register(setattr, threading.Thread, "start", refuse)  # runs before ours
"""
    receiver = Receiver()
    with serving(receiver) as port:
        done = run(code, port)
    assert (done.returncode, done.stderr) == (0, b"")
    assert receiver.span_names() == {"last": 1}


def test_standard_output_that_nobody_reads_stops_nobody() -> None:
    """The process logs on, ends when it is asked to, and its lines come when they are read."""
    code = """
for number in range(3000):
    log.info("chatty", number=number, text="x" * 100)
sys.stderr.write("DONE")
sys.stderr.flush()
"""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "BELFRY_"))}
    quiet = {"OTEL_TRACES_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
    process = subprocess.Popen(
        [sys.executable, "-c", HEAD + code],
        env={**kept, "PYTHONPATH": os.getcwd(), **quiet},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    assert process.stderr.read(4) == b"DONE"
    out, _ = process.communicate(timeout=30)
    numbers = [orjson.loads(line)["number"] for line in out.splitlines()]
    assert numbers == list(range(3000))
    assert process.returncode == 0
