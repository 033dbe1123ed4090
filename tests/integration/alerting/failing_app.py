"""A tiny service, instrumented as any other, that fails when it is asked to."""

from fastapi import FastAPI, HTTPException

from observability import get_logger, instrument

app = FastAPI()
instrument(app)
log = get_logger(__name__)


@app.get("/orders/{order_id}")
async def order(order_id: str) -> dict[str, str]:
    """Fails for orders that begin with `bad`."""
    if order_id.startswith("bad"):
        log.error("order_lost", order_id=order_id, card_number="4242")
        raise HTTPException(500, "lost")
    log.info("order_found", order_id=order_id)
    return {"id": order_id}
