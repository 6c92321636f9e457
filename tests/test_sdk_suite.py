"""The SDK's own tests of taps."""

from __future__ import annotations

import atexit

from singer_sdk.testing import SuiteConfig, get_tap_test_class

from gong_sandbox import Sandbox
from tap_gong.tap import TapGong
from tests.clocks import NOW
from tests.conftest import settings

# The suite wants the settings when this module is imported, before any fixture.
_sandbox = Sandbox(
    calls=120, days=30, seed=5, now=NOW, requests_per_second=0, daily_requests=0
).start()
atexit.register(_sandbox.stop)

_config = settings(_sandbox, end_date=NOW.isoformat())
_catalog = TapGong(config=_config).catalog_dict
for _entry in _catalog["streams"]:
    for _part in _entry["metadata"]:
        _part["metadata"]["selected"] = True

TestTapGong = get_tap_test_class(
    TapGong,
    config=_config,
    catalog=_catalog,
    suite_config=SuiteConfig(
        max_records_limit=150,
        # They need subjects, or something that was written before: see test_streams.py.
        ignore_no_records_for_streams=[
            "automation_events",
            "call_user_access",
            "crm_objects",
            "email_address_references",
            "flow_prospects",
            "phone_number_references",
        ],
    ),
    parse_env_config=False,
)
