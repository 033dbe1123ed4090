"""What counts for a drill of all that the inbox receives."""

from observability.alerting.notifications import Notification
from observability.proof.drill.heard import Heard
from tests.support.drills import NOW, notification, scenario

SCENARIO = scenario("cart-errors", "cart", never=["ServiceDown", "NewError"])
[EXPECTED] = SCENARIO.expect
PAGE = notification("HighErrorRate", "cart", NOW + 10)
PAGE_ENDED = notification("HighErrorRate", "cart", NOW + 10, ended=NOW + 30)


def heard(*received: Notification) -> Heard:
    """Of a drill that has just begun when these come."""
    inbox: list[Notification] = []
    found = Heard(SCENARIO, inbox)
    inbox.extend(received)
    return found


def forbidden(*received: Notification) -> list[str]:
    return [one.name for _, one in heard(*received).forbidden()]


def test_what_came_before_a_drill_is_not_of_it() -> None:
    """The page of the drill before is no answer to this one's fault."""
    assert Heard(SCENARIO, [PAGE]).firing(EXPECTED) is None
    assert heard(PAGE).firing(EXPECTED) == PAGE


def test_an_alert_has_ended_once_each_that_fires_has() -> None:
    """A second time it rings is a second end to wait for."""
    again = notification("HighErrorRate", "cart", NOW + 31)
    assert heard(PAGE, PAGE_ENDED).resolved(EXPECTED) == PAGE_ENDED
    assert heard(PAGE, PAGE_ENDED, again).resolved(EXPECTED) is None
    assert not heard(PAGE, PAGE_ENDED, again).all_resolved()


def test_what_must_not_ring_is_named_once_a_kind() -> None:
    """Whether what is expected has ended or not."""
    down = notification("ServiceDown", "cart", NOW + 12)
    new = notification("NewError", "cart", NOW + 29)
    assert forbidden(PAGE, down, down, new) == ["ServiceDown", "NewError"]
    assert forbidden(PAGE, down, new, PAGE_ENDED) == ["ServiceDown", "NewError"]
    assert forbidden(down) == ["ServiceDown"]


def test_what_is_about_something_else_is_not_forbidden() -> None:
    """Another drill may be played at the same time."""
    assert forbidden(PAGE, notification("ServiceDown", "account", NOW + 12)) == []


def test_what_was_held_back_may_be_told_once_the_page_has_ended() -> None:
    """The end is the rule's, some moments before the inbox learns of it."""
    new = notification("NewError", "cart", NOW + 30.1)
    assert forbidden(PAGE, new, PAGE_ENDED) == []
    assert forbidden(PAGE, new) == ["NewError"]
