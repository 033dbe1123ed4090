"""Paging: PagerDuty's Events API v2, which others understand too.

Source: https://developer.pagerduty.com/docs/send-alert-event.
"""

from __future__ import annotations

import json
from typing import Any

from observability.alerting.receivers import message as said
from observability.alerting.receivers.message import Message
from observability.alerting.receivers.sending import client, post
from observability.alerting.receivers.settings import Pager

_SUMMARY = 1_024


class PagerSender:
    """Triggers and resolves; alerts that were told together have the same dedup key."""

    def __init__(self, receiver: Pager) -> None:
        self._url = receiver.url.get_secret_value()
        self._key = receiver.routing_key.get_secret_value()
        self._http = client()

    async def send(self, message: Message) -> None:
        """Send the events; see `Sender`. After a failure all are sent again, which changes none."""
        for event in events(message):
            body = event | {"routing_key": self._key}
            await post(self._http, self._url, json.dumps(body).encode())

    async def close(self) -> None:
        """Close the connection."""
        await self._http.aclose()


def events(message: Message) -> list[dict[str, Any]]:
    """The events without their routing key.

    News triggers anew, so that it calls also whoever has acknowledged what was there before; a
    reminder triggers again what still fires, and an end resolves what is over.
    """
    calls = message.calls
    if message.kind == "news":
        return [_trigger(call.key, message) for call in calls[-1:]]
    if message.kind == "reminder":
        return [_trigger(call.key, message) for call in calls if not call.over]
    over = [call for call in calls if call.over or message.kind == "over"]
    return [{"event_action": "resolve", "dedup_key": call.key} for call in over]


def _trigger(key: str, message: Message) -> dict[str, Any]:
    one, found = message.first, message.evidence
    payload = {
        "summary": message.title[:_SUMMARY],
        "source": one.service or one.name,
        "severity": one.severity if one.severity in {"critical", "warning"} else "info",
        "timestamp": one.starts_at.isoformat(),
        "component": one.service,
        "group": one.team,
        "class": one.name,
        "custom_details": {
            "description": one.description,
            "labels": one.labels,
            "evidence": "\n\n".join(said.sections(found)) if found else "",
        },
    }
    links = [{"href": to, "text": name} for name, to in (said.ways(found) if found else [])]
    return {
        "event_action": "trigger",
        "dedup_key": key,
        "client": "Belfry",
        "payload": payload,
        "links": links,
    }
