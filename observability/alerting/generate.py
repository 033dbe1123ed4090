"""Write the catalogue as rule files of Prometheus and Loki, or check that they are up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from observability.alerting.catalogue import GROUPS
from observability.alerting.profiles import DEMO, PROFILES, Profile
from observability.alerting.slo import document
from observability.alerting.spec import Alert, Group, Record, Rule
from observability.generated import Generated

RULES = Path(__file__).parent / "rules"
"""Prometheus' rules."""
LOG_RULES = Path(__file__).parent / "log_rules"
"""Loki's rules."""

_HEADER = """\
# Generated from observability/alerting/catalogue by `python -m observability.alerting`.
# Profile: {profile}. Edit the catalogue, not this file.
"""


class _Dumper(yaml.SafeDumper):
    """YAML with expressions of several lines kept as they are written."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def rendered() -> dict[Path, str]:
    """Every rule file that should exist, and docs/slos.md, with its whole text.

    The demo profile lies in `rules/` and `log_rules/` themselves, any other in a folder of its own
    name, so a server loads one profile by one pattern: `rules/*.yml` or `rules/production/*.yml`.
    """
    rules = {
        _folder(group, profile) / f"{group.name}.yml": _file(group, profile)
        for profile in PROFILES
        for group in GROUPS
    }
    return {**rules, document.PATH: document.text()}


def _folder(group: Group, profile: Profile) -> Path:
    base = RULES if group.source == "metrics" else LOG_RULES
    return base if profile is DEMO else base / profile.name


def _file(group: Group, profile: Profile) -> str:
    every = {
        "page": profile.page_every,
        "ticket": profile.ticket_every,
        "budget": profile.budget_every,
    }
    rules = [_rule(rule) for rule in group.build(profile)]
    document = {"groups": [{"name": group.name, "interval": every[group.pace], "rules": rules}]}
    body = yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True)
    return _HEADER.format(profile=profile.name) + body


def _rule(rule: Rule) -> dict[str, Any]:
    return _record(rule) if isinstance(rule, Record) else _alert(rule)


def _record(record: Record) -> dict[str, Any]:
    labels = {"labels": dict(record.labels)} if record.labels else {}
    return {"record": record.name, "expr": record.expr} | labels


def _alert(alert: Alert) -> dict[str, Any]:
    rule: dict[str, Any] = {"alert": alert.name, "expr": alert.expr}
    if alert.hold is not None:
        rule["for"] = alert.hold
    if alert.keep is not None:
        rule["keep_firing_for"] = alert.keep
    rule["labels"] = {
        "severity": str(alert.severity),
        "team": str(alert.team),
        **alert.labels,
    }
    rule["annotations"] = {
        "summary": alert.summary,
        "description": alert.description,
        "runbook_url": alert.runbook,
        "dashboard_url": alert.dashboard_link,
    }
    return rule


def _present() -> list[Path]:
    return [*RULES.rglob("*.yml"), *LOG_RULES.rglob("*.yml")]


FILES = Generated("python -m observability.alerting", rendered, _present)
"""The rule files and docs/slos.md."""
