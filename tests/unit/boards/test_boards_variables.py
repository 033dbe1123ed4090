"""What is chosen of a dashboard's variables, and how queries are filled with it."""

import httpx
import pytest

from observability.boards import (
    Auto,
    Board,
    Span,
    Variable,
    asked_label,
    attributes,
    fill,
    resolve,
    seconds,
)
from observability.query import Prometheus


def variable(
    kind: str = "custom", *, several: bool = False, query: str = "account,cart"
) -> Variable:
    """A variable `service`; one of several values may also be all of them."""
    return Variable(
        name="service",
        label="Service",
        kind=kind,
        query=query,
        multi=several,
        include_all=several,
        all_value=".+" if several else None,
        default=(),
    )


async def filled(one: Variable, *given: str) -> str:
    """A query with what an address gives; none of these variables asks a server."""
    board = Board("b", "B", "", "30m", (one,), (), (), ())
    async with httpx.AsyncClient() as http:
        values = await resolve(board, {"service": given}, Prometheus(http))
    return fill('up{service="$service"}', values, "prometheus")


@pytest.mark.parametrize("given", ["$__all", "All"])
async def test_all_is_no_choice_where_one_value_is_wanted(given: str) -> None:
    """A link from a dashboard that had All opens on the first choice, not on a list of them."""
    assert await filled(variable(), given) == 'up{service="account"}'
    assert await filled(variable(several=True), given, "cart") == 'up{service=".+"}'


async def test_several_values_are_one_where_one_is_wanted() -> None:
    """The first; where several may be chosen they become an expression."""
    assert await filled(variable(), "cart", "account") == 'up{service="cart"}'
    assert await filled(variable(several=True), "cart", "account") == 'up{service="(cart|account)"}'


async def test_a_typed_text_is_taken_as_it_stands() -> None:
    """Whatever it says."""
    assert await filled(variable("textbox"), "All") == 'up{service="All"}'


def interval(*choices: str, default: str = "$__auto_interval_interval") -> Variable:
    """An interval that may follow the time shown: a hundredth of it, a minute at the least."""
    return Variable(
        name="interval",
        label="Interval",
        kind="interval",
        query=",".join(choices),
        multi=False,
        include_all=False,
        all_value=None,
        default=(default,),
        auto=Auto(parts=100, least=60),
    )


@pytest.mark.parametrize(
    ("given", "shown", "window"),
    [
        ((), 1_800, "60s"),
        ((), 86_400, "864s"),
        ((), 7 * 86_400, "6048s"),
        (("$__auto",), 86_400, "864s"),
        (("$__auto_interval_interval",), 86_400, "864s"),
        (("5m",), 86_400, "5m"),
    ],
)
async def test_an_interval_follows_the_time_shown_unless_one_is_chosen(
    given: tuple[str, ...], shown: int, window: str
) -> None:
    """What is chosen stays, also where the time shown is long."""
    board = Board("b", "B", "", "30m", (interval("1m", "5m"),), (), (), ())
    async with httpx.AsyncClient() as http:
        values = await resolve(board, {"interval": given}, Prometheus(http))
    span = Span(1_000_000, 1_000_000 + shown)
    assert values["interval"].choices == ("$__auto", "1m", "5m")
    assert fill("rate(a[$interval])", values, "prometheus", span.builtin()) == f"rate(a[{window}])"


@pytest.mark.parametrize("shown", [60, 1_800, 86_400, 31 * 86_400])
def test_an_interval_that_follows_the_time_is_no_shorter_than_a_step(shown: int) -> None:
    """Rates over less than a step would leave out what lies between two points."""
    span = Span(0, shown)
    window = seconds(Auto(parts=100, least=60).text(shown))
    assert window is not None
    assert window >= span.step


def test_the_label_that_a_variable_lists_is_read_once_for_all() -> None:
    """With or without a selector; a selector may hold commas."""
    query = 'label_values(up{job="services", a=~"b,c"}, service_name)'
    found = asked_label(variable("query", query=query))
    assert found == ("service_name", 'up{job="services", a=~"b,c"}')
    assert asked_label(variable("query", query="label_values(job)")) == ("job", "")
    assert asked_label(variable("custom", query="label_values(job)")) is None


def test_a_search_for_traces_reads_attributes_and_lengths_of_time() -> None:
    """As Grafana writes them, and as people do."""
    assert attributes("error=true http.route=/orders x") == {
        "error": "true",
        "http.route": "/orders",
    }
    assert [seconds(text) for text in ("1.5s", "250ms", "250", "2m", "", "soon")] == [
        1.5,
        0.25,
        0.25,
        120,
        None,
        None,
    ]
