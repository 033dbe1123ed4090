"""belfry.toml: read into types, and what is wrong in it named."""

from pathlib import Path

import pytest

from observability.exits import UsageError
from observability.settings import Settings
from observability.stack import services
from observability.stack.config import load_config


def written(folder: Path, text: str) -> Path:
    """A belfry.toml with this text."""
    path = folder / "belfry.toml"
    path.write_text(text)
    return path


def test_the_shop_s_own_file_is_right() -> None:
    """Ports are those of the contract, and every environment value can be filled in."""
    config = load_config(Path("belfry.toml").absolute())
    settings = Settings(state_dir=Path("/state"), port_offset=100)

    specs = {name: services.service(settings, config, name) for name in config.services}

    assert {name: spec.port - 100 for name, spec in specs.items()} == {
        "gateway": 8000,
        "account": 8001,
        "catalog": 8002,
        "cart": 8003,
        "checkout": 8004,
        "shipping": 8005,
        "worker": 8010,
    }
    assert specs["gateway"].environment["SHOP_CART_URL"] == "http://127.0.0.1:8103"
    assert specs["gateway"].environment["SHOP_DATA_DIR"] == "/state/data"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[services.a]\nport = 1", "services.a.app: field required"),
        ('[services.a]\napp = "x"\nport = 1', "services.a.app"),
        ('[services.a]\napp = "x:app"\nport = 70000', "services.a.port"),
        ('[services.a]\napp = "x:app"\nport = 1\nprot = 2', "services.a.prot: extra inputs"),
        ('[services.A]\napp = "x:app"\nport = 1', "services.A"),
        ('[targets.t]\nurl = "hello"', 'targets.t.url: must be like "http://127.0.0.1:9999"'),
        ('[targets.t]\nurl = "http://h:99999"', "targets.t.url: must be like"),
        ('[targets.t]\nurl = "http://h:web"', "targets.t.url: must be like"),
        ('[targets.t]\nurl = "http://h:1/metrics"', "must have no path"),
        ("[stack", "cannot be read"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    """One line with the file and the key."""
    with pytest.raises(UsageError) as refused:
        load_config(written(tmp_path, text))

    assert "belfry.toml" in str(refused.value)
    assert message.lower() in str(refused.value).lower()


def test_no_file_at_all_says_what_to_do(tmp_path: Path) -> None:
    """Whoever is in the wrong folder is told so."""
    with pytest.raises(UsageError, match="set BELFRY_CONFIG"):
        load_config(tmp_path / "belfry.toml")


@pytest.mark.parametrize("value", ["{nobody.url}", "{a.pot}", "{home}"])
def test_an_environment_value_of_nothing_is_refused(tmp_path: Path, value: str) -> None:
    """A placeholder that cannot be filled in is not passed on as it is."""
    text = f'[env]\nX = "{value}"\n[services.a]\napp = "x:app"\nport = 8000'
    config = load_config(written(tmp_path, text))

    with pytest.raises(UsageError, match="nothing is known by"):
        services.service(Settings(), config, "a")


def test_replicas_differ_in_port_and_instance(tmp_path: Path) -> None:
    """The third replica takes the third port; its labels carry its instance."""
    text = '[stack]\nnamespace = "n"\n[services.a]\napp = "x:app"\nport = 8000\nversion = "7"'
    config, settings = load_config(written(tmp_path, text)), Settings(environment="test")

    third = services.service(settings, config, "a", 3)

    assert (third.port, third.instance, third.version) == (8002, "a-3", "7")
    assert services.labels(third, settings, config) == {
        "service_name": "a",
        "service_namespace": "n",
        "deployment_environment_name": "test",
        "instance": "a-3",
    }
