"""The log pipeline: whatever is logged becomes one JSON line, by whichever way it came."""

import datetime as dt
import decimal
import logging
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
import structlog
from fastapi import FastAPI

from observability import get_logger
from observability.instrumentation.exporting import ExportQueue
from observability.instrumentation.log_records import LogEntry
from observability.instrumentation.stdlib_logs import PipelineHandler
from observability.instrumentation.values import attribute
from tests.unit.instrumentation.conftest import Observed

Lines = Callable[[], list[dict[str, Any]]]


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.fixture
def routed(observe: Callable[[FastAPI], Observed]) -> Iterator[Observed]:
    """An instrumented app, and the root logger as it was before afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield observe(FastAPI())
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_logger_works_before_instrument(log_lines: Lines) -> None:
    """The line has all fixed keys, without a trace."""
    get_logger("early", part="setup").info("prepared", count=3)
    [line] = log_lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "event": "prepared",
        "service": "unknown_service",
        "trace_id": None,
        "span_id": None,
        "logger": "early",
        "part": "setup",
        "count": 3,
    }


def test_values_of_any_type_are_logged(log_lines: Lines) -> None:
    """Nothing that is passed as a field can make logging fail."""
    cycle: list[Any] = []
    cycle.append(cycle)
    get_logger("any").warning(
        "odd",
        when=dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        price=decimal.Decimal("1.50"),
        ident=uuid.UUID(int=1),
        names={"a"},
        raw=b"\xff",
        huge=10**40,
        surrogate="\ud800",
        cycle=cycle,
        keyed={1: "one", (2, 3): "pair"},
        unprintable=Unprintable(),
        function=test_values_of_any_type_are_logged,
    )
    [line] = log_lines()
    assert line["level"] == "warning"
    assert line["when"] == "2026-01-02T00:00:00Z"
    assert line["price"] == "1.50"
    assert line["huge"] == str(10**40)
    assert line["names"] == ["a"]
    assert line["unprintable"] == "<Unprintable>"


def test_a_field_cannot_take_the_place_of_a_fixed_key(log_lines: Lines) -> None:
    """A field called like a fixed key is kept under another name."""
    get_logger().info("named", level="high", trace_id="mine", service="theirs")
    [line] = log_lines()
    assert (line["level"], line["service"]) == ("info", "unknown_service")
    assert (line["field_level"], line["field_trace_id"]) == ("high", "mine")


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> list[LogEntry]:
    """What is handed over for export."""
    found: list[LogEntry] = []
    monkeypatch.setattr(ExportQueue, "put", lambda _, entry: found.append(entry))
    return found


@pytest.fixture
def exporting(
    monkeypatch: pytest.MonkeyPatch, observe: Callable[[FastAPI], Observed]
) -> Callable[..., Observed]:
    """Make an app whose log records are exported, under further variables."""

    def make(**environment: str) -> Observed:
        for name, value in {"OTEL_LOGS_EXPORTER": "otlp", **environment}.items():
            monkeypatch.setenv(name, value)
        return observe(FastAPI())

    return make


def test_fields_have_the_same_names_on_the_line_and_over_otlp(
    exporting: Callable[..., Observed], entries: list[LogEntry], log_lines: Lines
) -> None:
    """One called like a fixed key is renamed for both, so that none is there twice."""
    exporting()
    get_logger().info("e", level="gold", trace_id="mine", lines=[1, {"a": 2}], n=1, none=None)
    [entry], [line] = entries, log_lines()
    assert entry.fields.keys() == {"field_level", "field_trace_id", "lines", "n"}
    assert entry.fields.keys() | {"none"} <= line.keys()
    assert (entry.fields["field_level"], line["field_level"]) == ("gold", "gold")
    assert entry.fields["lines"] == '[1,{"a":2}]'
    assert line["lines"] == [1, {"a": 2}]


def test_long_and_many_fields_are_cut_on_both(
    exporting: Callable[..., Observed], entries: list[LogEntry], log_lines: Lines
) -> None:
    """A megabyte of text, a huge list and a thousand fields take a bounded amount of memory."""
    exporting()
    many = {f"field{number}": number for number in range(1000)}
    get_logger().info("e", text="x" * 1_000_000, nested=["y" * 1000] * 1000, **many)
    [entry], [line] = entries, log_lines()
    assert len(str(entry.fields["text"])) == len(line["text"]) == 16_384
    assert len(str(entry.fields["nested"])) == len(line["nested"]) == 16_384
    assert len(entry.fields) == 128
    assert entry.dropped == 1002 - 128
    assert line.keys() - entry.fields.keys() == {
        *("timestamp", "level", "event", "service", "trace_id", "span_id")
    }


def test_the_limits_of_the_environment_apply(
    exporting: Callable[..., Observed], entries: list[LogEntry], log_lines: Lines
) -> None:
    """OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT and OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT."""
    exporting(
        OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT="2", OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT="3"
    )
    get_logger().info("e", a="12345", b=[1, 2], c="x")
    assert entries[0].fields == {"a": "123", "b": "[1,"}
    assert log_lines()[0]["b"] == "[1,"


def test_exceptions_are_fields(log_lines: Lines) -> None:
    """log.exception() and exc_info= give type, message and stack trace, causes included."""
    log = get_logger("x")
    try:
        try:
            raise KeyError("inner")
        except KeyError as cause:
            raise ValueError("outer") from cause
    except ValueError as error:
        log.exception("caught")
        log.warning("later", exc_info=error)
    log.info("none", exc_info=True)
    caught, later, none = log_lines()
    assert caught["level"] == "error"
    assert caught["exception_type"] == later["exception_type"] == "ValueError"
    assert caught["exception_message"] == "outer"
    assert "KeyError: 'inner'" in caught["exception_stacktrace"]
    assert "exception_type" not in none


def test_context_bound_by_structlog_is_part_of_the_line(log_lines: Lines) -> None:
    """structlog's own way of binding fields to a context works."""
    with structlog.contextvars.bound_contextvars(order_id="o1"):
        get_logger("x").info("paid")
    assert log_lines()[0]["order_id"] == "o1"


