"""The backends as processes: found or built, prepared, and how to run them."""

import os
import shutil
from collections.abc import Callable, Iterable

from observability.backends import BACKENDS, Site
from observability.backends.model import PROFILES
from observability.settings import HOST, Settings
from observability.stack import resolve, secrets
from observability.stack.build import build
from observability.stack.process import Kind, Spec
from observability.stack.services import CONSOLE
from observability.stack.state import BUILD_MARKER, MARKER
from observability.stack.targets import Target

_ALERTMANAGER = "alertmanager"


class Servers:
    """The servers that can be run on this machine."""

    def __init__(self, settings: Settings, namespace: str = "default") -> None:
        ports = {
            name: settings.port(name, default)
            for backend in BACKENDS.values()
            for name, default in backend.ports.items()
        }
        self.site = Site(
            state=settings.state_dir,
            ports=ports,
            host=HOST,
            namespace=namespace,
            profile=PROFILES / settings.profile,
            environment=settings.environment,
            inbox_url=f"{settings.url(CONSOLE)}/api/inbox/alertmanager",
        )
        self._settings = settings
        self._found: dict[str, resolve.Resolved] = {}

    @property
    def needs(self) -> dict[str, tuple[str, ...]]:
        """The backends that can be run here, in build order, each with those it sends to."""
        return {
            name: backend.needs
            for name, backend in BACKENDS.items()
            if backend.pinned.buildable or any(map(shutil.which, backend.pinned.path_names))
        }

    def find(self, names: Iterable[str]) -> list[str]:
        """Look for the executables of those of `names` that are backends.

        Returns:
            Those that have to be built first, in build order.

        Raises:
            UsageError: PATH has one of a version that does not fit.
        """
        wanted = set(names)
        for name in (name for name in BACKENDS if name in wanted):
            found = resolve.resolve(
                BACKENDS[name], self._settings.cache_dir, use_path=not self._settings.ignore_path
            )
            if found:
                self._found[name] = found
        return [name for name in BACKENDS if name in wanted and name not in self._found]

    def spec(self, name: str) -> Spec:
        """How to run a backend; without a command while it is still to be built.

        Raises:
            OSError: its folders cannot be made.
        """
        backend, found = BACKENDS[name], self._found.get(name)
        secrets.generate(self._settings.secrets_dir, backend.secrets)
        backend.prepare(self.site)
        port, _ = backend.metrics
        return Spec(
            name=name,
            kind=Kind.BACKEND,
            instance=f"{name}-1",
            port=self.site.port(name),
            version=found.version if found else backend.version,
            command=tuple(backend.command(found.path, self.site)) if found else (),
            environment=dict(os.environ)
            | backend.environment(self.site)
            | {key: os.environ[key] for key in self.site.retention(name) if key in os.environ}
            | {MARKER: str(self._settings.state_dir)},
            folder=backend.working_directory(self.site),
            ready_url=backend.ready_url(self.site),
            needs=backend.needs,
            ports={name: self.site.port(name) for name in backend.ports},
            metrics_port=self.site.port(port),
            stop_seconds=backend.stop_seconds,
        )

    async def build(self, name: str, progress: Callable[[str], None]) -> Spec:
        """Build a backend; ends the compiler if cancelled, and goes on from there the next time.

        Args:
            name: of a backend.
            progress: called with a short line now and then.

        Returns:
            How to run it.

        Raises:
            BuildError: says why and what to do.
        """
        self._found[name] = await build(
            BACKENDS[name],
            self._settings.cache_dir,
            lambda now: progress(now.text),
            {BUILD_MARKER: str(self._settings.state_dir)},
        )
        return self.spec(name)

    def alertmanagers(self, names: Iterable[str]) -> list[Target]:
        """Whom Prometheus sends alerts to."""
        return [Target(self.site.address(_ALERTMANAGER))] if _ALERTMANAGER in names else []
