"""What stands in `scenarios.toml`, validated."""

import tomllib
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    ValidationError,
    model_validator,
)

from observability.exits import UsageError
from observability.proof.drill.acts import Act
from observability.proof.drill.selector import Selector

FILE: Final = Path(__file__).with_name("scenarios.toml")
THIRDS: Final = 3
#: Alerts on promises to users: held back while services start and stop.
PROMISES: Final = frozenset({"HighErrorRate", "HighLatency", "ShipmentsLate", "ErrorBudgetBurn"})

Alerts = tuple[
    Annotated[
        InstanceOf[Selector],
        BeforeValidator(lambda one: Selector.parse(one) if isinstance(one, str) else one),
    ],
    ...,
]


#: Labels that all alerts of a shop share: they say nothing of what an alert is about.
_SHARED: Final = frozenset({"service_namespace", "deployment_environment_name"})


def _whose(labels: Mapping[str, str]) -> set[str]:
    """What an alert may be about: services, queues, instances, trails."""
    return {value for name, value in labels.items() if name not in _SHARED}


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(_Table):
    """One request of a journey.

    Attributes:
        request: method, service and path: `GET catalog/products`.
        body: sent as JSON. `{random}` in it or in the path is another word in each request,
            `{number}` one from 1 to 10,000, `{now}` the time in unix nanoseconds.
        once: sent with an Idempotency-Key of its own.
    """

    request: Annotated[str, Field(pattern=r"^[A-Z]+ [\w-]+/\S*$")]
    body: dict[str, Any] | None = None
    once: bool = False


class Journey(_Table):
    """Requests that one customer makes one after the other.

    Attributes:
        signed_in: whether it is a customer with an account.
        token: sent as this bearer token, for requests that shall be refused.
    """

    steps: tuple[Step, ...]
    signed_in: bool = False
    token: str | None = None


class TraceWanted(_Table):
    """What a trace made during the fault must show.

    Attributes:
        service: in which service.
        error: whether a span of it must have failed.
        longer_than: seconds that a span of it must at least take.
        name: what the span's name must contain.
        status: with which HTTP status it must have answered or been answered.
        waited: seconds that its message must at least have waited in the queue.
        without: service that must have no part in the trace.
    """

    service: str
    error: bool = False
    longer_than: float = 0.0
    name: str = ""
    status: int | None = None
    waited: float = 0.0
    without: str = ""


class Scenario(_Table):
    """One fault and what must come of it.

    Attributes:
        name: its key in the file.
        what: what is done, for a person.
        do: what is done, in order; undone in the opposite one.
        traffic: journeys a second while it lasts, in addition to the background's.
        hits: services, queues or backends whose alerts it is meant to ring. Two drills run at the
            same time only if neither hits what the other hits or disturbs.
        disturbs: others that may notice; alerts about them are no false alarms.
        alone: nothing else may run meanwhile, since it takes from them what they are shown by.
        expect: alerts that must be received, each with its end.
        never: alerts that nobody may receive although they are about what is hit or disturbed.
        within: seconds from the fault to the last notification.
        resolved_within: seconds from the fault's end to the last notification of an end.
        trace: what a trace must show.
        logs: LogQL, each of which must find a line.
    """

    name: str
    what: str
    do: tuple[Act, ...]
    traffic: Mapping[str, float] = {}
    hits: frozenset[str]
    disturbs: frozenset[str] = frozenset()
    alone: bool = False
    expect: Annotated[Alerts, Field(min_length=1)]
    never: Alerts = ()
    within: Annotated[float, Field(gt=0)] = 60.0
    resolved_within: Annotated[float, Field(gt=0)] = 120.0
    trace: TraceWanted | None = None
    logs: tuple[str, ...] = ()

    @cached_property
    def radius(self) -> frozenset[str]:
        """Everything that it hits or disturbs."""
        return self.hits | self.disturbs

    @cached_property
    def restarts(self) -> bool:
        """Whether services begin or end by it."""
        return any(act.restarts for act in self.do)

    @cached_property
    def measures_promises(self) -> bool:
        """Whether it expects an alert that is held back while services begin or end."""
        return not PROMISES.isdisjoint(one.name for one in self.expect)

    def conflicts(self, other: "Scenario") -> bool:
        """Whether the two may not be played at the same time."""
        if self.alone or other.alone or (self.restarts and other.measures_promises):
            return True
        if other.restarts and self.measures_promises:
            return True
        return bool(self.hits & other.radius or other.hits & self.radius)

    def concerns(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels, ringing before it begins, would spoil it."""
        if any(one.matches(labels) for one in self.expect):
            return True
        return not self.hits.isdisjoint(_whose(labels))

    def covers(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels may come of it."""
        if any(one.matches(labels) for one in self.expect):
            return True
        return not self.radius.isdisjoint(_whose(labels))


class Catalogue(_Table):
    """The whole file.

    Attributes:
        background: journeys a second that go on during the whole run.
        journeys: by name.
        scenarios: in the order in which they stand.
        unrehearsed: alerts that no running shop can be made to show, each with the reason.
    """

    background: Mapping[str, float]
    journeys: Mapping[str, Journey]
    scenarios: tuple[Scenario, ...]
    unrehearsed: Mapping[str, str] = {}

    @model_validator(mode="after")
    def _journeys_exist(self) -> "Catalogue":
        for name, used in self._uses():
            if unknown := sorted(set(used) - set(self.journeys)):
                raise ValueError(f"{name}: there is no journey {unknown[0]!r}")
        return self

    def _uses(self) -> Iterable[tuple[str, Iterable[str]]]:
        yield "background", self.background
        for scenario in self.scenarios:
            yield scenario.name, scenario.traffic
            yield scenario.name, [name for act in scenario.do for name in act.journeys]

    def chosen(self, names: Iterable[str], third: int | None = None) -> list[Scenario]:
        """The scenarios of these names, all if none is named; of a third, every third.

        Raises:
            UsageError: there is no scenario of such a name.
        """
        known = {scenario.name: scenario for scenario in self.scenarios}
        wanted = list(dict.fromkeys(names))
        for name in wanted:
            if name not in known:
                raise UsageError(f"there is no drill {name!r}; see belfry drill --list")
        found = [known[name] for name in wanted] or list(self.scenarios)
        return found if third is None else found[third - 1 :: THIRDS]


def load(path: Path = FILE) -> Catalogue:
    """Read the scenarios.

    Raises:
        UsageError: something in the file is not as it must be; says what.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        scenarios = document.pop("scenarios", {})
        named = [{"name": name, **table} for name, table in scenarios.items()]
        return Catalogue.model_validate(document | {"scenarios": named})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path.name}: {where}: {first['msg']}") from None
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{path}: {error}") from None
