"""Every dashboard, in the order in which one reads them."""

from dashboards import (
    audit,
    caches_databases,
    drills,
    logs,
    queues_workers,
    request_flow,
    runtime,
    service_detail,
    shop_overview,
    slo,
    stack,
)

DASHBOARDS = (
    shop_overview.DASHBOARD,
    slo.DASHBOARD,
    service_detail.DASHBOARD,
    request_flow.DASHBOARD,
    queues_workers.DASHBOARD,
    caches_databases.DASHBOARD,
    runtime.DASHBOARD,
    logs.DASHBOARD,
    audit.DASHBOARD,
    drills.DASHBOARD,
    stack.DASHBOARD,
)
