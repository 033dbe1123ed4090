"""Deploys: a version of a service seen for the first time, kept, and marked in Grafana.

The console runs `watch`; `read` tells what was seen so far.
"""

import asyncio
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import httpx

from observability import get_logger
from observability.forever import forever
from observability.query import BackendError, Prometheus
from observability.settings import Settings
from observability.stack.state import write_atomically

FILE = "deploys.json"
#: Tag that dashboards show the marks of, and what kind of mark it is.
TAGS = ("belfry", "deploy")
#: Versions running, with the start of the first replica of each, in unix seconds.
RUNNING = (
    'min by (service_name, service_version) (process_start_time_seconds{job="services"}'
    ' * on (instance, service_name) group_left (service_version) target_info{job="services"})'
)
_EVERY = 5.0
_MOST = 500

log = get_logger(__name__)


@dataclass(frozen=True)
class Deploy:
    """A version of a service, and when its first replica started (unix seconds).

    `marked` tells whether Grafana has its annotation.
    """

    service: str
    version: str
    at: float
    marked: bool = False

    @property
    def text(self) -> str:
        """For people."""
        return f"{self.service} {self.version} deployed"


def read(settings: Settings) -> list[Deploy]:
    """Deploys seen so far, oldest first; none where nobody has watched yet."""
    try:
        rows = json.loads(_file(settings).read_text(encoding="utf-8"))
        return [Deploy(**row) for row in rows]
    except (OSError, ValueError, TypeError):
        return []


async def watch(settings: Settings, every: float = _EVERY) -> None:
    """Look for new versions until cancelled; what is down is asked again the next time."""
    url = settings.url("prometheus")
    async with httpx.AsyncClient(base_url=url, timeout=5, trust_env=False) as http:
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
    running = await prometheus.instant(RUNNING)
    seen = {(one.service, one.version) for one in known}
    new = [
        Deploy(sample.labels["service_name"], sample.labels["service_version"], sample.value)
        for sample in running
        if "service_version" in sample.labels
        and (sample.labels["service_name"], sample.labels["service_version"]) not in seen
    ]
    for deploy in new:
        log.info("deploy_seen", deployed=deploy.service, deployed_version=deploy.version)
    every = sorted([*known, *new], key=lambda one: one.at)[-_MOST:]
    marked = await asyncio.to_thread(_mark, settings, every)
    if marked != known:
        text = json.dumps([asdict(one) for one in marked], indent=1)
        await asyncio.to_thread(write_atomically, _file(settings), text)
    return new


def _mark(settings: Settings, deploys: list[Deploy]) -> list[Deploy]:
    """The same deploys, as many as possible marked in Grafana where there is one."""
    unmarked = [one for one in deploys if not one.marked]
    url = _grafana_url(settings)
    if not unmarked or url is None:
        return deploys
    # 14 MB of client, for who has a Grafana
    from observability.proof.grafana import Grafana, GrafanaError  # noqa: PLC0415

    try:
        grafana = Grafana(url, settings)
        since = int(min(one.at for one in unmarked) * 1000) - 1
        there = {one.get("text") for one in grafana.annotations(list(TAGS), since)}
        for deploy in unmarked:
            if deploy.text not in there:
                grafana.annotate(
                    int(deploy.at * 1000), [*TAGS, deploy.service, deploy.version], deploy.text
                )
    except GrafanaError as error:
        log.debug("deploys_not_marked", reason=str(error))
        return deploys
    return [replace(one, marked=True) for one in deploys]


def _grafana_url(settings: Settings) -> str | None:
    """Grafana that is named, or the stack's own if it has one."""
    own = (settings.secrets_dir / "grafana_admin").is_file()
    return settings.grafana_url or (settings.url("grafana") if own else None)


def _file(settings: Settings) -> Path:
    return settings.state_dir / FILE
