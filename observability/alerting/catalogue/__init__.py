"""Every alert there is, by the file it is written to."""

from observability.alerting.catalogue import (
    deploys,
    logs,
    queues,
    runtime,
    security,
    services,
    slo,
    stack,
    storage,
)
from observability.alerting.spec import Group

GROUPS = (
    Group("slo", slo.paging, "page"),
    Group("slo-tickets", slo.tickets, "budget"),
    Group("services", services.rules, "page"),
    Group("services-health", services.health),
    Group("queues", queues.stalled, "page"),
    Group("queues-growing", queues.alerts),
    Group("storage", storage.rules),
    Group("runtime", runtime.rules),
    Group("security", security.rules),
    Group("deploys", deploys.burn, "page"),
    Group("versions", deploys.skew),
    Group("stack", stack.reach, "page"),
    Group("stack-flow", stack.flow),
    Group("logs", logs.rules, source="logs"),
)
