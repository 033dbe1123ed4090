"""Which request ids are taken from the caller."""

import pytest

from services.gateway.identity import request_id_of


def taken(given: str) -> str:
    return request_id_of({"type": "http", "headers": [(b"x-request-id", given.encode("latin-1"))]})


@pytest.mark.parametrize("given", ["abc", "A-1_2.3:4/5+6=@", "f" * 128])
def test_a_sane_id_is_kept(given: str) -> None:
    assert taken(given) == given


@pytest.mark.parametrize(
    "given", ["", " ", "a b", "x" * 129, "a\nb", "<script>", 'say "hi"', "caf\xe9", "%00"]
)
def test_anything_else_is_replaced_by_a_new_one(given: str) -> None:
    made = taken(given)
    assert made != given
    assert len(made) == 32
    assert made != taken(given)
