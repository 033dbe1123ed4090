"""Which alerts are meant, written as in PromQL: `ServiceDown{service_name="cart"}`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_WHOLE: Final = re.compile(r"(?P<name>\w*)\s*(?:\{(?P<matchers>[^{}]*)\})?")
_MATCHER: Final = re.compile(r'\s*(\w+)\s*(=~|!=|!~|=)\s*"([^"]*)"\s*(?:,|$)')


@dataclass(frozen=True)
class Selector:
    """An alert's name, or none for any, and what its labels must be.

    Attributes:
        name: `alertname`; empty for any.
        matchers: label, operator (`=`, `!=`, `=~`, `!~`) and value.
        text: as it was written.
    """

    name: str
    matchers: tuple[tuple[str, str, str], ...]
    text: str

    @classmethod
    def parse(cls, text: str) -> "Selector":
        """Read one.

        Raises:
            ValueError: it is not of that form.
        """
        found = _WHOLE.fullmatch(text.strip())
        matchers, rest = [], (found["matchers"] or "") if found else ""
        while rest.strip():
            matcher = _MATCHER.match(rest)
            if matcher is None:
                break
            matchers.append((matcher[1], matcher[2], matcher[3]))
            rest = rest[matcher.end() :]
        if found is None or rest.strip() or not (found["name"] or matchers):
            raise ValueError(f'{text!r} is not of the form Alert{{label="value"}}')
        return cls(found["name"], tuple(matchers), text.strip())

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels is meant."""
        if self.name and labels.get("alertname") != self.name:
            return False
        return all(_holds(labels.get(name, ""), *rest) for name, *rest in self.matchers)

    def __str__(self) -> str:
        return self.text


def _holds(found: str, operator: str, wanted: str) -> bool:
    same = re.fullmatch(wanted, found) is not None if "~" in operator else found == wanted
    return same is not operator.startswith("!")
