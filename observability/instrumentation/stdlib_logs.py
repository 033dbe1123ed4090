"""Standard logging (uvicorn, SQLAlchemy, warnings, …) through the same pipeline."""

import logging
import sys
from typing import Any

from observability.instrumentation import logs
from observability.instrumentation.exporting import in_export_thread
from observability.instrumentation.health import process

# What each record has; anything else was given as `extra` and becomes a field.
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
WARNINGS = "py.warnings"
UVICORN = ("uvicorn", "uvicorn.error", "uvicorn.access")
# Libraries that tell of each of their own steps at the info level.
TALKATIVE = ("httpx", "httpcore", "uvicorn.access", "apscheduler")


# Set on exceptions that were logged with their trace id, not to be logged again without it.
_REPORTED = "_belfry_reported"


class PipelineHandler(logging.Handler):
    """Writes each record of standard logging as one of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; a failure is counted, never raised or printed."""
        if in_export_thread() or _already_reported(record):
            return
        try:
            created_ns = int(record.created * 1e9)
            level = _level(record.levelno)
            logs.write(level, _event(record), _fields(record), created_ns=created_ns)
        except Exception as error:
            process.failed("logs", error)


def route() -> None:
    """Make standard logging end in our pipeline; may be called again, as servers do set-up late."""
    root = logging.getLogger()
    if not any(isinstance(handler, PipelineHandler) for handler in root.handlers):
        root.addHandler(PipelineHandler())
    for handler in list(root.handlers):
        if _prints(handler):
            root.removeHandler(handler)
    if root.level == logging.WARNING:  # what logging starts with
        root.setLevel(logs.level_threshold())
    for name in UVICORN:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in TALKATIVE:
        logger = logging.getLogger(name)
        if logger.level in {logging.NOTSET, logging.INFO}:
            logger.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def report_once(error: BaseException) -> None:
    """Keep an exception that was logged from being logged again by the server."""
    try:
        setattr(error, _REPORTED, True)
    except (AttributeError, TypeError):
        # An exception that takes no attributes is logged twice, at worst.
        return


def _prints(handler: logging.Handler) -> bool:
    return type(handler) is logging.StreamHandler and handler.stream in {sys.stdout, sys.stderr}


def _already_reported(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return getattr(error, _REPORTED, False)


def _event(record: logging.LogRecord) -> str:
    """Return what is constant of a record: the template, if it has one."""
    if record.name == WARNINGS:
        return "python_warning"
    return record.msg if isinstance(record.msg, str) else type(record.msg).__name__


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = {"logger": record.name}
    if record.args or not isinstance(record.msg, str) or record.name == WARNINGS:
        # The event is the constant template; what a person reads is beside it.
        fields["message"] = record.getMessage()
    fields.update({key: value for key, value in vars(record).items() if key not in STANDARD})
    if record.exc_info:
        fields["exc_info"] = record.exc_info
    return fields


def _level(number: int) -> str:
    for name, least in reversed(logs.LEVELS.items()):
        if number >= least:
            return name
    return "debug"
