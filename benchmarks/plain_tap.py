"""A tap as the SDK's own template has it: two streams over the same operations, nothing more.

What `benchmarks.cpu` compares with. `python -m benchmarks.plain_tap --config FILE` is a command as
any tap's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import BasicAuthenticator
from singer_sdk.pagination import BaseAPIPaginator
from typing_extensions import override

from tap_gong.call_source import content_selector
from tap_gong.settings import CALL_CONTENT
from tap_gong.streams.calls import Calls
from tap_gong.streams.transcripts import Transcripts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import requests
    from singer_sdk.helpers.types import Context, Record


class _CursorPaginator(BaseAPIPaginator[str]):
    @override
    def get_next(self, response: requests.Response) -> str | None:
        cursor: str | None = response.json()["records"].get("cursor")
        return cursor


class _GongStream(RESTStream[str]):
    http_method = "POST"
    selector: ClassVar[dict[str, Any]] = {}

    @property
    @override
    def url_base(self) -> str:
        return str(self.config["api_url"])

    @property
    @override
    def authenticator(self) -> BasicAuthenticator:
        return BasicAuthenticator(
            username=self.config["access_key"], password=self.config["access_key_secret"]
        )

    @override
    def get_new_paginator(self) -> BaseAPIPaginator[str]:
        return _CursorPaginator("")

    @override
    def prepare_request_payload(
        self, context: Context | None, next_page_token: str | None
    ) -> dict[str, Any]:
        span = {
            "fromDateTime": self.config["start_date"],
            "toDateTime": self.config["end_date"],
        }
        cursor = {"cursor": next_page_token} if next_page_token else {}
        return {"filter": span, **self.selector, **cursor}


class _Calls(_GongStream):
    name = "calls"
    path = "/v2/calls/extensive"
    records_jsonpath = "$.calls[*]"
    primary_keys: ClassVar[list[str]] = ["id"]
    schema = Calls.schema
    selector: ClassVar[dict[str, Any]] = {
        "contentSelector": content_selector(
            [part for part in CALL_CONTENT if part != "media"], "Extended", ["Now"]
        )
    }

    @override
    def post_process(self, row: Record, context: Context | None = None) -> Record:
        return {**row.pop("metaData"), **row}


class _Transcripts(_GongStream):
    name = "transcripts"
    path = "/v2/calls/transcript"
    records_jsonpath = "$.callTranscripts[*]"
    primary_keys: ClassVar[list[str]] = ["callId"]
    schema = Transcripts.schema


class PlainTap(Tap):
    """Calls and transcripts between two instants."""

    name = "plain-tap"
    config_jsonschema = th.PropertiesList(
        th.Property("api_url", th.StringType),
        th.Property("access_key", th.StringType, secret=True),
        th.Property("access_key_secret", th.StringType, secret=True),
        th.Property("start_date", th.StringType),
        th.Property("end_date", th.StringType),
    ).to_dict()

    @override
    def discover_streams(self) -> Sequence[_GongStream]:
        return [_Calls(self), _Transcripts(self)]


if __name__ == "__main__":
    PlainTap.cli()
