"""How pages put things, and where they lead."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.gateway.pages import wording
from services.gateway.pages.browse import Links
from services.gateway.pages.rendering import local_path, trace_url


@pytest.mark.parametrize(
    ("cents", "text"), [(0, "€0.00"), (5, "€0.05"), (123450, "€1,234.50"), (-250, "-€2.50")]
)
def test_money(cents: int, text: str) -> None:
    assert wording.euros(cents) == text


def test_times_are_told_in_utc() -> None:
    at = datetime(2026, 3, 1, 1, 5, 9, tzinfo=timezone(timedelta(hours=2)))
    assert wording.moment(at) == "28 February 2026, 23:05 UTC"
    assert wording.clock(at.astimezone(UTC)) == "23:05:09"


def test_names_become_words() -> None:
    assert wording.words("label_created") == "Label created"
    assert wording.words("in-transit") == "In transit"
    assert wording.country("NL") == "Netherlands"
    assert wording.country("XX") == "XX"


def test_a_product_keeps_its_tone() -> None:
    assert wording.tone("enamel-mug") == wording.tone("enamel-mug")
    assert {wording.tone(f"p{n}") for n in range(100)} == set(range(6))


@pytest.mark.parametrize("path", ["/cart", "/products/x?a=b", "/"])
def test_a_path_of_ours_is_led_to(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "path", ["", "cart", "//evil.example", "https://evil.example", "/\\evil.example", "/a\nb"]
)
def test_another_site_is_never_led_to(path: str) -> None:
    assert local_path(path) == "/"


def test_links_of_the_list_keep_what_they_do_not_change() -> None:
    link = Links(query="tea & cake", category="")
    assert link(page=2) == "/?query=tea+%26+cake&page=2"
    assert link(category="Desk", page=1) == "/?query=tea+%26+cake&category=Desk"
    assert Links(query="", category="Desk")(category="") == "/"


def test_a_trace_is_linked_if_there_is_a_console() -> None:
    assert trace_url("http://127.0.0.1:8080/", "ab") == "http://127.0.0.1:8080/traces/ab"
    assert trace_url(None, "ab") is None
    assert trace_url("http://127.0.0.1:8080", None) is None
