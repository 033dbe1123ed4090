"""What is written down: dashboards, rules, runbooks, provisioning; and what each names."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import yaml

from observability import alerting
from observability.backends import grafana
from observability.boards import Board, asked_label, load_board
from observability.settings import Settings

_ALERTING = Path(alerting.__file__).parent
_PACKAGE_ROOT = _ALERTING.parents[1]
_FENCE = re.compile(r"^```(?P<language>promql|logql)\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_INLINE = re.compile(r"`(?P<name>[a-z][a-z0-9]*(?:_[a-z0-9]+)+)(?:\{[^`]*\})?`")
#: What makes a word in a page a metric's name rather than an event's or a setting's.
_METRIC_ENDINGS = ("_total", "_seconds", "_bytes", "_bucket", "_count", "_depth")
_PRINTED_QUERY = re.compile(r'query\s+\(\s*printf\s+"(?P<query>(?:[^"\\]|\\.)+)"')
_RULE_LABEL = re.compile(r"\$labels\.(\w+)")


@dataclass(frozen=True)
class Files:
    """Where the written-down things lie; by default those of the project."""

    dashboards: Path
    rules: Path = _ALERTING / "rules"
    log_rules: Path = _ALERTING / "log_rules"
    runbooks: Path = _PACKAGE_ROOT / "docs" / "runbooks"
    provisioning: Path = grafana.PROVISIONING

    @classmethod
    def of(cls, settings: Settings) -> "Files":
        """Those of the stack with these settings."""
        return cls(settings.dashboards_dir)

    def within(self, folder: Path) -> "Files":
        """The same, but for those of which `folder` has a folder of the same name."""
        names = [one.name for one in fields(self)]
        return replace(self, **{name: folder / name for name in names if (folder / name).is_dir()})

    def boards(self) -> dict[str, Board]:
        """Every dashboard by its file's name."""
        return {path.name: load_board(path) for path in sorted(self.dashboards.glob("*.json"))}

    def alert_rules(self) -> list["Rule"]:
        """Every rule that Prometheus loads, alerting and recording."""
        return [rule for path in sorted(self.rules.glob("*.yml")) for rule in _rules(path)]

    def loki_rules(self) -> list["Rule"]:
        """Every rule that Loki loads."""
        return [rule for path in sorted(self.log_rules.glob("*.yml")) for rule in _rules(path)]

    def data_sources(self) -> list[dict[str, Any]]:
        """Data sources as Grafana is given them."""
        folder = self.provisioning / "datasources"
        documents = [yaml.safe_load(path.read_text("utf-8")) for path in sorted(folder.glob("*"))]
        return [source for document in documents for source in document["datasources"]]


@dataclass(frozen=True)
class Rule:
    """One rule and where it stands."""

    name: str
    expr: str
    alerting: bool
    labels: dict[str, str]
    annotations: dict[str, str]
    place: str


@dataclass(frozen=True)
class Query:
    """An expression in `promql` or `logql`, or the bare name of a metric; and where it stands."""

    language: str
    text: str
    place: str


def queries(files: Files) -> Iterator[Query]:
    """Everything that names a metric, label or field."""
    for name, board in files.boards().items():
        yield from _of_board(f"dashboards/{name}", board)
    for rule in files.alert_rules():
        yield from _of_rule(rule)
    for rule in files.loki_rules():
        yield Query("logql", rule.expr, rule.place)
    for path in sorted(files.runbooks.glob("*.md")):
        yield from _of_page(path)
    yield from _of_sources(files)


def _of_board(name: str, board: Board) -> Iterator[Query]:
    languages = {"prometheus": "promql", "loki": "logql"}
    for panel in board.panels:
        for target in panel.targets:
            if target.expression:
                place = f"{name}: panel “{panel.title}”"
                yield Query(languages[target.kind], target.expression, place)
    for variable in board.variables:
        label, selector = asked_label(variable) or ("", "")
        if selector:
            # as a count by the label, so that the label is looked at too
            text = f"count by ({label}) ({selector})"
            yield Query("promql", text, f"{name}: variable {variable.name}")
    for mark in board.annotations:
        kind = mark.get("datasource", {}).get("type", "")
        if kind in languages and mark.get("expr"):
            yield Query(languages[kind], mark["expr"], f"{name}: annotation “{mark['name']}”")


def _of_rule(rule: Rule) -> Iterator[Query]:
    yield Query("promql", rule.expr, rule.place)
    text = json.dumps(rule.annotations).replace('\\"', '"')
    for printed in _PRINTED_QUERY.finditer(text):
        yield Query("promql", printed["query"].replace("%s", "x"), f"{rule.place}, annotations")
    used = sorted(set(_RULE_LABEL.findall(text)))
    if used:
        yield Query("promql", f"count by ({', '.join(used)}) ({rule.expr})", rule.place)


def _of_page(path: Path) -> Iterator[Query]:
    text = path.read_text(encoding="utf-8")
    for block in _FENCE.finditer(text):
        place = _section(path, text, block.start("text"))
        yield Query(block["language"], block["text"].strip(), place)
    for word in _INLINE.finditer(text):
        if word["name"].endswith(_METRIC_ENDINGS):
            yield Query("metric", word["name"], _section(path, text, word.start()))


def _section(path: Path, text: str, position: int) -> str:
    before = text[:position]
    headings = _HEADING.findall(before)
    line = before.count("\n") + 1
    return f"docs/runbooks/{path.name}:{line}: {headings[-1] if headings else 'top'}"


def _of_sources(files: Files) -> Iterator[Query]:
    """What Grafana asks when somebody goes from a span to metrics or logs."""
    for source in files.data_sources():
        options = source.get("jsonData", {})
        place = f"provisioning/datasources: {source['name']}"
        matching = ", ".join(
            f'{tag["value"]}="x"' for tag in options.get("tracesToMetrics", {}).get("tags", [])
        )
        for query in options.get("tracesToMetrics", {}).get("queries", []):
            text = query["query"].replace("$$__tags", matching).replace("$$", "$")
            yield Query("promql", text, f"{place}, “{query['name']}”")
        logs = options.get("tracesToLogsV2", {})
        if logs.get("customQuery"):
            yield Query("logql", logs["query"].replace("$$", "$"), f"{place}, trace to logs")


def _rules(path: Path) -> Iterator[Rule]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    for group in document["groups"]:
        for rule in group["rules"]:
            name = rule.get("alert") or rule["record"]
            yield Rule(
                name=name,
                expr=str(rule["expr"]),
                alerting="alert" in rule,
                labels=rule.get("labels", {}),
                annotations=rule.get("annotations", {}),
                place=f"{path.parent.name}/{path.name}: {name}",
            )
