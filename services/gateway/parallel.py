"""Asking several services at once, and going on with what is there when one does not answer."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.kit.problems import Problem

Found = TypeVar("Found")
Found_co = TypeVar("Found_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Maybe(Generic[Found_co]):
    """What a service said, or the problem because of which it said nothing."""

    value: Found_co | None
    problem: Problem | None = None


async def attempt(asked: Awaitable[Found]) -> Maybe[Found]:
    """Await an answer; a service that failed or could not be reached is no reason to stop.

    Raises:
        Problem: The service did answer, and refused (4xx).
    """
    try:
        return Maybe(await asked)
    except Problem as problem:
        if problem.status < 500:
            raise
        return Maybe(None, problem)
