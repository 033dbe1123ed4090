"""What people do by the console: each act checked for its session, carried out, and audited."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import RedirectResponse

from observability import audit, get_logger
from observability.console.access import Access, name_of
from observability.console.loadrun import LoadRun, Plan
from observability.exits import UsageError
from observability.faults import FlagFile
from observability.settings import Settings

NOBODY = "anonymous"
"""Who did what was refused: nobody had signed in."""
CONTROLS = "/controls"
_BACK = re.compile(rf"{CONTROLS}$|/alerts/\d{{1,19}}$")
_REFUSED_SECONDS = 0.5
Token = Annotated[str, Form(max_length=500)]
Text = Annotated[str, Form(max_length=100)]
Note = Annotated[str, Form(max_length=300)]
log = get_logger(__name__)


class RefusedError(Exception):
    """An act that cannot be done as asked; says why."""


@dataclass
class Act:
    """One act.

    Attributes:
        action: what it is called in the audit trail.
        target: what it is done to; what does it may name it more exactly.
        do: carries it out for the person who is given.
        done: the sentence that says it was.
        detail: what else the audit trail is to keep; what does it may add to that.
        back: the page that says how it went.
    """

    action: str
    target: str
    do: Callable[[str], Awaitable[None]]
    done: str
    detail: dict[str, str] = field(default_factory=dict)
    back: str = CONTROLS


@dataclass(frozen=True)
class Sender:
    """Who sent a form: from where, and what it carries of its session."""

    request: Request
    form_token: str

    @property
    def source(self) -> str:
        """Address that it came from."""
        return _source(self.request)


def sender(request: Request, form_token: Token) -> Sender:
    """The sender of a form."""
    return Sender(request, form_token)


By = Annotated[Sender, Depends(sender)]


class Desk:
    """Carries acts out for those who may."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def carry_out(self, by: Sender, act: Act) -> RedirectResponse:
        """Do it and go back to the page, which says how it went.

        Raises:
            HTTPException: 403, nobody is signed in or the form is not of their session.
        """
        session = self._access.allows(by.request, by.form_token)
        if session is None:
            _record(NOBODY, by.source, act, "denied")
            raise HTTPException(403, "sign in at /controls first")
        outcome, said = "failure", "It failed and may be half done: see belfry logs console."
        try:
            await act.do(session.person)
            outcome, said = "success", act.done
        except (UsageError, RefusedError) as error:
            said = f"Not done: {error}"
        except Exception as error:
            log.exception("act_failed", action=act.action, reason=type(error).__name__)
        finally:
            # whatever happened: something may have been changed
            _record(session.person, by.source, act, outcome)
        self._access.say(session, said)
        return RedirectResponse(act.back, 303)


class Actions:
    """The controls: signing in and out, faults, load."""

    def __init__(self, settings: Settings, access: Access, desk: Desk, load: LoadRun) -> None:
        self._access = access
        self._desk = desk
        self._load = load
        self._flags = FlagFile(settings.flags_file)

    async def sign_in(
        self, request: Request, token: Token, person: Text = "", back: Text = CONTROLS
    ) -> RedirectResponse:
        """Begin a session for who knows the token and says who they are."""
        name, page = name_of(person), back if _BACK.match(back) else CONTROLS
        act = Act("sign_in", "controls", _nothing, "")
        if not self._access.opens(token):
            _record(NOBODY, _source(request), act, "denied")
            await asyncio.sleep(_REFUSED_SECONDS)
            return RedirectResponse(f"{page}?refused=token", 303)
        if not name:
            return RedirectResponse(f"{page}?refused=name", 303)
        _record(name, _source(request), act, "success")
        response = RedirectResponse(page, 303)
        self._access.begin(response, name)
        return response

    async def sign_out(self, by: By) -> RedirectResponse:
        """End the session."""
        response = await self._desk.carry_out(by, Act("sign_out", "controls", _nothing, ""))
        self._access.end(response)
        return response

    async def set_fault(self, by: By, name: Text, value: Text) -> RedirectResponse:
        """Set one fault."""

        async def do(_person: str) -> None:
            await asyncio.to_thread(self._flags.set, {name: value})

        return await self._desk.carry_out(
            by, Act("fault_set", name, do, f"{name} is {value}.", {"value": value})
        )

    async def clear_faults(self, by: By) -> RedirectResponse:
        """Turn all faults off."""

        async def do(_person: str) -> None:
            await asyncio.to_thread(self._flags.clear, [])

        act = Act("fault_cleared", "all", do, "All faults are off.", {"value": "off"})
        return await self._desk.carry_out(by, act)

    async def start_load(
        self, by: By, users: Text, seconds: Text, rate: Text = ""
    ) -> RedirectResponse:
        """Start load."""

        async def do(_person: str) -> None:
            await self._load.start(_plan(users, seconds, rate))

        detail = {"users": users, "seconds": seconds, "rate": rate}
        return await self._desk.carry_out(
            by, Act("load_started", "load", do, "Load has started.", detail)
        )

    async def stop_load(self, by: By) -> RedirectResponse:
        """Stop the load."""

        async def do(_person: str) -> None:
            await self._load.stop()

        act = Act("load_stopped", "load", do, "Load has stopped.")
        return await self._desk.carry_out(by, act)


def router(actions: Actions) -> APIRouter:
    """The addresses that the forms of the controls are sent to."""
    routes = APIRouter(prefix=CONTROLS, include_in_schema=False)
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


async def _nothing(_person: str) -> None:
    """Nothing but the session changes."""


def _plan(users: str, seconds: str, rate: str) -> Plan:
    try:
        return Plan(int(users), float(seconds), float(rate) if rate else None)
    except ValueError:
        raise UsageError("users, seconds and rate are numbers") from None


def _source(request: Request) -> str:
    return request.client.host if request.client else ""


def _record(person: str, source: str, act: Act, outcome: str) -> None:
    audit(act.action, actor=person, target=act.target, source=source, outcome=outcome, **act.detail)
