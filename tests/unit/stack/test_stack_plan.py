"""What runs, in which order: decided from belfry.toml, the backends, and the options."""

from pathlib import Path
from typing import Any

import pytest

from observability.exits import UsageError
from observability.settings import Settings
from observability.stack.config import Config
from observability.stack.plan import Plan, make_plan, parse_scale, split_names

BACKENDS = {"collector": ("loki",), "loki": (), "grafana": ("loki", "prometheus")}


def config(**needs: list[str]) -> Config:
    """A belfry.toml of services with their needs; `worker` can be scaled."""
    services = {
        name: {"app": "x:app", "port": 8000 + n, "needs": others, "scalable": name == "worker"}
        for n, (name, others) in enumerate(needs.items())
    }
    return Config.model_validate({"root": Path("/"), "services": services})


def planned(
    what: Config,
    *,
    only: tuple[str, ...] = (),
    without: tuple[str, ...] = (),
    scale: dict[str, int] | None = None,
) -> Plan:
    """A plan with the test's backends."""
    return make_plan(Settings(), what, BACKENDS, only=only, without=without, scale=scale or {})


def test_what_is_needed_starts_first() -> None:
    """Backends before services, and each before who needs it."""
    names = planned(config(front=["back"], back=[])).names

    assert names.index("loki") < names.index("collector") < names.index("back")
    assert names.index("back") < names.index("front")
    assert set(names) == {"loki", "collector", "grafana", "console", "back", "front"}


def test_levels_hold_what_does_not_need_each_other() -> None:
    """What is stopped at the same time is independent of each other."""
    levels = planned(config(a=[], b=[], c=["a", "b"])).levels

    assert levels[-2:] == (("console", "a", "b"), ("c",))


def test_a_need_that_is_not_there_is_no_obstacle() -> None:
    """A backend may name one that cannot be run here, such as Grafana its Prometheus."""
    assert "grafana" in planned(config()).names


@pytest.mark.parametrize(
    ("only", "without", "expected"),
    [
        (("a",), (), {"a"}),
        (("services",), (), {"a", "worker"}),
        (("backends", "a"), ("loki",), {"collector", "grafana", "a"}),
        ((), ("backends", "console"), {"a", "worker"}),
    ],
)
def test_options_choose(
    only: tuple[str, ...], without: tuple[str, ...], expected: set[str]
) -> None:
    """Names, or `services` and `backends` for all of a kind."""
    assert set(planned(config(a=[], worker=["a"]), only=only, without=without).names) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"only": ("gatewy",)}, "there is no 'gatewy' to run; did you mean gateway?"),
        ({"without": ("zzz",)}, "known: "),
        ({"only": ("gateway",), "without": ("gateway",)}, "nothing is left to run"),
        ({"scale": {"gateway": 2}}, "gateway cannot be scaled"),
        ({"scale": {"nobody": 2}}, "there is no 'nobody'"),
        ({"scale": {"worker": 65}}, "replicas must be from 0 to 64"),
    ],
)
def test_options_that_cannot_be_met_are_refused(options: dict[str, Any], message: str) -> None:
    """The message names what is wrong and the nearest right thing."""
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        planned(config(gateway=[], worker=[]), **options)


def test_services_that_need_each_other_are_refused() -> None:
    """The circle is named."""
    with pytest.raises(UsageError, match=r"circle: (a → b → a|b → a → b)"):
        planned(config(a=["b"], b=["a"]))


def test_a_need_of_nothing_is_refused() -> None:
    """A misspelt need is found before anything starts."""
    with pytest.raises(UsageError, match=r"services\.a\.needs: no service 'bb'"):
        planned(config(a=["bb"]))


def test_replicas_and_names_are_read_from_options() -> None:
    """`--scale worker=3`, `--only a,b --only c`."""
    assert parse_scale(["worker=3", "other=0"]) == {"worker": 3, "other": 0}
    assert split_names(["a,b", " c ,"]) == ["a", "b", "c"]
    for wrong in ("worker", "worker=", "worker=-1", "=3"):
        with pytest.raises(UsageError, match="NAME=N"):
            parse_scale([wrong])
