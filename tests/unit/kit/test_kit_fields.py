"""Fields of requests: what is taken, and in which form."""

import pytest
from pydantic import ValidationError

from services.kit.fields import Address
from tests.support.address import ADDRESS


def test_an_address_is_taken_without_blanks_around_its_lines() -> None:
    padded = {name: f" {value} " for name, value in ADDRESS.items()} | {"country": "NL"}
    assert Address(**padded).model_dump() == ADDRESS


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"street": "x" * 201},
        {"city": "a\x00b"},
        {"postal_code": "x" * 21},
        {"country": "nl"},
    ],
)
def test_an_address_that_cannot_be_kept_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Address(**(ADDRESS | wrong))
