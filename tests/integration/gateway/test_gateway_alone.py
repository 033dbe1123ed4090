"""A gateway with nobody behind it: what it needs none of the others for."""

from pathlib import Path

import httpx

from observability.faults import FlagFile
from tests.support.shop import running_shop
from tests.support.waiting import eventually


def test_cookies_may_be_for_https_alone_and_an_injected_error_is_a_page(tmp_path: Path) -> None:
    """Counted at the route that was asked for, as if it had failed by itself."""
    with (
        running_shop(tmp_path, ["gateway"], {"SHOP_SECURE_COOKIES": "always"}) as shop,
        httpx.Client(base_url=shop.url("gateway")) as http,
    ):
        answer = http.get("/sign-in")
        assert all("; secure" in one.lower() for one in answer.headers.get_list("set-cookie"))
        assert answer.headers.get_list("set-cookie")

        FlagFile(tmp_path / "flags.json").set({"gateway.error_rate": "1"})
        answer = eventually(lambda: _failed(http.get("/sign-in")))
        assert answer.headers["content-type"].startswith("text/html")
        assert "Something went wrong" in answer.text
        metrics = http.get("/metrics").text
        assert 'http_response_status_code="500",http_route="/sign-in"' in metrics


def _failed(answer: httpx.Response) -> httpx.Response | None:
    return answer if answer.is_server_error else None
