"""What each log rule must not ring on, and the one line more on which it must.

The texts stand here in full, so that a rule that says something else is noticed.
"""

from dataclasses import dataclass, field

INFO, WARNING, ERROR, CRITICAL = 9, 13, 17, 21
MINUTE = 60


@dataclass(frozen=True)
class Lines:
    """Log lines of one event, some seconds old."""

    event: str
    count: int = 1
    severity: int = ERROR
    stream: str = "app"
    ago: float = 0


@dataclass(frozen=True)
class Case:
    """One service and what it writes.

    Attributes:
        service: Its name, by which the case goes too.
        alert: Whose limit it is about.
        quiet: Lines on which no rule rings: exactly at the limit, and many that do not count.
        last: The line beyond the limit; None if all of `quiet` must stay without alert.
        labels: Of the alert, besides those that say which service.
        annotations: Of the alert.
    """

    service: str
    alert: str
    quiet: tuple[Lines, ...]
    last: Lines | None = None
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


def _texts(alert: str, dashboard: str, summary: str, description: str) -> dict[str, str]:
    return {
        "summary": summary,
        "description": description,
        "runbook_url": f"docs/runbooks/{alert}.md",
        "dashboard_url": f"/d/{dashboard}&from=now-15m&to=now",
    }


def _flood(service: str, lines: int) -> dict[str, str]:
    return _texts(
        "LogFlood",
        f"logs?var-service={service}&var-environment=test",
        f"{service} floods the log: {lines} lines within 1m",
        f"{service} (test) wrote {lines} lines within 1m, ten times as many as 10m ago or over"
        " 30000: they cost storage and hide the lines that matter.",
    )


def _new(service: str, kind: str = "card_lost") -> dict[str, str]:
    return _texts(
        "NewError",
        f"logs?var-service={service}&var-environment=test",
        f"A new kind of error in {service}: {kind}",
        f"{service} (test) logged {kind} 3 times within 1m, and not once in the 1h before.",
    )


_TICKET = {"severity": "warning", "team": "services"}
#: As much of a line as tells one kind of error from another.
_LONG = "The card reader in the shop was not found: ".ljust(120, "-")

CASES = (
    Case(
        service="bursting",
        alert="ErrorLogBurst",
        quiet=(
            Lines("failed_long_ago", 30, ago=1.2 * MINUTE),
            # no more than two of a kind: none of them is a new error
            *(Lines(f"failed_{number}", 2) for number in range(5)),
            *(Lines(f"broken_{number}", 2, CRITICAL) for number in range(5)),
            Lines("request_finished", 30),
            Lines("upstream_failed", 30),
            Lines("price_odd", 30, WARNING),
            Lines("sign_in", 30, stream="audit"),
        ),
        last=Lines("failed_5"),
        labels=_TICKET,
        annotations=_texts(
            "ErrorLogBurst",
            "logs?var-service=bursting&var-environment=test",
            "bursting logged 21 errors within 1m",
            "bursting (test) wrote 21 lines of level error or worse within 1m; the limit is 20."
            " Requests that failed are not counted: this is what it says of itself.",
        ),
    ),
    Case(
        service="surprised",
        alert="NewError",
        quiet=(Lines("card_lost", 2), Lines("card_lost", 3, WARNING), Lines("request_finished", 9)),
        last=Lines("card_lost"),
        labels={**_TICKET, "kind": "card_lost"},
        annotations=_new("surprised"),
    ),
    Case(
        service="wordy",
        alert="NewError",
        quiet=(
            Lines(
                f"{_LONG}, the first",
            ),
            Lines(f"{_LONG}, the second"),
        ),
        last=Lines(f"{_LONG}, the third"),
        labels={**_TICKET, "kind": _LONG},
        annotations=_new("wordy", _LONG),
    ),
    Case(
        service="forgetful",
        alert="NewError",
        quiet=(Lines("card_lost", 3, ago=61.4 * MINUTE), Lines("card_lost", 2)),
        last=Lines("card_lost", severity=CRITICAL),
        labels={**_TICKET, "kind": "card_lost"},
        annotations=_new("forgetful"),
    ),
    Case(
        service="used-to-it",
        alert="NewError",
        quiet=(Lines("card_lost", 1, ago=59.8 * MINUTE), Lines("card_lost", 9)),
    ),
    Case(
        service="chatty",
        alert="LogFlood",
        quiet=(Lines("noise", 100, INFO, ago=10 * MINUTE), Lines("noise", 3_000, INFO)),
        last=Lines("noise", 1, INFO),
        labels=_TICKET,
        annotations=_flood("chatty", 3_001),
    ),
    Case(
        service="always-chatty",
        alert="LogFlood",
        quiet=(
            Lines("noise", 400, INFO, ago=10 * MINUTE),
            Lines("noise", 4_000, INFO),
            Lines("sign_in", 100, INFO, "audit"),
        ),
        last=Lines("noise", 1, WARNING),
        labels=_TICKET,
        annotations=_flood("always-chatty", 4_001),
    ),
    Case(
        service="new-and-chatty",
        alert="LogFlood",
        quiet=(Lines("noise", 30_000, INFO),),
        last=Lines("noise", 1, INFO),
        labels=_TICKET,
        annotations=_flood("new-and-chatty", 30_001),
    ),
    Case(
        service="behind",
        alert="StaleAnswers",
        quiet=(
            Lines("stale_answer_served", 9, WARNING, ago=1.2 * MINUTE),
            Lines("stale_answer_served", 5, WARNING),
            Lines("stale_answer_served", 9, INFO),
            Lines("stale_answer_served", 9, WARNING, "audit"),
            Lines("answer_served", 9, WARNING),
        ),
        last=Lines("stale_answer_served", 1, WARNING),
        labels=_TICKET,
        annotations=_texts(
            "StaleAnswers",
            "caches-databases?var-service=behind&var-environment=test",
            "behind gave 6 old answers within 1m",
            "What behind (test) asks does not answer, so it gave out 6 answers from its cache"
            " within 1m that are older than they should be: customers see old prices and stock,"
            " and soon errors.",
        ),
    ),
    Case(
        service="unwatched",
        alert="AuditNotRecorded",
        quiet=(
            Lines("audit_not_recorded", 1, stream="audit", ago=1.2 * MINUTE),
            Lines("audit_not_recorded", 9, INFO, "audit"),
            Lines("audit_not_recorded", 2),
            Lines("sign_in", 9, ERROR, "audit"),
        ),
        last=Lines("audit_not_recorded", 1, stream="audit"),
        labels={"severity": "critical", "team": "security"},
        annotations=_texts(
            "AuditNotRecorded",
            "audit?var-environment=test",
            "unwatched could not record 1 audit events",
            "unwatched (test) did 1 things within 1m that must be audited and could not write them"
            " to its trail: the disk is full, or the folder cannot be written. They are in the log"
            " alone.",
        ),
    ),
)
