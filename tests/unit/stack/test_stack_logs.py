"""Logs: bounded under the writer's hands, read from their end, followed."""

import threading
from pathlib import Path

import pytest

from observability.exits import UsageError
from observability.stack import logs


def test_a_log_that_is_too_long_moves_aside_under_its_writer(tmp_path: Path) -> None:
    """Who has it open goes on writing, at its new beginning."""
    log = tmp_path / "a.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old\n" * 10)
        assert logs.bound(log, longest=20)
        writer.write(b"new\n")

    assert log.read_bytes() == b"new\n"
    assert (tmp_path / "a.log.1").read_bytes() == b"old\n" * 10
    assert not logs.bound(log, longest=20)
    assert not logs.bound(tmp_path / "none.log")


def test_the_last_lines_are_read_across_blocks(tmp_path: Path) -> None:
    """However long the file, and whether or not it ends with a line's end."""
    log = tmp_path / "a.log"
    log.write_text("".join(f"{number} {'x' * 100}\n" for number in range(2_000)) + "end")

    assert [line.split()[0] for line in logs.tail(log, 3)] == ["1998", "1999", "end"]
    assert logs.tail(log, 0) == []
    assert len(logs.tail(log, 5_000)) == 2_001
    assert logs.tail(tmp_path / "none.log", 3) == []


def test_the_last_line_is_of_this_run(tmp_path: Path) -> None:
    """What an earlier run wrote does not explain this one's end."""
    log = tmp_path / "a.log"
    log.write_text("earlier\n")
    start = logs.size(log)

    assert logs.last_line(log, start) == ""
    with log.open("a") as file:
        file.write("why it ended\n\n")
    assert logs.last_line(log, start) == "why it ended"
    assert logs.last_line(log, start + 10_000) == "why it ended", "the log was emptied since"


def test_following_goes_on_after_the_log_was_cut(tmp_path: Path) -> None:
    """Whole lines only, of several files, each with where it is from."""
    one, two = tmp_path / "one.log", tmp_path / "two.log"
    one.write_text("before\n")
    two.touch()
    following = logs.follow_all([one, two], interval=0.01)

    def write(path: Path, text: str, mode: str = "a") -> None:
        with path.open(mode) as file:
            file.write(text)

    later = threading.Timer(0.1, write, (one, "a\nhalf"))
    later.start()
    assert next(following) == (one, "a")
    write(two, "b\n")
    assert next(following) == (two, "b")
    write(one, "cut\n", "w")
    assert next(following) == (one, "cut")
    later.join()


def test_replicas_are_found_by_the_service_s_name(tmp_path: Path) -> None:
    """`worker` is all its replicas, `worker-2` one; `worker-x` is something else."""
    for name in ("worker-1", "worker-2", "worker-x", "gateway"):
        (tmp_path / f"{name}.log").touch()

    def stems(name: str) -> list[str]:
        return [path.stem for path in logs.of_process(tmp_path, name)]

    assert stems("worker") == ["worker-1", "worker-2"]
    assert stems("worker-2") == ["worker-2"]
    with pytest.raises(UsageError, match="gateway, worker-1"):
        stems("nobody")
