"""The runbooks on the running stack: queries are answered, and commands do what they are for."""

import re
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from observability.proof.verify import contract, logql
from observability.proof.verify.files import Files
from observability.proof.verify.live import connected
from observability.settings import Settings
from tests.support.runbooks import FOLDER, LOOK, Passage, commands, pages, queries
from tests.support.stack import Stack
from tests.support.waiting import eventually

PROMQL = [query for page in pages() for query in queries(page, "promql")]
LOGQL = [query for page in pages() for query in queries(page, "logql")]
COMMANDS = [command for page in pages() for command in commands(page)]
#: They only tell, or what they change is nothing on a stack without fault and dead letters; each
#: with the exit codes that are right here.
HARMLESS = {
    "alerts": {0},
    "audit verify": {0},
    "fault clear": {0},
    "fault list": {0},
    "logs": {0},
    "queue list": {0},
    "queue peek": {0},
    # 1: there is none to put back
    "queue replay": {0, 1},
    "status": {0},
}
#: That they can be parsed is all that is proven of them, by the unit tests.
LASTING = re.compile(r"^belfry (up|alerts --follow)\b")
#: They change what runs: the name that they are given must be one that runs.
CHANGING = ("restart", "scale")
#: Other programs, of which each machine has these.
TELLING = {"du", "ls"}
#: Values of labels and fields that are not there while all is well: errors in the log, and what
#: the library failed at; what receivers take, where none is set.
NOT_NOW = {("level", "error"), ("component", "audit"), ("outcome", "delivered")}
_EQUAL = re.compile(r'(\w+)="([^"]+)"')


def named(passages: list[Passage]) -> list[Any]:
    """Each with its page and line as the test's name."""
    return [pytest.param(one, id=one.place) for one in passages]


def by_text(passages: list[Passage]) -> list[Any]:
    """Each text once: the test's name, and with all its places."""
    places = defaultdict(list)
    for one in passages:
        places[one.text].append(one.place)
    return [pytest.param(text, " ".join(found), id=text) for text, found in sorted(places.items())]


@pytest.fixture(scope="module", autouse=True)
def busy(stack: Stack) -> None:
    """Customers browse and buy, and one cannot sign in."""
    # whether none of their requests fails is proven elsewhere
    stack.belfry("load", "--users=5", "--duration=20")
    wrong = {"email": "nobody@example.com", "password": "wrong-password"}
    assert stack.http.post(f"{stack.url('gateway')}/api/sessions", json=wrong).status_code == 401
    denied = '{log_stream="audit"} | audit_action="sign_in" | audit_outcome="denied"'
    eventually(lambda: stack.log_lines(denied), what="the failed sign-in in Loki")


@pytest.fixture
def folder(stack: Stack, tmp_path: Path) -> Path:
    """Where `.belfry` is the state of this stack, as it is in the project's folder."""
    (tmp_path / ".belfry").symlink_to(stack.state)
    return tmp_path


@pytest.fixture
def only_runbooks(tmp_path: Path) -> Files:
    """Nothing is written down but the runbooks."""
    return Files(dashboards=tmp_path, rules=tmp_path, log_rules=tmp_path, provisioning=tmp_path)


@pytest.mark.parametrize("query", named(PROMQL))
def test_prometheus_answers_the_query(stack: Stack, query: Passage) -> None:
    """Without an error, nor a doubt about it."""
    answer = stack.http.get(
        f"{stack.url('prometheus')}/api/v1/query", params={"query": query.text}
    ).json()
    # a counter that a rule records has its name from the rule
    doubts = [one for one in answer.get("infos", []) if ':total"' not in one]
    told = [answer.get("error"), answer.get("warnings"), doubts]
    assert not any(told), f"{query.place}: {told}"


