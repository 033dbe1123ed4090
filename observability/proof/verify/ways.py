"""Ways that files promise: from alerts to dashboards, from the map to a service, within Grafana."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from observability.boards import Board
from observability.proof.verify import sources, spans
from observability.proof.verify.files import Rule
from observability.proof.verify.finding import Finding
from observability.proof.verify.hops import CHECK
from observability.proof.verify.leads import SIGNALS, broken_link, leads_to
from observability.proof.verify.live import Live
from observability.proof.verify.service_map import nodes


async def check(live: Live) -> list[Finding]:
    """The findings of all of them."""
    boards = live.files.boards()
    by_uid = {board.uid: board for board in boards.values()}
    provisioned = live.files.data_sources()
    types = {source["uid"]: source["type"] for source in provisioned}
    return [
        *(_alert(rule, by_uid, types, live.files.runbooks) for rule in _alerts(live)),
        *sources.of_boards(boards, types),
        *sources.between(provisioned, by_uid),
        *await spans.check(live, provisioned),
        *await nodes(live, by_uid),
    ]


def _alerts(live: Live) -> list[Rule]:
    return [rule for rule in [*live.files.alert_rules(), *live.files.loki_rules()] if rule.alerting]


def _alert(
    rule: Rule, boards: Mapping[str, Board], types: Mapping[str, str], runbooks: Path
) -> Finding:
    """The alert names a page that exists, and a dashboard.

    That of a service's alert leads on to traces and logs; the backends themselves have none.
    """
    of_service = rule.labels.get("team") != "platform"
    subject = f"alert → dashboard{' → trace and logs' if of_service else ''}: {rule.name}"
    link = rule.annotations.get("dashboard_url", "")
    runbook = Path(rule.annotations.get("runbook_url", "")).name
    problem = broken_link(link, boards)
    if problem is None and not (runbooks / (runbook or "none")).is_file():
        problem = f"there is no runbook {runbook!r}"
    if problem is None and of_service:
        board = boards[urlsplit(link).path.rpartition("/")[2]]
        lacking = sorted({*SIGNALS.values()} - leads_to(board, boards, types))
        if lacking:
            problem = f"dashboard {board.uid} leads to no {' and no '.join(lacking)}"
    return Finding(CHECK, subject, problem is None, problem or link, (rule.place,))
