"""Who did what, and who tries what they should not."""

from dashboards.kit.board import Dashboard, Row
from dashboards.kit.links import to_traces
from dashboards.kit.model import Look, Meaning
from dashboards.kit.panels import logs, stat, timeseries
from dashboards.kit.promql import ENVIRONMENT, rate, series, total
from dashboards.kit.queries import Loki, Prom
from dashboards.kit.style import EVENTS_PER_SECOND, PER_SECOND, above
from dashboards.kit.variables import ENVIRONMENT as ENVIRONMENT_VARIABLE
from dashboards.kit.variables import INTERVAL
from dashboards.shared import counted

_SERVED = "http_server_request_duration_seconds_count"
_REFUSED = 'http_response_status_code=~"401|403"'
_FAILED_SIGN_INS = 'outcome!~"ok|success|succeeded"'

_NOW = Row(
    "Now, and in the time shown",
    [
        stat(
            "Audit trail: breaks",
            Prom(f"sum(max by (chain) ({series('audit_chain_breaks', ENVIRONMENT)}))"),
            says=Meaning("0.", "`belfry audit verify` names the place; runbook AuditChainBroken."),
            look=Look(steps=above(1), decimals=0),
            size=(6, 4),
        ),
        stat(
            "Sign-ins that failed",
            counted("shop_sign_ins_total", _FAILED_SIGN_INS, ENVIRONMENT),
            says=Meaning("A few: people mistype.", "Many within minutes: someone tries passwords."),
            look=Look(steps=above(20, 100), decimals=0),
            size=(6, 4),
        ),
        stat(
            "Requests refused (401, 403)",
            counted(_SERVED, _REFUSED, ENVIRONMENT),
            says=Meaning(
                "A few: sessions end.", "Many: tokens are forged or stolen; see by route."
            ),
            look=Look(steps=above(50, 500), decimals=0),
            size=(6, 4),
        ),
        stat(
            "Requests to unknown addresses",
            counted(_SERVED, 'http_route="unmatched"', ENVIRONMENT),
            says=Meaning("A few.", "Many: a scanner, or a broken link on our own pages."),
            look=Look(steps=above(50, 500), decimals=0),
            size=(6, 4),
        ),
    ],
)

_COURSE = Row(
    "Over time",
    [
        timeseries(
            "Sign-ins by outcome",
            Prom(total(rate("shop_sign_ins_total", ENVIRONMENT), "outcome"), "{{outcome}}"),
            says=Meaning("Mostly successful.", "Failures alone rise: an attack on accounts."),
            look=Look(unit=EVENTS_PER_SECOND, links=(to_traces("account"),)),
            style="stacked",
        ),
        timeseries(
            "Refused by route",
            Prom(
                total(rate(_SERVED, _REFUSED, ENVIRONMENT), "service_name", "http_route"),
                "{{service_name}} {{http_route}}",
            ),
            says=Meaning(
                "Little.",
                "One route alone: someone knocks at that door.",
                quiet="no request was refused.",
            ),
            look=Look(unit=PER_SECOND, links=(to_traces("${__field.labels.service_name}"),)),
        ),
        timeseries(
            "Refusals by status",
            Prom(
                total(
                    rate(_SERVED, 'http_response_status_code=~"4.."', ENVIRONMENT),
                    "http_response_status_code",
                ),
                "{{http_response_status_code}}",
            ),
            says=Meaning(
                "402, 404 and 409 belong to a shop.",
                "429 or 401 in bulk: one client does too much.",
                quiet="no request was refused.",
            ),
            look=Look(unit=PER_SECOND),
            style="stacked",
        ),
    ],
)

_TRAIL = Row(
    "Trail",
    [
        logs(
            "Audit trail",
            Loki('{log_stream="audit", deployment_environment_name=~"$environment"}'),
            says=Meaning(
                "Each sign-in, order and change of settings, by whom.",
                "An entry nobody can explain: open its trace; `belfry audit verify`.",
                quiet="nothing that is audited was done.",
            ),
        )
    ],
)

DASHBOARD = Dashboard(
    uid="audit",
    title="Audit and security",
    description="Who did what, and who tries what they should not?",
    variables=(ENVIRONMENT_VARIABLE, INTERVAL),
    rows=(_NOW, _COURSE, _TRAIL),
)
