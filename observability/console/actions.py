"""What the controls do: each act checked for its session, carried out, and audited."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request
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


@dataclass(frozen=True)
class Act:
    """One act: what it is called in the audit trail, and how it is done."""

    action: str
    target: str
    do: Callable[[], Awaitable[None]]
    done: str
    detail: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sender:
    """Who sent a form: from where, and what it carries of its session."""

    request: Request
    form_token: str

    @property
    def source(self) -> str:
        """Address that it came from."""
        return self.request.client.host if self.request.client else ""


def sender(request: Request, form_token: Token) -> Sender:
    """The sender of a form of the controls."""
    return Sender(request, form_token)


By = Annotated[Sender, Depends(sender)]


class Actions:
    """Carries acts out for those who may."""

    def __init__(self, settings: Settings, access: Access, load: LoadRun) -> None:
        self._access = access
        self._load = load
        self._flags = FlagFile(settings.flags_file)

    async def carry_out(self, by: Sender, act: Act) -> RedirectResponse:
        """Do it and go back to the page, which says how it went.

        Raises:
            HTTPException: 403, nobody is signed in or the form is not of their session.
        """
        session = self._access.allows(by.request, by.form_token)
        if session is None:
            _record(by.source, act, "denied")
            raise HTTPException(403, "sign in at /controls first")
        try:
            await act.do()
        except UsageError as error:
            self._access.say(session, f"Not done: {error}")
            _record(by.source, act, "failure")
        else:
            self._access.say(session, act.done)
            _record(by.source, act, "success")
        return RedirectResponse("/controls", 303)

    async def sign_in(self, request: Request, token: Token) -> RedirectResponse:
        """Begin a session for who knows the token."""
        source = request.client.host if request.client else ""
        act = Act("sign_in", "controls", _nothing, "")
        if not self._access.opens(token):
            _record(source, act, "denied")
            await asyncio.sleep(_REFUSED_SECONDS)
            return RedirectResponse("/controls?refused=1", 303)
        _record(source, act, "success")
        response = RedirectResponse("/controls", 303)
        self._access.begin(response)
        return response

    async def sign_out(self, by: By) -> RedirectResponse:
        """End the session."""
        response = await self.carry_out(by, Act("sign_out", "controls", _nothing, ""))
        self._access.end(response)
        return response

    async def set_fault(self, by: By, name: Text, value: Text) -> RedirectResponse:
        """Set one fault."""

        async def do() -> None:
            await asyncio.to_thread(self._flags.set, {name: value})

        return await self.carry_out(
            by, Act("fault_set", name, do, f"{name} is {value}.", {"value": value})
        )

    async def clear_faults(self, by: By) -> RedirectResponse:
        """Turn all faults off."""

        async def do() -> None:
            await asyncio.to_thread(self._flags.clear, [])

        act = Act("fault_cleared", "all", do, "All faults are off.", {"value": "off"})
        return await self.carry_out(by, act)

    async def start_load(
        self, by: By, users: Text, seconds: Text, rate: Text = ""
    ) -> RedirectResponse:
        """Start load."""

        async def do() -> None:
            await self._load.start(_plan(users, seconds, rate))

        detail = {"users": users, "seconds": seconds, "rate": rate}
        return await self.carry_out(
            by, Act("load_started", "load", do, "Load has started.", detail)
        )

    async def stop_load(self, by: By) -> RedirectResponse:
        """Stop the load."""
        act = Act("load_stopped", "load", self._load.stop, "Load has stopped.")
        return await self.carry_out(by, act)


def router(actions: Actions) -> APIRouter:
    """The addresses that the forms of the controls are sent to."""
    routes = APIRouter(prefix="/controls", include_in_schema=False)
    ways: dict[str, Callable[..., Awaitable[RedirectResponse]]] = {
        "/sign-in": actions.sign_in,
        "/sign-out": actions.sign_out,
        "/faults": actions.set_fault,
        "/faults/clear": actions.clear_faults,
        "/load": actions.start_load,
        "/load/stop": actions.stop_load,
    }
    for path, action in ways.items():
        routes.add_api_route(path, action, methods=["POST"])
    return routes


async def _nothing() -> None:
    """Nothing but the session changes."""


def _plan(users: str, seconds: str, rate: str) -> Plan:
    try:
        return Plan(int(users), float(seconds), float(rate) if rate else None)
    except ValueError:
        raise UsageError("users, seconds and rate are numbers") from None


def _record(source: str, act: Act, outcome: str) -> None:
    audit(act.action, actor=ACTOR, target=act.target, source=source, outcome=outcome, **act.detail)
