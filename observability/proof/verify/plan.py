"""Which checks run, in which order."""

from collections.abc import Awaitable, Callable

from observability.exits import UsageError
from observability.proof.verify import (
    budget,
    contract,
    edges,
    grafana,
    hops,
    panels,
    service,
    shapes,
    traffic,
    ways,
)
from observability.proof.verify.files import Files
from observability.proof.verify.finding import Finding
from observability.proof.verify.live import Live, connected
from observability.query import BackendError
from observability.settings import Settings

Check = Callable[[Live], Awaitable[list[Finding]]]

CHECKS: dict[str, Check] = {
    "contract": contract.check,
    "panels": panels.check,
    "hops": hops.check,
    "edges": edges.check,
    "ways": ways.check,
    "shapes": shapes.check,
    "budget": budget.check,
}


async def whole(settings: Settings, files: Files, *, own_traffic: bool) -> list[Finding]:
    """Findings of the whole stack, Grafana included where it is known.

    Args:
        settings: of the stack.
        files: what is written down about it.
        own_traffic: make some first, and while looking.

    Raises:
        UsageError: The stack does not run.
    """
    async with connected(settings, files) as live:
        await _require(live)
        if own_traffic:
            async with traffic.made(live):
                findings = await _all(live)
        else:
            findings = await _all(live)
        if settings.grafana_url:
            findings += await grafana.check(live, settings.grafana_url)
        return findings


async def one_service(
    settings: Settings, files: Files, name: str, url: str | None
) -> list[Finding]:
    """Findings of a single service, the user's own.

    Raises:
        UsageError: The stack does not run, or nobody knows where the service is.
    """
    async with connected(settings, files) as live:
        await _require(live)
        return await service.check(live, name, url)


async def _all(live: Live) -> list[Finding]:
    findings: list[Finding] = []
    for name, check in CHECKS.items():
        try:
            findings += await check(live)
        except BackendError as error:
            findings.append(Finding(name, "could not be looked at", False, str(error)))
    return findings


async def _require(live: Live) -> None:
    """All backends answer: if one does not, every check would say the same."""
    try:
        await live.prometheus.instant("vector(1)")
    except BackendError as error:
        raise UsageError(f"{error}: is the stack up (`belfry up`)?") from None
