"""Reads the inbox from wherever it can be read: the running console, else its file."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import httpx
from pydantic import TypeAdapter

from observability.alerting.incidents import Incident, find_incident
from observability.alerting.notifications import Notification, Store
from observability.alerting.webhook import Status
from observability.exits import UsageError
from observability.settings import Settings

_NOTIFICATIONS = TypeAdapter(list[Notification])


class Reader:
    """Asks the console, which may run in a container; without one, opens the inbox's file."""

    def __init__(self, settings: Settings) -> None:
        self._url = f"{settings.url('console')}/api/inbox"
        self._file = settings.inbox_file
        self._http = httpx.Client(timeout=5)

    def read(self, status: Status | None = None, *, after: int = 0) -> list[Notification]:
        """Notifications with an id above `after`, newest last.

        Raises:
            UsageError: Neither a console nor an inbox is there.
        """
        try:
            return self._ask(status, after)
        except httpx.TransportError:
            return self._open(status, after)
        except (httpx.HTTPStatusError, ValueError) as error:
            raise self._strange(error) from None

    def incident(self, notification_id: int) -> Incident:
        """One incident with its evidence.

        Raises:
            UsageError: There is no such notification, or neither a console nor an inbox.
        """
        try:
            response = self._http.get(f"{self._url}/{notification_id}")
            if response.status_code != httpx.codes.NOT_FOUND:
                return Incident.model_validate_json(response.raise_for_status().content)
            found = None
        except httpx.TransportError:
            found = self._open_incident(notification_id)
        except (httpx.HTTPStatusError, ValueError) as error:
            raise self._strange(error) from None
        if found is None:
            raise UsageError(f"no notification {notification_id}: see belfry alerts")
        return found

    def _ask(self, status: Status | None, after: int) -> list[Notification]:
        params: dict[str, str | int] = {"after": after} | ({"status": status} if status else {})
        response = self._http.get(self._url, params=params)
        return _NOTIFICATIONS.validate_json(response.raise_for_status().content)

    def _open(self, status: Status | None, after: int) -> list[Notification]:
        with closing(self._store()) as store:
            return store.find(status=status, after=after)

    def _open_incident(self, notification_id: int) -> Incident | None:
        with closing(self._store()) as store:
            return find_incident(store, notification_id)

    def _store(self) -> Store:
        try:
            return Store(self._file, read_only=True)
        except sqlite3.OperationalError:
            raise UsageError(
                f"no console at {self._url} and no inbox in {self._file.parent}: start `belfry up`"
            ) from None

    def _strange(self, error: Exception) -> UsageError:
        return UsageError(
            f"{self._url} does not answer as the console does ({error}):"
            " set BELFRY_PORT_CONSOLE to where it listens"
        )
