"""Service level objectives: their figures, and alerts on budgets that are spent too fast."""

from __future__ import annotations

from observability.alerting.catalogue.services import EXCUSED
from observability.alerting.profiles import Burn, Profile
from observability.alerting.slo import EVERY_OTHER, KINDS, Objective, load
from observability.alerting.spec import (
    BY_SERVICE,
    IDENTITY,
    ON_SERVICE,
    VALUE_PERCENT,
    Alert,
    Record,
    Rule,
    Severity,
    Team,
    label,
)

_IDS = ", ".join(IDENTITY)
_BY = f"by ({_IDS}, slo)"
_ON = f"on ({_IDS}, slo)"
_SERVICE = label("service_name")
_WHERE = label("deployment_environment_name")
_HTTP = "http_server_request_duration_seconds"
_LINK = {"service": "service_name", "environment": "deployment_environment_name"}


def objectives() -> list[Objective]:
    """Every promise of every spec."""
    named = tuple(spec.service for spec in load() if spec.service != EVERY_OTHER)
    return [one for spec in load() for one in spec.objectives(named)]


def paging(profile: Profile) -> list[Rule]:
    """Counts of events, burn rates over short windows, and the pages on them."""
    burns = tuple(burn for burn in profile.burns if burn.page)
    share = f" * {_ON} slo:error_budget:ratio"
    return [
        *(record for kind in KINDS for record in _counts(kind)),
        *(rate for burn in burns for rate in _rates(burn)),
        Record("slo:page:ratio", _burning(burns, profile, share)),
        _errors(profile),
        _latency(profile),
        _late(profile),
    ]


def tickets(profile: Profile) -> list[Rule]:
    """Burn rates over long windows, what is left of the budgets, and tickets."""
    burns = tuple(burn for burn in profile.burns if not burn.page)
    return [
        *(rate for burn in burns for rate in _rates(burn)),
        Record("slo:budget_remaining:ratio", _remaining(profile)),
        Record("slo:ticket:burn_rate", _burning(burns, profile, "")),
        _slow_burn(profile),
        _missing(profile),
    ]


def _counts(kind: str) -> list[Record]:
    """Counters by replica that begin at 0, so that the first failure is a rise like any other."""
    labels = {"slo": kind}
    every = [one for one in objectives() if one.kind == kind]
    return [
        Record("slo:events:total", "\nor\n".join(one.events for one in every), labels),
        Record("slo:bad_events:total", "\nor\n".join(f"({one.bad})" for one in every), labels),
        Record("slo:error_budget:ratio", "\nor\n".join(_budget(one) for one in every), labels),
    ]


def _budget(one: Objective) -> str:
    """The share of events that may be bad, with the identity of each service that promises it."""
    events = f'sum {BY_SERVICE} (slo:events:total{{{one.who},slo="{one.kind}"}})'
    return f"0 * {events} + {one.budget:g}"


def _rates(burn: Burn) -> list[Record]:
    return [
        Record(
            "slo:burn_rate:ratio",
            f"sum {_BY} (rate(slo:bad_events:total[{window}]))"
            f" / sum {_BY} (rate(slo:events:total[{window}]))"
            f" / {_ON} slo:error_budget:ratio",
            {"factor": f"{burn.factor:g}", "window": name},
        )
        for name, window in (("long", burn.long), ("short", burn.short))
    ]


def _burning(burns: tuple[Burn, ...], profile: Profile, scale: str) -> str:
    """Where both windows of a tier burn too fast, by more than a handful of bad events."""
    tiers = "\n    or\n".join(
        f'    slo:burn_rate:ratio{{factor="{one.factor:g}",window="long"}} > {one.factor:g}'
        " and ignoring (window)"
        f' slo:burn_rate:ratio{{factor="{one.factor:g}",window="short"}} > {one.factor:g}'
        for one in burns
    )
    return f"""\
max without (factor, window) (
{tiers}
  ){scale}
and {_ON}
sum {_BY} (increase(slo:bad_events:total[{burns[-1].long}])) >= {profile.failures_at_least}"""


def _remaining(profile: Profile) -> str:
    window = profile.budget_window
    return (
        f"1 - sum {_BY} (increase(slo:bad_events:total[{window}]))"
        f" / (sum {_BY} (increase(slo:events:total[{window}])) > 0)"
        f" / {_ON} slo:error_budget:ratio"
    )


def _page(kind: str) -> str:
    """A page's condition; a service that is away has an alert of its own."""
    return f'slo:page:ratio{{slo="{kind}"}}\nunless {EXCUSED}'


def _errors(profile: Profile) -> Alert:
    return Alert(
        name="HighErrorRate",
        expr=_page("availability"),
        hold=profile.page_hold,
        keep=profile.page_keep,
        severity=Severity.CRITICAL,
        team=Team.SERVICES,
        summary=f"{_SERVICE} fails {VALUE_PERCENT} of its requests",
        description=(
            f"{VALUE_PERCENT} of the requests to {_SERVICE} ({_WHERE})"
            f" end in a 5xx{_promised()}."
            + _worst_route(f"{_HTTP}_count", "http_response_status_code=~`5..`", profile.window)
        ),
        dashboard="service-detail",
        variables=_LINK,
    )


