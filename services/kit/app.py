"""The frame that all services of the shop share.

    app = create_app("catalog", routers=[router], settings=settings, lifespan=lifespan,
                     checks={"database": db.ping})

gives an instrumented app with problem documents, `/livez`, `/readyz`, faults and a graceful stop.
What a route may need is on `app.state`: `settings`, `token_key`, `faults`, `drain`.
"""

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import FrameType

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import JSONResponse

from observability import gauge, get_logger, instrument
from services.kit import problems
from services.kit.auth import TokenKey
from services.kit.body_limit import BodyLimit
from services.kit.faults import Faults, Misbehaviour
from services.kit.registry import announced
from services.kit.settings import SettingsError, ShopSettings, refuse
from services.kit.upstream_calls import UpstreamCalls

CHECK_SECONDS = 2.0
Check = Callable[[], Awaitable[None]]
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

READY = gauge(
    "service_ready", "Whether a check of the service held when last asked: 1 or 0.", ["check"]
)
log = get_logger(__name__)


def create_app(  # noqa: PLR0913 - all but three have a default
    name: str,
    *,
    routers: Sequence[APIRouter],
    settings: ShopSettings,
    lifespan: Lifespan | None = None,
    checks: Mapping[str, Check] | None = None,
    can_wait: Mapping[str, Check] | None = None,
    title: str | None = None,
) -> FastAPI:
    """Make a service's app.

    Args:
        name: the service's name; the prefix of its flags.
        routers: its routes.
        settings: its settings, also on `app.state.settings`.
        lifespan: opened before the first request and closed after the last, as FastAPI's own.
        checks: what must work for the service to be ready; each raises if it does not.
        can_wait: what is reported and measured like `checks` but leaves the service ready: while
            it is away requests are answered all the same, so nobody must send them elsewhere.
        title: for the API documentation.

    Raises:
        SystemExit: no usable token key; one clear line is written and the exit code is 2.
    """
    faults = Faults(name, settings.flags_path)
    drain = Drain(settings.drain_seconds)
    app = FastAPI(
        title=title or name,
        lifespan=_lifespan(name, settings, faults, drain, lifespan),
        # `/openapi.json` documents the API; the pages for it would fetch scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
    )
    try:
        app.state.token_key = TokenKey.of(settings)
    except SettingsError as error:
        refuse(name, error)
    app.state.settings = settings
    app.state.faults = faults
    app.state.drain = drain
    app.include_router(_health(dict(checks or {}), dict(can_wait or {}), drain))
    for router in routers:
        app.include_router(router, dependencies=[Depends(faults.strike)])
    # Added last is outermost: telemetry sees what the errors became.
    app.add_middleware(UpstreamCalls)
    app.add_middleware(BodyLimit)
    problems.install(app)
    app.state.telemetry = instrument(app)
    return app


class Drain:
    """Whether the process has been asked to stop.

    SIGTERM turns readiness false at once; the server is told only after `seconds`, so that whoever
    sends requests here can go elsewhere first. Requests in flight are finished in any case.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.started = False

    @contextlib.contextmanager
    def on_signal(self, then: Callable[[], object] | None = None) -> Iterator[None]:
        """Catch SIGTERM while in here, where a server has set a handler to pass it on to.

        Args:
            then: called at once in the event loop.
        """
        previous = signal.getsignal(signal.SIGTERM)
        main = threading.current_thread() is threading.main_thread()
        if not main or not callable(previous):
            yield
            return
        loop = asyncio.get_running_loop()

        def on_term(number: int, frame: FrameType | None) -> None:
            self.started = True
            if then:
                loop.call_soon_threadsafe(then)
            if self._seconds:
                loop.call_soon_threadsafe(loop.call_later, self._seconds, previous, number, None)
            else:
                previous(number, frame)

        signal.signal(signal.SIGTERM, on_term)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, previous)


def _lifespan(
    name: str, settings: ShopSettings, faults: Faults, drain: Drain, inner: Lifespan | None
) -> Lifespan:
    """The service's own lifespan inside of what all services do at start and stop."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        faults.start()
        misbehaviour = asyncio.create_task(Misbehaviour(faults).run())
        try:
            async with inner(app) if inner else contextlib.nullcontext():
                log.info("service_started")
                resource = app.state.telemetry.resource.attributes
                async with announced(name, resource, settings) as announcement:
                    with drain.on_signal(announcement.leave if announcement else None):
                        yield
                drain.started = True
        finally:
            misbehaviour.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await misbehaviour
            faults.stop()
            log.info("service_stopped")

    return lifespan


def _health(checks: dict[str, Check], can_wait: dict[str, Check], drain: Drain) -> APIRouter:
    """`/livez`: the process answers; `/readyz`: it can do its work."""
    router = APIRouter(include_in_schema=False)

    @router.get("/livez")
    async def livez() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        every = checks | can_wait
        results = await asyncio.gather(*(_run(check) for check in every.values()))
        found = dict(zip(every, results, strict=True))
        for name, result in found.items():
            READY.labels(name).set(1 if result == "ok" else 0)
        found["accepting"] = "stopping" if drain.started else "ok"
        ready = all(result == "ok" for name, result in found.items() if name not in can_wait)
        body = {"status": "ready" if ready else "unready", "checks": found}
        return JSONResponse(body, status_code=200 if ready else 503)

    return router


async def _run(check: Check) -> str:
    """`ok`, or why not."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS:g} s"
    except Exception as error:
        return str(error) or type(error).__name__
    return "ok"
