"""The two apps that :mod:`observability.proof.overhead` compares: the same route, with and without.

Each is a factory for uvicorn.
"""

from fastapi import FastAPI

from observability import get_logger, instrument


def bare() -> FastAPI:
    """One route and nothing else."""
    app = FastAPI()

    @app.get("/items/{item_id}")
    async def item(item_id: int) -> dict[str, int]:
        return {"item_id": item_id}

    return app


def observed() -> FastAPI:
    """The same route with all three signals and a log line of its own."""
    app = FastAPI()
    instrument(app, "overhead")
    log = get_logger(__name__)

    @app.get("/items/{item_id}")
    async def item(item_id: int) -> dict[str, int]:
        log.info("item_shown", item_id=item_id)
        return {"item_id": item_id}

    return app
