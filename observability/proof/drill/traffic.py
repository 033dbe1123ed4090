"""The load under which drills are played: journeys of customers, so many a second."""

import asyncio
import contextlib
import math
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from observability.proof.drill.model import Journey, Step
from observability.settings import Settings

_TIMEOUT_SECONDS = 6.0
#: At which service customers sign up and in, and where.
SIGN_UP = "POST account/accounts"
SIGN_IN = "POST account/sessions"


class Traffic:
    """Sends journeys; counts what it sent.

    Args:
        settings: say where the services are.
        journeys: by name.
    """

    def __init__(self, settings: Settings, journeys: Mapping[str, Journey]) -> None:
        self._settings = settings
        self._journeys = journeys
        self.sent = 0
        # Passwords are slow to check by design: customers that all sign in at once would be a drill
        # of their own.
        self._door = asyncio.Lock()

    @asynccontextmanager
    async def going(self, rates: Mapping[str, float]) -> AsyncIterator[None]:
        """Within, these journeys are made, so many a second."""
        async with contextlib.AsyncExitStack() as stack:
            for name, per_second in rates.items():
                await stack.enter_async_context(self.send(name, per_second))
            yield

    @asynccontextmanager
    async def send(self, journey: str, per_second: float) -> AsyncIterator[None]:
        """Within, this journey is made, by as many customers as it takes."""
        customers = math.ceil(per_second)
        pause = customers / per_second
        tasks = [
            asyncio.create_task(
                self._customer(self._journeys[journey], pause, pause * n / customers)
            )
            for n in range(customers)
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _customer(self, journey: Journey, pause: float, delay: float) -> None:
        """Make a journey every `pause` seconds; what fails is the drill's doing and goes on."""
        await asyncio.sleep(delay)
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as http:
            signed_in = not journey.signed_in
            if journey.token:
                http.headers["Authorization"] = f"Bearer {journey.token}"
            due = time.monotonic()
            while True:
                if not signed_in:
                    async with self._door:
                        signed_in = await self._sign_in(http)
                if signed_in:
                    for step in journey.steps:
                        await self._request(http, step)
                due = max(due + pause, time.monotonic())
                await asyncio.sleep(due - time.monotonic())

    async def _sign_in(self, http: httpx.AsyncClient) -> bool:
        """Become a customer; whether that went well."""
        who = {
            "email": f"drill-{secrets.token_hex(6)}@example.com",
            "password": secrets.token_hex(),
        }
        await self._request(http, Step(request=SIGN_UP, body={**who, "name": "Drill"}))
        answer = await self._request(http, Step(request=SIGN_IN, body=who))
        if answer is None or answer.is_error:
            return False
        http.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        return True

    async def _request(self, http: httpx.AsyncClient, step: Step) -> httpx.Response | None:
        method, _, target = step.request.partition(" ")
        service, _, path = target.partition("/")
        headers = {"Idempotency-Key": secrets.token_hex()} if step.once else {}
        word = secrets.token_hex(6)
        self.sent += 1
        try:
            return await http.request(
                method,
                _filled(f"{self._settings.url(service)}/{path}", word),
                json=_filled(step.body, word),
                headers=headers,
            )
        except httpx.HTTPError:
            return None


def _filled(value: Any, word: str) -> Any:
    """The value with `{random}`, `{number}` and `{now}` filled in wherever they stand."""
    if isinstance(value, dict):
        return {name: _filled(one, word) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, word) for one in value]
    if isinstance(value, str):
        number, now = str(1 + secrets.randbelow(10_000)), str(time.time_ns())
        return value.replace("{random}", word).replace("{number}", number).replace("{now}", now)
    return value
