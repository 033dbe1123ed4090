"""The frame of every service: health, errors, and an end in good order, in real processes."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Body, FastAPI

from observability.faults import FlagFile
from services.kit.app import create_app
from services.kit.body_limit import MAX_BYTES
from services.kit.problems import Problem
from services.kit.settings import ShopSettings
from tests.support.http import listening
from tests.support.services import KEY, bearer, serving
from tests.support.shop import ROOT, RunningShop, running_shop

router = APIRouter()
JSON = {"content-type": "application/json"}


@router.get("/boom")
async def boom() -> None:
    raise RuntimeError("the secret of the house")


@router.post("/echo")
async def echo(text: Annotated[str, Body(embed=True)]) -> int:
    return len(text)


@router.get("/problem")
async def problem() -> None:
    raise Problem(409, "Not now", "Later.", headers={"Retry-After": "5"}, left=3)


class Check:
    """Something that a service needs, working or not."""

    error: Exception | None = None
    seconds = 0.0

    async def __call__(self) -> None:
        await asyncio.sleep(self.seconds)
        if self.error:
            raise self.error


def make(
    tmp_path: Path,
    check: Check,
    monkeypatch: pytest.MonkeyPatch,
    can_wait: dict[str, Check] | None = None,
) -> FastAPI:
    for signal in ("TRACES", "LOGS"):
        monkeypatch.setenv(f"OTEL_{signal}_EXPORTER", "none")
    settings = ShopSettings.model_validate({"data_dir": tmp_path / "data", "token_key": KEY})
    checks = {"tea": check}
    return create_app("cart", routers=[router], settings=settings, checks=checks, can_wait=can_wait)


async def test_every_error_is_a_problem_document_with_the_trace_to_look_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also what no route and no programmer thought of; the reason goes to the log alone."""
    async with serving(make(tmp_path, Check(), monkeypatch)) as client:
        for method, path, status in [
            ("GET", "/boom", 500),
            ("GET", "/problem", 409),
            ("GET", "/nowhere", 404),
            ("DELETE", "/problem", 405),
        ]:
            answer = await client.request(method, path)
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/problem+json"
            document = answer.json()
            assert (document["status"], document["instance"]) == (status, path)
            assert document["type"]
            assert document["title"]
            assert len(document["trace_id"]) == 32
            assert "secret" not in answer.text
            if path == "/boom":
                written = capsys.readouterr().out
                assert "the secret of the house" in written
                assert f'"trace_id":"{document["trace_id"]}"' in written
        answer = await client.get("/problem")
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["left"] == 3


async def test_a_body_is_read_to_a_limit_and_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the sender says of its length; 413 in the form of all errors."""

    async def unannounced() -> AsyncIterator[bytes]:
        yield b'{"text": "'
        for _ in range(2 * MAX_BYTES // 65_536):
            yield b"x" * 65_536
        yield b'"}'

    app = make(tmp_path, Check(), monkeypatch)
    async with listening(app) as url, httpx.AsyncClient(base_url=url) as client:
        assert (await client.post("/echo", json={"text": "x" * 1000})).json() == 1000
        for answer in [
            await client.post("/echo", json={"text": "x" * MAX_BYTES}),
            await client.post("/echo", content=unannounced(), headers=JSON),
        ]:
            assert answer.status_code == 413
            assert answer.headers["content-type"] == "application/problem+json"


async def test_readiness_says_which_check_failed_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 while one does not work, or does not answer; liveness is another matter."""
    check = Check()
    async with serving(make(tmp_path, check, monkeypatch)) as client:
        assert (await client.get("/readyz")).status_code == 200
        check.error = RuntimeError("no tea left")
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"] == {"tea": "no tea left", "accepting": "ok"}
        assert 'service_ready{check="tea"} 0.0' in (await client.get("/metrics")).text
        check.error, check.seconds = None, 60
        answer = await client.get("/readyz")
        assert answer.json()["checks"]["tea"] == "no answer within 2 s"
        assert (await client.get("/livez")).status_code == 200


