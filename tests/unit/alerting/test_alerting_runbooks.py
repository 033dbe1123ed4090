"""Every runbook: one an alert, of one shape, with queries that parse and commands that exist."""

import re
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from observability.alerting.catalogue import GROUPS
from observability.alerting.own_alerts import OWN_ALERTS
from observability.alerting.profiles import DEMO
from observability.cli import app
from observability.proof.promql import named
from tests.support.promtool import refused
from tests.support.runbooks import FOLDER, commands, pages, queries
from tests.unit.dashboards.known import LABELS, METRICS, RECORDED

ALERTS = [*(alert for group in GROUPS for alert in group.alerts(DEMO)), *OWN_ALERTS]
NAMES = sorted(alert.name for alert in ALERTS)
SOURCE = "\n".join(
    path.read_text(encoding="utf-8")
    for part in ("services", "observability")
    for path in (FOLDER.parents[1] / part).rglob("*.py")
)
SECTIONS = [
    "## What it means",
    "## Who is hurt",
    "## Look here first",
    "## Likely causes",
    "## Mitigate",
    "## Make sure",
]


@pytest.mark.parametrize("name", NAMES)
def test_every_alert_has_a_runbook_of_one_shape(name: str) -> None:
    """docs/runbooks/<Alert>.md exists, names the alert and has every section, in order."""
    page = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {name}\n")
    assert [line for line in page.splitlines() if line.startswith("## ")] == SECTIONS
    assert len(page.splitlines()) <= 80, "short enough to read at night"


@pytest.mark.parametrize("name", NAMES)
def test_every_runbook_tells_where_to_look_and_causes_apart(name: str) -> None:
    """A query or a command in the first place; a table of causes."""
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    look = text.split("## Look here first")[1].split("## Likely causes")[0]
    assert "```" in look
    assert re.search(r"\| Cause.* \| How to tell \|\n\|---\|---\|\n\| .+ \| .+ \|", text)
    assert "```sh" in text


def test_no_runbook_is_left_over() -> None:
    """Each page in docs/runbooks is of an alert that exists."""
    assert {path.stem for path in pages()} - {"README"} == set(NAMES)


def test_prometheus_can_parse_every_query(tmp_path: Path) -> None:
    """promtool accepts each PromQL block of each page."""
    asked = [query for page in pages() for query in queries(page, "promql")]
    named_so = {f"{Path(query.page).stem}:{query.line}": query.text for query in asked}
    assert refused(named_so, tmp_path) == ""


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.stem)
def test_queries_name_metrics_and_labels_that_exist(page: Path) -> None:
    """So that a rename is noticed here too."""
    for query in queries(page, "promql"):
        found = named(query.text)
        assert found.metrics <= METRICS | RECORDED, query.place
        assert found.labels <= LABELS, query.place


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.stem)
def test_log_events_that_are_looked_for_are_written_somewhere(page: Path) -> None:
    """An event's name is a constant in the source."""
    for query in queries(page, "logql"):
        for event in re.findall(r'(?:\|=|!=) "(\w+)"', query.text):
            assert f'"{event}"' in SOURCE, query.place


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.stem)
def test_commands_exist(page: Path) -> None:
    """Each `belfry …`, in the text too, parses with its arguments and options; nothing is run."""
    for command in commands(page):
        words = command.words
        if words[0] == "belfry" and words[-1] != "--help":
            try:
                parses(words[1:])
            except (TyperException, AssertionError) as error:
                pytest.fail(f"{command.place}: {error}")


def parses(arguments: list[str]) -> None:
    """Walk down the commands as the command line does, without calling any."""
    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="belfry")
    name = "belfry"
    while arguments and not arguments[0].startswith("-") and isinstance(command, TyperGroup):
        _, found, rest = command.resolve_command(context, arguments)
        assert found is not None, f"no command {arguments[0]}"
        name, arguments, command = arguments[0], rest, found
        context = typer.Context(command, info_name=name, parent=context)
    command.make_context(name, arguments, context.parent)
