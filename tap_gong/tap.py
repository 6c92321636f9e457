"""The Singer tap for Gong."""

from __future__ import annotations

import gc
import logging
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import click
import msgspec
from singer_sdk import Tap
from singer_sdk.helpers._catalog import get_selected_schema
from singer_sdk.helpers.capabilities import PluginCapabilities
from singer_sdk.tap_base import CliTestOptionValue
from typing_extensions import override

from gong_api.clock import Clock, SystemClock
from gong_api.command import (
    WORK_LEFT,
    RunStopped,
    gong_command,
    ignore_signals,
    stopped_by,
)
from gong_api.errors import GongError, MissingScope, SettingsError
from gong_api.given_settings import (
    ConfigFiles,
    check_environment,
    settings_checked,
    without_nulls,
)
from gong_api.progress import Progress, Stage, watched
from gong_api.settings import connect, number
from gong_webhook.inbox import InboxReader
from tap_gong.backfill import Part, equal_parts, merged
from tap_gong.call_source import CallSource
from tap_gong.given_files import catalog_in, checked_state, object_in, state_in
from tap_gong.pace import Pace
from tap_gong.personal_data import PersonalData
from tap_gong.plan import Plan
from tap_gong.read_ahead import ReadAhead
from tap_gong.report import as_json, as_table
from tap_gong.run import Run
from tap_gong.settings import settings_schema
from tap_gong.shared_lists import BEFORE_ALL_CALLS, SharedLists
from tap_gong.source import Source
from tap_gong.stream import GongStream
from tap_gong.streams import STREAMS
from tap_gong.streams.custom import custom_streams
from tap_gong.windowed import Lockstep, WindowedStream
from tap_gong.windows import Window, iso
from tap_gong.writer import WholeLineWriter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType

    from singer_sdk.helpers.capabilities import CapabilitiesEnum

    from gong_api.client import GongClient
    from tap_gong.report import StreamReport


_SomeSource = TypeVar("_SomeSource", bound=Source)


