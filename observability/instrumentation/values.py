"""Values of any type as JSON and as OTLP attributes, without ever failing."""

from collections.abc import Mapping
from typing import Any

import orjson

MAX_TEXT = 16_384
MAX_INTEGER = 2**63
OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
# What orjson raises for a lone surrogate, an integer of 100 digits or a cycle.
UNENCODABLE = (TypeError, ValueError, RecursionError)


def to_json(record: Mapping[Any, Any]) -> bytes:
    """Encode a record, whatever its values are."""
    try:
        return orjson.dumps(record, default=plain, option=OPTIONS)
    except UNENCODABLE:
        return orjson.dumps({text(key): _encodable(value) for key, value in record.items()})


def attribute(value: object, limit: int = MAX_TEXT) -> str | bool | int | float:
    """Return what OTLP can carry for a value of any type: nested ones as JSON text.

    Args:
        value: anything.
        limit: characters of text at most; longer text is cut.
    """
    if isinstance(value, str):
        short = value if len(value) <= limit else value[:limit]
        return short if short.isascii() else short.encode("utf-8", "replace").decode()
    if isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return int(value) if -MAX_INTEGER <= value < MAX_INTEGER else str(value)[:limit]
    try:
        encoded = orjson.dumps(value, default=plain, option=OPTIONS)
    except UNENCODABLE:
        return text(value)[:limit]
    # What JSON has no form for came out as a string: not to be quoted twice.
    shown = str(orjson.loads(encoded)) if encoded[:1] == b'"' else encoded.decode()
    return shown[:limit]


def plain(value: object) -> object:
    """Return something that JSON has for a value of any type."""
    if isinstance(value, set | frozenset):
        return list(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value[:MAX_TEXT]).decode("utf-8", "replace")
    return text(value)


def text(value: object) -> str:
    """Return the text of a value, bounded, also when its own ``__str__`` fails."""
    try:
        found = str(value)
    except Exception:
        found = f"<{type(value).__name__}>"
    return found[:MAX_TEXT].encode("utf-8", "replace").decode()


def _encodable(value: object) -> object:
    try:
        return orjson.Fragment(orjson.dumps(value, default=plain, option=OPTIONS))
    except UNENCODABLE:
        return text(value)
