"""What a call costs where there are very many: `python -m benchmarks.scale` into docs/scale.json.

Requests are counted on a company of many calls without content, bytes on one of few with all that
they hold. Counts are the same on any machine; CPU and memory are in docs/performance.md.
"""

from __future__ import annotations

import io
import json
import tempfile
from contextlib import redirect_stdout
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.command import BASE, run_tap
from benchmarks.sandbox import running_sandbox
from gong_sandbox import Sandbox
from tap_gong.tap import TapGong

if TYPE_CHECKING:
    from collections.abc import Collection

CONSTANTS = Path(__file__).parent.parent / "docs" / "scale.json"
NOW = datetime(2026, 6, 15, 18, tzinfo=timezone.utc)
DAYS = 1500


def requests_of(
    sandbox: Sandbox, streams: Collection[str] | None, state: dict[str, Any] | None = None
) -> tuple[int, dict[str, Any]]:
    """Requests of a run, and the state that it leaves.

    Args:
        sandbox: what is read.
        streams: which; None for those selected by default.
        state: of an earlier run.
    """
    config = {
        "api_url": sandbox.url,
        "access_key": sandbox.access_key,
        "access_key_secret": sandbox.access_key_secret,
        "requests_per_second": 0,
        "daily_request_budget": 0,
        "end_date": sandbox.clock.now().isoformat(),
    }
    tap = TapGong(config=config, state=state or {})
    for stream in tap.streams.values():
        stream.selected = stream.selected if streams is None else stream.name in streams
    with redirect_stdout(io.TextIOWrapper(io.BytesIO())):
        tap.sync_all()
    used = tap.client.limiter.used
    tap.close()
    return used, json.loads(json.dumps(tap.state))


def counts(calls: int) -> dict[str, int]:
    """Requests for the history of a company without content, and for the run of an hour later."""
    with Sandbox(
        calls=calls, days=DAYS, now=NOW, requests_per_second=0, daily_requests=0
    ) as sandbox:
        company = sandbox.company
        # What calls hold is of no interest here, and takes the sandbox long.
        company.extensive = lambda slot, *, now: {  # type: ignore[method-assign]
            "metaData": company.basic(slot, now=now)
        }
        company.transcript = lambda _: []  # type: ignore[method-assign,assignment]
        history, state = requests_of(sandbox, BASE)
        sandbox.clock.advance(timedelta(hours=1))
        later, _ = requests_of(sandbox, BASE, state)
    return {"calls": calls, "days": DAYS, "requests": history, "requests_an_hour_later": later}


def size(calls: int) -> dict[str, float]:
    """Bytes that the tap writes for a call and its transcript."""
    with tempfile.TemporaryDirectory() as name, running_sandbox(calls=calls) as config:
        _, _, written = run_tap(config, Path(name))
        return {"calls": calls, "bytes_of_messages": written.stat().st_size}


def lists() -> int:
    """Requests for all that is no history, of the streams selected by default."""
    with Sandbox(calls=0, now=NOW, requests_per_second=0, daily_requests=0) as sandbox:
        history, _ = requests_of(sandbox, BASE)
        return requests_of(sandbox, None)[0] - history


def main() -> None:
    """Measure and write."""
    measured = {
        "history": [counts(1_000), counts(20_000), counts(100_000)],
        "content": size(1_000),
        "requests_of_lists": lists(),
    }
    CONSTANTS.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
