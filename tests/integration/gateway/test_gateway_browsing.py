"""Looking around in the storefront's pages."""

import re

from tests.support.pages import Browser


def products_on(links: list[str]) -> list[str]:
    return [link for link in links if link.startswith("/products/")]


def test_the_front_page_lists_products_and_leads_through_all_of_them(browser: Browser) -> None:
    seen: set[str] = set()
    path = "/"
    while path:
        page = browser.open(path)
        assert page.status == 200
        seen.update(products_on(page.links))
        path = next((link for link in page.links if _is_next(link, page.path)), "")
    assert len(seen) >= 30


def _is_next(link: str, now: str) -> bool:
    here = int((re.search(r"page=(\d+)", now) or [0, 1])[1])
    return link.endswith(f"page={here + 1}")


def test_search_and_categories_narrow_the_list(browser: Browser) -> None:
    found = browser.open("/", params={"query": "teapot"})
    assert products_on(found.links) == ["/products/tea-pot"]
    kitchen = browser.open("/?category=Kitchen")
    assert 1 < len(products_on(kitchen.links)) < 30
    assert "Nothing found" in browser.open("/?query=zeppelin").text


def test_a_search_for_markup_is_shown_as_text(browser: Browser) -> None:
    page = browser.open("/", params={"query": "<script>alert(1)</script>"})
    assert "<script" not in page.response.text
    assert "&lt;script&gt;" in page.response.text


def test_a_product_page_tells_price_and_stock(browser: Browser) -> None:
    page = browser.open("/products/enamel-mug")
    assert "Enamel mug" in page.text
    assert "€12.90" in page.text
    assert "in stock" in page.text
    assert "/sign-in?next=/products/enamel-mug" in page.links


def test_pages_that_are_not_there_are_pages_too(browser: Browser) -> None:
    for path in ("/nowhere", "/products/no-such-thing", "/api", "/static/none.css", "/docs"):
        page = browser.open(path)
        assert page.status == 404
        assert page.response.headers["content-type"].startswith("text/html")
        assert "/" in page.links


def test_a_page_can_be_asked_about_without_its_body(browser: Browser) -> None:
    for path in ("/", "/products/enamel-mug"):
        answer = browser.http.head(path)
        assert (answer.status_code, answer.content) == (200, b"")


def test_a_page_needs_no_script_and_nothing_from_elsewhere(browser: Browser) -> None:
    page = browser.open("/")
    html = page.response.text
    assert "<script" not in html
    sources = re.findall(r'(?:src|href)="([^"]+)"', html)
    outside = [source for source in sources if not source.startswith(("/", "#"))]
    assert all(source.startswith("http://127.0.0.1:8080/traces/") for source in outside)
    for asset in ("/static/shop.css", "/static/icon.svg"):
        assert browser.http.get(asset).status_code == 200


def test_pages_are_guarded_by_headers(browser: Browser) -> None:
    headers = browser.open("/").response.headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
