"""Receivers as set by `BELFRY_NOTIFY_<NAME>_<KEY>` variables; secrets also from files.

`BELFRY_NOTIFY_MAIL_KIND=smtp` makes a receiver named `mail`; its further keys depend on the kind.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
)

from observability.alerting.notifications import Notification
from observability.exits import UsageError

PREFIX = "BELFRY_NOTIFY_"
_HIDDEN = "[hidden]"


def _words(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _has_address(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return value


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Address = Annotated[SecretStr, AfterValidator(_has_address)]
"""An address is a secret: chat tools put the key into it."""


class _Receiver(BaseModel):
    """What all have: a name, and which notifications they want; all, if nothing is said."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    secret_keys: ClassVar[tuple[str, ...]] = ()

    name: str
    severity: Annotated[tuple[Literal["critical", "warning"], ...], BeforeValidator(_words)] = ()
    team: Words = ()

    def wants(self, one: Notification) -> bool:
        """Whether a notification is for this receiver."""
        fits = not self.severity or one.severity in self.severity
        return fits and (not self.team or one.team in self.team)

    def scrubbed(self, text: str) -> str:
        """`text` without this receiver's secrets."""
        for key in self.secret_keys:
            secret = getattr(self, key)
            if secret is not None and secret.get_secret_value():
                text = text.replace(secret.get_secret_value(), _HIDDEN)
        return text


class Mail(_Receiver):
    """Mail by SMTP."""

    secret_keys = ("password",)

    kind: Literal["smtp"]
    host: str = Field(min_length=1)
    port: int = Field(default=25, ge=1, le=65_535)
    tls: Literal["none", "starttls", "tls"] = "none"
    user: str | None = None
    password: SecretStr | None = None
    sender: str = Field(default="belfry@localhost", alias="from", pattern=r"^[^@\s]+@[^@\s]+$")
    to: Words = Field(min_length=1)


class Slack(_Receiver):
    """An incoming webhook that takes Slack's blocks."""

    secret_keys = ("url",)

    kind: Literal["slack"]
    url: Address


class Hook(_Receiver):
    """Any address that takes JSON; signed if there is a secret."""

    secret_keys = ("url", "secret")

    kind: Literal["webhook"]
    url: Address
    secret: SecretStr | None = None


class Pager(_Receiver):
    """An address that takes PagerDuty's Events API v2."""

    secret_keys = ("routing_key",)

    kind: Literal["pagerduty"]
    url: Address = SecretStr("https://events.pagerduty.com/v2/enqueue")
    routing_key: SecretStr


Receiver = Annotated[Mail | Slack | Hook | Pager, Field(discriminator="kind")]
_RECEIVER: TypeAdapter[Receiver] = TypeAdapter(Receiver)
_KINDS: dict[str, type[_Receiver]] = {
    "smtp": Mail,
    "slack": Slack,
    "webhook": Hook,
    "pagerduty": Pager,
}


class Notify(BaseModel):
    """All receivers, and what holds for all of them.

    Attributes:
        receivers: in the order of their names.
        report_after: seconds of failure after which a receiver is reported by the others.
        console_url: the console's address in messages, where it is not on the reader's machine.
    """

    model_config = ConfigDict(frozen=True)

    receivers: tuple[Receiver, ...] = ()
    report_after: float = Field(default=300.0, gt=0, le=86_400)
    console_url: str | None = Field(default=None, pattern=r"^https?://")


def load_notify(environment: Mapping[str, str]) -> Notify:
    """Read and check the receivers.

    Raises:
        UsageError: a variable is unknown or has a value it cannot have; names the variable, and
            never repeats a secret.
    """
    given = {
        name.removeprefix(PREFIX): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and value
    }
    overall = {
        key.lower(): given.pop(key) for key in ("REPORT_AFTER", "CONSOLE_URL") & given.keys()
    }
    names = sorted(key.removesuffix("_KIND") for key in given if key.endswith("_KIND"))
    receivers = tuple(_receiver(name, given, names) for name in names)
    strays = sorted(key for key in given if _owner(key, names) is None)
    if strays:
        raise UsageError(
            f"{PREFIX}{strays[0]}: no receiver has this setting: "
            f"set {PREFIX}<NAME>_KIND to one of {', '.join(_KINDS)} first"
        )
    try:
        return Notify.model_validate(overall | {"receivers": receivers})
    except ValidationError as error:
        raise UsageError(_problem(error, PREFIX)) from None


def _receiver(name: str, given: Mapping[str, str], names: Iterable[str]) -> Receiver:
    prefix = f"{PREFIX}{name}_"
    kind = given[f"{name}_KIND"]
    if kind not in _KINDS:
        raise UsageError(f"{prefix}KIND: one of {', '.join(_KINDS)}, not {kind!r}")
    values: dict[str, Any] = {"name": name.lower()}
    for key, value in given.items():
        if _owner(key, names) == name:
            setting = key.removeprefix(f"{name}_").lower()
            values |= _value(setting, value, _KINDS[kind], prefix)
    try:
        return _RECEIVER.validate_python(values)
    except ValidationError as error:
        raise UsageError(_problem(error, prefix)) from None


def _owner(key: str, names: Iterable[str]) -> str | None:
    """The receiver that a variable belongs to: of `A` and `A_B`, `A_B_URL` is of the latter."""
    return max((name for name in names if key.startswith(f"{name}_")), key=len, default=None)


def _value(setting: str, value: str, kind: type[_Receiver], prefix: str) -> dict[str, str]:
    """A setting by its name; a secret may be in a file."""
    known = {field.alias or name for name, field in kind.model_fields.items()} - {"name"}
    if setting in known:
        return {setting: value}
    plain = setting.removesuffix("_file")
    if plain != setting and plain in kind.secret_keys:
        return {plain: _read(value, prefix + setting.upper())}
    choices = [*known, *(f"{key}_file" for key in kind.secret_keys)]
    close = difflib.get_close_matches(setting, choices, n=1)
    hint = f"did you mean {prefix}{close[0].upper()}?" if close else f"known: {_listed(choices)}"
    raise UsageError(f"unknown setting {prefix}{setting.upper()}: {hint}")


def _listed(settings: Iterable[str]) -> str:
    return ", ".join(sorted(setting.upper() for setting in settings))


def _read(path: str, variable: str) -> str:
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(f"{variable}: cannot read {path}: {reason}") from None
    if not text:
        raise UsageError(f"{variable}: {path} is empty")
    return text


def _problem(error: ValidationError, prefix: str) -> str:
    """The first problem in one line; values are not repeated, they may be secrets."""
    first = error.errors(include_input=False)[0]
    key = next((str(part) for part in reversed(first["loc"]) if isinstance(part, str)), "KIND")
    message = str(first["msg"]).removeprefix("Value error, ")
    return f"{prefix}{key.upper()}: {message[:1].lower()}{message[1:]}"
