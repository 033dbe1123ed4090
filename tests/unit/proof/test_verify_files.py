"""What is written down is read whole: each name with its place."""

from pathlib import Path

from observability.proof.verify import budget
from observability.proof.verify.contract import Named
from observability.proof.verify.files import Files, Query, queries
from observability.proof.verify.finding import Finding, misses
from observability.proof.verify.report import as_json
from observability.settings import Settings

ROOT = Path(__file__).parents[3]
FILES = Files.of(Settings(config=ROOT / "belfry.toml"))


def test_every_query_of_the_project_can_be_read() -> None:
    """Of dashboards, rules, runbooks and provisioning."""
    named, count = Named(), 0
    for query in queries(FILES):
        named.add(query)
        count += 1
    assert named.unreadable == []
    assert count > 100
    kinds = {place.partition("/")[0] for places in named.metrics.values() for place in places}
    assert kinds == {"dashboards", "rules", "docs", "provisioning"}


def test_a_name_has_all_its_places(tmp_path: Path) -> None:
    """Page, line and heading of a runbook; a query that cannot be read is a finding."""
    page = tmp_path / "runbooks" / "Odd.md"
    page.parent.mkdir()
    page.write_text(
        "# Odd\n## Look\n`odd_things_total` and `an_event`\n```promql\nsum by (kind) (odd)\n```\n"
        '```logql\n{a="b"} | reason="x"\n```\n## Wrong\n```promql\n{"\n```\n',
        encoding="utf-8",
    )
    named = Named()
    for query in queries(FILES.within(tmp_path)):
        if "Odd" in query.place:
            named.add(query)
    assert named.metrics == {"odd": ["docs/runbooks/Odd.md:5: Look"]}
    assert named.words == {"odd_things_total": ["docs/runbooks/Odd.md:3: Look"]}
    assert set(named.labels) == {(("odd",), "kind")}
    assert set(named.fields) == {"reason"}
    assert [one.places for one in named.unreadable] == [("docs/runbooks/Odd.md:12: Wrong",)]


def test_other_files_take_the_place_of_those_they_name(tmp_path: Path) -> None:
    """The rest stays the project's."""
    (tmp_path / "rules").mkdir()
    other = FILES.within(tmp_path)
    assert other.rules == tmp_path / "rules"
    assert other.dashboards == FILES.dashboards


def test_a_name_in_two_places_is_one_name() -> None:
    """With both places."""
    named = Named()
    named.add(Query("promql", "one", "here"))
    named.add(Query("promql", "sum(one)", "there"))
    assert named.metrics == {"one": ["here", "there"]}


def test_the_budget_is_whole() -> None:
    """Every limit is stated."""
    limits = budget.read()
    assert limits.series.of_a_replica < limits.series.total


def test_a_report_for_programs_counts_by_check() -> None:
    """Whether all holds, how much was looked at, and each finding."""
    findings = [Finding("hop", "a", True, ""), Finding("hop", "b", False, "gone", ("file",))]
    text = as_json(findings)
    assert '"holds": false' in text
    assert '"hop": {"looked_at": 2, "missed": 1}' in text
    assert misses(findings) == findings[1:]
