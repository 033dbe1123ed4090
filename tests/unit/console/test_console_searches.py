"""Searches made from addresses, traces as rows, sessions of the controls."""

from pathlib import Path

import pytest
from fastapi import Request, Response

from observability.console import logsearch, tracesearch, waterfall
from observability.console.access import COOKIE, Access, name_of
from observability.console.loadrun import LoadRun, Plan
from observability.console.marks import beginnings
from observability.exits import UsageError
from observability.query import LogLine, Series, Span, Trace
from observability.settings import Settings


def span(span_id: str, parent: str | None, start: int, end: int, **attributes: float) -> Span:
    """A span from `start` to `end` in milliseconds."""
    return Span(
        trace_id="t",
        span_id=span_id,
        parent_id=parent,
        name=span_id,
        kind="internal",
        start=start * 1_000_000,
        end=end * 1_000_000,
        error=False,
        status_message="",
        attributes={key.replace("__", "."): value for key, value in attributes.items()},
        resource={"service.name": "cart"},
    )


def test_simple_fields_become_logql() -> None:
    """Levels are this and the worse; quotes cannot break out."""
    asked = logsearch.wanted(
        {"service": "cart", "level": "warning", "text": 'order_id=7" refused|x'}
    )
    assert asked.logql == (
        '{service_name="cart", level=~"warning|error|critical"} | order_id="7\\"" |= "refused|x"'
    )
    assert logsearch.wanted({}).logql == '{service_name=~".+"}'
    assert logsearch.wanted({"query": '{a="b"}', "service": "cart"}).logql == '{a="b"}'
    assert logsearch.wanted({"at": "12x"}).at is None


def test_the_search_for_traces_reads_its_fields() -> None:
    """Its fields, and an id that is typed in place of an order's."""
    asked = tracesearch.wanted({"errors": "1", "tags": "http.route=/orders x", "shortest": "1.5s"})
    assert asked.attributes == {"http.route": "/orders", "error": "true"}
    assert asked.shortest == "1.5s"
    assert tracesearch.trace_id(" 0123456789ABCDEF0123456789abcdef ") is not None
    assert tracesearch.trace_id("../x") is None


def test_a_trace_becomes_rows_under_their_parents() -> None:
    """By start; one whose parent is missing says so; a wait in the queue has its place."""
    spans = [
        span("late", "root", 60, 80),
        span("root", None, 0, 100),
        span("early", "root", 10, 20),
        span("inner", "early", 12, 14),
        span("consumer", "gone", 150, 200, messaging__message__wait_seconds=0.05),
    ]
    line = LogLine(11_000_000, "hello", {"span_id": "early"})
    found = waterfall.rows(Trace("t", spans), [line])
    assert [(row.span.span_id, row.depth) for row in found] == [
        ("root", 0),
        ("early", 1),
        ("inner", 2),
        ("late", 1),
        ("consumer", 0),
    ]
    assert found[1].lines == [line]
    consumer = found[-1]
    assert (consumer.lost, consumer.offset, consumer.width) == (True, 0.75, 0.25)
    assert (consumer.wait_offset, consumer.wait_width) == (0.5, 0.25)
    assert waterfall.apart(Trace("t", spans), [line]) == []


def test_a_series_begins_anew_after_a_hole() -> None:
    """So an alert that fires twice is two marks."""
    assert beginnings(Series({}, [(0, 1), (15, 1), (60, 1)]), 15) == [0, 60]


@pytest.fixture
def access(tmp_path: Path) -> Access:
    """Access with a fresh token."""
    return Access(Settings(state_dir=tmp_path))


def request(cookie: str = "") -> Request:
    """A request with a session's cookie."""
    headers = [(b"cookie", f"{COOKIE}={cookie}".encode())]
    return Request({"type": "http", "headers": headers})


def signed_in(access: Access, person: str = "Ada") -> str:
    """The cookie that a sign-in sets."""
    response = Response()
    access.begin(response, person)
    header = response.headers["set-cookie"]
    assert "HttpOnly" in header
    assert "SameSite=strict" in header
    return header.partition("=")[2].partition(";")[0]


def test_the_token_is_its_owners_alone(access: Access, tmp_path: Path) -> None:
    """Made once, and the only thing that opens."""
    file = tmp_path / "secrets" / "console_token"
    assert file.stat().st_mode & 0o777 == 0o600
    assert access.opens(f" {file.read_text()}\n")
    assert not access.opens("")
    assert not access.opens("guess")


def test_a_form_works_for_its_own_session_only(access: Access) -> None:
    """Neither another's token nor a cookie that nobody signed will do."""
    mine, other = signed_in(access, "Ada"), signed_in(access, "Bob")
    session, stranger = access.session(request(mine)), access.session(request(other))
    assert session
    assert stranger
    assert (session.person, stranger.person) == ("Ada", "Bob")
    assert access.allows(request(mine), access.form_token(session)) == session
    assert access.allows(request(mine), access.form_token(stranger)) is None
    assert access.allows(request(mine), "") is None
    assert access.allows(request("forged"), access.form_token(session)) is None
    assert access.allows(request(), access.form_token(session)) is None


def test_a_name_is_one_line_of_bounded_length() -> None:
    """Whatever was typed: it stands in the audit trail and in timelines."""
    assert name_of("  Ada \n\x00 Bell ") == "Ada Bell"
    assert len(name_of("x" * 1000)) == 60
    assert name_of(" \n") == ""


def test_a_new_token_ends_all_sessions(access: Access, tmp_path: Path) -> None:
    """Whoever has lost one changes it."""
    mine = signed_in(access)
    (tmp_path / "secrets" / "console_token").write_text("another")
    assert access.session(request(mine)) is None


@pytest.mark.parametrize(
    "plan", [Plan(0, 10), Plan(1000, 10), Plan(1, 0), Plan(1, 1e9), Plan(1, 10, 0.0)]
)
async def test_load_is_bounded(plan: Plan, tmp_path: Path) -> None:
    """Nothing starts."""
    run = LoadRun(Settings(state_dir=tmp_path))
    with pytest.raises(UsageError):
        await run.start(plan)
    assert not run.running
    await run.stop()
