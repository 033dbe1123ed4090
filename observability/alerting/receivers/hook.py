"""A generic webhook: everything as JSON, signed if a secret is set."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

from observability.alerting.evidence.chart import svg
from observability.alerting.receivers.message import Message
from observability.alerting.receivers.sending import client, post
from observability.alerting.receivers.settings import Hook

SIGNATURE_HEADER = "X-Belfry-Signature"


class HookSender:
    """Posts each message to the address."""

    def __init__(self, receiver: Hook) -> None:
        self._url = receiver.url.get_secret_value()
        self._secret = receiver.secret.get_secret_value() if receiver.secret else None
        self._http = client()

    async def send(self, message: Message) -> None:
        """Post the message; see `Sender`."""
        content = json.dumps(body(message)).encode()
        headers = {}
        if self._secret is not None:
            headers[SIGNATURE_HEADER] = signature(self._secret, content, int(time.time()))
        await post(self._http, self._url, content, headers)

    async def close(self) -> None:
        """Close the connection."""
        await self._http.aclose()


def body(message: Message) -> dict[str, Any]:
    """Version 1 of what is sent: additions do not change it."""
    found = message.evidence
    chart = svg(found.figure) if found and found.figure else ""
    return {
        "version": "1",
        "incident": message.incident,
        "status": message.status,
        "kind": message.kind,
        "title": message.title,
        "alerts": [one.model_dump(mode="json") for one in message.alerts],
        "left_out": message.left_out,
        "evidence": found.model_dump(mode="json") | {"chart": chart} if found else None,
    }


def signature(secret: str, content: bytes, at: int) -> str:
    """`t=<unix seconds>,v1=<HMAC-SHA256 of "t.content", hexadecimal>`: shows sender and age."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + content, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"
