"""What sending comes to, and the one request that all receivers by HTTP make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import httpx

from observability.alerting.receivers.message import Message

TIMEOUT_SECONDS = 10.0

# The request may be right and the receiver not (yet): rate limits, a wrong key, a wrong address.
_TRY_AGAIN = {401, 403, 404, 407, 408, 425, 429}


class SendingError(Exception):
    """It was not delivered; trying again may help. The message says why, without secrets."""

    def __init__(self, reason: str, again_in: float | None = None) -> None:
        super().__init__(reason)
        self.again_in = again_in
        """Seconds that the receiver asks to be left alone; None if it does not say."""


class RefusedError(SendingError):
    """The receiver will never take this message."""


class Sender(Protocol):
    """Delivers messages to one receiver."""

    async def send(self, message: Message) -> None:
        """Deliver it.

        Raises:
            SendingError: It was not delivered.
        """

    async def close(self) -> None:
        """Close connections."""


async def post(
    http: httpx.AsyncClient, url: str, body: bytes, headers: Mapping[str, str] | None = None
) -> None:
    """POST JSON.

    Raises:
        SendingError: There was no answer, or not one of success.
    """
    sent = {"Content-Type": "application/json"} | dict(headers or {})
    try:
        response = await http.post(url, content=body, headers=sent)
    except httpx.TimeoutException:
        raise SendingError("did not answer in time") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SendingError(str(error) or type(error).__name__) from None
    if response.is_success:
        return
    reason = f"answered {response.status_code} {response.text.strip()[:200]}".strip()
    if response.is_client_error and response.status_code not in _TRY_AGAIN:
        raise RefusedError(reason)
    raise SendingError(reason, _retry_after(response))


def client() -> httpx.AsyncClient:
    """A client for one receiver; redirects are not followed, so a body goes nowhere else."""
    return httpx.AsyncClient(timeout=TIMEOUT_SECONDS)


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None
