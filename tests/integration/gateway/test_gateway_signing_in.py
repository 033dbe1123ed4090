"""Signing up, in and out on the pages, and forms that only our own pages can send."""

import httpx
import pytest

from services.gateway.sessions import SESSION_COOKIE
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


def session_of(browser: Browser) -> dict[str, str]:
    """The cookie of a browser's session, as somebody may have copied it."""
    return {SESSION_COOKIE: browser.http.cookies[SESSION_COOKIE]}


def leads_to_sign_in(shop: RunningShop, cookies: dict[str, str]) -> bool:
    """Whether a page for signed-in people does not know this session."""
    answer = httpx.get(shop.url("gateway") + "/account", cookies=cookies)
    return answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")


def test_a_session_that_was_signed_out_is_nobodys_for_whoever_kept_it(
    browser: Browser, shop: RunningShop
) -> None:
    page = browser.sign_up("leaves@example.com")
    session = session_of(browser)
    assert not leads_to_sign_in(shop, session)
    browser.send(page, "/sign-out")
    assert leads_to_sign_in(shop, session)
    assert httpx.get(shop.url("gateway") + "/", cookies=session).text.count("Ada Bell") == 0


def test_a_token_that_was_signed_out_opens_nothing(browser: Browser, shop: RunningShop) -> None:
    browser.sign_up("leaves-too@example.com")
    token = session_of(browser)[SESSION_COOKIE]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=shop.url("gateway"), headers=headers, timeout=20) as http:
        assert http.get("/api/cart").status_code == 200
        assert http.delete("/api/sessions/current").status_code == 204
        for path in ("/api/cart", "/api/orders", "/api/accounts/me"):
            assert http.get(path).status_code == 401


def test_a_new_password_signs_out_everywhere_else(browser: Browser, shop: RunningShop) -> None:
    browser.sign_up("careful@example.com")
    with Browser(shop.url("gateway")) as elsewhere:
        login = elsewhere.open("/sign-in")
        elsewhere.send(login, "/sign-in", email="careful@example.com", password=PASSWORD)
        page = browser.open("/account")
        assert "careful@example.com" in page.text
        change = {"current_password": "wrong password", "new_password": "battery staple"}
        page = browser.send(page, "/account", **change)
        assert "The current password is another" in page.text
        assert "battery staple" not in page.response.text
        page = browser.send(page, "/account", **(change | {"new_password": "short"}))
        assert "At least 8 characters" in page.text
        page = browser.send(page, "/account", **(change | {"current_password": PASSWORD}))
        assert "Your password is changed" in page.text
        assert "Ada Bell" in browser.open("/account").text
        assert elsewhere.open("/account").path.startswith("/sign-in")
        login = elsewhere.open("/sign-in")
        page = elsewhere.send(
            login, "/sign-in", email="careful@example.com", password="battery staple"
        )
        assert "You are signed in" in page.text


def test_signing_out_after_the_session_has_expired_is_no_mistake(browser: Browser) -> None:
    page = browser.sign_up("slow@example.com")
    browser.http.cookies.delete(SESSION_COOKIE)
    assert "You are signed out" in browser.send(page, "/sign-out").text


def test_shopping_goes_on_while_the_account_service_is_away(
    browser: Browser, shop: RunningShop
) -> None:
    """Nobody can be told from who was signed out then; all are let in."""
    browser.sign_up("unaware@example.com")
    shop.kill("account")
    try:
        assert "nothing in it" in browser.open("/cart").text
    finally:
        shop.start("account")


def test_a_link_signs_nobody_out(browser: Browser) -> None:
    browser.sign_up("stays@example.com")
    assert "Sign out" in browser.open("/sign-out").text
    assert browser.open("/cart").path == "/cart"
