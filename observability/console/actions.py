"""What the controls do: each act checked for its session, carried out, and audited."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse

from observability import audit
from observability.console.access import Access
from observability.console.loadrun import LoadRun, Plan
from observability.exits import UsageError
from observability.faults import FlagFile
from observability.settings import Settings

ACTOR = "console"
_REFUSED_SECONDS = 0.5
Token = Annotated[str, Form(max_length=500)]
Text = Annotated[str, Form(max_length=100)]
Act = Callable[[], Awaitable[str]]


def router(settings: Settings, access: Access, load: LoadRun) -> APIRouter:
    """The addresses that the forms of the controls are sent to."""
    routes = APIRouter(prefix="/controls", include_in_schema=False)
    flags = FlagFile(settings.flags_file)

    async def act(
        request: Request, form_token: str, action: str, target: str, do: Act, **detail: str
    ) -> RedirectResponse:
        source = request.client.host if request.client else ""
        session = access.allows(request, form_token)
        if session is None:
            _audit(action, target, source, "denied", detail)
            raise HTTPException(403, "sign in at /controls first")
        try:
            access.say(session, await do())
            _audit(action, target, source, "success", detail)
        except UsageError as error:
            access.say(session, f"Not done: {error}")
            _audit(action, target, source, "failure", detail)
        return RedirectResponse("/controls", 303)

    @routes.post("/sign-in")
    async def sign_in(request: Request, token: Token) -> RedirectResponse:
        source = request.client.host if request.client else ""
        if not access.opens(token):
            _audit("sign_in", "controls", source, "denied", {})
            await asyncio.sleep(_REFUSED_SECONDS)
            return RedirectResponse("/controls?refused=1", 303)
        _audit("sign_in", "controls", source, "success", {})
        response = RedirectResponse("/controls", 303)
        access.begin(response)
        return response

    @routes.post("/sign-out")
    async def sign_out(request: Request, form_token: Token) -> RedirectResponse:
        async def done() -> str:
            return ""

        response = await act(request, form_token, "sign_out", "controls", done)
        access.end(response)
        return response

    @routes.post("/faults")
    async def set_fault(
        request: Request, form_token: Token, name: Text, value: Text
    ) -> RedirectResponse:
        async def done() -> str:
            await asyncio.to_thread(flags.set, {name: value})
            return f"{name} is {value}."

        return await act(request, form_token, "fault_set", name, done, value=value)

    @routes.post("/faults/clear")
    async def clear_faults(request: Request, form_token: Token) -> RedirectResponse:
        async def done() -> str:
            await asyncio.to_thread(flags.clear, [])
            return "All faults are off."

        return await act(request, form_token, "fault_cleared", "all", done, value="off")

    @routes.post("/load")
    async def start_load(
        request: Request, form_token: Token, users: Text, seconds: Text, rate: Text = ""
    ) -> RedirectResponse:
        async def done() -> str:
            await load.start(_plan(users, seconds, rate))
            return "Load has started."

        detail = {"users": users, "seconds": seconds, "rate": rate}
        return await act(request, form_token, "load_started", "load", done, **detail)

    @routes.post("/load/stop")
    async def stop_load(request: Request, form_token: Token) -> RedirectResponse:
        async def done() -> str:
            await load.stop()
            return "Load has stopped."

        return await act(request, form_token, "load_stopped", "load", done)

    return routes


def _plan(users: str, seconds: str, rate: str) -> Plan:
    try:
        return Plan(int(users), float(seconds), float(rate) if rate else None)
    except ValueError:
        raise UsageError("users, seconds and rate are numbers") from None


def _audit(action: str, target: str, source: str, outcome: str, detail: dict[str, str]) -> None:
    audit(action, actor=ACTOR, target=target, source=source, outcome=outcome, **detail)
