"""What `belfry verify` prints."""

import json
from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from observability.proof.verify.finding import Finding, misses


def as_json(findings: list[Finding]) -> str:
    """For programs: whether all holds, how much was looked at, and each finding."""
    looked, missed = _counts(findings)
    report = {
        "holds": not misses(findings),
        "counts": {name: {"looked_at": looked[name], "missed": missed[name]} for name in looked},
        "findings": [one.as_json() for one in findings],
    }
    return json.dumps(report, ensure_ascii=False)


def show(findings: list[Finding], console: Console, seconds: float) -> None:
    """For people: a line for each kind of check, then every miss with its places."""
    looked, missed = _counts(findings)
    table = Table("check", "looked at", "missed", box=None, pad_edge=False)
    for name in looked:
        style = "red" if missed[name] else "green"
        table.add_row(name, str(looked[name]), Text(str(missed[name]), style=style))
    console.print(table)
    for one in misses(findings):
        console.print(Text(f"\n✗ {one.check}: {one.subject}", style="bold red"), soft_wrap=True)
        console.print(Text(f"  {one.detail}"), soft_wrap=True)
        for place in one.places:
            console.print(Text(f"  in {place}", style="dim"), soft_wrap=True)
    total = len(findings)
    broken = len(misses(findings))
    verdict = f"{broken} of {total} do not hold" if broken else f"all {total} hold"
    console.print(Text(f"\n{verdict} ({seconds:.0f} s)"))


def _counts(findings: list[Finding]) -> tuple[Counter[str], Counter[str]]:
    looked = Counter(one.check for one in findings)
    missed = Counter(one.check for one in misses(findings))
    return looked, missed
