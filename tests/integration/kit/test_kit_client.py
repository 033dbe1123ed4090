"""Calls between services, over real connections to servers that behave and misbehave."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from pydantic import SecretStr

from services.kit import problems
from services.kit.app import create_app
from services.kit.auth import CurrentUser, ServiceUser, TokenKey, User
from services.kit.balancer import EJECT_AFTER
from services.kit.client import CONNECTIONS, ServiceClient
from services.kit.problems import Problem
from services.kit.settings import ShopSettings
from tests.support.http import listening, silent
from tests.support.ports import free_port
from tests.support.services import serving

KEY = "a key for tests that is long enough to be taken"


class Upstream:
    """An app that counts what it is asked and answers as told."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.headers: dict[str, str] = {}
        self.statuses: list[int] = []
        self.app = FastAPI()
        problems.install(self.app)
        self.app.add_api_route("/thing", self.thing, methods=["GET", "POST", "PUT", "DELETE"])
        self.app.add_api_route("/refused", self.refused)
        self.app.add_api_route("/sorry", self.sorry)

    async def thing(self, request: Request) -> Response:
        self.seen[request.method] += 1
        self.headers = dict(request.headers)
        status = self.statuses.pop(0) if self.statuses else 200
        return Response(b'{"ok": true}', status, media_type="application/json")

    async def refused(self) -> None:
        raise Problem(409, "Out of stock", "None left.", type="urn:stock", product_id="kite")

    async def sorry(self, status: int) -> None:
        self.seen["sorry"] += 1
        headers = {"Retry-After": "7", "WWW-Authenticate": "Bearer", "X-Other": "1"}
        raise Problem(status, "Not yet", "Busy.", headers=headers, order_id="o-1")


@pytest.fixture
def upstream() -> Upstream:
    """What is called."""
    return Upstream()


@asynccontextmanager
async def client(url: str, seconds: float = 5.0) -> AsyncIterator[ServiceClient]:
    one = ServiceClient("catalog", url, seconds)
    yield one
    await one.aclose()


async def failure(one: ServiceClient, method: str, path: str = "/thing") -> Problem:
    with pytest.raises(Problem) as caught:
        await one.request(method, path)
    return caught.value


async def test_a_call_carries_token_and_key(upstream: Upstream) -> None:
    """What the next service needs to know who asks, and whether it was asked before."""
    async with listening(upstream.app) as url, client(url) as one:
        answer = await one.post(
            "/thing", params={"a": ["1", "2"]}, json={}, token="t", idempotency_key="k"
        )
    assert answer.json() == {"ok": True}
    assert upstream.headers["authorization"] == "Bearer t"
    assert upstream.headers["idempotency-key"] == "k"


async def test_only_services_pass_where_only_services_may_and_they_pass_nowhere_as_a_person(
    tmp_path: Path,
) -> None:
    """A call on nobody's behalf is the service's own."""

    class Settings(ShopSettings):
        service = "checkout"

    settings = Settings(data_dir=tmp_path / "data", token_key=SecretStr(KEY))
    app = FastAPI()
    problems.install(app)
    app.state.token_key = TokenKey(KEY)

    @app.get("/inside")
    async def inside(caller: ServiceUser) -> str:
        return caller.name

    @app.get("/mine")
    async def mine(user: CurrentUser) -> str:
        return user.name

    ann, _ = TokenKey(KEY).issue(User("1", "ann@example.org", "Ann"), timedelta(minutes=1))
    async with listening(app) as url:
        settings.catalog_url = url
        one = ServiceClient.to("catalog", settings)
        assert (await one.get("/inside")).json() == "checkout"
        assert (await one.get("/mine", token=ann)).json() == "Ann"
        assert (await failure(one, "GET", "/mine")).status == 403
        with pytest.raises(Problem) as caught:
            await one.get("/inside", token=ann)
        assert caught.value.status == 403
        async with client(url) as stranger:
            assert (await failure(stranger, "GET", "/inside")).status == 401
        await one.aclose()


async def test_a_problem_of_the_service_is_passed_on(upstream: Upstream) -> None:
    """4xx with its own members, and who said so."""
    async with listening(upstream.app) as url, client(url) as one:
        problem = await failure(one, "GET", "/refused")
    document = problem.document()
    assert (problem.status, problem.title, problem.detail) == (409, "Out of stock", "None left.")
    assert document["type"] == "urn:stock"
    assert document["product_id"] == "kite"
    assert document["upstream"] == "catalog"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_safe_call_is_tried_again_when_the_service_is_unavailable(
    upstream: Upstream, method: str
) -> None:
    """Twice at most."""
    upstream.statuses = [503, 502]
    async with listening(upstream.app) as url, client(url) as one:
        await one.request(method, "/thing")
        assert upstream.seen[method] == 3
        upstream.statuses = [504] * 10
        problem = await failure(one, method)
    assert upstream.seen[method] == 6
    assert problem.status == 504
    assert "catalog" in str(problem.detail)


