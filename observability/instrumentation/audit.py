"""Audit: who did what to what, from where, with what outcome, in a chain that shows tampering.

Each service instance writes its events into a journal of its own, each event with a hash over
itself and its predecessor's hash; the same events go to the log stream ``audit``. An event that is
missing, changed or out of order breaks the chain: ``belfry audit verify`` names it.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from observability.instrumentation import state
from observability.instrumentation.health import process, service_name
from observability.instrumentation.logs import write
from observability.instrumentation.tracing import current_trace_id
from observability.instrumentation.values import attribute, text

STREAM = "audit"
DIRECTORY_VARIABLE = "BELFRY_AUDIT_DIR"
DEFAULT_DIRECTORY = Path(".belfry/audit")
PREFIX = "audit_"
GENESIS = "0" * 64
"""What the first event of a chain has for its predecessor's hash."""
_MAX_TEXT = 512
_MAX_NAME = 64
_MAX_CUT = 64
_TAIL_BYTES = 16_384


@dataclass(frozen=True)
class AuditEvent:
    """One event; every value is text, as it comes back from a log store.

    Attributes:
        chain: the instance that wrote it.
        sequence: its number in the chain, from 1.
        previous: hash of the event before it.
        at: when, ISO 8601 UTC.
        action: what was done: `sign_in`, `price_change`, `fault_set`, …
        actor: who did it.
        target: what it was done to.
        source: address that it came from; empty if it is not known.
        outcome: `success`, `failure` or `denied`.
        detail: JSON of what else is worth keeping.
        trace: trace id of the request; empty outside of one.
        hash: SHA-256 over all of the above.
    """

    chain: str
    sequence: str
    previous: str
    at: str
    action: str
    actor: str
    target: str
    source: str
    outcome: str
    detail: str
    trace: str
    hash: str = ""

    def digest(self) -> str:
        """The hash that the event must have."""
        content = asdict(self)
        del content["hash"]
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def log_fields(self) -> dict[str, str]:
        """As fields of a log line: `audit_action` and so on."""
        return {PREFIX + name: value for name, value in asdict(self).items()}

    @classmethod
    def from_log_fields(cls, found: dict[str, str]) -> "AuditEvent":
        """The event that a log line holds; a field that is gone is empty."""
        return cls(**{one.name: found.get(PREFIX + one.name, "") for one in fields(cls)})

    @classmethod
    def from_line(cls, line: str | bytes) -> "AuditEvent":
        """The event that a line of a journal holds.

        Raises:
            ValueError: it is not an event, or one of its values is not text.
        """
        try:
            found = json.loads(line)
        except RecursionError:
            raise ValueError("it is nested too deep") from None
        names = {one.name for one in fields(cls)}
        if not isinstance(found, dict) or found.keys() != names:
            raise ValueError("it has not the fields of an event")
        if not all(isinstance(value, str) for value in found.values()):
            raise ValueError("a value is not text")
        return cls(**found)


class Journal:
    """One chain's events in a file of JSON lines, safe for a restart and for a second process."""

    def __init__(self, path: Path, chain: str) -> None:
        self._path = path
        self._chain = chain

    def append(self, **content: str) -> AuditEvent:
        """Add an event to the end of the chain.

        Raises:
            OSError: the file cannot be written.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            last = _last(file.fileno())
            event = self._next(last, content)
            file.write(json.dumps(asdict(event)).encode() + b"\n")
        return event

    def _next(self, last: AuditEvent | None, content: dict[str, str]) -> AuditEvent:
        event = AuditEvent(
            chain=self._chain,
            sequence=str(int(last.sequence) + 1 if last else 1),
            previous=last.hash if last else GENESIS,
            at=datetime.now(UTC).isoformat(),
            **content,
        )
        return AuditEvent(**{**asdict(event), "hash": event.digest()})


def read_journal(path: Path) -> list[AuditEvent]:
    """All events of a journal.

    Raises:
        ValueError: a line is not an event; names the line.
    """
    events = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            events.append(AuditEvent.from_line(line))
        except ValueError as error:
            raise ValueError(f"{path.name} line {number} is not an audit event") from error
    return events


def _last(descriptor: int) -> AuditEvent | None:
    """The newest whole event; a line that a crash cut short is given up."""
    size = os.fstat(descriptor).st_size
    wanted = _TAIL_BYTES
    while True:
        start = max(0, size - wanted)
        tail = os.pread(descriptor, size - start, start)
        whole = tail[: tail.rfind(b"\n") + 1]
        _, begun, line = whole[:-1].rpartition(b"\n")
        if start == 0 or begun:
            break
        wanted *= 2  # the last line is longer
    if len(whole) < len(tail):
        os.ftruncate(descriptor, start + len(whole))
    return AuditEvent.from_line(line) if line else None


def audit(
    action: str,
    *,
    actor: str,
    target: str,
    outcome: str = "success",
    source: str | None = None,
    **detail: object,
) -> None:
    """Record that somebody did something; never raises.

    Args:
        action: what was done, a constant: ``price_change``.
        actor: who did it; an id rather than a name.
        target: what it was done to.
        outcome: ``success``, ``failure`` or ``denied``.
        source: address that it came from.
        detail: what else is worth keeping, such as the old and the new value; no secrets.
    """
    try:
        content = {
            "action": text(action)[:_MAX_NAME],
            "actor": text(actor)[:_MAX_TEXT],
            "target": text(target)[:_MAX_TEXT],
            "source": text(source or "")[:_MAX_TEXT],
            "outcome": text(outcome)[:_MAX_NAME],
            "detail": _described(detail),
            "trace": current_trace_id() or "",
        }
        _record(content)
    except Exception as error:
        process.failed("audit", error)


def _record(content: dict[str, str]) -> None:
    try:
        event = _journal().append(**content)
    except Exception as error:
        process.failed("audit", error)
        failure = {"log_stream": STREAM, "reason": text(error), **content}
        write("error", "audit_not_recorded", failure)
        return
    write("info", "audit", {"log_stream": STREAM, **event.log_fields()})


def _described(detail: Mapping[str, object]) -> str:
    """Detail as JSON of bounded length; of a long one values are cut, and the last left out."""
    try:
        whole = json.dumps(detail, sort_keys=True, default=text)
    except (TypeError, ValueError, RecursionError):
        whole = ""  # keys that JSON has no form for, or a value that contains itself
    if whole and len(whole) <= _MAX_TEXT:
        return whole
    kept: dict[str, str] = {}
    for key in sorted(detail):
        more = {**kept, key: str(attribute(detail[key], _MAX_CUT))}
        if len(json.dumps(more)) <= _MAX_TEXT:
            kept = more
    return json.dumps(kept)


def _journal() -> Journal:
    chain = _instance()
    directory = Path(os.environ.get(DIRECTORY_VARIABLE) or DEFAULT_DIRECTORY)
    return Journal(directory / f"{chain}.jsonl", chain)


def _instance() -> str:
    telemetry = state.current()
    found = telemetry.resource.attributes.get("service.instance.id") if telemetry else None
    name = str(found or service_name())
    return "".join(
        character if character.isalnum() or character in "-_." else "_" for character in name
    )
