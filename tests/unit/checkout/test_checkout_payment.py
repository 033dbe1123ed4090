"""Cards, tokens and the fingerprints of requests."""

from services.checkout.basket import Basket, Line
from services.checkout.checkout import fingerprint
from services.checkout.payment import digits, tokenize


def test_token_says_nothing_of_the_card_but_whether_it_is_declined() -> None:
    """Two tokens of one card differ and contain none of its digits in a row."""
    first, second = tokenize("4242 4242 4242 4242"), tokenize("4242 4242 4242 4242")
    assert first != second
    assert first.startswith("card_")
    assert "4242" * 2 not in first


def test_cards_ending_in_0002_are_declined_however_written() -> None:
    """Spaces and dashes do not matter."""
    for number in ("4000000000000002", "4000 0000 0000 0002", "4000-0000-0000-00-02"):
        assert tokenize(number).startswith("declined_")
    assert tokenize("4000000000000020").startswith("card_")


def test_digits_drop_all_else() -> None:
    """Of a number as people write it."""
    assert digits("4000-0000 0000 0002") == "4000000000000002"


def test_fingerprint_ignores_order_but_no_value() -> None:
    """The same request in another order of members is the same request."""
    one = fingerprint({"a": {"b": 1, "c": 2}, "card": "4242"})
    assert one == fingerprint({"card": "4242", "a": {"c": 2, "b": 1}})
    assert one != fingerprint({"card": "4242", "a": {"c": 2, "b": 3}})
    assert one != fingerprint({"card": "0002", "a": {"b": 1, "c": 2}})


def test_basket_adds_up() -> None:
    """Lines by quantity, then shipping."""
    basket = Basket((Line("a", "A", 2, 150), Line("b", "B", 1, 99)), 495, cart_revision=3)
    assert (basket.subtotal_cents, basket.total_cents) == (399, 894)