async def test_what_can_wait_is_told_and_leaves_the_service_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checkout without a broker takes orders: no registry and no balancer may drop it."""
    milk = Check()
    milk.error = RuntimeError("no milk left")
    async with serving(make(tmp_path, Check(), monkeypatch, {"milk": milk})) as client:
        answer = await client.get("/readyz")
        assert answer.status_code == 200
        assert answer.json()["checks"]["milk"] == "no milk left"
        assert 'service_ready{check="milk"} 0.0' in (await client.get("/metrics")).text


async def test_a_service_that_is_told_to_stop_finishes_what_it_has_begun(tmp_path: Path) -> None:
    """A slow request in flight is answered; then the process ends, on its own and well."""
    with running_shop(tmp_path, ["cart"]) as shop:
        FlagFile(tmp_path / "flags.json").set({"cart.latency_ms": "1500"})
        await asyncio.sleep(1)
        async with httpx.AsyncClient(base_url=shop.url("cart"), timeout=10) as client:
            token = {"Authorization": bearer()["Authorization"]}
            request = asyncio.create_task(client.get("/cart", headers=token))
            await asyncio.sleep(0.4)
            stop = asyncio.to_thread(shop.stop, "cart")
            answer, _ = await asyncio.gather(request, stop)
        assert answer.status_code == 200
        assert '"event":"service_stopped"' in shop.log("cart")


async def test_while_it_drains_a_service_is_unready_and_still_serves(tmp_path: Path) -> None:
    """Whoever sends requests there has time to see it and go elsewhere."""
    with running_shop(tmp_path, ["cart"], {"SHOP_DRAIN_SECONDS": "1.5"}) as shop:
        stop = asyncio.create_task(asyncio.to_thread(shop.stop, "cart"))
        deadline = time.monotonic() + 1
        async with httpx.AsyncClient(base_url=shop.url("cart")) as client:
            while (answer := await client.get("/readyz")).status_code == 200:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)
            assert answer.status_code == 503
            assert answer.json()["checks"]["accepting"] == "stopping"
            assert (await client.get("/cart", headers=bearer())).status_code == 200
        await stop


def test_a_killed_service_comes_back_with_its_data(tmp_path: Path) -> None:
    """Nothing that was answered is lost."""
    with running_shop(tmp_path, ["cart"]) as shop:
        put(shop, "kite")
        shop.kill("cart")
        shop.start("cart")
        cart = httpx.get(f"{shop.url('cart')}/cart", headers=bearer()).json()
        assert [one["product_id"] for one in cart["items"]] == ["kite"]


def put(shop: RunningShop, product_id: str) -> None:
    url = f"{shop.url('cart')}/cart/items/{product_id}"
    assert httpx.put(url, json={"quantity": 1}, headers=bearer()).status_code == 200


@pytest.mark.parametrize(
    ("service", "name", "value", "words"),
    [
        ("catalog", "SHOP_TOKEN_KEY", "short", "SHOP_TOKEN_KEY: needs at least 32 bytes"),
        ("catalog", "SHOP_CATALOG_SWEEP_SECONDS", "0", "SHOP_CATALOG_SWEEP_SECONDS: Input should"),
        ("catalog", "SHOP_CATALOG_DATABASE_URL", "oracle://", "DATABASE_URL: must start with"),
        ("checkout", "SHOP_QUEUE_URL", "foo://x", "SHOP_QUEUE_URL: must start with"),
        ("gateway", "SHOP_CATALOG_URL", "catalog:8002", "SHOP_CATALOG_URL: use http://HOST"),
        ("account", "SHOP_ADMIN_EMAIL", "a@b.org", "SHOP_ADMIN_EMAIL: needs SHOP_ADMIN_PASSWORD"),
    ],
)
def test_a_bad_setting_ends_the_process_with_one_line_and_code_2(
    tmp_path: Path, service: str, name: str, value: str, words: str
) -> None:
    """Before anything listens."""
    command = [sys.executable, "-m", "uvicorn", f"services.{service}.app:app", "--port", "0"]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env={"PATH": "", "SHOP_DATA_DIR": str(tmp_path), name: value},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert words in ended.stderr
