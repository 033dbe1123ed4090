"""Signing up, in and out on the pages, and forms that only our own pages can send."""

import httpx
import pytest

from tests.support.pages import PASSWORD, Browser
from tests.support.shop import RunningShop


def test_signing_up_signs_in_and_signing_out_ends_it(browser: Browser) -> None:
    page = browser.sign_up("one@example.com")
    assert page.status == 200
    assert "You are signed in" in page.text
    assert "Ada Bell" in page.text
    page = browser.send(page, "/sign-out")
    assert "You are signed out" in page.text
    assert browser.open("/orders").path.startswith("/sign-in")


def test_signing_in_leads_back_to_where_one_was(browser: Browser) -> None:
    browser.send(browser.sign_up("two@example.com"), "/sign-out")
    page = browser.open("/cart")
    assert page.path == "/sign-in?next=/cart&notice=sign_in"
    page = browser.send(page, "/sign-in", email="two@example.com", password=PASSWORD)
    assert page.path == "/cart?notice=welcome"


def test_signing_in_never_leads_to_another_site(browser: Browser) -> None:
    browser.send(browser.sign_up("three@example.com"), "/sign-out")
    page = browser.open("/sign-in?next=https://evil.example/")
    page = browser.send(page, "/sign-in", email="three@example.com", password=PASSWORD)
    assert page.path == "/?notice=welcome"


def test_the_session_is_out_of_reach_of_scripts_and_other_sites(browser: Browser) -> None:
    browser.sign_up("four@example.com")
    page = browser.send(browser.open("/"), "/sign-out")
    cookies = page.response.history[0].headers.get_list("set-cookie")
    login = browser.open("/sign-in")
    form = login.form("/sign-in").fields | {"email": "four@example.com", "password": PASSWORD}
    answer = browser.http.post("/sign-in", data=form, follow_redirects=False)
    cookies += answer.headers.get_list("set-cookie")
    assert len(cookies) >= 2
    for cookie in cookies:
        assert "HttpOnly" in cookie
        assert "samesite=lax" in cookie.lower()


@pytest.mark.parametrize(
    ("path", "values", "said"),
    [
        ("/sign-in", {"email": "nobody@example.com", "password": "wrong password"}, "No account"),
        ("/sign-up", {"name": "A", "email": "a@example.com", "password": "short"}, "At least 8"),
        ("/sign-up", {"name": "A", "email": "no address", "password": PASSWORD}, "match pattern"),
    ],
)
def test_a_refusal_shows_the_form_again_with_the_reason(
    browser: Browser, path: str, values: dict[str, str], said: str
) -> None:
    page = browser.send(browser.open(path), path, **values)
    assert page.status in {401, 422}
    assert said in page.text
    fields = page.form(path).fields
    assert fields["email"] == values["email"]
    assert fields["password"] == ""


def test_an_email_address_can_be_used_once(browser: Browser, shop: RunningShop) -> None:
    browser.sign_up("taken@example.com")
    with Browser(shop.url("gateway")) as other:
        page = other.sign_up("taken@example.com")
    assert page.status == 409
    assert "There is an account with this address" in page.text


def test_a_forged_session_is_nobodys(shop: RunningShop) -> None:
    cookies = {"shop_session": "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."}
    page = httpx.get(shop.url("gateway") + "/", cookies=cookies)
    assert page.status_code == 200
    assert "Sign in" in page.text


def test_a_form_from_elsewhere_is_refused_and_changes_nothing(browser: Browser) -> None:
    page = browser.sign_up("victim@example.com")
    wanted = {"product_id": "enamel-mug", "quantity": "9"}
    assert browser.post("/cart/items", wanted).status == 403
    assert browser.post("/cart/items", wanted | {"csrf_token": "x.y.z"}).status == 403
    with Browser(str(browser.http.base_url)) as stranger:
        theirs = stranger.sign_up("attacker@example.com").form("/sign-out").fields
    assert browser.post("/cart/items", wanted | theirs).status == 403
    assert "nothing in it" in browser.open("/cart").text
    ours = page.form("/sign-out").fields
    assert "Enamel mug" in browser.post("/cart/items", wanted | ours).text


def test_a_link_signs_nobody_out(browser: Browser) -> None:
    browser.sign_up("stays@example.com")
    assert "Sign out" in browser.open("/sign-out").text
    assert browser.open("/cart").path == "/cart"
