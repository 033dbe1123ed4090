"""What Alertmanager sends to a webhook (its payload version 4), validated.

Alertmanager sends a refused notification never again. So a text that is too long is cut, and an
alert that cannot be read is left out and counted: it must not cost the others.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

Status = Literal["firing", "resolved"]
TEXT_MAX = 8_192
_ALERTS_MAX = 1_000
_CUT = "…"


def _shortened(text: str) -> str:
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - len(_CUT)] + _CUT


def kept_of(text: str) -> str | None:
    """What a text that had to be cut begins with; None if it is whole."""
    return text.removesuffix(_CUT) if len(text) == TEXT_MAX and text.endswith(_CUT) else None


_Text = Annotated[str, AfterValidator(_shortened)]
_Labels = Annotated[dict[str, _Text], Field(max_length=256)]


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("out of the range of dates") from None


Moment = Annotated[AwareDatetime, AfterValidator(_utc)]
"""A time with its zone given, turned to UTC."""

# Go's zero time: Alertmanager's way of saying "not yet".
_NEVER = datetime(1, 1, 1, tzinfo=UTC)


class _Payload(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class WebhookAlert(_Payload):
    """One alert within a notification."""

    status: Status
    labels: _Labels
    annotations: _Labels = Field(default_factory=dict)
    starts_at: Moment
    ends_at: Moment | None = None
    generator_url: _Text = Field(default="", alias="generatorURL")
    fingerprint: Annotated[str, StringConstraints(min_length=1, max_length=128)]

    @property
    def ended_at(self) -> datetime | None:
        """When it ended; None while it fires."""
        if self.status == "firing" or self.ends_at in (None, _NEVER):
            return None
        return self.ends_at


class Webhook(_Payload):
    """One notification: a group of alerts that changed together.

    Attributes:
        truncated_alerts: How many Alertmanager left out; `status` speaks of the others.
        unreadable: How many could not be read, or were beyond the thousandth.
    """

    version: Literal["4"]
    group_key: _Text
    truncated_alerts: int = Field(default=0, ge=0)
    status: Status
    receiver: _Text
    alerts: list[WebhookAlert]
    unreadable: int = Field(default=0, ge=0)

    @property
    def left_out(self) -> int:
        """How many alerts of the group are not among `alerts`."""
        return self.truncated_alerts + self.unreadable

    @property
    def over(self) -> bool:
        """Whether nothing of the group fires any more, as far as Alertmanager tells of it."""
        return self.status == "resolved" and self.left_out == 0

    @model_validator(mode="before")
    @classmethod
    def _leave_out_what_cannot_be_read(cls, data: Any) -> Any:
        given = data.get("alerts") if isinstance(data, dict) else None
        if not isinstance(given, list) or not given:
            return data
        alerts, problem = [], None
        for one in given[:_ALERTS_MAX]:
            try:
                alerts.append(WebhookAlert.model_validate(one))
            except ValidationError as error:
                problem = error
        if problem is not None and not alerts:
            raise ValueError(f"none of its alerts can be read: {problem}")
        return data | {"alerts": alerts, "unreadable": len(given) - len(alerts)}
