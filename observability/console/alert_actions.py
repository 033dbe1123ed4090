"""What people do about an alert: look after it, silence it, end the silence."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import RedirectResponse

from observability.alerting import incidents
from observability.alerting.incidents import Audit, Incident
from observability.console import addresses
from observability.console.actions import Act, By, Desk, Note, RefusedError, Text
from observability.console.context import Context
from observability.query import BackendError

#: How long an alert can be silenced for from here; the command takes any time up to 30 days.
SILENCES = {
    "15 minutes": timedelta(minutes=15),
    "1 hour": timedelta(hours=1),
    "4 hours": timedelta(hours=4),
    "1 day": timedelta(days=1),
    "7 days": timedelta(days=7),
}
_REFUSALS = (incidents.NoIncidentError, incidents.NotSilencedError, BackendError)
Number = Annotated[int, Path(ge=1, lt=2**63)]
What = Callable[[str, Audit], Awaitable[Incident]]


@dataclass(frozen=True)
class _Said:
    """What an act on an alert is called, what it says when it is done, and the reader's words."""

    action: str
    done: str
    note: str = ""


class AlertActions:
    """Acts on one notification, given by its id."""

    def __init__(self, context: Context, desk: Desk) -> None:
        self._store = context.store
        self._alertmanager = context.alertmanager
        self._desk = desk

    async def acknowledge(self, by: By, number: Number, note: Note = "") -> RedirectResponse:
        """Say that whoever is signed in looks after it."""

        async def what(person: str, audit: Audit) -> Incident:
            return await asyncio.to_thread(
                lambda: incidents.acknowledge(
                    self._store, number, actor=person, note=note, audit=audit
                )
            )

        said = _Said("alert_acknowledged", "You look after it.", note)
        return await self._carry_out(by, number, said, what)

    async def silence(
        self, by: By, number: Number, lasting: Text, comment: Note
    ) -> RedirectResponse:
        """Let alerts of exactly its labels notify nobody for a while."""

        async def what(person: str, audit: Audit) -> Incident:
            length = SILENCES.get(lasting)
            if length is None:
                raise RefusedError(f"silence it for one of: {', '.join(SILENCES)}")
            return await incidents.silence(
                self._store,
                self._alertmanager,
                number,
                length,
                actor=person,
                comment=comment,
                audit=audit,
            )

        said = _Said("alert_silenced", f"It is silenced for {lasting}.", comment)
        return await self._carry_out(by, number, said, what)

    async def unsilence(self, by: By, number: Number) -> RedirectResponse:
        """End the silence in force."""

        async def what(person: str, audit: Audit) -> Incident:
            return await incidents.unsilence(
                self._store, self._alertmanager, number, actor=person, audit=audit
            )

        said = _Said("alert_unsilenced", "The silence has ended.")
        return await self._carry_out(by, number, said, what)

    async def _carry_out(self, by: By, number: int, said: _Said, what: What) -> RedirectResponse:
        async def do(person: str) -> None:
            try:
                await what(person, named)
            except _REFUSALS as error:
                raise RefusedError(str(error)) from None

        def named(_action: str, target: str, detail: dict[str, str]) -> None:
            """The trail has the same whether a command or the console did it."""
            act.target = target
            act.detail |= detail

        act = Act(
            said.action,
            f"notification {number}",
            do,
            said.done,
            detail={"notification": str(number), "note": said.note},
            back=addresses.incident(number),
        )
        return await self._desk.carry_out(by, act)


def router(actions: AlertActions) -> APIRouter:
    """The addresses that the forms of an incident are sent to."""
    routes = APIRouter(prefix="/alerts/{number}", include_in_schema=False)
    for name, action in (
        ("acknowledge", actions.acknowledge),
        ("silence", actions.silence),
        ("unsilence", actions.unsilence),
    ):
        routes.add_api_route(f"/{name}", action, methods=["POST"])
    return routes
