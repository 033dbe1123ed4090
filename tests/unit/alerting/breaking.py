"""Rules with something changed in them, and which unit tests of promtool's notice it."""

import copy
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import yaml

from observability.alerting import generate
from tests.support.promtool import run

FOLDER = Path(__file__).parent / "rules"
CASES = sorted(FOLDER.glob("*.test.yml"))
_COMPARISON = re.compile(r"(?P<sign>>=|<=|==|>|<)(?P<bool> bool)? (?P<limit>\d+(?:\.\d+)?)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_NOTICED = re.compile(r'^ {4}(?:alertname: (\S+)|expr: "([\w:]+)"), time: ', re.MULTILINE)

Rule = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """One rule of a file, and what became of it."""

    file: str
    index: int
    name: str
    what: str
    rule: Rule

    @property
    def of_a_record(self) -> bool:
        """Whether the rule records a figure, so that every alert that asks for it changes too."""
        return "record" in self.rule


def notches() -> list[Change]:
    """Each limit a tenth (a whole number at least one) up and down, each wait one evaluation."""
    changes = []
    for file, index, rule, every in _rules():
        wait = {
            f"{key} {rule[key]} → {seconds}s": {**rule, key: f"{seconds}s"}
            for key in ("for", "keep_firing_for")
            if key in rule
            for seconds in (_seconds(rule[key]) - every, _seconds(rule[key]) + every)
        }
        changes += _changes(file, index, rule, _moved_limits(rule) | wait)
    return changes


def breaks(kind: str) -> list[Change]:
    """Every alert broken in one way: `limit-times-ten`, `label-wrong` or `runbook-removed`."""
    changes = []
    for file, index, rule, _ in _rules():
        broken = _BREAKS[kind](copy.deepcopy(rule)) if "alert" in rule else rule
        if broken != rule:
            changes += _changes(file, index, rule, {kind: broken})
    return changes


def unnoticed(changes: Iterable[Change], folder: Path) -> list[Change]:
    """Those on which no test fails that names the rule.

    Alerts do not look at each other: one change of each is tried at the same time.
    """
    rounds = list(_rounds(list(changes)))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        noticed = pool.map(lambda one: _noticed(one[1], folder / str(one[0])), enumerate(rounds))
        return [
            change
            for changed, names in zip(rounds, noticed, strict=True)
            for change in changed
            if change.name not in names
        ]


def _rules() -> Iterator[tuple[str, int, Rule, int]]:
    """File, place in it, rule, and every how many seconds it is evaluated."""
    for case in CASES:
        file = case.name.replace(".test.yml", ".yml")
        [group] = _group(file)["groups"]
        for index, rule in enumerate(group["rules"]):
            yield file, index, rule, _seconds(group["interval"])


def _group(file: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((generate.RULES / file).read_text(encoding="utf-8"))
    return loaded


def _changes(file: str, index: int, rule: Rule, changed: dict[str, Rule]) -> list[Change]:
    name = rule.get("alert") or rule["record"]
    return [Change(file, index, name, what, after) for what, after in changed.items()]


def _moved_limits(rule: Rule) -> dict[str, Rule]:
    moved = {}
    for number, found in enumerate(_COMPARISON.finditer(rule["expr"]), start=1):
        for after in _moved(found["sign"], found["limit"]):
            sign, limit = after
            expr = rule["expr"]
            expr = (
                f"{expr[: found.start()]}{sign}{found['bool'] or ''} {limit}{expr[found.end() :]}"
            )
            moved[f"limit {number}: {found[0]} → {sign} {limit}"] = {**rule, "expr": expr}
    return moved


def _moved(sign: str, limit: str) -> list[tuple[str, str]]:
    if sign == "==":
        return [(sign, "1" if limit == "0" else "0")]
    if limit == "0":
        # one event is more than none, though extrapolated; none is not
        return [(sign, "1.5"), (f"{sign}=", "0")]
    value = float(limit)
    step = value / 10 if "." in limit else max(1, round(value / 10))
    return [(sign, f"{value + step:.12g}"), (sign, f"{value - step:.12g}")]


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * _SECONDS[duration[-1]]


def _ten_times(rule: Rule) -> Rule:
    rule["expr"] = _COMPARISON.sub(
        lambda one: f"{one['sign']}{one['bool'] or ''} {float(one['limit']) * 10 or 10:.12g}",
        rule["expr"],
    )
    if "for" in rule:
        rule["for"] = f"{_seconds(rule['for']) * 10}s"
    return rule


def _wrong_label(rule: Rule) -> Rule:
    rule["labels"]["team"] = "nobody"
    return rule


def _without_runbook(rule: Rule) -> Rule:
    del rule["annotations"]["runbook_url"]
    return rule


_BREAKS = {
    "limit-times-ten": _ten_times,
    "label-wrong": _wrong_label,
    "runbook-removed": _without_runbook,
}
BREAKS = tuple(_BREAKS)


def _rounds(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """Changes of one file that can be tried at once: of each alert one, of one record alone."""
    for file in dict.fromkeys(change.file for change in changes):
        of_rules: dict[int, list[Change]] = {}
        for change in changes:
            if change.file == file and not change.of_a_record:
                of_rules.setdefault(change.index, []).append(change)
        for taken in zip_longest(*of_rules.values()):
            yield [change for change in taken if change]
        yield from ([one] for one in changes if one.file == file and one.of_a_record)


def _noticed(changes: list[Change], folder: Path) -> set[str]:
    """Names of the rules whose tests fail."""
    file = changes[0].file
    folder.mkdir()
    (folder / file).write_text(yaml.safe_dump(_changed(changes)), encoding="utf-8")
    case = yaml.safe_load((FOLDER / file.replace(".yml", ".test.yml")).read_text("utf-8"))
    names = [Path(path).name for path in case["rule_files"]]
    case["rule_files"] = [str((folder if one == file else generate.RULES) / one) for one in names]
    case["tests"] = _asking_for({change.name for change in changes}, case["tests"])
    (folder / "test.yml").write_text(yaml.safe_dump(case, sort_keys=False), encoding="utf-8")
    done = run("test", "rules", folder / "test.yml")
    found = {alert or record for alert, record in _NOTICED.findall(done.stdout)}
    assert found or done.returncode == 0, done.stdout
    return found


def _changed(changes: list[Change]) -> dict[str, Any]:
    """Their file as it is then, without the alerts that are as before."""
    changed = {change.index: change.rule for change in changes}
    groups = _group(changes[0].file)
    rules = enumerate(groups["groups"][0]["rules"])
    groups["groups"][0]["rules"] = [
        changed.get(index, rule) for index, rule in rules if index in changed or "record" in rule
    ]
    return groups


def _asking_for(names: set[str], tests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What of the tests asks for these rules."""
    narrowed = []
    for test in tests:
        alerts = [one for one in test.pop("alert_rule_test", []) if one["alertname"] in names]
        records = [one for one in test.pop("promql_expr_test", []) if one["expr"] in names]
        if alerts or records:
            narrowed.append({**test, "alert_rule_test": alerts, "promql_expr_test": records})
    return narrowed
