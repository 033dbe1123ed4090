"""What a load run saw, as data and as a table for people."""

from pydantic import BaseModel
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text


class RouteStats(BaseModel):
    """Requests to one route: counts, rate per second and latencies in milliseconds."""

    method: str
    route: str
    requests: int
    failures: int
    requests_per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


class Failure(BaseModel):
    """One way in which requests failed, with the trace id of the latest to look it up by."""

    method: str
    route: str
    error: str
    count: int
    trace_id: str | None = None


class Report(BaseModel):
    """The state of a run: while it goes on, and at its end (``finished``).

    Attributes:
        elapsed_seconds: Time since the first user was started.
        users: Users at work now, or at the end the most there were.
        orders: What became of the purchases, by outcome.
    """

    host: str
    finished: bool
    elapsed_seconds: float
    users: int
    total: RouteStats
    routes: list[RouteStats]
    failures: list[Failure]
    orders: dict[str, int]

    @property
    def holds(self) -> bool:
        """Whether something was asked and every request was answered as it should be."""
        return self.total.requests > 0 and not self.failures


def render(report: Report) -> RenderableType:
    """Return the table of a run, with its failures below."""
    parts: list[RenderableType] = [_routes(report)]
    if report.orders:
        outcomes = ", ".join(f"{name} {count}" for name, count in sorted(report.orders.items()))
        parts.append(Text(f"Orders: {outcomes}"))
    if report.failures:
        parts.append(_failures(report.failures))
    return Group(*parts)


def _routes(report: Report) -> Table:
    state = "done" if report.finished else "running"
    title = f"{report.host}  {report.users} users  {report.elapsed_seconds:.0f} s  {state}"
    table = Table(
        title=title, title_justify="left", show_footer=True, box=box.SIMPLE_HEAD, pad_edge=False
    )
    footers = _cells(report.total)
    table.add_column("Route", footer="all", no_wrap=True)
    names = ("Requests", "Failed", "per s", "p50 ms", "p95 ms", "p99 ms")
    for name, footer in zip(names, footers, strict=True):
        table.add_column(name, footer=footer, justify="right")
    for route in report.routes:
        style = "red" if route.failures else None
        table.add_row(f"{route.method} {route.route}", *_cells(route), style=style)
    return table


def _cells(stats: RouteStats) -> tuple[str, ...]:
    return (
        str(stats.requests),
        str(stats.failures),
        f"{stats.requests_per_second:.1f}",
        f"{stats.p50_ms:.0f}",
        f"{stats.p95_ms:.0f}",
        f"{stats.p99_ms:.0f}",
    )


def _failures(failures: list[Failure]) -> Table:
    table = Table(title="Failed requests", title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("Route", "Error", "Count"):
        table.add_column(name, overflow="fold")
    table.add_column("Latest trace id", no_wrap=True)
    for failure in failures:
        where = f"{failure.method} {failure.route}"
        table.add_row(where, failure.error, str(failure.count), failure.trace_id or "")
    return table
