"""What a run tells: whether it holds, and the table."""

import io

from rich.console import Console

from services.load.report import Failure, Report, RouteStats, render


def stats(route: str, requests: int, failures: int = 0) -> RouteStats:
    return RouteStats(
        method="GET",
        route=route,
        requests=requests,
        failures=failures,
        requests_per_second=requests / 10,
        p50_ms=12,
        p95_ms=34,
        p99_ms=56,
        max_ms=78,
    )


def report(requests: int = 20, failures: list[Failure] | None = None) -> Report:
    return Report(
        host="http://127.0.0.1:8000",
        finished=True,
        elapsed_seconds=10,
        users=3,
        total=stats("Aggregated", requests),
        routes=[stats("/products/{id}", requests)],
        failures=failures or [],
        orders={"placed": 2, "shipped": 1},
    )


FAILURE = Failure(
    method="POST", route="/api/orders", error="503 Upstream failed", count=4, trace_id="ab" * 16
)


def test_a_run_holds_if_something_was_asked_and_nothing_failed() -> None:
    assert report().holds
    assert not report(failures=[FAILURE]).holds
    assert not report(requests=0).holds


def test_the_table_shows_rates_latencies_orders_and_failures_with_their_trace() -> None:
    out = io.StringIO()
    Console(file=out, width=160).print(render(report(failures=[FAILURE])))
    text = out.getvalue()
    for part in ("/products/{id}", "2.0", "12", "34", "56", "placed 2", "shipped 1"):
        assert part in text
    for part in ("POST /api/orders", "503 Upstream failed", "4", "ab" * 16):
        assert part in text
