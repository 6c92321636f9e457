"""The target's settings, beside those it shares with the tap."""

from __future__ import annotations

from typing import Any

from singer_sdk import typing as th

from gong_api.settings import CONNECTION

LEDGER = ".gong/ledger.db"

SETTINGS = th.PropertiesList(
    *CONNECTION,
    th.Property(
        "on_error",
        th.StringType(allowed_values=["fail", "skip"]),
        default="fail",
        title="On error",
        description=(
            "What a record that is refused or in doubt does to the run: `fail` ends it, `skip` "
            "puts it into the ledger and goes on; the run ends with exit code 1 either way"
        ),
    ),
    th.Property(
        "stream_aliases",
        th.ObjectType(additional_properties=th.StringType),
        title="Stream aliases",
        description='Names of incoming streams and what they are here: `{"my_calls": "calls"}`',
    ),
    th.Property(
        "media_root",
        th.StringType,
        title="Media root",
        description=(
            "Folder, or URL of one, that recordings must lie under; relative paths are taken "
            "from it. Default: anywhere"
        ),
    ),
    th.Property(
        "dry_run",
        th.BooleanType,
        default=False,
        title="Dry run",
        description="Check the records and log what would be sent; send nothing, pass no state on",
    ),
    th.Property(
        "wait_until_visible",
        th.IntegerType(minimum=0),
        default=0,
        title="Wait until visible",
        description=(
            "Minutes to wait at the end for Gong to show the recordings that were sent; those it "
            "does not show are named. Gong drops recordings that are too short or hold no speech"
        ),
    ),
    th.Property(
        "default_timezone",
        th.StringType,
        title="Default time zone",
        description="Of instants that name none, such as `Europe/Berlin`; they are refused without",
    ),
    th.Property(
        "extra_columns",
        th.StringType(allowed_values=["ignore", "customData"]),
        default="ignore",
        title="Extra columns",
        description=(
            "What becomes of columns that Gong has no field for: `ignore` them with one warning, "
            "or keep them as JSON in `customData` of a call"
        ),
    ),
    th.Property(
        "allow_destructive",
        th.ArrayType(th.StringType),
        default=[],
        title="Allow destructive",
        description="Streams that may delete, revoke or erase; without it such records are refused",
    ),
    th.Property(
        "ledger_path",
        th.StringType,
        default=LEDGER,
        title="Ledger",
        description=(
            "SQLite file that remembers what was sent and what Gong answered (mode 0600); of one "
            "company. With `api_url: sandbox` the default is a ledger that ends with the run"
        ),
    ),
    th.Property(
        "receipts_path",
        th.StringType,
        title="Receipts",
        description="File to which each settled record is appended as a line of JSON",
    ),
    additional_properties=False,
)


def settings_schema() -> dict[str, Any]:
    """The JSON schema of the target's settings."""
    return SETTINGS.to_dict()
