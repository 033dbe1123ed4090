"""Whom an alert is about, and which time is worth looking at."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, replace
from datetime import timedelta

from observability.alerting.evidence.asking import Asking
from observability.alerting.notifications import Notification
from observability.query import Sample

QUEUE = "messaging_destination_name"
NOBODY = "nobody"
"""Whom a queue that has no consumer is put down to."""
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

    @property
    def place(self) -> str:
        """Label matchers of PromQL and LogQL: this system and environment."""
        return matchers(self.scope)

    def matchers(self) -> str:
        """Those of these services too."""
        services = [f"service_name=~{alternatives(self.services)}"] if self.services else []
        return ",".join([*services, self.place] if self.scope else services)

    def of_queue(self) -> str:
        """Those of the queue."""
        return matchers({QUEUE: self.queue or ""} | self.scope)


def matchers(labels: dict[str, str]) -> str:
    """Label matchers of PromQL and LogQL for exactly these."""
    return ",".join(f"{name}={quoted(value)}" for name, value in labels.items())


def stated(one: Notification) -> Subject:
    """Of a notification, as its labels say it."""
    now = time.time()
    fired = min(one.starts_at.timestamp(), now)
    labels = one.labels
    # The Collector counts a span's peer in labels of the same names: it may be the dependency.
    names = [labels.get("service_name", ""), labels.get("server_address", "")]
    return Subject(
        services=tuple(name for name in dict.fromkeys(names) if name),
        queue=labels.get(QUEUE),
        scope={name: labels[name] for name in _SCOPE if name in labels},
        start=max(fired - _BEFORE.total_seconds(), now - _LONGEST_SECONDS),
        close=max(fired - _TRACES_BEFORE_SECONDS, now - _LONGEST_SECONDS),
        end=now,
    )


async def subject(one: Notification, asking: Asking) -> Subject:
    """Of a notification, as the metrics know it.

    A queue's services are those that work it off and those that publish to it; a namespace's,
    the ones that are down first.
    """
    found = stated(one)
    services = [*found.services]
    if found.queue:
        services += await asking.ask("Prometheus", lambda: _around(found, asking))
    elif found.scope.get("service_namespace") in found.services:
        services = await asking.ask("Prometheus", lambda: _within(found, asking)) or services
    known = [name for name in dict.fromkeys(services) if name != NOBODY]
    return replace(found, services=tuple(known[:_MOST_SERVICES]))


async def _around(about: Subject, asking: Asking) -> list[str]:
    """Who works the queue off, then who else knows it: what is published has another name."""
    only = about.of_queue()
    samples = [
        *await asking.prometheus.instant(
            f"group by (service_name) (messaging_process_duration_seconds_count{{{only}}})"
        ),
        *await asking.prometheus.instant(
            f"group by (service_name) (messaging_queue_depth{{{only}}}"
            f" or messaging_publish_total{{{only}}})"
        ),
    ]
    return _services(samples)


async def _within(about: Subject, asking: Asking) -> list[str]:
    """Services of the alert's namespace; also the name of one may be that of its namespace."""
    samples = await asking.prometheus.instant(
        f'max by (service_name) (up{{job="services",{about.place}}})'
    )
    found = _services(sorted(samples, key=lambda one: one.value))
    return found if about.scope["service_namespace"] not in found else []


def _services(samples: list[Sample]) -> list[str]:
    return [one.labels["service_name"] for one in samples if "service_name" in one.labels]


def quoted(text: str) -> str:
    """As a string of PromQL and LogQL, whatever is in it."""
    return json.dumps(text, ensure_ascii=False)


def alternatives(texts: tuple[str, ...]) -> str:
    """A regular expression, as a string, that matches exactly these."""
    return quoted("|".join(re.escape(text).replace("\\-", "-") for text in texts))
