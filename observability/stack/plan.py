"""Decides what runs: which processes, in which order, how many replicas of each."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from observability.exits import UsageError
from observability.settings import Settings
from observability.stack.config import Config
from observability.stack.services import CONSOLE

_MOST_REPLICAS = 64
_VARIABLE = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run.

    Attributes:
        levels: names in start order; what is in one level needs nothing of the same level. They are
            stopped in reverse order, level by level.
        replicas: how many of each service, 1 where it is not named.
    """

    settings: Settings
    config: Config
    levels: tuple[tuple[str, ...], ...]
    replicas: Mapping[str, int] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that is to run, in start order."""
        return tuple(name for level in self.levels for name in level)


def make_plan(  # noqa: PLR0913 - the three last are the command's options, each with a default
    settings: Settings,
    config: Config,
    backends: Mapping[str, tuple[str, ...]],
    *,
    only: Iterable[str] = (),
    without: Iterable[str] = (),
    scale: Mapping[str, int] | None = None,
) -> Plan:
    """Work out what to run.

    Args:
        settings: of the stack.
        config: belfry.toml.
        backends: the names of those that can be run here, each with what it sends to.
        only: names to run and no others; `services` and `backends` stand for all of a kind.
        without: names to leave out.
        scale: replicas by service.

    Raises:
        UsageError: an unknown name, a circle of needs, or a service that cannot be scaled.
    """
    needs = _needs(config, backends)
    groups = {"services": set(config.services), "backends": set(backends)}
    chosen = _expand(only, needs, groups) or set(needs)
    chosen -= _expand(without, needs, groups)
    if not chosen:
        raise UsageError("nothing is left to run: name less in --without")
    for name, replicas in (scale or {}).items():
        check_scale(config, name, replicas)
    levels = (tuple(name for name in level if name in chosen) for level in _levels(needs))
    return Plan(settings, config, tuple(level for level in levels if level), dict(scale or {}))


def check_scale(config: Config, name: str, replicas: int) -> None:
    """Refuse a number of replicas that cannot be run.

    Raises:
        UsageError: names why not.
    """
    if name not in config.services:
        raise UsageError(unknown(name, config.services))
    if not config.services[name].scalable:
        scalable = [other for other, table in config.services.items() if table.scalable]
        raise UsageError(
            f"{name} cannot be scaled; belfry.toml says `scalable = true` "
            f"of {', '.join(scalable) or 'nothing'}"
        )
    if not 0 <= replicas <= _MOST_REPLICAS:
        raise UsageError(f"{name}={replicas}: replicas must be from 0 to {_MOST_REPLICAS}")


def parse_scale(options: Iterable[str]) -> dict[str, int]:
    """`["worker=3"]` as numbers by name.

    Raises:
        UsageError: not of this form.
    """
    scale: dict[str, int] = {}
    for option in options:
        name, _, number = option.partition("=")
        if not name or not number.isdecimal():
            raise UsageError(f"{option!r} is not of the form NAME=N, for example worker=3")
        scale[name] = int(number)
    return scale


def parse_variables(options: Iterable[str]) -> dict[str, str]:
    """`["NAME=VALUE"]` as values by name.

    Raises:
        UsageError: not of this form.
    """
    variables: dict[str, str] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or not _VARIABLE.fullmatch(name):
            raise UsageError(f"{option!r} is not of the form VAR=VALUE")
        variables[name] = value
    return variables


def split_names(options: Iterable[str]) -> list[str]:
    """Names of an option that may be given as `a,b` and more than once."""
    names = (name.strip() for option in options for name in option.split(","))
    return [name for name in names if name]


def unknown(name: str, known: Iterable[str]) -> str:
    """Message that a name is unknown, with the nearest known one or all of them."""
    choices = sorted(known)
    close = difflib.get_close_matches(name, choices, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(choices)}"
    return f"there is no {name!r} to run; {hint}"


def _needs(config: Config, backends: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """What should be there before what; services come after all backends, before nothing."""
    needs: dict[str, tuple[str, ...]] = {
        name: tuple(other for other in others if other in backends)
        for name, others in backends.items()
    }
    needs[CONSOLE] = tuple(backends)
    for name, table in config.services.items():
        for other in table.needs:
            if other not in config.services:
                raise UsageError(f"belfry.toml: services.{name}.needs: no service {other!r}")
        needs[name] = (*backends, *table.needs)
    return needs


def _levels(needs: Mapping[str, tuple[str, ...]]) -> list[tuple[str, ...]]:
    sorter = TopologicalSorter(needs)
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise UsageError(f"belfry.toml: services need each other in a circle: {circle}") from None
    levels = []
    while sorter.is_active():
        ready = sorter.get_ready()
        sorter.done(*ready)
        levels.append(tuple(name for name in needs if name in ready))
    return levels


def _expand(
    names: Iterable[str], known: Mapping[str, object], groups: Mapping[str, set[str]]
) -> set[str]:
    chosen: set[str] = set()
    for name in names:
        if name not in known and name not in groups:
            raise UsageError(unknown(name, [*known, *groups]))
        chosen |= groups.get(name, {name})
    return chosen
