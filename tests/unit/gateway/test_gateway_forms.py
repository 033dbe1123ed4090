"""Forms: only our own are accepted, secrets never come back, mistakes are told in plain words."""

from dataclasses import replace

import pytest
from itsdangerous import TimestampSigner
from starlette.datastructures import FormData

from services.gateway.models import NewAccount
from services.gateway.pages.forms import Filled, filled, read
from services.gateway.sessions import FORM_LIFETIME_SECONDS, Forms, Visitor
from services.kit.auth import TokenKey, User
from services.kit.problems import Problem

KEY = "k" * 40
ADA = User(id="1", email="ada@example.com", name="Ada")
VISITOR = Visitor(ADA, nonce="0" * 32, known=True)


@pytest.fixture
def forms() -> Forms:
    return Forms(TokenKey(KEY))


def test_a_form_shown_to_this_visitor_is_accepted(forms: Forms) -> None:
    forms.check(VISITOR, forms.token(VISITOR))


@pytest.mark.parametrize(
    "other",
    [
        replace(VISITOR, nonce="1" * 32),
        replace(VISITOR, user=None),
        replace(VISITOR, user=User(id="2", email="eve@example.com", name="Eve")),
        replace(VISITOR, known=False),
    ],
)
def test_a_form_of_another_browser_or_user_is_refused(forms: Forms, other: Visitor) -> None:
    with pytest.raises(Problem) as caught:
        forms.check(other, forms.token(VISITOR))
    assert caught.value.status == 403


def test_a_form_shown_before_a_restart_is_accepted_after_it(forms: Forms) -> None:
    """The key comes from the tokens' own, which is kept."""
    Forms(TokenKey(KEY)).check(VISITOR, forms.token(VISITOR))


@pytest.mark.parametrize("token", ["", "nonsense", "WyIwIiwiMSJd.x.y"])
def test_a_forged_token_is_refused(forms: Forms, token: str) -> None:
    with pytest.raises(Problem):
        forms.check(VISITOR, token)


def test_a_form_opened_too_long_ago_is_refused(
    forms: Forms, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = forms.token(VISITOR)
    now = TimestampSigner(KEY).get_timestamp()
    later = now + FORM_LIFETIME_SECONDS + 1
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _self: later)
    with pytest.raises(Problem):
        forms.check(VISITOR, token)


def test_what_was_filled_in_comes_back_without_password_and_card_number() -> None:
    form = FormData([("name", "Ada"), ("password", "secret"), ("card_number", "4242424242424242")])
    assert filled(form).values == {"name": "Ada"}


def test_mistakes_are_told_at_their_fields() -> None:
    back = Filled()
    assert read(NewAccount, {"name": " ", "email": "e" * 300, "password": "short"}, back) is None
    assert back.errors == {
        "name": "Please fill this in.",
        "email": "This is too long.",
        "password": "At least 8 characters, please.",
    }


def test_a_refusal_that_names_fields_is_told_there_else_above_the_form() -> None:
    named = Problem(422, "Not valid", errors=[{"loc": ["body", "email"], "msg": "No address"}])
    assert Filled().refused(named).errors == {"email": "No address"}
    assert Filled().refused(named).refusal is None
    assert Filled().refused(Problem(409, "Taken", "It is taken.")).refusal == "It is taken."
