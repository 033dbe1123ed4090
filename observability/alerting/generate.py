"""Write the catalogue as Prometheus rule files, or check that the files are up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from observability.alerting.catalogue import GROUPS
from observability.alerting.spec import DEMO, PROFILES, Alert, Group, Profile

RULES = Path(__file__).parent / "rules"

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
    """Every rule file that should exist, with its whole text.

    The demo profile lies in `rules/` itself, any other in a folder of its own name, so a
    Prometheus loads one profile by one pattern: `rules/*.yml` or `rules/production/*.yml`.
    """
    return {
        _folder(profile) / f"{group.name}.yml": _file(group, profile)
        for profile in PROFILES
        for group in GROUPS
    }


def outdated() -> list[str]:
    """What differs between the files and the catalogue, one line each; empty when nothing."""
    expected = rendered()
    lines = [
        f"{path.relative_to(RULES)}: {'differs' if path.exists() else 'missing'}"
        for path, text in expected.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    stale = set(RULES.rglob("*.yml")) - set(expected)
    return lines + [f"{path.relative_to(RULES)}: no longer in the catalogue" for path in stale]


def write() -> list[Path]:
    """Write every rule file and remove those no longer in the catalogue."""
    expected = rendered()
    for path in set(RULES.rglob("*.yml")) - set(expected):
        path.unlink()
    for path, text in expected.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return sorted(expected)


def _folder(profile: Profile) -> Path:
    return RULES if profile is DEMO else RULES / profile.name


def _file(group: Group, profile: Profile) -> str:
    rules = [_rule(alert) for alert in group.build(profile)]
    document = {
        "groups": [{"name": group.name, "interval": profile.evaluate_every, "rules": rules}]
    }
    body = yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True)
    return _HEADER.format(profile=profile.name) + body


def _rule(alert: Alert) -> dict[str, Any]:
    rule: dict[str, Any] = {"alert": alert.name, "expr": alert.expr}
    if alert.hold is not None:
        rule["for"] = alert.hold
    rule["labels"] = {"severity": str(alert.severity), "team": str(alert.team)}
    rule["annotations"] = {
        "summary": alert.summary,
        "description": alert.description,
        "runbook_url": alert.runbook,
        "dashboard_url": alert.dashboard_link,
    }
    return rule