class TapGong(Tap):
    """Gong's calls, transcripts, users, scorecards, trackers and library."""

    name = "tap-gong"
    package_name = "gong-singer"
    config_jsonschema: ClassVar[dict[str, Any]] = settings_schema()
    message_writer_class = WholeLineWriter
    # BATCH would bypass selection and stream maps.
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        capability for capability in Tap.capabilities if capability is not PluginCapabilities.BATCH
    ]

    clock: Clock = SystemClock()
    _has_begun = False

    def __init__(self, **kwargs: Any) -> None:
        self._sources: dict[type[Source], Source] = {}
        self._locksteps: dict[type[Source], Lockstep] = {}
        with settings_checked(type(self)):
            super().__init__(**without_nulls(kwargs))
        if kwargs.get("parse_env_config"):
            check_environment(type(self))

    @override
    def discover_streams(self) -> Sequence[GongStream]:
        return [
            *(stream(self) for stream in STREAMS),
            *custom_streams(self, {stream.name for stream in STREAMS}),
        ]

    @cached_property
    def run(self) -> Run:
        """The range and the clock of this run."""
        return Run(self.config, self.clock)

    @cached_property
    def personal_data(self) -> PersonalData:
        """What becomes of personal data in this run."""
        return PersonalData.chosen(self.config)

    @cached_property
    def client(self) -> GongClient:
        """The connection to Gong, shared by all streams."""
        return connect(self.config, self.clock)

    @cached_property
    def ahead(self) -> ReadAhead:
        """Where lists are read from, shared by all streams."""
        is_sample = self.run.max_records is not None
        return ReadAhead(self.client, 1 if is_sample else self.config["concurrency"])

    @cached_property
    def lists(self) -> SharedLists:
        """What several streams fan out over or filter by, read once."""
        return SharedLists(self.ahead, self.run)

    @cached_property
    def inbox(self) -> InboxReader | None:
        """What automation rules have sent, as of the first look; None where no inbox is set.

        Raises:
            InboxFault: it cannot be read.
            SettingsError: it is needed and not set.
        """
        path = self.config.get("automation_inbox")
        if not path and self.config["automation_hints"]:
            msg = (
                "automation_hints needs automation_inbox: the file that `gong-webhook --inbox` "
                "writes"
            )
            raise SettingsError(msg)
        return InboxReader(Path(path)) if path else None

    @property
    def takes_hints(self) -> bool:
        """Whether calls that automation rules have named are fetched first."""
        return bool(self.config["automation_hints"]) and not self.run.call_ids

    def close(self) -> None:
        """End what runs beside the streams, and give connections back."""
        self.ahead.close()
        self.client.close()
        if "inbox" in self.__dict__ and self.inbox:
            self.inbox.close()

    def source(self, kind: type[_SomeSource]) -> _SomeSource:
        """The one source of a kind, shared by all streams made of it."""
        if kind not in self._sources:
            self._sources[kind] = kind(self)
        return cast("_SomeSource", self._sources[kind])

    def readers_of(self, kind: type[Source]) -> list[WindowedStream]:
        """The selected streams made of a source, in the order of `STREAMS`."""
        return self._readers.get(kind, [])

    @cached_property
    def _readers(self) -> dict[type[Source], list[WindowedStream]]:
        readers: dict[type[Source], list[WindowedStream]] = {}
        for kind in STREAMS:
            stream = self.streams[kind.name]
            if not stream.selected or not isinstance(stream, WindowedStream):
                continue
            if not stream.is_possible:
                stream.logger.warning(
                    "%s stays empty: call_detail, call_content or call_context leave out what it "
                    "is made of",
                    stream.name,
                )
            else:
                readers.setdefault(stream.made_of, []).append(stream)
        return readers

    @cached_property
    def wants_speakers(self) -> bool:
        """Whether a stream is selected that names speakers."""
        return any(reader.wants_speakers for kind in self._readers.values() for reader in kind)

    def lockstep(self, stream: WindowedStream) -> Lockstep:
        """The streams that are read together with one, all of them where it is the first."""
        if stream.ABORT_AT_RECORD_COUNT is not None:
            return Lockstep([stream], [stream.source])
        root = root_of(stream.made_of)
        if root not in self._locksteps:
            kinds = [kind for kind in self._readers if root_of(kind) is root]
            members = [reader for kind in kinds for reader in self._readers[kind]]
            self._locksteps[root] = Lockstep(members, [self.source(kind) for kind in kinds])
        return self._locksteps[root]

    def begin(self) -> None:
        """Have fetched what will be wanted first; done once, when the first stream is read."""
        if self._has_begun or not self.ahead.is_used:
            return
        self._has_begun = True
        for stream in self.selected.values():
            stream.begin()
        readers = [reader for readers in self._readers.values() for reader in readers]
        locksteps = list(dict.fromkeys(map(self.lockstep, readers)))
        with self.lists.guessing():
            for lockstep in locksteps:
                lockstep.begin()
        if self.lists.was_guessed_wrong():
            for lockstep in locksteps:
                lockstep.begin_anew()

    @classmethod
    @override
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: ConfigFiles | None = None,
        state: IO[str] | None = None,
        catalog: IO[str] | None = None,
        plan: bool = False,
        slices: int | None = None,
        report: str | None = None,
        merge_state: tuple[str, ...] = (),
        files: tuple[str, ...] = (),
    ) -> None:
        """Sync the selected streams; the SDK's own, with errors in words and a conclusion."""
        if about:
            cls.print_about(about_format)
            return
        if merge_state:
            click.echo(msgspec.json.encode(merged([state_in(n) for n in (*merge_state, *files)])))
            return
        if files:
            msg = f"{files[0]!r} belongs to no option; files without one follow --merge-state"
            raise SettingsError(msg)
        if slices is not None and not plan:
            msg = "--slices goes with --plan: it says how many parts to plan"
            raise SettingsError(msg)
        cls.print_version(print_fn=cls.logger.info)
        tap = cls._configured(
            config, state=object_in(state, "--state"), catalog=catalog_in(catalog)
        )
        tap.check()
        if slices:
            given = config.config if config else {}
            for part in tap.slices(slices):
                click.echo(msgspec.json.encode(tap.config_of(part, given)))
            return
        if plan:
            click.echo(tap.plan())
            tap.raise_failures()
            return
        if report and not Path(report).resolve().parent.is_dir():
            msg = f"--report {report} cannot be written: its folder does not exist"
            raise SettingsError(msg)
        # Records are trees: counting references frees them, searching them for cycles takes a third
        # of the time.
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        end = "failed"
        try:
            with tap.progress() as progress:
                tap.ahead.on_page = progress.tick
                tap.sync_all()
            end = "done"
        except RunStopped as stop:
            end = "work left" if stop.exit_code == WORK_LEFT else "failed"
            raise
        finally:
            ignore_signals()
            tap.conclude("failed" if tap.failed else end, report)
        tap.raise_failures()

    @classmethod
    def _configured(cls, files: ConfigFiles | None, **given: Any) -> TapGong:
        """A tap with the settings that the command line names."""
        files = files or ConfigFiles({}, parse_env=False)
        return cls(config=files.config, parse_env_config=files.parse_env, **given)

    @classmethod
    @override
    def cb_discover(cls, ctx: click.Context, param: click.Option, value: bool) -> None:
        # The SDK would discover with settings that are not valid, and custom streams send requests.
        if not value:
            return
        tap = cls._configured(ctx.params.get("config"))
        _ = tap.run
        failed = tap.failed
        for name in failed:
            # What a catalog says of a stream is taken for the whole of it.
            del tap.streams[name]
        tap.run_discovery()
        _end_with(failed)
        ctx.exit()

    @classmethod
    @override
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        if value == CliTestOptionValue.Disabled.value:
            return
        tap = cls._configured(ctx.params.get("config"))
        if value == CliTestOptionValue.Schema.value:
            tap.write_schemas()
            tap.raise_failures()
            ctx.exit()
        tap.ahead = ReadAhead(tap.client, 1)
        # The SDK ends each stream at its first record, and would log that as a failure.
        logging.getLogger("singer_sdk.metrics").setLevel(logging.WARNING)
        tap.check()
        tap.run_sync_dry_run(1, streams=list(tap.selected.values()))
        for name, stream in tap.selected.items():
            found = "a record" if stream.report.records else "nothing"
            tap.logger.info("%s: %s", name, stream.report.failed or f"read, {found}")
        tap.raise_failures()
        ctx.exit()

    @classmethod
    @override
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:
        return ConfigFiles.read(value)

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        command = gong_command(super().get_singer_command(), cls.logger)
        command.params.extend(
            [
                click.Option(
                    ["--plan"],
                    is_flag=True,
                    help="Say what a run would cost in requests and time, and read nothing.",
                ),
                click.Option(
                    ["--slices"],
                    type=click.IntRange(1),
                    metavar="N",
                    help=(
                        "With --plan: print N configs, a line each, whose date ranges together "
                        "are the whole and hold about as many calls each."
                    ),
                ),
                click.Option(
                    ["--merge-state"],
                    multiple=True,
                    metavar="FILE ...",
                    help="Print the state of a run that has read what all these were left by.",
                ),
                click.Argument(["files"], nargs=-1, required=False, metavar=""),
                click.Option(
                    ["--report"],
                    # Meltano hands options of its own to a tap, and its environment.
                    envvar="TAP_GONG_REPORT",
                    show_envvar=True,
                    metavar="PATH",
                    help="Write what was read, stream by stream, to a JSON file.",
                ),
            ]
        )
        return command

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        # Private: the SDK ends with exit code 0, as if all were done. The last STATE message says
        # what has been read; nothing needs to be added to it. Pinned by tests/test_shutdown.py.
        stop = RunStopped(stopped_by(signum))
        if isinstance(self.message_writer, WholeLineWriter):
            self.message_writer.stop(stop)
        else:
            raise stop

    def check(self) -> None:
        """Say what is wrong with the settings before anything is emitted.

        Raises:
            SettingsError: credentials, dates, api_url, workspace ids or the inbox are wrong.
        """
        _ = self.run, self.client, self.inbox
        without_salt = [
            name
            for name, stream in self.selected.items()
            if self.personal_data.hashed_without_salt(stream.schema, stream.primary_keys)
        ]
        if without_salt:
            self.logger.warning(
                "What the keys of %s are made of is hashed with the secret of the credentials, and "
                "changes with it; set personal_data_salt to a long random text for good",
                ", ".join(without_salt),
            )
        if self.config.get("workspace_ids"):
            try:
                _ = self.lists.workspaces
            except MissingScope as error:
                self.logger.warning("workspace_ids cannot be checked: %s", error)

    def plan(self) -> Plan:
        """What a run would cost, found out with a page or so of each selected stream."""
        costs = {}
        for name, stream in self.selected.items():
            try:
                costs[name] = stream.cost()
            except GongError as error:
                if not stream.is_alone_with(error):
                    raise
                stream.fail(error)
        client = self.client
        # A run looks up the same: workspaces, folders, where the calls begin, the company's zone.
        reports = [stream.report for stream in self.selected.values()]
        reports += [source.report for source in self._sources.values() if not source.readers]
        of_streams = sum(report.requests for report in reports)
        return Plan(
            costs,
            beside=client.limiter.used - client.retries.retries - of_streams,
            rate=number(self.config, "requests_per_second"),
            budget=self.config["daily_request_budget"],
            spent=client.limiter.used,
        )

    def progress(self) -> Progress:
        """Shows how far the streams have come."""
        pace = Pace(self.clock)

        def stages() -> list[Stage]:
            return [
                pace.stage(name, stream.report)
                for name, stream in self.selected.items()
                if stream.report.records
            ]

        return Progress(stages, clock=self.clock, logger=self.logger, console=watched())

    def slices(self, parts: int) -> list[Part]:
        """Adjacent ranges that together are the whole of the run, of about equal cost.

        Raises:
            SettingsError: the run is not one over time, or too short to be cut.
        """
        source = self.source(CallSource)
        if self.run.keeps_bookmarks:
            msg = "--slices cuts a range of time; leave out call_ids and max_records"
            raise SettingsError(msg)
        # No start_date would mean the oldest call, and that may come to light later.
        start = self.run.start or BEFORE_ALL_CALLS
        span = Window(min(source.begin(self.run.start), self.run.end), self.run.end)
        if span.length < timedelta(hours=parts):
            msg = f"--slices {parts}: {span} is too short, an hour is the least for each"
            raise SettingsError(msg)
        slices = equal_parts(span, parts, source.count_records)
        slices[0] = replace(slices[0], window=Window(start, slices[0].window.end))
        for at, part in enumerate(slices, start=1):
            self.logger.info("slice %d: %s, about %d calls", at, part.window, part.records)
        self.logger.info("%d requests to find this out", self.client.limiter.used)
        return slices

    def config_of(self, part: Part, given: Mapping[str, Any]) -> dict[str, Any]:
        """The settings that read a part, to be given after, or before, those with the secrets.

        Args:
            part: of the whole.
            given: settings as they were given, secrets included.
        """
        properties = self.config_jsonschema["properties"]
        plain = {
            name: value
            for name, value in given.items()
            if not properties.get(name, {}).get("secret")
            and value != properties.get(name, {}).get("default")
        }
        window = part.window
        return {**plain, "start_date": iso(window.start), "end_date": iso(window.end)}

    @override
    def setup_mapper(self) -> None:
        # Streams correct what a catalog says of their keys; the mapper reads it once. It fails on a
        # map of a stream that is not selected.
        maps = self._config.get("stream_maps")
        if maps:
            left_out = {name for name, stream in self.streams.items() if not stream.selected}
            self._config["stream_maps"] = {
                name: stream_map for name, stream_map in maps.items() if name not in left_out
            }
        _ = self.streams
        super().setup_mapper()
        if self.personal_data.is_kept:
            return
        for entry in self.catalog.streams:
            # The SDK has just done the same, with all that is selected.
            name, stream = entry.tap_stream_id, self.streams.get(entry.tap_stream_id)
            if stream is not None:
                is_selected = entry.metadata.resolve_selection()
                selected = get_selected_schema(name, entry.schema.to_dict(), is_selected)
                treated = self.personal_data.schema(selected, stream.schema, stream.primary_keys)
                self.mapper.register_raw_stream_schema(name, treated, entry.key_properties)

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        checked = checked_state(state, "--state")
        custom = {str(given.get("name")) for given in self.config.get("custom_streams") or []}
        known = {stream.name for stream in STREAMS} | custom
        for name in sorted(checked.get("bookmarks", {}).keys() - known):
            self.logger.warning("--state: there is no stream %r, its bookmark means nothing", name)
        super().load_state(checked)

    @property
    def selected(self) -> dict[str, GongStream]:
        """The streams to be read, by name."""
        return {
            name: stream
            for name, stream in self.streams.items()
            if stream.selected and isinstance(stream, GongStream)
        }

    @property
    def reports(self) -> dict[str, StreamReport]:
        """What each selected stream did, by name."""
        for stream in self.selected.values():
            stream.report.unknown_fields = sorted(stream.shape.unknown)
        return {name: stream.report for name, stream in self.selected.items()}

    @property
    def failed(self) -> list[str]:
        """Names of the streams that could not be read."""
        return [name for name, report in self.reports.items() if report.failed]

    def raise_failures(self) -> None:
        """End with exit code 1 when streams could not be read."""
        _end_with(self.failed)

    def conclude(self, end: str, path: str | None) -> None:
        """Log what was read and what it cost, and write the report where one is wanted.

        Args:
            end: how the run ended: done, failed or work left.
            path: of the report.
        """
        console = watched(even_if_output_is_shown=True)
        if console:
            console.print(as_table(self.reports))
        for name, report in self.reports.items():
            if not console:
                self.logger.info("%s: %s", name, report)
            if report.unknown_fields:
                self.logger.warning(
                    "%s: Gong sends fields that this version does not know: %s. Those at the top "
                    "level are left out; a newer version may have them",
                    name,
                    ", ".join(report.unknown_fields),
                )
        if end == "work left":
            self._tell_what_is_left()
        private = sum(report.private for report in self.reports.values())
        if private:
            self.logger.info(
                "%d of the calls are private and were %s; the setting is private_calls",
                private,
                "left out" if self.run.excludes_private else "included",
            )
        client = self.client
        self.logger.info(
            "%d requests, %d of them retries; %.0f s waited for the rate limit",
            client.limiter.used,
            client.retries.retries,
            client.limiter.waited + client.retries.waited,
        )
        self.close()
        if path:
            content = msgspec.json.encode(as_json(self.reports, client, end=end))
            try:
                Path(path).write_bytes(msgspec.json.format(content, indent=2))
            except OSError as error:
                msg = f"--report {path} cannot be written: {error.strerror}"
                raise SettingsError(msg) from error

    def _tell_what_is_left(self) -> None:
        """Log how far each windowed stream has come."""
        for name, stream in self.selected.items():
            if isinstance(stream, WindowedStream):
                bookmark = stream.bookmark
                reached = f"read until {iso(bookmark.end)}" if bookmark else "not begun"
                self.logger.info("%s: %s, wanted until %s", name, reached, iso(self.run.end))


def root_of(kind: type[Source]) -> type[Source]:
    """The source whose windows a source shares."""
    return kind if kind.follows is None else root_of(kind.follows)


def _end_with(failed: list[str]) -> None:
    """End with exit code 1 where streams failed.

    Raises:
        RunStopped: naming them.
    """
    if failed:
        msg = f"Failed: {', '.join(failed)}; the other streams are whole"
        raise RunStopped(GongError(msg))
