"""Where load may be sent to."""

import pytest

from observability.exits import UsageError
from services.load.plan import checked_host


@pytest.mark.parametrize(
    "host", ["http://127.0.0.1:8000", "http://localhost", "http://[::1]:8000", "http://127.9.0.1"]
)
def test_this_machine_is_accepted(host: str) -> None:
    assert checked_host(host, allow_remote=False) == host


@pytest.mark.parametrize(
    "host", ["http://example.com", "http://10.0.0.1:8000", "https://127.0.0.1.example.com"]
)
def test_another_machine_needs_a_word_of_its_own(host: str) -> None:
    with pytest.raises(UsageError, match="--allow-remote"):
        checked_host(host, allow_remote=False)
    assert checked_host(host, allow_remote=True) == host


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "ftp://localhost", "http://", "nonsense"])
def test_what_is_no_address_is_refused_whatever_is_allowed(host: str) -> None:
    with pytest.raises(UsageError, match="not an address"):
        checked_host(host, allow_remote=True)


def test_a_trailing_slash_is_dropped() -> None:
    assert checked_host("http://localhost:8000/", allow_remote=False) == "http://localhost:8000"
