"""Deploys: a version of a service seen for the first time, kept, and marked in Grafana.

The console runs `watch`; `read` tells what was seen so far.
"""

import asyncio
import contextlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from observability import get_logger
from observability.forever import forever
from observability.query import BackendError, Prometheus, Sample, client
from observability.settings import Settings
from observability.stack.state import write_atomically

FILE = "deploys.json"
#: Tag that dashboards show the marks of, and what kind of mark it is.
TAGS = ("belfry", "deploy")
_REPLICA = "deployment_environment_name, service_namespace, service_name, instance"
#: Versions running, with the start of the first replica of each, in unix seconds.
RUNNING = (
    "min by (deployment_environment_name, service_name, service_version)"
    ' (process_start_time_seconds{job="services"}'
    f' * on ({_REPLICA}) group_left (service_version) target_info{{job="services"}})'
)
_EVERY = 5.0
_MOST = 500

log = get_logger(__name__)


@dataclass(frozen=True)
class Deploy:
    """A version of a service in an environment, and when its first replica started.

    Attributes:
        service: which.
        version: of it.
        at: unix seconds.
        marked: whether Grafana has its annotation.
        before: the version that was new before it; None where this is the first that was seen.
        environment: where it runs.
    """

    service: str
    version: str
    at: float
    marked: bool = False
    before: str | None = None
    environment: str = ""

    @property
    def text(self) -> str:
        """For people."""
        return f"{self.service} {self.version} deployed"

    @property
    def tags(self) -> list[str]:
        """Of its annotation."""
        return [tag for tag in (*TAGS, self.service, self.version, self.environment) if tag]

    @property
    def key(self) -> tuple[str, str, str]:
        """What is one deploy, however many replicas it has and however often they start."""
        return self.environment, self.service, self.version


def read(settings: Settings) -> list[Deploy]:
    """Deploys seen so far, oldest first; none where nobody has watched yet."""
    try:
        rows = json.loads(_file(settings).read_text(encoding="utf-8"))
        return [Deploy(**row) for row in rows]
    except (OSError, ValueError, TypeError):
        return []


async def watch(settings: Settings, every: float = _EVERY) -> None:
    """Look for new versions until cancelled; what is down is asked again the next time."""
    async with client(settings.url("prometheus"), 5) as http:
        prometheus = Prometheus(http)

        async def step() -> None:
            try:
                await look(settings, prometheus)
            except BackendError as error:
                log.debug("deploys_not_seen", reason=str(error))

        await forever("deploys", step, every=every)


async def look(settings: Settings, prometheus: Prometheus) -> list[Deploy]:
    """Look once: note versions not seen before, and mark in Grafana what is not marked yet.

    Returns:
        Those not seen before.

    Raises:
        BackendError: Prometheus does not answer.
        OSError: The state folder cannot be written to.
    """
    known = await asyncio.to_thread(read, settings)
    new = _unseen(known, await prometheus.instant(RUNNING))
    for deploy in new:
        log.info("deploy_seen", deployed=deploy.service, deployed_version=deploy.version)
    every = sorted([*known, *new], key=lambda one: one.at)[-_MOST:]
    marked = await asyncio.to_thread(_mark, settings, every)
    if marked != known:
        text = json.dumps([asdict(one) for one in marked], indent=1)
        await asyncio.to_thread(write_atomically, _file(settings), text)
    return new


def _unseen(known: list[Deploy], running: list[Sample]) -> list[Deploy]:
    """Deploys of what runs that are not known yet, oldest first."""
    seen = {one.key for one in known}
    newest = {(one.environment, one.service): one.version for one in known}
    found = []
    for sample in sorted(running, key=lambda sample: sample.value):
        labels = sample.labels
        if "service_version" not in labels:
            continue
        where = labels.get("deployment_environment_name", ""), labels["service_name"]
        version = labels["service_version"]
        if (*where, version) not in seen:
            before = newest.get(where)
            found.append(Deploy(where[1], version, sample.value, False, before, where[0]))
            newest[where] = version
    return found


def _mark(settings: Settings, deploys: list[Deploy]) -> list[Deploy]:
    """The same deploys, as many as possible marked in Grafana where there is one."""
    unmarked = [one for one in deploys if not one.marked]
    url = _grafana_url(settings)
    if not unmarked or url is None:
        return deploys
    # 14 MB of client, for who has a Grafana
    from observability.proof.grafana import Grafana, GrafanaError  # noqa: PLC0415

    try:
        with contextlib.closing(Grafana(url, settings)) as grafana:
            since = int(min(one.at for one in unmarked) * 1000) - 1
            there = grafana.annotations(list(TAGS), since)
            for deploy in unmarked:
                if not any(_is_of(mark, deploy) for mark in there):
                    grafana.annotate(int(deploy.at * 1000), deploy.tags, deploy.text)
    except GrafanaError as error:
        log.debug("deploys_not_marked", reason=str(error))
        return deploys
    return [replace(one, marked=True) for one in deploys]


def _is_of(mark: dict[str, Any], deploy: Deploy) -> bool:
    return mark.get("text") == deploy.text and {*deploy.tags} <= {*mark.get("tags", ())}


def _grafana_url(settings: Settings) -> str | None:
    """Grafana that is named, or the stack's own if it has one."""
    own = settings.grafana_password_file.is_file()
    return settings.grafana_url or (settings.url("grafana") if own else None)


def _file(settings: Settings) -> Path:
    return settings.state_dir / FILE
