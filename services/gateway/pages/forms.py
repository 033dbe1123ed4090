"""Forms that come back with what was filled in and what is wrong with it."""

from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData

from services.kit.problems import Problem

Model = TypeVar("Model", bound=BaseModel)
_NEVER_SHOWN_AGAIN = frozenset(
    {"password", "current_password", "new_password", "card_number", "csrf_token"}
)


@dataclass(slots=True)
class Filled:
    """A form as it was filled in.

    Attributes:
        values: What to show in the fields again.
        errors: What is wrong, by field.
        refusal: Why the shop could not do it, if so.
    """

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    refusal: str | None = None

    def refused(self, problem: Problem) -> "Filled":
        """Return the form with the reason why it was refused, at the fields if it names some."""
        for one in problem.extra.get("errors", []):
            self.errors[str(one["loc"][-1])] = str(one["msg"])
        if not self.errors:
            self.refusal = problem.detail or problem.title
        return self


def filled(form: FormData) -> Filled:
    """Return what was filled in, without what must not be shown again."""
    shown = {name: str(value) for name, value in form.items() if name not in _NEVER_SHOWN_AGAIN}
    return Filled(values=shown)


def read(model: type[Model], values: dict[str, object], back: Filled) -> Model | None:
    """Return the model made of the values; or None, the errors noted in the form."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False):
            back.errors[str(one["loc"][-1])] = _message(one["type"], one.get("ctx", {}))
        return None


def _message(kind: str, bounds: dict[str, Any]) -> str:
    """Return in plain words what is wrong with a field."""
    least = bounds.get("min_length", 1)
    if kind == "string_too_short" and least > 1:
        return f"At least {least} characters, please."
    if kind in {"string_too_short", "missing"}:
        return "Please fill this in."
    return "This is too long." if kind == "string_too_long" else "This does not look right."


def text(form: FormData, name: str) -> str:
    """Return a field's text, empty if it is not there."""
    return str(form.get(name, ""))
