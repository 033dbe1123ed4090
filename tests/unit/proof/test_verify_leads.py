"""Where dashboards lead to is read from their files."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from observability.boards import Board, load_board
from observability.proof.verify.leads import broken_link, leads_to

TYPES = {"the-logs": "loki", "the-traces": "jaeger", "prometheus": "prometheus"}
LOGS = {"datasource": {"type": "loki", "uid": "the-logs"}, "refId": "A", "expr": "{a='b'}"}
FIGURE = {"datasource": {"type": "prometheus", "uid": "prometheus"}, "refId": "A", "expr": "up"}
TO_LOGS = {"type": "link", "url": "/d/logs", "keepTime": True, "includeVars": True}


def _board(folder: Path, uid: str, *panels: dict[str, Any], links: tuple[Any, ...] = ()) -> Board:
    place = {"x": 0, "y": 0, "w": 1, "h": 1}
    document = {
        "uid": uid,
        "title": uid,
        "time": {"from": "now-1h"},
        "templating": {"list": [{"name": "service", "type": "textbox"}]},
        "annotations": {"list": []},
        "panels": [{"id": n, "type": "x", "gridPos": place, **p} for n, p in enumerate(panels)],
        "links": list(links),
    }
    path = folder / f"{uid}.json"
    path.write_text(json.dumps(document))
    return load_board(path)


def _explore(source: str) -> str:
    panes = {"a": {"datasource": source, "queries": [], "range": {"from": "${__from}"}}}
    return f"/explore?schemaVersion=1&panes={quote(json.dumps(panes))}"


def test_a_dashboard_without_a_query_leads_nowhere(tmp_path: Path) -> None:
    """Whatever links stand at its top: nobody looks at an empty page."""
    logs = _board(tmp_path, "logs", {"targets": [LOGS]})
    empty = _board(tmp_path, "empty", {"targets": []}, links=(TO_LOGS,))
    full = _board(tmp_path, "full", {"targets": [FIGURE]}, links=(TO_LOGS,))
    boards = {one.uid: one for one in (logs, empty, full)}
    assert leads_to(empty, boards, TYPES) == set()
    assert leads_to(full, boards, TYPES) == {"logs"}


def test_a_link_leads_to_what_is_there(tmp_path: Path) -> None:
    """One to a dashboard that is gone, that shows nothing, or that forgets the time, does not."""
    hollow = _board(tmp_path, "logs", {"targets": [FIGURE]})
    board = _board(tmp_path, "some", {"targets": [FIGURE]}, links=(TO_LOGS,))
    assert leads_to(board, {"logs": hollow, "some": board}, TYPES) == set()
    assert leads_to(board, {"some": board}, TYPES) == set()
    forgetful = TO_LOGS | {"keepTime": False}
    logs = _board(tmp_path, "logs", {"targets": [LOGS]})
    board = _board(tmp_path, "some", {"targets": [FIGURE]}, links=(forgetful,))
    assert leads_to(board, {"logs": logs, "some": board}, TYPES) == set()


def test_panels_lead_by_exemplars_and_by_links_of_their_values(tmp_path: Path) -> None:
    """Links of all fields and of one; to a dashboard, or to Explore with a data source."""
    field = {
        "matcher": {},
        "properties": [{"id": "links", "value": [{"url": _explore("the-logs")}]}],
    }
    panel = {"targets": [FIGURE], "fieldConfig": {"defaults": {}, "overrides": [field]}}
    assert leads_to(_board(tmp_path, "a", panel), {}, TYPES) == {"logs"}
    panel["fieldConfig"] = {"defaults": {"links": [{"url": _explore("the-traces")}]}}
    assert leads_to(_board(tmp_path, "b", panel), {}, TYPES) == {"traces"}
    panel["fieldConfig"] = {"defaults": {"links": [{"url": _explore("prometheus")}]}}
    assert leads_to(_board(tmp_path, "c", panel), {}, TYPES) == set()
    assert leads_to(_board(tmp_path, "d", {"targets": [FIGURE | {"exemplar": True}]}), {}, {}) == {
        "traces"
    }


def test_a_link_names_a_dashboard_and_variables_of_it(tmp_path: Path) -> None:
    """Templates of rules count as whatever they will be."""
    boards = {"some": _board(tmp_path, "some")}
    assert broken_link("/d/some?var-service={{ $labels.a | urlquery }}&from=now", boards) is None
    assert broken_link("/d/other", boards) == "there is no dashboard 'other'"
    assert broken_link("/d/some?var-queue=x", boards) == "dashboard some has no var-queue"
