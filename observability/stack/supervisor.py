"""Runs everything of a plan: starts it in order, builds what is missing, scales, stops it all."""

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from observability.exits import UsageError
from observability.settings import HOST
from observability.stack import logs, ports, secrets, services, state, targets
from observability.stack.compiler import BuildError
from observability.stack.external import ExternalTargets
from observability.stack.journal import Journal
from observability.stack.plan import Plan, check_scale, unknown
from observability.stack.process import Kind, Process, Spec, State
from observability.stack.servers import Servers
from observability.stack.state import Records, write_atomically
from observability.stack.status import ProcessStatus, measure

#: A service is given what it needs a head start of at most this; then it starts all the same.
_SOFT_WAIT_SECONDS = 3.0
_HOUSEKEEPING_SECONDS = 1.0


class Supervisor:
    """Keeps the processes of a plan running; only one for a state folder (see `StateLock`)."""

    def __init__(self, plan: Plan, servers: Servers) -> None:
        self.plan = plan
        self.processes: dict[str, Process] = {}
        self._settings = plan.settings
        self._servers = servers
        self._records = Records(plan.settings)
        self._journal = Journal(plan.settings.logs_dir / "supervisor.log")
        self._external = ExternalTargets(plan.settings, self._journal)
        self._versions: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._changing = asyncio.Lock()
        self._closing = False

    async def start(self) -> None:
        """Prepare the state folder and begin to start everything; returns before it is ready.

        Raises:
            UsageError: a port is taken, or a setting or the state folder cannot be used; nothing
                has been started then.
        """
        with state.usable(self._settings):
            self._records.sweep()
            missing = self._servers.find(self.plan.names)
            specs = [spec for name in self.plan.names for spec in self._specs(name)]
            ports.require_free(_ports(specs))
            self._prepare_files()
            for spec in specs:
                self._add(spec)
            self._write_targets()
        for name in missing:
            self.processes[_first(name)].enter(State.BUILDING, "waits for its turn to be built")
        for spec in specs:
            if spec.name not in missing:
                self._spawn(self._launch(self.processes[spec.instance]), f"start of {spec.name}")
        self._spawn(self._build(missing), "builds")
        self._spawn(self._keep_house(), "housekeeping")

    async def stop(self) -> None:
        """Stop everything in reverse order, what is in one level at the same time.

        A change under way is left first, and no other is taken up: nothing starts after this.
        """
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        async with self._changing:
            for level in reversed(self.plan.levels):
                await asyncio.gather(*(one.stop() for one in self._of(level)))
        with contextlib.suppress(OSError):  # a full disk: the next start finds nothing to sweep
            self._records.write([])
        self._journal.close()

    def kill(self) -> None:
        """End every process now; for whoever is too impatient for `stop`."""
        for process in self.processes.values():
            process.kill()

    async def scale(self, name: str, replicas: int) -> None:
        """Start or gracefully stop replicas, the highest numbers first; targets follow.

        Raises:
            UsageError: the service does not run here or cannot be scaled, or a port is taken.
        """
        check_scale(self.plan.config, name, replicas)
        if name not in self.plan.names:
            raise UsageError(f"{name} does not run in this stack")
        async with self._changing:
            self._refuse_if_closing()
            have = {process.spec.instance: process for process in self._of([name])}
            wanted = [self._service(name, number) for number in range(1, replicas + 1)]
            new = [spec for spec in wanted if spec.instance not in have]
            ports.require_free(_ports(new))
            surplus = [have[one] for one in have.keys() - {spec.instance for spec in wanted}]
            for process in surplus:
                del self.processes[process.spec.instance]
            added = [self._add(spec) for spec in new]
            self._write_targets()
            for process in added:
                process.start()
            await asyncio.gather(*(process.stop() for process in surplus))

    async def restart(
        self, name: str, version: str | None = None, variables: Mapping[str, str] | None = None
    ) -> None:
        """Stop gracefully and start again: all replicas of a name, or one instance.

        Args:
            name: of a service, backend or the console, or an instance (`worker-2`).
            version: what a service reports from now on as `service.version`.
            variables: of its environment, until the next restart, in place of what is configured.

        Raises:
            UsageError: nothing of this name runs here, or a backend was given a version.
        """
        found = self._of([name]) or [self.processes[one] for one in self.processes if one == name]
        if not found:
            raise UsageError(unknown(name, {*self.plan.names, *self.processes}))
        if version and any(process.spec.kind is not Kind.SERVICE for process in found):
            raise UsageError(
                f"{name} is not a service of belfry.toml: its version is what is built"
            )
        async with self._changing:
            for process in found:
                self._refuse_if_closing()
                await self._restart(process, version, variables or {})

    def status(self) -> list[ProcessStatus]:
        """Every process as it stands, in start order; measures memory, so call it in a thread."""
        order = {name: position for position, name in enumerate(self.plan.names)}
        return measure(sorted(self.processes.values(), key=lambda one: order[one.spec.name]))

    @property
    def settled(self) -> bool:
        """Whether everything is ready or has failed."""
        return all(one.state in {State.READY, State.FAILED} for one in self.processes.values())

    def _refuse_if_closing(self) -> None:
        if self._closing:
            raise UsageError("the stack is being stopped")

    async def _restart(
        self, process: Process, version: str | None, variables: Mapping[str, str]
    ) -> None:
        spec = process.spec
        if process.state is State.BUILDING:
            raise UsageError(f"{spec.name} is still being built: {process.reason}")
        if not spec.command:  # its build failed: whoever has mended the cause wants another try
            process.enter(State.BUILDING, "is built again")
            self._spawn(self._build([spec.name]), f"build of {spec.name}")
            return
        if spec.kind is Kind.SERVICE:
            spec = self._service(spec.name, int(spec.instance.rpartition("-")[2]), version)
        else:
            [spec] = self._specs(spec.name)
        await process.restart(replace(spec, environment={**spec.environment, **variables}))

    def _specs(self, name: str) -> list[Spec]:
        if name == services.CONSOLE:
            return [services.console(self._settings, self.plan.config)]
        if name in self.plan.config.services:
            replicas = self.plan.replicas.get(name, 1)
            return [self._service(name, number) for number in range(1, replicas + 1)]
        return [self._servers.spec(name)]

    def _service(self, name: str, number: int, version: str | None = None) -> Spec:
        if version:
            self._versions[name] = version
        return services.service(
            self._settings, self.plan.config, name, number, self._versions.get(name)
        )

    def _prepare_files(self) -> None:
        stack = self.plan.config.stack
        secrets.generate(self._settings.secrets_dir, stack.secrets)
        if stack.flags:
            template = self.plan.config.root / stack.flags
            try:
                text = template.read_text(encoding="utf-8")
            except OSError as error:
                raise UsageError(
                    f"belfry.toml: stack.flags: {template}: {error.strerror}"
                ) from None
            write_atomically(self._settings.flags_file, text)

    def _add(self, spec: Spec) -> Process:
        scalable = spec.name in self.plan.config.services and (
            self.plan.config.services[spec.name].scalable
        )
        log = self._settings.logs_dir / f"{spec.instance if scalable else spec.name}.log"
        process = Process(spec, log, self._changed)
        self.processes[spec.instance] = process
        return process

    def _of(self, names: Iterable[str]) -> list[Process]:
        wanted = set(names)
        return [process for process in self.processes.values() if process.spec.name in wanted]

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        """Forget a task; one that an error has ended is not forgotten in silence."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._journal.trouble(task.get_name(), error)

    async def _launch(self, process: Process) -> None:
        """Start a process, after a bounded wait for what it needs and is on its way."""
        needed = self._of(process.spec.needs)
        deadline = time.monotonic() + _SOFT_WAIT_SECONDS
        while not process.begun and time.monotonic() < deadline:
            missing = [one.spec.name for one in needed if one.state is State.STARTING]
            if not missing:
                break
            process.enter(State.STARTING, f"waits for {', '.join(missing)}")
            await asyncio.sleep(0.05)
        process.start()

    async def _build(self, names: list[str]) -> None:
        """Build what is missing, one after the other, and start each as soon as it is there."""
        for name in names:
            process = self.processes[_first(name)]
            try:
                await self._build_one(process)
            except Exception as error:  # whatever it is, the others are still to be built
                if isinstance(error, BuildError):
                    self._keep_output(process, error)
                hint = f"; then `belfry restart {name}`"
                process.enter(State.FAILED, f"{error or type(error).__name__}{hint}")

    async def _build_one(self, process: Process) -> None:
        def progress(text: str) -> None:
            process.enter(State.BUILDING, text)

        process.spec = await self._servers.build(process.spec.name, progress)
        self._write_targets()
        process.start()

    def _keep_output(self, process: Process, error: BuildError) -> None:
        """A build that fails has written the first lines of its server's log."""
        with contextlib.suppress(OSError), logs.to_append(process.log) as log:
            log.write("".join(f"{line}\n" for line in (*error.output, str(error))).encode())

    async def _keep_house(self) -> None:
        """What is to be done again and again; one thing that fails keeps no other from its turn."""
        while True:
            with self._going_on("targets"):
                self._external.follow()
            for process in list(self.processes.values()):
                with self._going_on(f"log of {process.spec.instance}"):
                    await asyncio.to_thread(logs.bound, process.log)
            await asyncio.sleep(_HOUSEKEEPING_SECONDS)

    @contextlib.contextmanager
    def _going_on(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # a full disk, a strange file: another time it may go well
            self._journal.trouble(what, error)

    def _changed(self, process: Process) -> None:
        with contextlib.suppress(OSError):  # a full disk is no reason to stop supervising
            self._records.write(one.pid for one in self.processes.values() if one.pid is not None)
        self._journal.note(process)

    def _write_targets(self) -> None:
        settings, config = self._settings, self.plan.config
        folder = settings.targets_dir
        own: list[targets.Target] = []
        others: list[targets.Target] = []
        for process in self.processes.values():
            spec = process.spec
            if spec.command:  # what is still to be built is not missed yet
                target = targets.Target(
                    f"{HOST}:{spec.metrics_port or spec.port}",
                    services.labels(spec, settings, config),
                )
                (own if spec.kind is Kind.SERVICE else others).append(target)
        targets.write(folder / "services.json", own)
        targets.write(folder / "backends.json", others)
        targets.write(folder / "alertmanager.json", self._servers.alertmanagers(self.plan.names))


def _ports(specs: Iterable[Spec]) -> list[tuple[str, int]]:
    return [pair for spec in specs for pair in spec.ports.items()]


def _first(name: str) -> str:
    return f"{name}-1"
