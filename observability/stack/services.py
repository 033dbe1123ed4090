"""How the services of belfry.toml and the console are run: command, environment, identity."""

import os
import re
import sys
from collections.abc import Mapping
from importlib import metadata
from urllib.parse import quote

from observability.exits import UsageError
from observability.settings import DEFAULT_PORTS, HOST, Settings
from observability.stack.config import Config
from observability.stack.process import Kind, Spec
from observability.stack.state import MARKER
from observability.stack.targets import identity

CONSOLE = "console"
CONSOLE_NAMESPACE = "belfry"
_GRACEFUL_SECONDS = 10
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def service(
    settings: Settings, config: Config, name: str, number: int = 1, version: str | None = None
) -> Spec:
    """How to run one replica of a service.

    Args:
        settings: of the stack.
        config: belfry.toml.
        name: of the service, a key of `[services]`.
        number: of the replica, from 1; its port is the service's plus `number - 1`.
        version: reported as `service.version` instead of the configured one.

    Raises:
        UsageError: an environment value refers to something that does not exist.
    """
    table = config.services[name]
    instance = f"{name}-{number}"
    port = settings.port(name, table.port) + number - 1
    version = version or table.version or belfry_version()
    own = {"self.url": f"http://{HOST}:{port}", "self.port": str(port)}
    environment = {
        key: value
        for values in (config.env, table.env)
        for key, value in _fill(values, settings, config, own).items()
    }
    for key in os.environ:  # what the user has set goes before belfry.toml, given as a file too
        environment.pop(key.removesuffix("_FILE"), None)
    environment |= dict(os.environ)
    environment |= _observed(settings, name, config.stack.namespace, instance, version)
    return Spec(
        name=name,
        kind=Kind.SERVICE,
        instance=instance,
        port=port,
        version=version,
        command=_uvicorn(table.app, port),
        environment=environment,
        folder=config.root,
        ready_url=f"http://{HOST}:{port}/readyz",
        needs=table.needs,
        ports={name: port},
    )


def console(settings: Settings, config: Config) -> Spec:
    """How to run the console, which also hosts the inbox of alerts."""
    port = settings.port(CONSOLE)
    version = belfry_version()
    telemetry = _observed(settings, CONSOLE, CONSOLE_NAMESPACE, f"{CONSOLE}-1", version)
    return Spec(
        name=CONSOLE,
        kind=Kind.CONSOLE,
        instance=f"{CONSOLE}-1",
        port=port,
        version=version,
        command=_uvicorn("observability.console.app:app", port),
        # its pages ask the backends dozens of times, which are no neighbours of the shop's
        environment=dict(os.environ)
        | settings.variables()
        | telemetry
        | {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "httpx"},
        folder=config.root,
        ready_url=f"http://{HOST}:{port}/readyz",
        ports={CONSOLE: port},
    )


def belfry_version() -> str:
    """Version of the installed package."""
    return metadata.version("belfry")


def labels(spec: Spec, settings: Settings, config: Config) -> dict[str, str]:
    """Target labels of a process: the same identity that its log lines and spans carry."""
    ours = spec.kind is Kind.SERVICE
    return identity(
        service=spec.name,
        namespace=config.stack.namespace if ours else CONSOLE_NAMESPACE,
        environment=settings.environment,
        instance=spec.instance,
    )


def _uvicorn(app: str, port: int) -> tuple[str, ...]:
    options = ["--host", HOST, "--port", str(port), "--no-access-log"]
    graceful = ["--timeout-graceful-shutdown", str(_GRACEFUL_SECONDS)]
    return (sys.executable, "-m", "uvicorn", app, *options, *graceful)


def _observed(
    settings: Settings, name: str, namespace: str, instance: str, version: str
) -> dict[str, str]:
    resource = {
        "service.namespace": namespace,
        "service.version": version,
        "service.instance.id": instance,
        "deployment.environment.name": settings.environment,
    }
    ours = [f"{key}={quote(value)}" for key, value in resource.items()]
    theirs = [item for item in [os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")] if item]
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or settings.url("collector")
    return {
        "OTEL_SERVICE_NAME": name,
        "OTEL_RESOURCE_ATTRIBUTES": ",".join(theirs + ours),
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "BELFRY_AUDIT_DIR": str(settings.audit_dir),
        MARKER: str(settings.state_dir),
    }


def _fill(
    values: Mapping[str, str], settings: Settings, config: Config, own: Mapping[str, str]
) -> dict[str, str]:
    def replacement(match: re.Match[str]) -> str:
        if match[1] in own:
            return own[match[1]]
        if match[1] == "state":
            return str(settings.state_dir)
        name, _, what = match[1].partition(".")
        default = config.services[name].port if name in config.services else None
        known = default is not None or name in DEFAULT_PORTS
        if not known or what not in {"url", "port"}:
            raise UsageError(
                f"belfry.toml: nothing is known by {match[0]}: use {{state}}, "
                "{NAME.url} or {NAME.port} of a service or backend"
            )
        port = settings.port(name, default)
        return f"http://{HOST}:{port}" if what == "url" else str(port)

    return {name: _PLACEHOLDER.sub(replacement, value) for name, value in values.items()}
