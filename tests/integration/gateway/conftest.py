"""The shop as the tests of the gateway need it."""

from collections.abc import Iterator

import pytest

from tests.support.pages import Browser
from tests.support.shop import RunningShop, running_shop

ADMIN = {"SHOP_ADMIN_EMAIL": "admin@example.com", "SHOP_ADMIN_PASSWORD": "correct horse battery"}


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    """The whole shop, with an admin, and a console that trace ids lead to; all tests share it."""
    environment = {**ADMIN, "SHOP_CONSOLE_URL": "http://127.0.0.1:8080"}
    with running_shop(tmp_path_factory.mktemp("shop"), environment=environment) as running:
        yield running


@pytest.fixture
def browser(shop: RunningShop) -> Iterator[Browser]:
    """Someone who has never been here before."""
    with Browser(shop.url("gateway")) as someone:
        yield someone
