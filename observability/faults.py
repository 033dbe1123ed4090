"""`belfry fault`: break something on purpose, by the flag file that the services follow.

The file is flagd's format. A flag has the variants `off` and `on`; its metadata say what it does
(`description`), in which `unit` and up to which `maximum`. Nothing else is known of the services.
"""

import difflib
import fcntl
import json
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from observability.exits import UsageError

TRUE = frozenset({"true", "on", "yes", "1"})
FALSE = frozenset({"false", "off", "no", "0"})

app = typer.Typer(
    help="Break something on purpose, and repair it.",
    no_args_is_help=True,
)
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that services know, and its present value; `active` unless it is off."""

    name: str
    value: float | bool
    active: bool
    unit: str
    maximum: float | None
    description: str


class FlagFile:
    """The flag file: read, checked and replaced as a whole.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def faults(self) -> list[Fault]:
        """All faults, by name.

        Raises:
            UsageError: there is no readable flag file.
        """
        return [_fault(name, flag) for name, flag in sorted(self._read()["flags"].items())]

    def set(self, values: dict[str, str]) -> None:
        """Set faults to values given as text; 0 and false turn one off.

        Raises:
            UsageError: an unknown fault or a value it cannot have; nothing is changed then.
        """
        with self._changing() as document:
            for name, text in values.items():
                flag = _known(document, name)
                value = _parsed(name, text, flag)
                if value:
                    flag["variants"]["on"] = value
                flag["defaultVariant"] = "on" if value else "off"

    def clear(self, names: list[str]) -> None:
        """Turn faults off: these, or all if none is named.

        Raises:
            UsageError: an unknown fault; nothing is changed then.
        """
        with self._changing() as document:
            for name in names or document["flags"]:
                _known(document, name)["defaultVariant"] = "off"

    def _read(self) -> dict[str, Any]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UsageError(
                f"no fault flags at {self._path}: start the stack first (belfry up), or set "
                "BELFRY_STATE_DIR to where it runs"
            ) from None
        except (OSError, ValueError) as error:
            raise UsageError(f"cannot read the fault flags {self._path}: {error}") from error
        if not isinstance(document, dict) or not isinstance(document.get("flags"), dict):
            raise UsageError(f"{self._path} is not a flagd file: delete it and start the stack")
        return document

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        """The document to change, kept from others; written back if all goes well."""
        self._read()  # without a file there is nothing to lock either
        try:
            with self._path.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                document = self._read()
                yield document
                self._write(document)
        except OSError as error:
            raise UsageError(f"cannot change the fault flags {self._path}: {error}") from error

    def _write(self, document: dict[str, Any]) -> None:
        """Replace the file; readers see the old one or the new one, never a part."""
        before = self._path.stat()
        handle, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=".flags-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=2)
            file.write("\n")
            os.fchmod(file.fileno(), before.st_mode & 0o777)
        # Followers look for a newer time, and two changes may fall into one tick of the clock.
        written = Path(temporary).stat().st_mtime_ns
        newer = max(written, before.st_mtime_ns + 1_000_000)
        os.utime(temporary, ns=(newer, newer))
        Path(temporary).replace(self._path)


def _fault(name: str, flag: dict[str, Any]) -> Fault:
    metadata = flag.get("metadata", {})
    active = flag.get("defaultVariant") != "off"
    return Fault(
        name=name,
        value=flag["variants"][flag["defaultVariant"]],
        active=active,
        unit=str(metadata.get("unit", "")),
        maximum=metadata.get("maximum"),
        description=str(metadata.get("description", "")),
    )


def _known(document: dict[str, Any], name: str) -> dict[str, Any]:
    flags: dict[str, dict[str, Any]] = document["flags"]
    if name in flags:
        return flags[name]
    close = difflib.get_close_matches(name, flags, n=1)
    hint = f"did you mean {close[0]}?" if close else "see belfry fault list"
    raise UsageError(f"unknown fault {name!r}: {hint}")


def _parsed(name: str, text: str, flag: dict[str, Any]) -> float | bool:
    if isinstance(flag["variants"]["off"], bool):
        return _switch(name, text)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    maximum = flag.get("metadata", {}).get("maximum", math.inf)
    if not 0 <= value <= maximum or math.isinf(value):
        unit = flag.get("metadata", {}).get("unit", "a number")
        raise UsageError(f"{name}={text}: give a number from 0 to {maximum:g} ({unit})")
    return int(value) if value.is_integer() else value


def _switch(name: str, text: str) -> bool:
    if text.lower() in TRUE:
        return True
    if text.lower() in FALSE:
        return False
    raise UsageError(f"{name}={text}: give true or false")


def _flag_file() -> FlagFile:
    from observability.settings import load_settings  # noqa: PLC0415 - keeps --help quick

    return FlagFile(load_settings().flags_file)


@app.command("list")
def list_faults(as_json: AsJson = False) -> None:
    """Show every fault there is and its value."""
    _show(_flag_file().faults(), as_json)


@app.command("set")
def set_faults(
    assignments: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE…", help="Such as catalog.error_rate=0.5")
    ],
    as_json: AsJson = False,
) -> None:
    """Set faults; the services follow within a second, without a restart."""
    values = dict(assignment(one) for one in assignments)
    file = _flag_file()
    file.set(values)
    _audited("fault_set", values)
    _show([fault for fault in file.faults() if fault.active], as_json)


@app.command("clear")
def clear_faults(
    names: Annotated[list[str] | None, typer.Argument(help="Which; all if none is named.")] = None,
    as_json: AsJson = False,
) -> None:
    """Turn faults off."""
    file = _flag_file()
    file.clear(names or [])
    _audited("fault_cleared", dict.fromkeys(names or ["all"], "off"))
    _show([fault for fault in file.faults() if fault.active], as_json)


def _audited(action: str, values: dict[str, str]) -> None:
    from observability.settings import load_settings  # noqa: PLC0415 - keeps --help quick
    from observability.stack.audited import record_all  # noqa: PLC0415

    record_all(load_settings(), action, {name: {"value": text} for name, text in values.items()})


def assignment(text: str) -> tuple[str, str]:
    """Name and value of `NAME=VALUE`.

    Raises:
        UsageError: it is not of that form.
    """
    name, separator, value = text.partition("=")
    if not separator or not name or not value:
        raise UsageError(f"{text!r}: give NAME=VALUE, such as catalog.error_rate=0.5")
    return name, value


def _show(faults: list[Fault], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([asdict(fault) for fault in faults], indent=2))
        return
    if not faults:
        typer.echo("No fault is set.")
        return
    from rich.console import Console  # noqa: PLC0415 - keeps --help quick
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, header_style="bold")
    table.add_column("fault", no_wrap=True)
    for heading in ("value", "unit", "what it does"):
        table.add_column(heading)
    for fault in faults:
        value = str(fault.value).lower() if fault.active else "off"
        style = "bold red" if fault.active else ""
        table.add_row(fault.name, value, fault.unit, fault.description, style=style)
    Console().print(table)
