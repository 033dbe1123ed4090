"""What Alertmanager sends to a webhook (its payload version 4), validated."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

Status = Literal["firing", "resolved"]
_Text = Annotated[str, StringConstraints(max_length=8_192)]
_Labels = Annotated[dict[str, _Text], Field(max_length=64)]


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
    """One notification: a group of alerts that changed together."""

    version: Literal["4"]
    group_key: _Text
    truncated_alerts: int = Field(default=0, ge=0)
    status: Status
    receiver: _Text
    alerts: Annotated[list[WebhookAlert], Field(max_length=1_000)]
