"""Fields that several services' requests have in common, each checked in one way."""

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, StringConstraints

ID_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
"""Id of a product, an order, an account, in a body."""
PathId = Annotated[str, Path(pattern=ID_PATTERN)]
"""The same in the address of a request."""
Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00]*$"),
]
"""A line that a person wrote. PostgreSQL stores no NUL."""


class Address(BaseModel):
    """Where an order goes."""

    name: Text
    street: Text
    city: Text
    postal_code: Annotated[Text, StringConstraints(max_length=20)]
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
