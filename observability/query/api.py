"""What the clients share: a request to a backend, and the error that says why it failed."""

from typing import Any

import httpx


class BackendError(Exception):
    """A backend did not answer, or refused; `backend` names it, the message says why."""

    def __init__(self, backend: str, reason: str, status: int | None = None) -> None:
        super().__init__(f"{backend}: {reason}")
        self.backend = backend
        self.reason = reason
        self.status = status


def client(url: str, seconds: float) -> httpx.AsyncClient:
    """Connections to the backend at `url`, for those that read its API; who opens it closes it.

    The backend runs beside what reads it: a proxy of the environment is for other addresses.

    Args:
        url: of the backend.
        seconds: how long an answer may take; a connection at most two of them.
    """
    timeout = httpx.Timeout(seconds, connect=min(2.0, seconds))
    limits = httpx.Limits(max_connections=8, max_keepalive_connections=4)
    return httpx.AsyncClient(base_url=url, timeout=timeout, limits=limits, trust_env=False)


class Api:
    """One backend's HTTP API below a path."""

    def __init__(self, http: httpx.AsyncClient, backend: str, prefix: str) -> None:
        self._http = http
        self._backend = backend
        self._prefix = prefix

    async def get(self, path: str, **params: Any) -> Any:
        """The JSON answer to a GET; parameters that are None are left out.

        Raises:
            BackendError: no connection, no answer in time, or a status of 400 and above.
        """
        given = {key: value for key, value in params.items() if value is not None}
        return await self._ask("GET", path, params=given)

    async def post(self, path: str, body: Any) -> Any:
        """The JSON answer to a POST of JSON; raises as `get`."""
        return await self._ask("POST", path, json=body)

    async def delete(self, path: str) -> None:
        """DELETE it; raises as `get`."""
        await self._ask("DELETE", path)

    async def _ask(self, method: str, path: str, **request: Any) -> Any:
        try:
            response = await self._http.request(method, f"{self._prefix}/{path}", **request)
        except httpx.TimeoutException:
            raise BackendError(self._backend, "did not answer in time") from None
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise BackendError(self._backend, reason) from None
        if response.is_error:
            raise BackendError(self._backend, _reason(response), response.status_code)
        return response.json() if response.content else None


def _reason(response: httpx.Response) -> str:
    try:
        answer = response.json()
    except ValueError:
        answer = response.text
    if isinstance(answer, dict):
        answer = answer.get("error") or answer.get("message") or answer
    return f"{response.status_code} {str(answer).strip()[:300]}"
