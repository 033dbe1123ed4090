"""Standard output: nobody waits for whoever reads it, and what is lost is counted."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from fastapi import FastAPI

from observability import get_logger
from observability.instrumentation import stdout as module
from observability.instrumentation.stdout import AT_ONCE_BYTES, MAX_WAITING_BYTES, Stdout
from tests.support.waiting import eventually
from tests.unit.instrumentation.conftest import Observed


@contextmanager
def piped() -> Iterator[int]:
    """Standard output is a pipe; yields the end to read from."""
    reading, writing = os.pipe()
    with (
        os.fdopen(writing, "w") as out,
        os.fdopen(reading, "rb", buffering=0),
        redirect_stdout(out),
    ):
        yield reading


def read_all(reading: int) -> bytes:
    os.set_blocking(reading, False)
    found = b""
    try:
        while part := os.read(reading, 1 << 20):
            found += part
    except BlockingIOError:
        return found
    return found


def test_a_reader_that_does_not_read_holds_up_nobody() -> None:
    """Lines beyond the pipe and the buffer are counted; the others arrive whole and in order."""
    out = Stdout()
    sent = 40_000
    found = b""
    with piped() as pipe:
        start = time.monotonic()
        for number in range(sent):
            out.write(b"%06d " % number + b"x" * 92)
        assert time.monotonic() - start < 5
        lost = out.dropped["queue_full"]
        assert lost > 0

        def everything_kept() -> bool:
            nonlocal found
            found += read_all(pipe)
            return found.count(b"\n") == sent - lost

        eventually(everything_kept)
        out.drain(5)
        out.write(b"again")
        assert read_all(pipe) == b"again\n"
    lines = found.splitlines()
    assert all(len(line) == 99 for line in lines)
    assert [int(line[:6]) for line in lines] == list(range(sent - lost))
    assert len(found) > MAX_WAITING_BYTES


def test_a_line_longer_than_a_pipe_takes_at_once_arrives_whole() -> None:
    """It is written in parts, each of which needs no waiting."""
    out = Stdout()
    line = b"y" * (AT_ONCE_BYTES * 3 + 5)
    with piped() as pipe:
        out.write(line)
        out.write(b"next")
        assert read_all(pipe) == line + b"\nnext\n"


def log_to_a_full_disk(lines: int) -> None:
    with Path("/dev/full").open("w") as full, redirect_stdout(full):
        for _ in range(lines):
            get_logger("x").info("lost")


async def test_lines_that_a_full_disk_refuses_are_counted(
    observe: Callable[[FastAPI], Observed], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counter is on the page, from the start."""
    monkeypatch.setattr(module.stdout, "dropped", Stdout().dropped)
    observed = observe(FastAPI())
    labels = {"signal": "stdout", "reason": "failed"}
    assert await observed.value("telemetry_dropped_total", **labels) == 0
    log_to_a_full_disk(100)
    assert await observed.value("telemetry_dropped_total", **labels) == 100


def test_a_reader_that_is_gone_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken pipe loses the lines and counts them."""
    out = Stdout()
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as broken:
        monkeypatch.setattr(sys, "stdout", broken)
        out.write(b"lost")
        monkeypatch.undo()
    assert out.dropped == {"failed": 1}


@pytest.mark.parametrize("nothing", ["closed", "none"])
def test_without_standard_output_nothing_is_lost_that_anybody_wants(
    nothing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service started without one is not said to drop lines."""
    out = Stdout()
    with Path(os.devnull).open("w") as closed:
        monkeypatch.setattr(sys, "stdout", closed if nothing == "closed" else None)
    out.write(b"unwanted")
    monkeypatch.undo()
    assert not out.dropped


def test_what_stands_in_for_standard_output_gets_the_lines() -> None:
    """Such as a StringIO that takes text only."""
    text = StringIO()
    with redirect_stdout(text):
        Stdout().write("grüße".encode())
    assert text.getvalue() == "grüße\n"


def test_without_a_further_thread_lines_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the interpreter ends."""

    def refused(_: object) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refused)
    out = Stdout()
    with piped() as pipe:
        for _ in range(2000):
            out.write(b"x" * 100)
        whole = read_all(pipe).count(b"\n")
    assert out.dropped["failed"] > 0
    assert whole + out.dropped["failed"] == 2000