def _latency(profile: Profile) -> Alert:
    slow = f"histogram_quantile(0.95, sum by (le) (rate({_HTTP}_bucket{{%s}}[{profile.window}])))"
    return Alert(
        name="HighLatency",
        expr=_page("latency"),
        hold=profile.page_hold,
        keep=profile.page_keep,
        severity=Severity.CRITICAL,
        team=Team.SERVICES,
        summary=f"{_SERVICE} is slow: {VALUE_PERCENT} of its requests take longer than promised",
        description=(
            f"{VALUE_PERCENT} of the requests to {_SERVICE} ({_WHERE})"
            f" take longer than promised{_promised()}."
            + _asked(
                slow,
                " One in twenty takes {{ . | first | value | humanizeDuration }} or longer.",
                "http_route!~`.*/stream`",
            )
            + _worst_route(f"{_HTTP}_sum", "http_route!~`.*/stream`", profile.window)
        ),
        dashboard="service-detail",
        about_time=True,
        variables=_LINK,
    )


def _late(profile: Profile) -> Alert:
    return Alert(
        name="ShipmentsLate",
        expr=_page("freshness"),
        hold=profile.page_hold,
        keep=profile.page_keep,
        severity=Severity.CRITICAL,
        team=Team.SERVICES,
        summary=f"{VALUE_PERCENT} of the orders of {_SERVICE} are shipped too late",
        description=(
            f"{VALUE_PERCENT} of the paid orders ({_WHERE}) get their"
            f" shipment later than promised{_promised()}: customers wait."
        ),
        dashboard="queues-workers",
        about_time=True,
        variables={"environment": "deployment_environment_name"},
    )


def _slow_burn(profile: Profile) -> Alert:
    return Alert(
        name="ErrorBudgetBurn",
        expr=f"slo:ticket:burn_rate\nunless {EXCUSED}",
        hold=profile.ticket_hold,
        severity=Severity.WARNING,
        team=Team.SERVICES,
        summary=(
            f"{_SERVICE} spends its {label('slo')} budget"
            ' {{ $value | printf "%.1f" }} times too fast'
        ),
        description=(
            f"At this pace the {label('slo')} budget of {_SERVICE} ({_WHERE}) does not last for its"
            f" {profile.budget_window}.{_left()} Nobody need be woken; find the cause today."
        ),
        dashboard="slo",
        variables=_LINK,
    )


def _missing(profile: Profile) -> Alert:
    window = profile.window
    served = f'traces_span_metrics_calls_total{{span_kind="SPAN_KIND_SERVER"}}[{window}]'
    parts = [_silent(served, "availability", profile.requests_at_least, window)]
    for spec in load():
        if spec.freshness is not None:
            asked = f"{spec.freshness.asked}[{window}]"
            parts.append(_silent(asked, "freshness", profile.failures_at_least, window))
    return Alert(
        name="SloDataMissing",
        expr="\nor\n".join(parts),
        hold=profile.hold_for,
        severity=Severity.WARNING,
        team=Team.PLATFORM,
        summary=f"{_SERVICE} works, but its {label('slo')} is not measured",
        description=(
            '{{ $value | printf "%.0f" }}'
            f" events of {_SERVICE} ({_WHERE}) within {window} are"
            f" known from elsewhere, and none of them in the figures of its {label('slo')} SLO:"
            " its alerts are blind."
        ),
        dashboard="slo",
        variables=_LINK,
    )


def _silent(known: str, kind: str, at_least: int, window: str) -> str:
    """Events known from another signal, where the SLO has counted none."""
    return f"""\
label_replace(
  sum {BY_SERVICE} (increase({known})) >= {at_least}
  unless {ON_SERVICE}
  sum {BY_SERVICE} (increase(slo:events:total{{slo="{kind}"}}[{window}])) > 0,
  "slo", "{kind}", "", "")"""


def _promised() -> str:
    """`; at most 0.5% may`, asked when it fires."""
    return _asked(
        "slo:error_budget:ratio{%s}",
        "; at most {{ . | first | value | humanizePercentage }} may",
        "slo=`%s`",
        "slo",
    )


def _left() -> str:
    return _asked(
        "slo:budget_remaining:ratio{%s}",
        " {{ if gt (. | first | value) 0.0 }}"
        "{{ . | first | value | humanizePercentage }} of it is left."
        "{{ else }}It is spent already.{{ end }}",
        "slo=`%s`",
        "slo",
    )


def _worst_route(metric: str, matcher: str, window: str) -> str:
    """A sentence naming the service's route whose `metric` rises fastest."""
    figure = f"sum by (http_request_method, http_route) (rate({metric}{{%s}}[{window}]))"
    return _asked(
        f"topk(1, {figure})",
        " Worst route: {{ . | first | label `http_request_method` }}"
        " {{ . | first | label `http_route` }}.",
        matcher,
    )


def _asked(query: str, sentence: str, matcher: str, *more: str) -> str:
    """`sentence` about the first answer to `query`, which holds `%s` where its matchers go."""
    matchers = ",".join([*(f"{name}=`%s`" for name in IDENTITY), matcher])
    text = query.replace("%s", matchers).replace("`", "'")
    values = " ".join(f"$labels.{name}" for name in (*IDENTITY, *more))
    return f'{{{{ with query (printf "{text}" {values}) }}}}{sentence}{{{{ end }}}}'
