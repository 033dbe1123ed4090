"""Grafana through grafana-client: who may ask, and errors as one line."""

import os
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaException

from observability.settings import Settings

_SECONDS = 15.0
_ADMIN = "admin"

Json = dict[str, Any]


class GrafanaError(Exception):
    """Grafana did not answer, or refused; the message says why."""


class Grafana:
    """What Belfry asks of a Grafana. Each call blocks: run it in a thread.

    Args:
        url: Its address; may hold user and password. Else `GRAFANA_TOKEN` is used, or the
            password of the stack's own Grafana.
        settings: Of the stack whose Grafana it may be.
    """

    def __init__(self, url: str, settings: Settings) -> None:
        self._api = GrafanaApi.from_url(url, _credential(url, settings), timeout=_SECONDS)

    def close(self) -> None:
        """Close its connections."""
        self._api.client.s.close()

    def health(self) -> Json:
        """Version, and whether its database is well."""
        return cast("Json", self._ask(lambda: self._api.client.GET("/health")))

    def data_source(self, uid: str) -> Json:
        """One data source as it is configured."""
        return cast("Json", self._ask(lambda: self._api.datasource.get_datasource_by_uid(uid)))

    def source_health(self, uid: str) -> Json:
        """What a data source says when Grafana asks how it is."""
        return cast("Json", self._ask(lambda: self._api.datasource.health(uid)))

    def dashboard(self, uid: str) -> Json:
        """A dashboard with what Grafana knows about it: `dashboard` and `meta`."""
        return cast("Json", self._ask(lambda: self._api.dashboard.get_dashboard(uid)))

    def query(self, body: dict[str, Any]) -> Json:
        """Answers to a panel's queries, as the browser asks for them."""
        return cast("Json", self._ask(lambda: self._api.client.POST("/ds/query", json=body)))

    def annotations(self, tags: list[str], since: int) -> list[dict[str, Any]]:
        """Annotations with all these tags since a unix time in milliseconds."""
        found: list[dict[str, Any]] = self._ask(
            lambda: self._api.annotations.find_annotations(time_from=since, tags=tags, limit=1000)
        )
        return found

    def annotate(self, at: int, tags: list[str], text: str) -> None:
        """Mark a moment, a unix time in milliseconds, on every dashboard that shows these tags."""
        self._ask(lambda: self._api.annotations.add_annotation(time_from=at, tags=tags, text=text))

    def _ask(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except GrafanaException as error:
            raise GrafanaError(f"Grafana: {error.message}") from error
        except OSError as error:
            raise GrafanaError(f"Grafana does not answer: {error}") from error


def _credential(url: str, settings: Settings) -> str | tuple[str, str] | None:
    """A token, user and password, or nothing where the URL has its own."""
    if urlsplit(url).username:
        return None
    if token := os.environ.get("GRAFANA_TOKEN"):
        return token
    secret = settings.grafana_password_file
    return (_ADMIN, secret.read_text(encoding="utf-8").strip()) if secret.is_file() else None