@pytest.mark.parametrize("query", named(LOGQL))
def test_loki_answers_the_query(stack: Stack, query: Passage) -> None:
    """A search for lines, or a figure."""
    answer = stack.http.get(
        f"{stack.url('loki')}/loki/api/v1/query_range", params={"query": query.text, "since": "1h"}
    )
    assert answer.is_success, f"{query.place}: {answer.text}"


async def test_metrics_labels_and_fields_in_queries_are_there(
    stack: Stack, only_runbooks: Files
) -> None:
    """As `belfry verify` sees it: a rename is named with its pages and lines."""
    settings = Settings(state_dir=stack.state, port_offset=stack.port_offset)
    async with connected(settings, only_runbooks) as live:
        findings = await contract.check(live)
    assert len(findings) > len(pages())
    missing = [one for one in findings if not one.ok]
    assert [f"{', '.join(one.places)}: {one.subject}: {one.detail}" for one in missing] == []


@pytest.mark.parametrize("query", named([one for one in PROMQL if _EQUAL.search(one.text)]))
def test_values_of_labels_in_queries_are_there(stack: Stack, query: Passage) -> None:
    """A service, a state or an outcome that does not exist would find nothing, for ever."""
    for label, value in set(_EQUAL.findall(query.text)) - NOT_NOW:
        known = stack.get("prometheus", f"/api/v1/label/{label}/values")["data"]
        assert value in known, f'{query.place}: {label}="{value}"'


@pytest.mark.parametrize("query", named([one for one in LOGQL if _EQUAL.search(one.text)]))
def test_values_of_fields_in_searches_are_there(stack: Stack, query: Passage) -> None:
    """The same of streams, and of what lines hold."""
    labels = logql.named(query.text).labels
    for name, value in set(_EQUAL.findall(query.text)) - NOT_NOW:
        found = f'{name}="{value}"'
        search = f"{{{found}}}" if name in labels else f'{{service_name=~".+"}} | {found}'
        assert stack.log_lines(search), f"{query.place}: {found}"


@pytest.mark.parametrize(
    ("text", "places"), by_text([one for one in COMMANDS if one.section == LOOK])
)
def test_what_to_run_first_tells_and_changes_nothing(
    stack: Stack, folder: Path, text: str, places: str
) -> None:
    """Each command of the first section, run as it stands."""
    assert not text.startswith(("belfry fault clear", "belfry queue replay")), places
    run(stack, folder, text, places)


@pytest.mark.parametrize(
    ("text", "places"),
    by_text([one for one in COMMANDS if one.section != LOOK and not LASTING.search(one.text)]),
)
def test_other_commands_are_right(stack: Stack, folder: Path, text: str, places: str) -> None:
    """Those that change nothing here are run; those that do name what runs."""
    program, *arguments = text.split()
    if program == "belfry" and arguments[0] in CHANGING:
        name = arguments[1].partition("=")[0]
        assert name in {process["name"] for process in stack.status()}, f"{places}: {text}"
    else:
        run(stack, folder, text, places)


def run(stack: Stack, folder: Path, text: str, places: str) -> None:
    """Run a line of a runbook to its end; another exit code than the right one fails the test."""
    program, *arguments = text.split()
    if program == "belfry":
        done = stack.belfry(*arguments)
        known = [one for one in HARMLESS if text.startswith(f"belfry {one}")]
        assert known, f"{places}: {text} may change something"
        right = {0} if arguments[-1] == "--help" else HARMLESS[known[0]]
    else:
        assert program in TELLING, f"{places}: {text} may change something"
        done = subprocess.run(
            ["sh", "-c", text], cwd=folder, capture_output=True, text=True, check=False, timeout=60
        )
        right = {0}
    assert done.returncode in right, f"{places}: {text}: {done.stdout}{done.stderr}"


def test_there_is_something_to_look_at_on_every_page() -> None:
    """So that none is left out above."""
    looked = {one.page for one in [*PROMQL, *LOGQL, *COMMANDS] if one.section == LOOK}
    assert looked == {page.name for page in FOLDER.glob("*.md")}
