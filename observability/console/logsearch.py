"""A log search from an address: LogQL as it stands, or made from simple fields."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

LEVELS = ("debug", "info", "warning", "error", "critical")
_PAIR = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<value>\S+)$")


@dataclass(frozen=True)
class Wanted:
    """The fields of the form; `query` is LogQL and goes before all others."""

    query: str = ""
    service: str = ""
    level: str = ""
    stream: str = ""
    text: str = ""
    at: int | None = None
    more: bool = False

    def fields(self) -> dict[str, str]:
        """Those of the address of the same search for more lines, but for `query`."""
        names = ("service", "level", "stream", "text")
        given = {name: str(getattr(self, name)) for name in names}
        return {name: value for name, value in given.items() if value} | {"more": "1"}

    @property
    def logql(self) -> str:
        """The log query."""
        return self.query or made(self)


def wanted(query: Mapping[str, str]) -> Wanted:
    """The search that an address asks for."""
    texts = ("query", "service", "level", "stream", "text")
    given = {name: query.get(name, "").strip()[:2000] for name in texts}
    at = query.get("at", "")
    known = int(at) if at.isdigit() and len(at) < 20 else None
    return Wanted(at=known, more=query.get("more", "") == "1", **given)


def made(asked: Wanted) -> str:
    """LogQL of the simple fields.

    Levels are this one and the worse. Words of the text must be in the line; `name=value` among
    them must be a field of it.
    """
    labels = [f"service_name={json.dumps(asked.service)}" if asked.service else ""]
    if asked.level in LEVELS:
        labels.append(f'level=~"{"|".join(LEVELS[LEVELS.index(asked.level) :])}"')
    labels.append(f"log_stream={json.dumps(asked.stream)}" if asked.stream else "")
    selector = ", ".join(one for one in labels if one) or 'service_name=~".+"'
    return " ".join([f"{{{selector}}}", *(_filter(word) for word in asked.text.split())])


def counted(logql: str, step: float) -> str:
    """How many lines of each level a log query selects, over time."""
    return f"sum by (level) (count_over_time({logql} [{int(step)}s]))"


def _filter(word: str) -> str:
    pair = _PAIR.match(word)
    if pair:
        return f"| {pair['name']}={json.dumps(pair['value'], ensure_ascii=False)}"
    return f"|= {json.dumps(word, ensure_ascii=False)}"
