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
    ],
)
def test_a_bad_setting_is_one_line_and_exit_code_2(
    variable: str,
    value: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The line names the service and the variable."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit) as caught:
        load(Settings)
    assert caught.value.code == 2
    line = capsys.readouterr().err
    assert line.startswith(f"tea: bad setting {words}")
    assert line.count("\n") == 1
