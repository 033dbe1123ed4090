"""A stand-in for Grafana's documented HTTP API: provisioned from files, answers from the backends.

It answers as Grafana does (https://grafana.com/docs/grafana/latest/developers/http_api/) what
Belfry asks of it; queries go to the real Prometheus, Loki and Jaeger. Tests that use it run against
a real Grafana instead where GRAFANA_URL names one.
"""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
import yaml
from fastapi import FastAPI, HTTPException, Request

Json = dict[str, Any]


def create_app(dashboards: Path, provisioning: Path, urls: dict[str, str]) -> FastAPI:
    """A Grafana with these dashboards and data sources.

    Args:
        dashboards: Folder of their JSON.
        provisioning: Folder with `datasources/`.
        urls: Of the backends, by the type of data source.
    """
    app = FastAPI()
    boards = [json.loads(path.read_text("utf-8")) for path in dashboards.glob("*.json")]
    by_uid = {board["uid"]: board for board in boards}
    documents = [yaml.safe_load(path.read_text("utf-8")) for path in provisioning.rglob("*.yaml")]
    sources = {one["uid"]: one for doc in documents for one in doc.get("datasources", [])}
    annotations: list[Json] = []

    @app.get("/api/health")
    def health() -> Json:
        return {"database": "ok", "version": "13.1.0", "commit": "stand-in"}

    @app.get("/api/datasources/uid/{uid}")
    def source(uid: str) -> Json:
        return _found(sources, uid, "Data source not found")

    @app.get("/api/datasources/uid/{uid}/health")
    def source_health(uid: str) -> Json:
        kind = _found(sources, uid, "Data source not found")["type"]
        httpx.get(f"{urls[kind]}{_READY[kind]}").raise_for_status()
        return {"status": "OK", "message": "Data source is working"}

    @app.get("/api/dashboards/uid/{uid}")
    def dashboard(uid: str) -> Json:
        board = _found(by_uid, uid, "Dashboard not found")
        return {"meta": {"provisioned": True}, "dashboard": board | {"id": 7, "version": 1}}

    @app.post("/api/ds/query")
    def query(body: Json) -> Json:
        start, end = int(body["from"]) / 1000, int(body["to"]) / 1000
        results = {one["refId"]: _result(one, start, end, urls) for one in body["queries"]}
        return {"results": results}

    @app.get("/api/annotations")
    def found(request: Request) -> list[Json]:
        wanted = set(request.query_params.getlist("tags"))
        return [one for one in annotations if wanted <= set(one["tags"])]

    @app.post("/api/annotations")
    def annotate(body: Json) -> Json:
        annotations.append(body)
        return {"message": "Annotation added", "id": len(annotations)}

    return app


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The base URL of the app while a thread serves it."""
    config = uvicorn.Config(app, port=0, log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=lambda: asyncio.run(server._serve([listener])))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


_READY = {"prometheus": "/-/ready", "loki": "/ready", "jaeger": "/api/services"}


def _found(known: dict[str, Json], uid: str, message: str) -> Json:
    if uid not in known:
        raise HTTPException(404, message)
    return known[uid]


def _result(query: Json, start: float, end: float, urls: dict[str, str]) -> Json:
    kind = query["datasource"]["type"]
    ask = {"prometheus": _prometheus, "loki": _loki, "jaeger": _jaeger}[kind]
    try:
        columns = ask(query, start, end, urls[kind])
    except httpx.HTTPStatusError as error:
        return {"status": 400, "error": error.response.text, "frames": []}
    return {"status": 200, "frames": [{"data": {"values": one}} for one in columns]}


def _prometheus(query: Json, start: float, end: float, url: str) -> list[list[list[Any]]]:
    params = {"query": query["expr"], "start": start, "end": end, "step": 5}
    if query.get("instant"):
        answer = _get(f"{url}/api/v1/query", {"query": query["expr"], "time": end})
        return [[[at], [value]] for at, value in (one["value"] for one in answer["result"])]
    answer = _get(f"{url}/api/v1/query_range", params)
    return [_columns(one["values"]) for one in answer["result"]]


def _loki(query: Json, start: float, end: float, url: str) -> list[list[list[Any]]]:
    params = {"query": query["expr"], "start": int(start * 1e9), "end": int(end * 1e9), "step": 5}
    answer = _get(f"{url}/loki/api/v1/query_range", params)
    return [_columns(one["values"]) for one in answer["result"]]


def _jaeger(query: Json, start: float, end: float, url: str) -> list[list[list[Any]]]:
    if query.get("queryType") == "dependencyGraph":
        params = {"endTs": int(end * 1000), "lookback": int((end - start) * 1000)}
        edges = httpx.get(f"{url}/api/dependencies", params=params).json()["data"] or []
        return [[[edge["parent"]], [edge["child"]]] for edge in edges]
    tags = dict(one.split("=") for one in query.get("tags", "").split())
    params = {
        "service": query["service"],
        "start": int(start * 1e6),
        "end": int(end * 1e6),
        "limit": query.get("limit", 20),
    } | {name: query[name] for name in ("operation", "minDuration") if query.get(name)}
    found = httpx.get(f"{url}/api/traces", params=params | {"tags": json.dumps(tags)}).json()
    return [[[one["traceID"]]] for one in found["data"] or []]


def _columns(rows: list[list[Any]]) -> list[list[Any]]:
    return [[row[0] for row in rows], [row[1] for row in rows]]


def _get(url: str, params: dict[str, Any]) -> Json:
    response = httpx.get(url, params=params)
    response.raise_for_status()
    data: Json = response.json()["data"]
    return data
