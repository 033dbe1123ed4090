"""Whom an alert is about, and which time is worth looking at."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from datetime import timedelta

from observability.alerting.evidence.asking import Asking
from observability.alerting.notifications import Notification

QUEUE = "messaging_destination_name"
_SCOPE = ("service_namespace", "deployment_environment_name")
_MOST_SERVICES = 5
_BEFORE = timedelta(minutes=15)
_LONGEST_SECONDS = 1_800.0
_TRACES_BEFORE_SECONDS = 300.0


@dataclass(frozen=True)
class Subject:
    """The services of an alert, its queue if it is about one, and its time in unix seconds.

    `start` to `end` is what a chart shows; `close` is when what is telling may have begun.
    """

    services: tuple[str, ...]
    queue: str | None
    scope: dict[str, str]
    start: float
    close: float
    end: float

    def matchers(self, **more: str) -> str:
        """Label matchers of PromQL and LogQL: these services, this scope."""
        pairs = [f"{name}={quoted(value)}" for name, value in (self.scope | more).items()]
        if self.services:
            pairs.insert(0, f"service_name=~{alternatives(self.services)}")
        return ",".join(pairs)


async def subject(one: Notification, asking: Asking) -> Subject:
    """Of a notification; a queue's services are those that publish to it or process it."""
    now = time.time()
    fired = one.starts_at.timestamp()
    labels = one.labels
    queue = labels.get(QUEUE)
    # The Collector counts a span's peer in labels of the same names: it may be the dependency.
    names = [labels.get("service_name", ""), labels.get("server_address", "")]
    services = [name for name in dict.fromkeys(names) if name]
    if queue and not services:
        services = await asking.ask("Prometheus", lambda: _around(queue, asking))
    return Subject(
        services=tuple(services[:_MOST_SERVICES]),
        queue=queue,
        scope={name: labels[name] for name in _SCOPE if name in labels},
        start=max(min(fired, now) - _BEFORE.total_seconds(), now - _LONGEST_SECONDS),
        close=max(min(fired, now) - _TRACES_BEFORE_SECONDS, now - _LONGEST_SECONDS),
        end=now,
    )


async def _around(queue: str, asking: Asking) -> list[str]:
    only = f"{{{QUEUE}={quoted(queue)}}}"
    processing = f"messaging_process_duration_seconds_count{only}"
    samples = await asking.prometheus.instant(
        f"group by (service_name) ({processing} or messaging_publish_total{only})"
    )
    return sorted({one.labels["service_name"] for one in samples if "service_name" in one.labels})


def quoted(text: str) -> str:
    """As a string of PromQL and LogQL, whatever is in it."""
    return json.dumps(text, ensure_ascii=False)


def alternatives(texts: tuple[str, ...]) -> str:
    """A regular expression, as a string, that matches exactly these."""
    return quoted("|".join(re.escape(text).replace("\\-", "-") for text in texts))