async def test_a_call_that_is_not_safe_is_not_tried_again(upstream: Upstream) -> None:
    """Unless it carries an idempotency key, or the caller says that it may be."""
    async with listening(upstream.app) as url, client(url) as one:
        upstream.statuses = [503]
        assert (await failure(one, "POST")).status == 503
        assert upstream.seen["POST"] == 1
        upstream.statuses = [503, 200, 503, 200]
        await one.post("/thing", json={}, idempotency_key="k")
        await one.post("/thing", json={}, idempotent=True)
    assert upstream.seen["POST"] == 5


async def test_a_call_that_may_not_be_repeated_in_spite_of_its_method_is_not(
    upstream: Upstream,
) -> None:
    """The caller knows better."""
    upstream.statuses = [503]
    async with listening(upstream.app) as url, client(url) as one:
        with pytest.raises(Problem):
            await one.put("/thing", idempotent=False)
    assert upstream.seen["PUT"] == 1


@pytest.mark.parametrize("status", [401, 429, 503])
async def test_what_an_error_tells_the_caller_to_do_is_passed_on(
    upstream: Upstream, status: int
) -> None:
    """Title, further members and two headers, so that an order that was begun can be found."""
    async with listening(upstream.app) as url, client(url) as one:
        problem = await failure(one, "GET", f"/sorry?status={status}")
    assert (problem.status, problem.title) == (status, "Not yet")
    assert problem.extra == {"upstream": "catalog", "order_id": "o-1"}
    assert problem.headers == {"Retry-After": "7", "WWW-Authenticate": "Bearer"}
    assert "Busy." in str(problem.detail)


async def test_a_service_that_says_when_to_come_back_is_not_asked_again_before(
    upstream: Upstream,
) -> None:
    """Only another instance of it is: it may have time."""
    async with listening(upstream.app) as url, client(url) as one:
        await failure(one, "GET", "/sorry?status=503")
        assert upstream.seen["sorry"] == 1
        other = Upstream()
        async with listening(other.app) as second, client(f"{url},{second}") as two:
            await failure(two, "GET", "/sorry?status=503")
        assert upstream.seen["sorry"] + other.seen["sorry"] == 3


async def test_an_error_of_the_service_is_not_tried_again_and_becomes_a_502(
    upstream: Upstream,
) -> None:
    """A 500 would most likely be one again."""
    upstream.statuses = [500]
    async with listening(upstream.app) as url, client(url) as one:
        problem = await failure(one, "GET")
    assert problem.status == 502
    assert problem.extra["upstream"] == "catalog"
    assert upstream.seen["GET"] == 1


async def test_retries_have_a_budget(upstream: Upstream) -> None:
    """Of 100 failing calls only the first few are tried again."""
    upstream.statuses = [503] * 1000
    async with listening(upstream.app) as url, client(url) as one:
        for _ in range(20):
            await failure(one, "GET")
        before = upstream.seen["GET"]
        assert before < 20 + 15
        for _ in range(10):
            await failure(one, "GET")
    assert upstream.seen["GET"] - before <= 12


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_dead_instance_costs_no_request(upstream: Upstream, method: str) -> None:
    """Nothing was sent to it: the other instance is asked at once, whatever the method."""
    async with listening(upstream.app) as url:
        dead = f"http://127.0.0.1:{free_port()}"
        async with client(f"{dead},{url}") as one:
            start = time.perf_counter()
            answers = [await one.request(method, "/thing") for _ in range(20)]
            assert time.perf_counter() - start < 2
    assert [answer.status_code for answer in answers] == [200] * 20
    assert upstream.seen[method] == 20


async def test_an_instance_that_dies_and_comes_back_is_used_again(upstream: Upstream) -> None:
    """Safe calls see nothing of it."""
    other, port = Upstream(), free_port()
    async with listening(upstream.app) as url, client(f"{url},http://127.0.0.1:{port}") as one:
        async with listening(other.app, port):
            for _ in range(4):
                await one.get("/thing")
        assert other.seen["GET"] == 2
        for _ in range(10):
            await one.get("/thing")
        async with listening(other.app, port):
            deadline = time.monotonic() + 10
            while other.seen["GET"] == 2 and time.monotonic() < deadline:
                await one.get("/thing")
                await asyncio.sleep(0.02)
            assert other.seen["GET"] > 2


