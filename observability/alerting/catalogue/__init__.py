"""Every alert there is, by the file it is written to."""

from observability.alerting.catalogue import queues, services, stack
from observability.alerting.spec import Group

GROUPS = (
    Group("services", services.alerts),
    Group("queues", queues.alerts),
    Group("stack", stack.alerts),
)
