"""How far a build has come, for a person and for a program."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Phase = Literal["wait", "toolchain", "download", "compile", "link"]

_WORDS = {
    "wait": "waits for another build",
    "toolchain": "installs the Go toolchain",
    "download": "downloads its modules",
    "compile": "compiles",
    "link": "links",
}


@dataclass(frozen=True, slots=True)
class Progress:
    """A moment of one server's build."""

    name: str
    phase: Phase
    done: int
    """Modules downloaded, or packages compiled."""
    total: int
    """Packages to compile; 0 while it is not known."""
    elapsed: float
    """Seconds since this build began."""
    estimate: float
    """Seconds that the whole build takes on two cores when nothing is there yet."""

    @property
    def text(self) -> str:
        """One short line: `compiles 210 of 960, 41 s of about 120 s`.

        The estimate is left out once it has proved too short.
        """
        words = _WORDS[self.phase]
        if self.phase == "compile":
            words += f" {self.done} of {self.total}"
        elif self.phase == "download" and self.done:
            words += f" ({self.done})"
        estimate = f" of about {self.estimate:.0f} s" if self.elapsed < self.estimate else ""
        return f"{words}, {self.elapsed:.0f} s{estimate}"

    def as_json(self) -> dict[str, Any]:
        """For a program to read."""
        return asdict(self)
