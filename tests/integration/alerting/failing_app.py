"""A tiny service, instrumented as any other, that fails when it is asked to.

It publishes to a queue that nobody works off.
"""

from fastapi import FastAPI, HTTPException

from observability import QueueStats, get_logger, instrument, observe_queues, publish_span

app = FastAPI()
instrument(app)
log = get_logger(__name__)


@app.get("/orders/{order_id}")
async def order(order_id: str) -> dict[str, str]:
    """Fails for orders that begin with `bad`, and complains of those that begin with `odd`."""
    if order_id.startswith("bad"):
        log.error("order_lost", order_id=order_id, card_number="4242")
        raise HTTPException(500, "lost")
    if order_id.startswith("odd"):
        log.error("order_odd", order_id=order_id)
    log.info("order_found", order_id=order_id)
    return {"id": order_id}


@app.post("/shipments")
async def ship() -> None:
    """Publish under another name than the queue's, as one does to an exchange."""
    with publish_span("order.paid", {}):
        log.info("shipment_asked")


observe_queues(lambda: [QueueStats("shipments", 1, 60.0)])
