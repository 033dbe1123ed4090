"""What is used here of Alertmanager's API v2.

Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from observability.query.api import Api


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

    async def silence(
        self, matchers: dict[str, str], lasting: timedelta, *, author: str, comment: str
    ) -> str:
        """Silence the alerts with exactly these labels from now on; answers with its id."""
        now = datetime.now(UTC)
        body = {
            "matchers": [
                {"name": name, "value": value, "isRegex": False, "isEqual": True}
                for name, value in matchers.items()
            ],
            "startsAt": now.isoformat(),
            "endsAt": (now + lasting).isoformat(),
            "createdBy": author,
            "comment": comment,
        }
        answer = await self._api.post("silences", body)
        made: str = answer["silenceID"]
        return made

    async def end_silence(self, silence_id: str) -> None:
        """End a silence now."""
        await self._api.delete(f"silence/{silence_id}")


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
