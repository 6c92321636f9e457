"""The tap's settings, beside those it shares with the target."""

from __future__ import annotations

from typing import Any

from singer_sdk import typing as th

from gong_api.settings import CONNECTION
from tap_gong.company_days import PERIODS
from tap_gong.personal_data import DROP, HASH, KEEP

# Each part of a call that may be asked for, and the member of `exposedFields` that it is under.
CALL_CONTENT: dict[str, str | None] = {
    "parties": None,
    "structure": "content",
    "topics": "content",
    "trackers": "content",
    "trackerOccurrences": "content",
    "brief": "content",
    "outline": "content",
    "highlights": "content",
    "callOutcome": "content",
    "keyPoints": "content",
    "speakers": "interaction",
    "video": "interaction",
    "personInteractionStats": "interaction",
    "questions": "interaction",
    "publicComments": "collaboration",
    "media": None,
}

LOG_TYPES = (
    "AccessLog",
    "UserActivityLog",
    "UserCallPlay",
    "ExternallySharedCallAccess",
    "ExternallySharedCallPlay",
)

SETTINGS = th.PropertiesList(
    *CONNECTION,
    th.Property(
        "start_date",
        th.StringType,
        title="Start date",
        description=(
            "ISO-8601; calls from here on. Default: the oldest call. Without a zone it is UTC. "
            "Does not filter streams marked `updated`"
        ),
    ),
    th.Property(
        "end_date",
        th.StringType,
        title="End date",
        description="ISO-8601, exclusive. Default: the start of the run",
    ),
    th.Property(
        "lookback_days",
        th.IntegerType(minimum=0, maximum=3650),
        default=7,
        title="Lookback",
        description=(
            "Days behind the bookmark that every run reads again: calls surface late and change "
            "later, and Gong announces neither"
        ),
    ),
    th.Property(
        "call_detail",
        th.StringType(allowed_values=["extensive", "basic"]),
        default="extensive",
        title="Detail of calls",
        description=(
            "`basic` reads metadata alone, by GET /v2/calls (scope `api:calls:read:basic`)"
        ),
    ),
    th.Property(
        "call_content",
        th.ArrayType(th.StringType(allowed_values=list(CALL_CONTENT))),
        default=[part for part in CALL_CONTENT if part != "media"],
        title="Parts of a call",
        description=(
            "What `calls` asks for beside the metadata; `media` links differ at every request and "
            "need a scope of their own, so they are left out by default"
        ),
    ),
    th.Property(
        "call_context",
        th.StringType(allowed_values=["None", "Basic", "Extended"]),
        default="Extended",
        title="CRM context of calls",
        description="Links to CRM objects (`Basic`), with field values (`Extended`), or `None`",
    ),
    th.Property(
        "call_context_timing",
        th.ArrayType(th.StringType(allowed_values=["Now", "TimeOfCall"])),
        default=["Now"],
        title="Time of the CRM context",
        description="With `Extended`: field values of today, of the day of the call, or both",
    ),
    th.Property(
        "workspace_ids",
        th.ArrayType(th.StringType),
        title="Workspaces",
        description="Only these workspaces' data, where Gong knows the workspace. Default: all",
    ),
    th.Property(
        "primary_user_ids",
        th.ArrayType(th.StringType),
        title="Hosts",
        description="Only calls hosted by these users, their transcripts and reviews. Default: all",
    ),
    th.Property(
        "call_ids",
        th.ArrayType(th.StringType),
        title="Calls",
        description="Only these calls, their transcripts and reviews; bookmarks stay as they were",
    ),
    th.Property(
        "private_calls",
        th.StringType(allowed_values=["include", "exclude"]),
        default="include",
        title="Private calls",
        description="`exclude` leaves out calls marked private in Gong, and their transcripts",
    ),
    th.Property(
        "personal_data",
        th.StringType(allowed_values=[KEEP, HASH, DROP]),
        default=KEEP,
        title="Personal data",
        description=(
            "What becomes of e-mail addresses, phone numbers, names, job titles and addresses of "
            "persons: `hash` puts the same hash for the same value everywhere, `drop` leaves the "
            "fields out. Transcripts and other free text stay as they are"
        ),
    ),
    th.Property(
        "personal_data_salt",
        th.StringType,
        secret=True,
        title="Salt of hashes",
        description=(
            "For `personal_data`: a long random text that stays the same; `hash` needs it, and "
            "`drop` where a key is personal"
        ),
    ),
    th.Property(
        "concurrency",
        th.IntegerType(minimum=1, maximum=100),
        default=10,
        title="Concurrency",
        description=(
            "Requests in flight at most; how many a second is for `requests_per_second` to say. "
            "1 reads nothing ahead"
        ),
    ),
    th.Property(
        "max_records",
        th.IntegerType(minimum=1),
        title="Most records",
        description="Of each stream, then a clean stop; bookmarks stay as they were",
    ),
    th.Property(
        "transcript_wait_days",
        th.IntegerType(minimum=0, maximum=3650),
        default=14,
        title="Wait for transcripts",
        description=(
            "Days that a call seen without a transcript is asked for again by its id, from when "
            "it was first seen"
        ),
    ),
    th.Property(
        "include_avatars",
        th.BooleanType,
        default=False,
        title="Avatars",
        description="Also the synthetic users of Gong's own staff in `users`",
    ),
    th.Property(
        "stats_period",
        th.StringType(allowed_values=list(PERIODS)),
        default="DAY",
        title="Period of statistics",
        description="Of `activity_by_period`; only whole periods are read",
    ),
    th.Property(
        "log_types",
        th.ArrayType(th.StringType(allowed_values=list(LOG_TYPES))),
        default=list(LOG_TYPES),
        title="Logs",
        description="Which logs the stream `logs` reads",
    ),
    th.Property(
        "email_addresses",
        th.ArrayType(th.StringType),
        title="E-mail addresses",
        description="Subjects of the stream `email_address_references`",
    ),
    th.Property(
        "phone_numbers",
        th.ArrayType(th.StringType),
        title="Phone numbers",
        description="Subjects of the stream `phone_number_references`, beginning with +",
    ),
    th.Property(
        "crm_object_ids",
        th.ArrayType(th.StringType),
        title="CRM objects",
        description="Which objects the stream `crm_objects` reads, by their ids in the CRM",
    ),
    th.Property(
        "crm_prospect_ids",
        th.ArrayType(th.StringType),
        title="CRM prospects",
        description="Whose flows the stream `flow_prospects` reads, by their ids in the CRM",
    ),
    th.Property(
        "automation_inbox",
        th.StringType,
        title="Inbox of automation rules",
        description=(
            "File that `gong-webhook --inbox` writes, for the stream `automation_events` and for "
            "`automation_hints`"
        ),
    ),
    th.Property(
        "automation_hints",
        th.BooleanType,
        default=False,
        title="Hints of automation rules",
        description=(
            "Calls that have come into `automation_inbox` since the last run are fetched first, by "
            "their ids, with their transcripts; bookmarks stay as they were"
        ),
    ),
    th.Property(
        "custom_streams",
        th.ArrayType(
            th.ObjectType(
                th.Property("name", th.StringType, required=True),
                th.Property("path", th.StringType, required=True),
                th.Property("method", th.StringType(allowed_values=["GET", "POST"])),
                th.Property("params", th.ObjectType(additional_properties=True)),
                th.Property("body", th.ObjectType(additional_properties=True)),
                th.Property("records_path", th.StringType),
                th.Property("primary_keys", th.ArrayType(th.StringType)),
                th.Property("replication_key", th.StringType),
                th.Property("schema", th.ObjectType(additional_properties=True)),
                additional_properties=False,
            )
        ),
        title="Custom streams",
        description=(
            "Operations that this version does not know, as streams: name, method (GET or POST), "
            "path, params, body, records_path, primary_keys, replication_key, schema"
        ),
    ),
    additional_properties=False,
)


def settings_schema() -> dict[str, Any]:
    """The JSON schema of the tap's settings."""
    return SETTINGS.to_dict()
