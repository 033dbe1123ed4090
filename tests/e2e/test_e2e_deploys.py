"""A version that is seen for the first time is a deploy: kept, and marked in Grafana."""

import asyncio
import time
from pathlib import Path

import httpx

from observability.backends import grafana
from observability.query import Prometheus
from observability.settings import Settings
from observability.stack import deploys
from tests.support import grafana as stand_in
from tests.support.stack import Stack
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
VERSION = f"9.9.{int(time.time())}"


def test_a_new_version_is_a_deploy_with_a_mark(stack: Stack) -> None:
    """Once, at the time when its first replica started."""
    before = time.time()
    app = stand_in.create_app(ROOT / "dashboards", grafana.PROVISIONING, {})
    with stand_in.served(app) as url:
        settings = Settings(state_dir=stack.state, port_offset=stack.port_offset, grafana_url=url)
        stack.command("restart", "cart", "--version", VERSION)

        def seen() -> deploys.Deploy | None:
            asyncio.run(_look(settings))
            return next((one for one in deploys.read(settings) if one.version == VERSION), None)

        deploy = eventually(seen, within=40, what="the deploy of cart")
        asyncio.run(_look(settings))
        marks = httpx.get(f"{url}/api/annotations", params={"tags": ["deploy", VERSION]}).json()

    assert deploy.service == "cart"
    assert deploy.marked
    assert before - 5 < deploy.at < time.time()
    assert [mark["text"] for mark in marks] == [f"cart {VERSION} deployed"]
    assert marks[0]["time"] == int(deploy.at * 1000)


def test_what_is_not_there_yet_is_no_deploy(tmp_path: Path) -> None:
    """Where nobody has watched, and where the file is broken."""
    settings = Settings(state_dir=tmp_path)
    assert deploys.read(settings) == []
    (tmp_path / deploys.FILE).write_text("{", encoding="utf-8")
    assert deploys.read(settings) == []


async def _look(settings: Settings) -> None:
    async with httpx.AsyncClient(base_url=settings.url("prometheus")) as http:
        await deploys.look(settings, Prometheus(http))
