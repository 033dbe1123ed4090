"""Settings of the services: where values come from, and how bad ones are refused."""

import os
from pathlib import Path
from typing import ClassVar

import pytest

from services.kit.settings import ShopSettings, load


class Settings(ShopSettings):
    """Those of a service named tea."""

    service: ClassVar[str] = "tea"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment without settings, in an empty folder."""
    for name in list(os.environ):
        if name.startswith("SHOP_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_no_environment_is_enough(folder: Path) -> None:
    """Everything has a place below the working directory."""
    settings = load(Settings)
    assert settings.database == f"sqlite+aiosqlite:///{folder}/.belfry/data/tea.db"
    assert settings.queue == f"sqlite:///{folder}/.belfry/data/queue.db"
    assert settings.flags_path == Path(".belfry/flags.json")
    assert settings.redis is None


def test_the_services_own_variable_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """SHOP_TEA_… before SHOP_…; that of another service is not its business."""
    monkeypatch.setenv("SHOP_DATABASE_URL", "sqlite+aiosqlite:///all.db")
    monkeypatch.setenv("SHOP_MILK_DATABASE_URL", "sqlite+aiosqlite:///milk.db")
    assert load(Settings).database.endswith("all.db")
    monkeypatch.setenv("SHOP_TEA_DATABASE_URL", "sqlite+aiosqlite:///tea.db")
    assert load(Settings).database.endswith("/tea.db")


def test_with_a_registry_every_service_is_looked_up_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its address may hold a password: it may be a file, and it is never shown."""
    monkeypatch.setenv("SHOP_ADVERTISE_URL", "http://tea:8009")
    monkeypatch.setenv("SHOP_REGISTRY_URL_FILE", str(folder / "registry"))
    (folder / "registry").write_text("eureka://ann:pa55@host:8761/eureka\n")
    settings = load(Settings)
    assert settings.url_of("catalog") == "eureka://ann:pa55@host:8761/eureka"
    assert "pa55" not in repr(settings)


def test_a_secret_may_be_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its line end does not count, and it is never shown."""
    (folder / "key").write_text("k" * 40 + "\n")
    monkeypatch.setenv("SHOP_TOKEN_KEY_FILE", str(folder / "key"))
    settings = load(Settings)
    assert settings.token_key is not None
    assert settings.token_key.get_secret_value() == "k" * 40
    assert "kkk" not in repr(settings)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("SHOP_DATABASE_URL", "mysql://x", "SHOP_DATABASE_URL: must start with"),
        ("SHOP_TOKEN_KEY_FILE", "/nowhere/key", "SHOP_TOKEN_KEY_FILE: cannot read /nowhere/key"),
        ("SHOP_REQUEST_TIMEOUT", "soon", "SHOP_REQUEST_TIMEOUT: Input should be a valid number"),
        ("SHOP_DATA_DIR", "/proc/nowhere", "SHOP_DATA_DIR: cannot create /proc/nowhere"),
        ("SHOP_TEA_REQUEST_TIMEOUT", "soon", "SHOP_TEA_REQUEST_TIMEOUT: Input should be"),
        ("SHOP_TEA_DATABASE_URL", "mysql://x", "SHOP_TEA_DATABASE_URL: must start with"),
        ("SHOP_DATABASE_URL", "postgresql+asyncpg://u:p@h:x/d", "SHOP_DATABASE_URL: not a URL"),
        ("SHOP_QUEUE_URL", "foo://x", "SHOP_QUEUE_URL: must start with sqlite:/// or amqp://"),
        ("SHOP_QUEUE_URL", "amqp://u:sec/ret@h", "SHOP_QUEUE_URL: must start with"),
        ("SHOP_REDIS_URL", "localhost:6379", "SHOP_REDIS_URL: must start with redis://"),
        ("SHOP_REDIS_URL", "redis://h:port/0", "SHOP_REDIS_URL: must be of the form"),
        ("SHOP_CATALOG_URL", "catalog:8002", "SHOP_CATALOG_URL: use http://HOST:PORT"),
        ("SHOP_TEA_CART_URL", "http://", "SHOP_TEA_CART_URL: use http://HOST:PORT"),
        ("SHOP_REGISTRY_URL", "etcd://u:secret@x:1", "SHOP_REGISTRY_URL: use consul://"),
        ("SHOP_ADVERTISE_URL", "tea:8009", "SHOP_ADVERTISE_URL: must be of the form http://"),
        ("SHOP_ADVERTISE_URL", "http://tea:port", "SHOP_ADVERTISE_URL: must be of the form"),
    ],
)
def test_a_bad_setting_is_one_line_and_exit_code_2(
    variable: str,
    value: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The line names the service and the variable that was set, and shows no password."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit) as caught:
        load(Settings)
    assert caught.value.code == 2
    line = capsys.readouterr().err
    assert line.startswith(f"tea: bad setting {words}")
    assert line.count("\n") == 1
    assert "sec" not in line.removeprefix("tea: bad setting ")
