"""Calls: two operations that answer the same ones, and what to make of a row of either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
import pendulum
from typing_extensions import override

from gong_api.errors import MissingScope, NotFound
from tap_gong.nested import object_in, objects_in, plain_in, text_in
from tap_gong.operations import CALLS, CALLS_EXTENSIVE
from tap_gong.read_ahead import Coming
from tap_gong.reading import read
from tap_gong.run import chunks
from tap_gong.settings import CALL_CONTENT
from tap_gong.source import Source
from tap_gong.windows import time_filter, told_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from singer_sdk.helpers.types import Record

    from gong_api.operation import Operation, Sheet
    from tap_gong.hints import Hints
    from tap_gong.read_ahead import LeadsTo
    from tap_gong.report import StreamReport
    from tap_gong.tap import TapGong
    from tap_gong.windows import Window

_BEFORE_ALL = pendulum.datetime(1970, 1, 1)

# Of a call's speakers: speakerId -> (name, affiliation).
Speakers = dict[str, tuple[str, str]]


class CallSource(Source):
    """Calls, as detailed as `call_detail`, `call_content` and the selected streams ask for.

    Attributes:
        listed: the window read last, and the calls of each of its pages, each with its time.
        speakers: of the calls read in that window, when they are wanted.
        hinted: the calls read because automation rules had named them, each with its time; None
            where that was not done.
    """

    operation = CALLS_EXTENSIVE
    takes_hints = True

    def __init__(self, tap: TapGong) -> None:
        super().__init__(tap)
        self.operation = tap.run.calls
        self.listed: tuple[Window, list[dict[str, pendulum.DateTime]]] | None = None
        self.speakers: dict[str, Speakers] = {}
        self.hinted: dict[str, pendulum.DateTime] | None = None
        self._unknown_are_told = False
        is_basic = self.operation is CALLS
        self._listings = [CALLS, CALLS_EXTENSIVE] if is_basic else [CALLS_EXTENSIVE, CALLS]

    @override
    def arguments(self, filters: Mapping[str, Any]) -> dict[str, Any]:
        return request(self.operation, filters, self.selector)

    @override
    def more_filters(self) -> Mapping[str, Any]:
        return user_filter(self.operation, self.run.user_ids)

    @property
    def selector(self) -> dict[str, Any]:
        """What to ask for beside the metadata: `call_content`, or less if nobody needs more."""
        settings = self._tap.config
        needed = [part for reader in self.readers for part in reader.call_parts]
        needed += ["parties"] if self._tap.wants_speakers else []
        wanted = [part for part in settings["call_content"] if part in needed]
        return content_selector(
            wanted,
            settings["call_context"] if "context" in needed else "None",
            settings["call_context_timing"],
        )

    @override
    def window_records(self, window: Window, *, may_cut: bool) -> Iterable[Record]:
        listed: list[dict[str, pendulum.DateTime]] = []
        self.speakers = {}
        wants_speakers = self._tap.wants_speakers
        for page in self.window_pages(window, may_cut=may_cut):
            listed.append({})
            for call in map(hoisted, page.records):
                if self._is_whole(call) and self._is_wanted(call):
                    listed[-1][call["id"]] = call_time(call)
                    if wants_speakers:
                        self.speakers[call["id"]] = speakers_of(call)
                    if call["id"] not in (self.hinted or ()):
                        yield call
        self.listed = window, listed

    @override
    def leads_to(self, followers: list[Source]) -> LeadsTo | None:
        filters = self.run.filters

        def what_follows(sheet: Sheet) -> Iterator[Coming]:
            ids = list(dict.fromkeys(_wanted_ids(sheet, filters)))
            for follower in followers if ids else ():
                if all(reader.report.failed for reader in follower.readers):
                    continue
                yield Coming(follower.operation, follower.arguments({"callIds": ids}))

        return what_follows if followers else None

    @override
    def records_by_id(self, call_ids: list[str]) -> Iterable[Record]:
        for call in map(hoisted, self.by_id(call_ids, self.report)):
            if self._is_whole(call) and self._is_wanted(call):
                self.speakers[call["id"]] = speakers_of(call)
                yield call

    @override
    def begin_hinted(self, hints: Hints) -> None:
        if self.operation is CALLS_EXTENSIVE:
            self.begin_lots(chunks(hints.times))

    @override
    def hinted_records(self, hints: Hints) -> Iterable[Record]:
        hinted: dict[str, pendulum.DateTime] = {}
        for call in map(hoisted, self.by_id(list(hints.times), self.report)):
            if not self._is_whole(call):
                continue
            hints.shown(call["id"])
            time = call_time(call)
            if is_wanted(call, self.run.filters) and self.run.covers(time):
                self.speakers[call["id"]] = speakers_of(call)
                hinted[call["id"]] = time
                yield call
        self.hinted = hinted

    def by_id(self, call_ids: list[str], report: StreamReport) -> Iterator[dict[str, Any]]:
        """Calls as Gong answers them, whatever the filters; unknown ids are left out.

        Those that the setting `call_ids` names are told.
        """
        missing = set(call_ids)
        for call in self._answers_by_id(call_ids, report):
            missing.discard(str((object_in(call, "metaData") or call).get("id")))
            yield call
        unknown = [name for name in self.run.call_ids if name in missing]
        if unknown and not self._unknown_are_told:
            self._unknown_are_told = True
            self._tap.logger.warning(
                "call_ids: Gong shows no call %s; check the ids, and whether the key's owner may "
                "see these calls",
                ", ".join(dict.fromkeys(unknown)),
            )

    def _answers_by_id(self, call_ids: list[str], report: StreamReport) -> Iterator[dict[str, Any]]:
        if self.operation is CALLS_EXTENSIVE:
            for ids in chunks(call_ids):
                arguments = self.arguments({"callIds": ids})
                for page in read(self._tap.ahead, report, self.operation, **arguments):
                    report.seen += len(page.records)
                    yield from page.records
            return
        for call_id in call_ids:
            report.requests += 1
            try:
                answer = self._tap.client.request("GET", f"/v2/calls/{quote(call_id, safe='')}")
            except NotFound:
                continue
            call = object_in(answer, "call")
            if call:
                yield call

    def look_up_speakers(self, call_ids: list[str], report: StreamReport) -> dict[str, Speakers]:
        """Who speaks in some calls, a request for each hundred of them."""
        found: dict[str, Speakers] = {}
        selector = content_selector(["parties"], "None", [])
        for ids in chunks(call_ids):
            arguments = request(CALLS_EXTENSIVE, {"callIds": ids}, selector)
            for page in read(self._tap.ahead, report, CALLS_EXTENSIVE, **arguments):
                for call in map(hoisted, page.records):
                    found[str(call.get("id"))] = speakers_of(call)
        return found

    def just_read(self, window: Window) -> dict[str, pendulum.DateTime] | None:
        """Calls of a window, each with its time, if it is the one that has just been read."""
        if not self.listed or self.listed[0] != window:
            return None
        return {call: time for page in self.listed[1] for call, time in page.items()}

    def lots_of(self, window: Window, calls: Iterable[str]) -> list[list[str]]:
        """Calls of a window in lots that fit a request: by pages, if they have just been read."""
        if not self.listed or self.listed[0] != window:
            return list(chunks(calls))
        return [list(page) for page in self.listed[1] if page]

    def of_window(self, window: Window, report: StreamReport) -> dict[str, pendulum.DateTime]:
        """Calls of a window that pass the filters, each with its time, asked for if need be.

        Raises:
            MissingScope: they cannot be listed by either operation.
        """
        just_read = self.just_read(window)
        if just_read is not None:
            return just_read
        try:
            rows = self._metadata(self._listings[0], window, report)
            return {call["id"]: call_time(call) for call in rows}
        except MissingScope:
            # The credentials may be granted the other of the two scopes.
            if len(self._listings) == 1:
                raise
            del self._listings[0]
            return self.of_window(window, report)

    def _metadata(
        self, operation: Operation, window: Window, report: StreamReport
    ) -> Iterator[Record]:
        for part in self._tap.lists.workspace_filters:
            filters = {**time_filter(window), **part, **user_filter(operation, self.run.user_ids)}
            for page in read(self._tap.ahead, report, operation, **request(operation, filters)):
                for call in map(hoisted, page.records):
                    if plain_in(call, "id") and is_wanted(call, self.run.filters):
                        yield call

    def _is_whole(self, call: Record) -> bool:
        """Whether a call has an id, without which it can be no row."""
        if plain_in(call, "id"):
            return True
        self.report.unkeyed += 1
        return False

    def _is_wanted(self, call: Record) -> bool:
        """Whether the filters that the operation lacks let a call pass; counts private ones."""
        self.report.private += bool(call.get("isPrivate"))
        return is_wanted(call, self.run.filters)


class _Listed(msgspec.Struct):
    """What the filters look at, in a row of either operation."""

    id: str | int | None = None
    isPrivate: Any = None  # noqa: N815
    workspaceId: Any = None  # noqa: N815
    primaryUserId: Any = None  # noqa: N815
    metaData: _Listed | None = None  # noqa: N815


class _Listing(msgspec.Struct):
    calls: list[_Listed]


_listing = msgspec.json.Decoder(_Listing)


def _wanted_ids(sheet: Sheet, filters: Mapping[str, Any]) -> Iterator[str]:
    """Ids of the calls of a page that pass the filters."""
    try:
        rows = _listing.decode(sheet.content).calls
    except msgspec.DecodeError:
        # What it is will be told when the page is read.
        return
    for row in rows:
        told = row.metaData or row
        if told.id and is_wanted(msgspec.structs.asdict(told), filters):
            yield str(told.id)


def hoisted(call: dict[str, Any]) -> dict[str, Any]:
    """A call with its `metaData` at the top level, and the rest as Gong nests it.

    Both the metadata and the call have a member `media`; the call's, which holds the links to the
    recording, becomes `mediaUrls`. A call of GET /v2/calls is flat already.
    """
    if call.get("metaData") is None:
        call.pop("metaData", None)
        return call
    metadata = object_in(call, "metaData")
    links = call.pop("media", None)
    record = {**metadata, **call}
    del record["metaData"]
    if links:
        record["mediaUrls"] = links
    return record


def speakers_of(call: Mapping[str, Any]) -> Speakers:
    """Names and affiliations of those who speak in a call; without a name, the e-mail address."""
    return {
        speaker: (
            text_in(party, "name")
            or text_in(party, "emailAddress")
            or text_in(party, "phoneNumber")
            or "",
            text_in(party, "affiliation") or "",
        )
        for party in objects_in(call, "parties")
        if (speaker := text_in(party, "speakerId"))
    }


def call_time(call: Mapping[str, Any]) -> pendulum.DateTime:
    """A call's time in the sense of Gong's filters, or earlier.

    Gong goes by when a web conference was scheduled and when any other call started; the record
    does not say which of them it is.
    """
    times = [told_instant(call.get(name)) for name in ("scheduled", "started")]
    return min((time for time in times if time), default=_BEFORE_ALL)


def is_wanted(call: Mapping[str, Any], filters: Mapping[str, Any]) -> bool:
    """Whether a call passes a run's filters, of which not every operation has all."""
    users, workspaces = filters.get("primary_user_ids"), filters.get("workspace_ids")
    if filters.get("private_calls") == "exclude" and call.get("isPrivate"):
        return False
    if workspaces and str(call.get("workspaceId")) not in workspaces:
        return False
    return not users or call.get("primaryUserId") in users


def user_filter(operation: Operation, user_ids: list[str]) -> dict[str, Any]:
    """The filter by host, where the operation has it."""
    return {"primaryUserIds": user_ids} if user_ids and operation is CALLS_EXTENSIVE else {}


def request(
    operation: Operation, filters: Mapping[str, Any], selector: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """How an operation that lists calls takes its filters."""
    if operation is CALLS:
        return {"params": filters}
    return {"body": {"filter": filters, **({"contentSelector": selector} if selector else {})}}


def content_selector(parts: Iterable[str], context: str, timing: Iterable[str]) -> dict[str, Any]:
    """What to ask for beside the metadata.

    Args:
        parts: names of `call_content`.
        context: None, Basic or Extended.
        timing: of the field values, with Extended.
    """
    selector: dict[str, Any] = {"context": context}
    if context == "Extended":
        selector["contextTiming"] = list(timing)
    exposed: dict[str, Any] = {}
    for part in parts:
        group = CALL_CONTENT[part]
        (exposed if group is None else exposed.setdefault(group, {}))[part] = True
    return {**selector, "exposedFields": exposed}
