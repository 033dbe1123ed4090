"""What rings in containers reaches the inbox with its evidence, and the catch-all for mail."""

from collections.abc import Iterator

import pytest

from tests.compose.conftest import Containers
from tests.support.waiting import eventually


@pytest.fixture
def without_account(stack: Containers) -> Iterator[None]:
    """The account service stands still; it goes on afterwards."""
    stack.compose("pause", "account")
    yield
    stack.compose("unpause", "account")


def test_the_heartbeat_arrives(stack: Containers) -> None:
    """Alertmanager may read the token that the console asks for."""
    eventually(lambda: stack.get("console", "/api/inbox/heartbeats"), 90, "a heartbeat")


def test_a_service_that_hangs_is_told_by_mail(stack: Containers, without_account: None) -> None:
    """The mail has what the backends said, and links that a browser outside can follow."""

    def listed() -> str | None:
        page = stack.http.get(stack.url("mail")).text
        return page if "account is down" in page else None

    eventually(listed, within=120, what="a mail on account")
    [down, *_] = stack.notifications("ServiceDown")
    incident = stack.get("console", f"/api/inbox/{down['id']}")
    assert incident["evidence"]["figure"] is not None
    assert not [one for one in incident["evidence"]["missing"] if "Prometheus" in one]
    assert incident["evidence"]["ways"]["incident"].startswith(stack.url("console"))
