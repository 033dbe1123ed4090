"""Chat: an incoming webhook that takes Slack's blocks.

Source: https://api.slack.com/reference/block-kit/blocks; a section holds at most 3000 characters.
"""

from __future__ import annotations

import json
from typing import Any

from observability.alerting.receivers import message as said
from observability.alerting.receivers.message import Message
from observability.alerting.receivers.sending import client, post
from observability.alerting.receivers.settings import Slack

_SECTION = 2_900
_SIGNS = {"critical": "🔴", "warning": "🟡"}
_BUTTONS = 7


class SlackSender:
    """Posts each message to the webhook's address."""

    def __init__(self, receiver: Slack) -> None:
        self._url = receiver.url.get_secret_value()
        self._http = client()

    async def send(self, message: Message) -> None:
        """Post the message; see `Sender`."""
        await post(self._http, self._url, json.dumps(body(message)).encode())

    async def close(self) -> None:
        """Close the connection."""
        await self._http.aclose()


def body(message: Message) -> dict[str, Any]:
    """Headline, text, evidence and buttons; `text` is what a telephone shows."""
    ended = message.kind in {"end", "over"}
    sign = "🟢" if ended else _SIGNS.get(message.first.severity, "⚪")
    found = message.evidence
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(f"{sign} {message.title}"[:150])},
    ]
    paragraphs = said.text(message).split("\n\n")
    blocks += [_section(part) for part in paragraphs if part and not part.startswith("Look:")]
    links = said.ways(found)[:_BUTTONS] if found else []
    if links:
        blocks.append({"type": "actions", "elements": [_button(*link) for link in links]})
    return {"text": f"{sign} {_escaped(message.title)}", "blocks": blocks}


def _section(paragraph: str) -> dict[str, Any]:
    heading, separator, lines = paragraph.partition(":\n")
    shown = f"*{_escaped(heading)}*\n```{_escaped(lines)[:_SECTION]}```" if separator else ""
    written = shown or _escaped(paragraph)[:_SECTION]
    return {"type": "section", "text": {"type": "mrkdwn", "text": written}}


def _button(name: str, address: str) -> dict[str, Any]:
    return {"type": "button", "text": _plain(name.capitalize()), "url": address[:3_000]}


def _plain(words: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": words, "emoji": True}


def _escaped(words: str) -> str:
    """Text from outside neither mentions nor links."""
    plain = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain.replace("```", "'''")
