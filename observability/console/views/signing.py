"""Forms that change something, and the one by which a person may."""

from fastapi import Request

from observability.console.access import LONGEST_NAME, Access, Session
from observability.console.frame import field, hidden
from observability.console.markup import Markup, element

_REFUSED = {"token": "That is not the token.", "name": "Say who you are."}


def sign_in(access: Access, request: Request, why: str, back: str) -> Markup:
    """The form to sign in by.

    Args:
        access: whose token.
        request: its address says whether it was refused.
        why: what the token is asked for.
        back: the page that follows.
    """
    refused = _REFUSED.get(request.query_params.get("refused", ""))
    return element(
        "section",
        element("h2", "Sign in"),
        element(
            "p",
            f"{why} It is in ",
            element("code", access.where),
            ", which only its owner can read. Your name goes into the audit trail.",
        ),
        element("p", refused, role="alert", class_="down") if refused else "",
        post(
            "/controls/sign-in",
            hidden("back", back),
            field(
                "person",
                "Your name",
                "",
                autocomplete="name",
                required="required",
                maxlength=str(LONGEST_NAME),
            ),
            field("token", "Token", "", type="password", autocomplete="off", required="required"),
            button="Sign in",
        ),
        class_="part",
    )


def said(access: Access, session: Session) -> Markup:
    """How the last act went, once."""
    text = access.said(session)
    return element("p", text, role="status", class_="said strong") if text else Markup()


def form_token(access: Access, session: Session) -> Markup:
    """What every form of a session carries."""
    return hidden("form_token", access.form_token(session))


def post(action: str, *fields: object, button: str, label: str | None = None) -> Markup:
    """A form with one button that changes something."""
    return element(
        "form",
        *fields,
        element("button", button, type="submit", aria_label=f"{button} {label}" if label else None),
        method="post",
        action=action,
        class_="toolbar",
        aria_label=label or button,
    )
