"""Which traces a drill takes for evidence, and which not."""

from typing import Any

import pytest

from observability.proof.drill.evidence import shown_by
from observability.proof.drill.model import TraceWanted
from observability.query import Span, Trace


def _span(service: str, name: str, seconds: float = 0.01, **attributes: Any) -> Span:
    given = {key.replace("__", "."): value for key, value in attributes.items()}
    end = int(seconds * 1e9)
    return Span(
        "t" * 32,
        "s" * 16,
        None,
        name,
        "SERVER",
        0,
        end,
        error=False,
        status_message="",
        attributes=given,
        resource={"service.name": service},
    )


ASKED = _span("account", "POST /sessions", http__response__status_code=401)
FAILED = _span("cart", "GET /cart", http__response__status_code=503)
WAITED = _span("worker", "process shipping", 0.2, messaging__message__wait_seconds=31.5)
SENT = _span("checkout", "publish order.paid")


@pytest.mark.parametrize(
    ("wanted", "spans", "evidence"),
    [
        ({"service": "account"}, [ASKED], True),
        ({"service": "account"}, [FAILED], False),
        ({"service": "account", "status": 401}, [ASKED], True),
        ({"service": "account", "status": 200}, [ASKED], False),
        ({"service": "account", "error": True}, [ASKED], False),
        ({"service": "cart", "error": True}, [FAILED], True),
        ({"service": "cart", "name": "PUT"}, [FAILED], False),
        ({"service": "worker", "waited": 30.0}, [WAITED], True),
        ({"service": "worker", "waited": 40.0}, [WAITED], False),
        ({"service": "cart", "waited": 1.0}, [FAILED], False),
        ({"service": "worker", "longer_than": 0.1}, [WAITED], True),
        ({"service": "worker", "longer_than": 0.3}, [WAITED], False),
        ({"service": "checkout", "without": "worker"}, [SENT], True),
        ({"service": "checkout", "without": "worker"}, [SENT, WAITED], False),
    ],
)
def test_a_trace_is_evidence_of_what_a_scenario_wants(
    wanted: dict[str, Any], spans: list[Span], evidence: bool
) -> None:
    """By service, outcome, status, name, duration, time in the queue, and who has no part in it."""
    found = shown_by(Trace("t" * 32, spans), TraceWanted(**wanted))
    assert (found is not None) is evidence
