"""What is used here of Alertmanager's API v2.

Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from observability.query.api import Api, BackendError


@dataclass(frozen=True)
class ActiveAlert:
    """An alert as Alertmanager holds it now; `state` is active, suppressed or unprocessed."""

    labels: dict[str, str]
    annotations: dict[str, str]
    state: str
    starts_at: datetime
    silenced_by: list[str]
    inhibited_by: list[str]


@dataclass(frozen=True)
class Silence:
    """Alerts with these labels notify nobody until it ends."""

    id: str
    matchers: dict[str, str]
    ends_at: datetime
    author: str
    comment: str


class Alertmanager:
    """Reads alerts; reads, makes and ends silences."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._api = Api(http, "Alertmanager", "/api/v2")

    async def alerts(self) -> list[ActiveAlert]:
        """Alerts that it holds, silenced and inhibited ones included."""
        return [_alert(one) for one in await self._api.get("alerts")]

    async def silences(self) -> list[Silence]:
        """Silences in force or to come."""
        found = await self._api.get("silences")
        return [_silence(one) for one in found if one["status"]["state"] != "expired"]

    async def silence(  # noqa: PLR0913 - each a fact of the silence
        self,
        labels: dict[str, str],
        lasting: timedelta,
        *,
        author: str,
        comment: str,
        beginnings: Mapping[str, str] | None = None,
        instead_of: str | None = None,
    ) -> str:
        """Silence alerts from now on; answers with the silence's id.

        Args:
            labels: those that an alert has, with exactly these values.
            lasting: until it ends by itself.
            author: who silences.
            comment: why.
            beginnings: further labels, by what their values begin with.
            instead_of: id of the silence that this one takes the place of, in one step.
        """
        now = datetime.now(UTC)
        body = {
            "matchers": [
                *(_matcher(name, value) for name, value in labels.items()),
                *(
                    _matcher(name, f"{re.escape(value)}(?s:.*)", regex=True)
                    for name, value in (beginnings or {}).items()
                ),
            ],
            "startsAt": now.isoformat(),
            "endsAt": (now + lasting).isoformat(),
            "createdBy": author,
            "comment": comment,
        }
        try:
            return await self._make(body | ({"id": instead_of} if instead_of else {}))
        except BackendError as error:
            if instead_of is None or error.status != httpx.codes.NOT_FOUND:
                raise
        return await self._make(body)  # there is none any more in whose place it could stand

    async def end_silence(self, silence_id: str) -> None:
        """End a silence now."""
        await self._api.delete(f"silence/{silence_id}")

    async def _make(self, body: dict[str, Any]) -> str:
        answer = await self._api.post("silences", body)
        made: str = answer["silenceID"]
        return made


def _matcher(name: str, value: str, *, regex: bool = False) -> dict[str, Any]:
    return {"name": name, "value": value, "isRegex": regex, "isEqual": True}


def _alert(one: dict[str, Any]) -> ActiveAlert:
    status = one["status"]
    return ActiveAlert(
        labels=one["labels"],
        annotations=one["annotations"],
        state=status["state"],
        starts_at=datetime.fromisoformat(one["startsAt"]),
        silenced_by=status["silencedBy"],
        inhibited_by=status["inhibitedBy"],
    )


def _silence(one: dict[str, Any]) -> Silence:
    return Silence(
        id=one["id"],
        matchers={matcher["name"]: matcher["value"] for matcher in one["matchers"]},
        ends_at=datetime.fromisoformat(one["endsAt"]),
        author=one["createdBy"],
        comment=one["comment"],
    )
