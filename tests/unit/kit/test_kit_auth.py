"""Tokens: what is accepted and what is not; the key that is made at the first start."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
from pydantic import SecretStr

from services.kit.auth import ServiceIdentity, TokenKey, User
from services.kit.problems import Problem
from services.kit.settings import SettingsError, ShopSettings

SECRET = "a key for tests that is long enough"
ANN = User("1", "ann@example.org", "Ann", "admin")
HOUR = timedelta(hours=1)


def test_a_token_tells_who_was_signed_in() -> None:
    """All that services need to know, and the token itself to send on."""
    token, expires = TokenKey(SECRET).issue(ANN, HOUR)
    user = TokenKey(SECRET).verify(token)
    assert (user.id, user.email, user.name, user.role) == ("1", ANN.email, "Ann", "admin")
    assert user.token == token
    assert expires.tzinfo is not None
    assert token not in repr(user)


def test_expired_forged_and_unsigned_tokens_are_refused() -> None:
    """401 whatever is wrong."""
    key = TokenKey(SECRET)
    token, _ = key.issue(ANN, HOUR)
    claims = jwt.decode(token, options={"verify_signature": False})
    without_role = {name: value for name, value in claims.items() if name != "role"}
    bad = [
        key.issue(ANN, timedelta(seconds=-1))[0],
        TokenKey("another key that is also long enough").issue(ANN, HOUR)[0],
        jwt.encode(claims, "", algorithm="none"),
        jwt.encode({**claims, "iss": "elsewhere"}, SECRET, algorithm="HS256"),
        jwt.encode(without_role, SECRET, algorithm="HS256"),
        token[:-2],
        "",
    ]
    for one in bad:
        with pytest.raises(Problem) as caught:
            key.verify(one)
        assert caught.value.status == 401


def test_a_role_that_is_unknown_is_that_of_a_customer() -> None:
    """Nobody becomes an admin by a spelling."""
    claims = jwt.decode(TokenKey(SECRET).issue(ANN, HOUR)[0], options={"verify_signature": False})
    odd = jwt.encode({**claims, "role": "Administrator"}, SECRET, algorithm="HS256")
    assert TokenKey(SECRET).verify(odd).role == "customer"


def test_a_service_signs_tokens_of_its_own_and_keeps_one_for_a_while(tmp_path: Path) -> None:
    """Short-lived; whoever shares the key knows which service it is."""

    class Settings(ShopSettings):
        service = "checkout"

    identity = ServiceIdentity(Settings(data_dir=tmp_path / "data", token_key=SecretStr(SECRET)))
    token = identity.token()
    assert identity.token() == token
    caller = TokenKey(SECRET).verify(token)
    assert (caller.id, caller.role) == ("checkout", "service")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] <= 600


def test_a_clock_that_runs_ahead_elsewhere_makes_no_token_invalid() -> None:
    """Machines' clocks differ by moments, and a service's token is used the moment it is made."""
    claims = jwt.decode(TokenKey(SECRET).issue(ANN, HOUR)[0], options={"verify_signature": False})
    early = jwt.encode({**claims, "iat": claims["iat"] + 5}, SECRET, algorithm="HS256")
    assert TokenKey(SECRET).verify(early).id == ANN.id


def test_a_short_key_is_refused() -> None:
    """Signatures with it could be guessed."""
    with pytest.raises(SettingsError, match="SHOP_TOKEN_KEY: needs at least 32 bytes"):
        TokenKey("short")


def test_services_that_start_at_once_agree_on_one_generated_key(tmp_path: Path) -> None:
    """Whoever is first makes it; only its owner can read it."""
    settings = ShopSettings(data_dir=tmp_path / "data")
    with ThreadPoolExecutor(16) as threads:
        keys = list(threads.map(lambda _: TokenKey.of(settings), range(16)))
    token, _ = keys[0].issue(ANN, HOUR)
    assert all(key.verify(token).id == "1" for key in keys)
    files = list((tmp_path / "secrets").iterdir())
    assert [file.name for file in files] == ["token_key"]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600