async def test_nobody_there_is_a_503_after_a_few_tries() -> None:
    """It names the service."""
    async with client(f"http://127.0.0.1:{free_port()}") as one:
        start = time.perf_counter()
        problem = await failure(one, "POST")
    assert time.perf_counter() - start < 1
    assert (problem.status, problem.detail) == (503, "catalog cannot be reached.")


async def test_no_answer_in_time_is_a_504_and_in_the_long_run_a_quick_503() -> None:
    """The circuit opens so that callers do not all wait."""
    async with silent() as url, client(url, seconds=0.1) as one:
        assert (await failure(one, "POST")).status == 504
        for _ in range(6):
            await failure(one, "POST")
        start = time.perf_counter()
        problem = await failure(one, "POST")
        assert time.perf_counter() - start < 0.05
    assert (problem.status, problem.detail) == (503, "catalog does not answer.")


async def test_a_silent_instance_beside_one_that_answers_is_left_out(upstream: Upstream) -> None:
    """Safe calls succeed: a few of them late, most of them at once."""
    patience = 0.2
    late = 0
    async with (
        silent() as mute,
        listening(upstream.app) as url,
        client(f"{mute},{url}", patience) as one,
    ):
        for _ in range(24):
            start = time.perf_counter()
            await one.get("/thing")
            late += time.perf_counter() - start >= patience
    # Five until it is left out, then one a second or two to see whether it is back.
    assert late <= EJECT_AFTER + 3


async def test_a_connection_that_breaks_off_is_a_502_when_it_may_not_be_repeated() -> None:
    """The service may or may not have done it."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with client(f"http://127.0.0.1:{port}") as one:
        problem = await failure(one, "POST")
    server.close()
    assert (problem.status, problem.detail) == (502, "catalog broke off the connection.")


async def test_calls_that_wait_for_each_other_are_not_taken_for_a_dead_instance() -> None:
    """That all connections are in use says nothing about who is at their other end."""
    app = FastAPI()

    @app.get("/slow")
    async def slow() -> str:
        await asyncio.sleep(3.5)
        return "at last"

    @app.get("/quick")
    async def quick() -> str:
        return "at once"

    async with listening(app) as url, client(url) as one:
        crowd = asyncio.gather(*(one.get("/slow") for _ in range(CONNECTIONS)))
        await asyncio.sleep(0.2)
        for _ in range(2):  # the circuit has not opened in between
            problem = await failure(one, "GET", "/quick")
            assert problem.status == 503
            assert problem.detail == "catalog has too many calls under way."
        await crowd
        assert (await one.get("/quick")).json() == "at once"


async def test_who_asks_checkout_waits_while_checkout_tries_another_instance(
    upstream: Upstream, tmp_path: Path
) -> None:
    """A hung instance two calls away costs time, not the request."""
    settings = ShopSettings(data_dir=tmp_path / "data", request_timeout=0.4)
    checkout = FastAPI()
    problems.install(checkout)

    @checkout.post("/orders")
    async def order() -> str:
        await inner.post("/thing", idempotent=True)
        return "placed"

    async with silent() as hung, listening(upstream.app) as url, listening(checkout) as outer_url:
        settings.catalog_url, settings.checkout_url = f"{hung},{url}", outer_url
        inner, outer = (ServiceClient.to(name, settings) for name in ("catalog", "checkout"))
        for _ in range(4):  # instances take turns: two of these meet the hung one first
            assert (await outer.post("/orders")).json() == "placed"
        await asyncio.gather(inner.aclose(), outer.aclose())
    assert settings.timeout_of("catalog") < settings.timeout_of("checkout")


async def test_the_calls_that_a_request_takes_are_measured_in_every_service_that_makes_any(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By route; also those that a task of the request makes."""
    for signal in ("TRACES", "LOGS"):
        monkeypatch.setenv(f"OTEL_{signal}_EXPORTER", "none")
    router = APIRouter()

    @router.get("/chatty/{count}")
    async def chatty(count: int) -> None:
        await asyncio.gather(*(one.get("/thing") for _ in range(count)))

    settings = ShopSettings.model_validate({"data_dir": tmp_path / "data", "token_key": KEY})
    async with listening(upstream.app) as url, client(url) as one:
        app = create_app("cart", routers=[router], settings=settings)
        async with serving(app) as caller:
            for count in (3, 0):
                await caller.get(f"/chatty/{count}")
            metrics = (await caller.get("/metrics")).text
    name = "http_server_upstream_calls"
    assert f'{name}_sum{{http_route="/chatty/{{count}}"}} 3.0' in metrics
    assert f'{name}_count{{http_route="/chatty/{{count}}"}} 2.0' in metrics
    assert f'{name}_count{{http_route="/metrics"}}' not in metrics