def test_standard_logging_takes_the_same_way(routed: Observed, log_lines: Lines) -> None:
    """uvicorn's and other libraries' records: template as event, text as message, extras."""
    assert routed.telemetry.service_name == "shop-test"
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 7, extra={"port": 1})
    try:
        raise OSError("no disk")
    except OSError:
        logging.getLogger("lib").exception("it failed")
    started, failed = log_lines()
    assert started["event"] == "Started server process [%d]"
    assert started["message"] == "Started server process [7]"
    assert (started["logger"], started["port"]) == ("uvicorn.error", 1)
    assert failed["level"] == "error"
    assert failed["exception_type"] == "OSError"


def test_a_wrong_format_does_not_raise(log_lines: Lines) -> None:
    """A record whose arguments do not fit is counted, not printed to stderr nor raised."""
    wrong = {"name": "lib", "levelname": "ERROR", "msg": "%d items", "args": ("three",)}
    PipelineHandler().handle(logging.makeLogRecord(wrong))
    assert all(line["event"] == "telemetry_failed" for line in log_lines())


def run(code: str, **environment: str) -> list[dict[str, Any]]:
    """Run code in a process of its own, whose logging is no test runner's; its lines."""
    done = subprocess.run(
        [sys.executable, "-c", f"from fastapi import FastAPI\nimport observability as o\n{code}"],
        env={**os.environ, "PYTHONPATH": os.getcwd(), **environment},
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    return [orjson.loads(line) for line in done.stdout.splitlines()]


def test_warnings_are_log_lines() -> None:
    """What Python would print to stderr is a line like any other."""
    [line] = run("o.instrument(FastAPI())\nimport warnings; warnings.warn('old way')")
    assert (line["event"], line["logger"]) == ("python_warning", "py.warnings")
    assert "old way" in line["message"]
    assert line["level"] == "warning"


def test_structlogs_own_loggers_take_the_same_way() -> None:
    """structlog.get_logger() needs no set-up, and set-up that was there stays."""
    use = "import structlog; structlog.get_logger().info('direct', a=1)"
    [line] = run(f"o.instrument(FastAPI(), 'shop')\n{use}")
    assert (line["event"], line["a"], line["service"]) == ("direct", 1, "shop")
    before = "import structlog; structlog.configure(processors=[lambda *_: b'{}'],"
    before += "logger_factory=structlog.BytesLoggerFactory())"
    assert run(f"{before}\no.instrument(FastAPI())\n{use}") == [{}]


def test_levels_below_the_threshold_are_not_logged() -> None:
    """BELFRY_LOG_LEVEL sets the least level, for both ways of logging."""
    code = """
import logging
o.instrument(FastAPI())
log = o.get_logger("x")
log.info("a"); log.warning("b"); logging.info("c"); logging.warning("d")
"""
    assert [line["event"] for line in run(code, BELFRY_LOG_LEVEL="warning")] == ["b", "d"]


def test_a_closed_stdout_does_not_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logging to a closed standard output loses the line and nothing else."""
    with open(os.devnull, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
    get_logger("x").info("lost")


@pytest.mark.parametrize(
    ("value", "carried"),
    [
        ("text", "text"),
        (True, True),
        (1.5, 1.5),
        (10**40, str(10**40)),
        ({"a": 1}, '{"a":1}'),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (decimal.Decimal("1.5"), "1.5"),
        ("\ud800", "?"),
        ("x" * 20_000, "x" * 16_384),
        (Unprintable(), "<Unprintable>"),
    ],
)
def test_attributes_of_any_type_can_be_carried(value: object, carried: object) -> None:
    """Each value becomes something that OTLP has a form for, bounded."""
    assert attribute(value) == carried
