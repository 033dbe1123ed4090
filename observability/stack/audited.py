"""What a person does by a command, in the audit trail."""

import getpass
import os
from collections.abc import Mapping

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
    # Commands that record nothing shall not wait for these.
    from observability.instrumentation import state  # noqa: PLC0415
    from observability.instrumentation.audit import DIRECTORY_VARIABLE, audit  # noqa: PLC0415
    from observability.instrumentation.telemetry import Telemetry  # noqa: PLC0415

    os.environ[DIRECTORY_VARIABLE] = str(settings.audit_dir)
    os.environ["OTEL_SERVICE_NAME"] = SERVICE
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = settings.url("collector")
    os.environ["OTEL_RESOURCE_ATTRIBUTES"] = (
        f"service.namespace=belfry,service.instance.id={INSTANCE},"
        f"deployment.environment.name={settings.environment}"
    )
    telemetry = Telemetry(SERVICE, None, prints=False)
    state.add(telemetry)
    actor = _user()
    for target, detail in targets.items():
        audit(action, actor=actor, target=target, source="command line", **detail)
    telemetry.drain(SEND_SECONDS)
    telemetry.shutdown(0)


def _user() -> str:
    """Name of whoever runs the command; in a container a user may have a number only."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
