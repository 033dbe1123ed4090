"""How a service of belfry.toml is run: the environment that it is given."""

from pathlib import Path

import pytest

from observability.settings import Settings
from observability.stack.config import Config
from observability.stack.services import service

CONFIG = Config.model_validate(
    {
        "root": Path("/"),
        "env": {"SHOP_QUEUE_URL": "sqlite:///{state}/queue.db", "SHOP_KEY_FILE": "{state}/key"},
        "services": {"back": {"app": "x:app", "port": 8000}},
    }
)


def environment() -> dict[str, str]:
    """What the service gets."""
    return dict(service(Settings(state_dir=Path("/state")), CONFIG, "back").environment)


def test_a_variable_of_the_user_goes_before_belfry_toml(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever starts the stack has the last word; without a word it is belfry.toml's."""
    monkeypatch.delenv("SHOP_QUEUE_URL", raising=False)
    assert environment()["SHOP_QUEUE_URL"] == "sqlite:////state/queue.db"
    monkeypatch.setenv("SHOP_QUEUE_URL", "amqp://broker/")
    assert environment()["SHOP_QUEUE_URL"] == "amqp://broker/"


def test_a_secret_given_as_a_file_replaces_the_value_of_belfry_toml(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A service takes a value before a file: that of belfry.toml must not stand in the way."""
    monkeypatch.delenv("SHOP_QUEUE_URL", raising=False)
    monkeypatch.setenv("SHOP_QUEUE_URL_FILE", "/run/secrets/queue_url")
    given = environment()
    assert "SHOP_QUEUE_URL" not in given
    assert given["SHOP_QUEUE_URL_FILE"] == "/run/secrets/queue_url"
    assert given["SHOP_KEY_FILE"] == "/state/key"
