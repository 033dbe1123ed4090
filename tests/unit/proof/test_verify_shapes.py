"""Spans and lines that are not as the conventions say are told, with what they lack."""

from typing import Any

import pytest

from observability.proof.verify.shapes import wrong_with, wrong_with_line
from observability.query import LogLine, Span

SERVER = {
    "http.request.method": "GET",
    "http.route": "/orders/{order_id}",
    "url.path": "/orders/1",
    "url.scheme": "http",
    "server.address": "localhost",
    "http.response.status_code": 200,
}
DATABASE = {"db.system.name": "sqlite", "db.namespace": "cart", "db.operation.name": "SELECT"}
CALL = {
    "http.request.method": "GET",
    "url.full": "http://cart/cart",
    "server.address": "cart",
    "server.port": 80,
    "http.response.status_code": 200,
}
FIELDS = {
    "level": "info",
    "log_stream": "app",
    "service_version": "1",
    "service_instance_id": "a-1",
    "scope_name": "observability",
}


def span(kind: str, name: str, attributes: dict[str, Any], *, error: bool = False) -> Span:
    """A span of no trace in particular."""
    return Span("t" * 32, "s" * 16, None, name, kind, 0, 1, error, "", attributes, {})


@pytest.mark.parametrize(
    ("kind", "name", "attributes"),
    [
        ("server", "GET /orders/{order_id}", SERVER),
        ("client", "GET", CALL),
        ("client", "SELECT carts", DATABASE),
        ("internal", "anything", {}),
    ],
)
def test_a_span_with_all_that_is_required_is_right(
    kind: str, name: str, attributes: dict[str, Any]
) -> None:
    """Whatever else it has."""
    assert wrong_with(span(kind, name, attributes)) is None


@pytest.mark.parametrize(
    ("kind", "name", "attributes", "lacking"),
    [
        ("server", "GET /orders/{order_id}", SERVER, "url.path"),
        ("client", "GET", CALL, "server.address"),
        ("client", "SELECT carts", DATABASE, "db.namespace"),
    ],
)
def test_a_span_without_a_required_attribute_is_named(
    kind: str, name: str, attributes: dict[str, Any], lacking: str
) -> None:
    """With the attribute."""
    rest = {key: value for key, value in attributes.items() if key != lacking}
    assert lacking in (wrong_with(span(kind, name, rest)) or "")


def test_a_span_called_by_its_path_is_wrong() -> None:
    """Ids in names are as many operations as there are ids."""
    problem = wrong_with(span("server", "GET /orders/1", SERVER))
    assert problem is not None
    assert "GET /orders/{order_id}" in problem


def test_a_failure_says_why() -> None:
    """By status code, error.type or an exception."""
    assert wrong_with(span("consumer", "process x", {}, error=True)) is not None
    assert "error.type" in (wrong_with(span("internal", "x", {}, error=True)) or "")
    assert wrong_with(span("internal", "x", {"error.type": "ValueError"}, error=True)) is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"level": "INFO"}, "none of the levels"),
        ({"trace_id": "7"}, "32 hexadecimal digits"),
        ({"span_id": "g" * 16}, "16 hexadecimal digits"),
        ({"service_instance_id": ""}, "service_instance_id"),
    ],
)
def test_a_line_with_a_wrong_field_is_named(changed: dict[str, str], said: str) -> None:
    """With what is wrong with it."""
    assert said in (wrong_with_line(LogLine(0, "order_placed", FIELDS | changed)) or "")


@pytest.mark.parametrize(
    "event", ["order 12345 placed", "mail to a@b.example", "order beaa9af2259c41ad placed"]
)
def test_an_event_with_a_variable_in_it_is_wrong(event: str) -> None:
    """Its variables are fields, so that it can be counted."""
    assert "not a constant" in (wrong_with_line(LogLine(0, event, FIELDS)) or "")


def test_an_ordinary_line_is_right() -> None:
    """With and without a trace."""
    assert wrong_with_line(LogLine(0, "order_placed", FIELDS)) is None
    traced = FIELDS | {"trace_id": "0" * 32, "span_id": "0" * 16}
    assert wrong_with_line(LogLine(0, "order_placed", traced)) is None
