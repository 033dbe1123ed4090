"""The path from rule to inbox is whole: the Watchdog, which always fires, arrives."""

import time
from datetime import datetime

from observability.alerting.watchdog import SILENT_AFTER
from observability.proof.verify.finding import Finding
from observability.proof.verify.hops import CHECK
from observability.proof.verify.live import Live, eventually

_HEARTBEAT = "Watchdog"


async def check(live: Live) -> list[Finding]:
    """One finding: when the heartbeat arrived last."""

    async def fresh() -> float | None:
        beats = await live.inbox.get("heartbeats")
        at = [one["received_at"] for one in beats if one["name"] == _HEARTBEAT]
        age = time.time() - max((datetime.fromisoformat(one).timestamp() for one in at), default=0)
        return age if age < SILENT_AFTER.total_seconds() else None

    age = await eventually(fresh)
    detail = "has not arrived lately" if age is None else f"arrived {age:.0f} s ago"
    return [Finding(CHECK, f"rule → inbox: {_HEARTBEAT}", age is not None, detail)]
