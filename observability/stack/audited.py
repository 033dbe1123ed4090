"""What a person does by a command, in the audit trail and the log."""

import getpass
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from observability.settings import Settings

SERVICE = "belfry"
INSTANCE = "belfry-cli"
SEND_SECONDS = 2.0


def record(settings: Settings, action: str, target: str, **detail: str) -> None:
    """Record an act of whoever runs the command; as `record_all`, on one target."""
    record_all(settings, action, {target: detail})


def record_all(settings: Settings, action: str, targets: Mapping[str, Mapping[str, str]]) -> None:
    """Record an act of whoever runs the command: in the journal, and sent to the Collector.

    Args:
        settings: whose state folder and Collector.
        action: what was done: `fault_set`, `scale`, ….
        targets: what it was done to, each with what else is worth keeping.
    """
    with joined(settings):
        for target, detail in targets.items():
            act(action, target, **detail)


def act(action: str, target: str, **detail: str) -> None:
    """Record one act of whoever runs the command, within `joined`."""
    from observability.instrumentation.audit import audit  # noqa: PLC0415 - as in `joined`

    audit(action, actor=_user(), target=target, source="command line", **detail)


@contextmanager
def joined(settings: Settings) -> Iterator[None]:
    """Within, what the command logs and audits goes to the journal and to the Collector.

    Nothing of it is printed. A Collector that is away is waited for at the end alone, two seconds
    at most.
    """
    # Commands that record nothing shall not wait for these.
    from observability.instrumentation import state  # noqa: PLC0415
    from observability.instrumentation.audit import DIRECTORY_VARIABLE  # noqa: PLC0415
    from observability.instrumentation.telemetry import Telemetry  # noqa: PLC0415

    with _environment(_identity(settings)):
        telemetry = Telemetry(SERVICE, None, prints=False)
    with _environment({DIRECTORY_VARIABLE: str(settings.audit_dir)}):
        state.add(telemetry)
        try:
            yield
        finally:
            telemetry.drain(SEND_SECONDS)
            telemetry.shutdown(0)


def _identity(settings: Settings) -> dict[str, str]:
    return {
        "OTEL_SERVICE_NAME": SERVICE,
        "OTEL_EXPORTER_OTLP_ENDPOINT": settings.url("collector"),
        "OTEL_RESOURCE_ATTRIBUTES": (
            f"service.namespace=belfry,service.instance.id={INSTANCE},"
            f"deployment.environment.name={settings.environment}"
        ),
    }


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Within, these variables are set; what the command starts meanwhile sees them too."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _user() -> str:
    """Name of whoever runs the command; in a container a user may have a number only."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
