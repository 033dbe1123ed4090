"""The whole shop, its services found through a registry and by no fixed address."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import consul
from tests.support.shop import RunningShop, running_shop
from tests.support.shopper import Shopper


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    """All services, registered in one Consul agent."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = int(one.getsockname()[1])
    with (
        consul.running(port) as url,
        running_shop(
            tmp_path_factory.mktemp("registry"), environment={"SHOP_REGISTRY_URL": url}
        ) as running,
    ):
        yield running


def test_an_order_is_placed_and_shipped(shop: RunningShop) -> None:
    """Gateway, checkout and worker find whom they call in the registry."""
    shopper = Shopper(shop.url("gateway"))
    try:
        order = shopper.buy().order
        shopper.wait_until(order["id"], "shipped")
    finally:
        shopper.http.close()


def test_a_registry_without_an_own_address_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line that names the setting, and exit code 2."""
    from services.cart.settings import Settings  # noqa: PLC0415 - read in a clean environment
    from services.kit.settings import load  # noqa: PLC0415

    monkeypatch.setenv("SHOP_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SHOP_REGISTRY_URL", "consul://127.0.0.1:8500")

    with pytest.raises(SystemExit, match="2"):
        load(Settings)
    assert "SHOP_ADVERTISE_URL" in capfd.readouterr().err
