"""OTLP over HTTP: one request, and what its answer means."""

import gzip
import ssl
import time
from email.utils import parsedate_to_datetime
from typing import Any

# httpx loads this when first used, in the export thread: a fork just then would leave the child
# with half of it.
import httpcore  # noqa: F401
import httpx

from observability.instrumentation.replies import Outcome, Reply
from observability.instrumentation.settings import EndpointSettings
from observability.instrumentation.wire import WireFormat

RETRYABLE = frozenset({429, 502, 503, 504})


class OtlpSender:
    """Posts encoded requests to one endpoint over a kept connection.

    Args:
        endpoint: where and how.
        wire: how requests and answers are encoded.
    """

    def __init__(self, endpoint: EndpointSettings, wire: WireFormat[Any]) -> None:
        self._endpoint = endpoint
        self._wire = wire
        self._client: httpx.Client | None = None

    def __call__(self, body: bytes) -> Reply:
        """Send once; what goes wrong is told in the reply."""
        try:
            if self._client is None:
                self._client = self._connect()
            if self._endpoint.gzip:
                body = gzip.compress(body, compresslevel=1)
            response = self._client.post(self._endpoint.url, content=body)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            return Reply(Outcome.REFUSED, reason=type(error).__name__)
        except (httpx.HTTPError, OSError) as error:
            return Reply(Outcome.RETRY, reason=type(error).__name__)
        return self._read(response)

    def close(self) -> None:
        """Close the connection; the next request would open another."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def forget(self) -> None:
        """Leave the connection to the process that this one was forked from."""
        self._client = None

    def _connect(self) -> httpx.Client:
        headers = {"content-type": self._wire.content_type, "user-agent": "belfry"}
        if self._endpoint.gzip:
            headers["content-encoding"] = "gzip"
        return httpx.Client(
            headers={**headers, **self._endpoint.headers},
            timeout=self._endpoint.timeout,
            verify=self._tls(),
            limits=httpx.Limits(max_connections=1, keepalive_expiry=30.0),
        )

    def _tls(self) -> ssl.SSLContext | bool:
        if not self._endpoint.url.startswith("https:"):
            return False
        context = ssl.create_default_context(cafile=self._endpoint.certificate)
        if self._endpoint.client_certificate:
            context.load_cert_chain(self._endpoint.client_certificate, self._endpoint.client_key)
        return context

    def _read(self, response: httpx.Response) -> Reply:
        status = response.status_code
        if response.is_success:
            return Reply(Outcome.DELIVERED, rejected=self._count_rejected(response.content))
        reason = f"HTTP {status}"
        if status in RETRYABLE:
            after = _retry_after(response.headers.get("retry-after"))
            return Reply(Outcome.RETRY, retry_after=after, reason=reason)
        return Reply(Outcome.REFUSED, reason=reason)

    def _count_rejected(self, content: bytes) -> int:
        if not content:
            return 0
        try:
            return self._wire.rejected(content)
        except Exception:
            # The items are delivered; an answer that cannot be read says nothing more.
            return 0


def _retry_after(text: str | None) -> float | None:
    """Read seconds or a date (RFC 9110); None when absent or unreadable."""
    if not text:
        return None
    try:
        if text.strip().isdigit():
            return float(text)
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None
