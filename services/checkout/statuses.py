"""What is told of an order that comes into a status: metrics, a log line, the audit trail."""

from observability import audit, counter, get_logger, histogram
from services.checkout.model import Order, Status
from services.kit.database import utc_now

ORDERS = counter("shop_orders_total", "Orders that came into a status.", ["status"], shown=Status)
VALUE = histogram(
    "shop_order_value_euros",
    "Value of paid orders in euros.",
    buckets=(5, 10, 20, 50, 100, 200, 500, 1000, 2000),
)
TO_SHIPMENT = histogram(
    "shop_order_to_shipment_seconds",
    "Seconds from the order to its parcel.",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600),
)
LOGGED: dict[str, str] = {
    Status.PENDING: "order_placed",
    Status.PAID: "order_paid",
    Status.SHIPPED: "order_shipped",
    Status.CANCELLED: "order_cancelled",
}

log = get_logger(__name__)


def entered(order: Order) -> None:
    """Tell that an order has come into its status: once each, after the commit."""
    ORDERS.labels(order.status).inc()
    if order.status == Status.PAID:
        VALUE.observe(order.total_cents / 100)
    if order.status == Status.SHIPPED:
        TO_SHIPMENT.observe((utc_now() - order.created_at).total_seconds())
    log.info(LOGGED[order.status], order_id=order.id, cents=order.total_cents, reason=_why(order))
    _audit(order)


def _audit(order: Order) -> None:
    """Record how what somebody wanted has ended, however often and by whom it was driven there."""
    who, target = order.account_id, f"order {order.id}"
    if order.status == Status.PAID:
        cents = order.total_cents
        audit("order", actor=who, target=target, source=order.source, total_cents=cents)
    if order.status != Status.CANCELLED:
        return
    why = _why(order)
    if order.cancelled_from is not None:
        audit("order_cancel", actor=who, target=target, source=order.cancelled_from)
    elif order.paid_at is not None:
        audit("order_cancel", actor="checkout", target=target, reason=why)
    else:
        failed = {"outcome": "failure", "source": order.source}
        audit("order", actor=who, target=target, reason=why, **failed)


def _why(order: Order) -> str | None:
    return order.reason["title"] if order.reason else None
