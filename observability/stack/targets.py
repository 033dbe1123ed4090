"""Writes what Prometheus is to scrape, as file-based service discovery.

One file a kind of target, replaced as a whole, so that a replica that comes or goes needs no change
of configuration and no reload.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from observability.stack.config import Config
from observability.stack.state import write_atomically


@dataclass(frozen=True, slots=True)
class Target:
    """One address and the labels that its series get."""

    address: str
    labels: dict[str, str] = field(default_factory=dict)


def write(path: Path, targets: Iterable[Target]) -> None:
    """Replace a file of targets, unless it says the same already (no needless reload)."""
    entries = [{"targets": [one.address], "labels": one.labels} for one in targets]
    text = json.dumps(entries, indent=2) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_atomically(path, text)


def identity(*, service: str, namespace: str, environment: str, instance: str) -> dict[str, str]:
    """Labels by which a service's series, log lines and spans are told to be the same's."""
    return {
        "service_name": service,
        "service_namespace": namespace,
        "deployment_environment_name": environment,
        "instance": instance,
    }


def external(config: Config, environment: str) -> list[Target]:
    """Targets of `[targets.NAME]`: services that run elsewhere and are only watched."""
    return [_external(config, name, environment) for name in config.targets]


def _external(config: Config, name: str, environment: str) -> Target:
    target = config.targets[name]
    parts = urlsplit(target.url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    labels = identity(
        service=name,
        namespace=target.namespace or config.stack.namespace,
        environment=environment,
        instance=target.instance or f"{name}-1",
    )
    if parts.scheme == "https":
        labels["__scheme__"] = "https"
    if target.metrics_path != "/metrics":
        labels["__metrics_path__"] = target.metrics_path
    return Target(f"{parts.hostname}:{port}", labels)
