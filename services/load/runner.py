"""The process that Locust has to itself: runs a plan, writes a report line every half second.

Locust replaces parts of the standard library when it is imported, which must happen before
anything else uses them; hence a process of its own. Reports go to standard output, one JSON
object a line, the last with ``finished`` true. A SIGTERM, or nobody reading, ends the run early.
"""

import contextlib
import signal
import sys
import time
from collections import Counter
from typing import Any

from locust.env import Environment
from locust.runners import Runner
from locust.stats import StatsEntry

from services.load.pace import Pacer
from services.load.plan import LoadPlan
from services.load.report import Failure, Report, RouteStats
from services.load.users import Browser, Buyer, ShopUser

REPORT_EVERY_SECONDS = 0.5
STOP_WITHIN_SECONDS = 10.0


class Failures:
    """Counts failed requests by route and cause; listens to Locust's events."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._latest: dict[tuple[str, str, str], str | None] = {}

    def on_request(
        self,
        request_type: str,
        name: str,
        exception: BaseException | None = None,
        response: Any = None,
        **_more: object,
    ) -> None:
        """Note a request that failed."""
        if exception is not None:
            headers = getattr(response, "headers", None) or {}
            self._add(request_type, name, str(exception), headers.get("x-trace-id"))

    def on_user_error(self, exception: BaseException, **_more: object) -> None:
        """Note a user that stumbled over an answer, such as one without the fields it needs."""
        self._add("user", type(exception).__name__, str(exception), None)

    def _add(self, method: str, route: str, error: str, trace_id: str | None) -> None:
        key = (method, route, error)
        self._counts[key] += 1
        self._latest[key] = trace_id

    def listed(self) -> list[Failure]:
        """Return the failures, most frequent first."""
        return [
            Failure(method=key[0], route=key[1], error=key[2], count=n, trace_id=self._latest[key])
            for key, n in self._counts.most_common()
        ]


def _stats(entry: StatsEntry, seconds: float) -> RouteStats:
    def percentile(share: float) -> float:
        return float(entry.get_response_time_percentile(share) or 0)

    return RouteStats(
        method=entry.method or "",
        route=entry.name,
        requests=entry.num_requests,
        failures=entry.num_failures,
        requests_per_second=round(entry.num_requests / seconds, 3) if seconds else 0.0,
        p50_ms=percentile(0.50),
        p95_ms=percentile(0.95),
        p99_ms=percentile(0.99),
        max_ms=float(entry.max_response_time),
    )


class Run:
    """One run of a plan."""

    def __init__(self, plan: LoadPlan) -> None:
        self._plan = plan
        self._failures = Failures()
        self._stopping = False
        self._most_users = 0
        ShopUser.pacer = Pacer(plan.rate, time.monotonic, time.sleep)
        self._environment = Environment(
            user_classes=[Browser, Buyer], host=plan.host, stop_timeout=STOP_WITHIN_SECONDS
        )
        events: Any = self._environment.events  # Locust leaves its listeners untyped
        events.request.add_listener(self._failures.on_request)
        events.user_error.add_listener(self._failures.on_user_error)
        self._runner: Runner = self._environment.create_local_runner()

    def stop(self, *_signal: object) -> None:
        """Ask the run to end before its time."""
        self._stopping = True

    def __call__(self) -> None:
        """Run to the end of the duration or until asked to stop, writing reports."""
        self._started = time.monotonic()
        end = self._started + self._plan.duration
        self._runner.start(self._plan.users, spawn_rate=max(1.0, self._plan.users / 2))
        while (left := end - time.monotonic()) > 0 and not self._stopping:
            self._write(finished=False)
            time.sleep(min(left, REPORT_EVERY_SECONDS))
        self._runner.quit()
        self._write(finished=True)

    def _write(self, *, finished: bool) -> None:
        users = self._runner.user_count
        self._most_users = max(self._most_users, users)
        seconds = time.monotonic() - self._started
        stats = self._environment.stats
        entries = sorted(stats.entries.values(), key=lambda entry: (entry.name, entry.method))
        report = Report(
            host=self._plan.host,
            finished=finished,
            elapsed_seconds=round(seconds, 3),
            users=self._most_users if finished else users,
            total=_stats(stats.total, seconds),
            routes=[_stats(entry, seconds) for entry in entries],
            failures=self._failures.listed(),
            orders=dict(ShopUser.orders),
        )
        sys.stdout.write(report.model_dump_json() + "\n")
        sys.stdout.flush()


def main(plan_json: str) -> None:
    """Run the plan given as JSON."""
    run = Run(LoadPlan.model_validate_json(plan_json))
    signal.signal(signal.SIGTERM, run.stop)
    # Whoever read the reports is gone: there is nobody to go on for.
    with contextlib.suppress(BrokenPipeError):
        run()


if __name__ == "__main__":
    main(sys.argv[1])
