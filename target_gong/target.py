"""The Singer target for Gong."""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, cast

import click
from singer_sdk import Target
from singer_sdk.exceptions import SingerSDKError
from singer_sdk.helpers.capabilities import PluginCapabilities, TargetCapabilities
from singer_sdk.singerlib.exceptions import InvalidInputLine, SingerError
from singer_sdk.singerlib.json import serialize_json
from typing_extensions import override

from gong_api.clock import Clock, SystemClock
from gong_api.command import RunStopped, gong_command, ignore_signals, stopped_by
from gong_api.errors import GongError, NothingFound, SettingsError
from gong_api.given_settings import (
    ConfigFiles,
    check_environment,
    settings_checked,
    without_nulls,
)
from gong_api.settings import SANDBOX, company, connect
from target_gong.fields import checked_zone
from target_gong.ledger import FAILED, IN_DOUBT, Ledger, read_rows, write_receipts
from target_gong.messages import MessageReader
from target_gong.settings import LEDGER, settings_schema
from target_gong.sinks import SINKS
from target_gong.sinks.crm import CrmObjects
from target_gong.stopping import StoppableClock, Stopping

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.sinks import Sink

    from gong_api.client import GongClient
    from target_gong.sink import Writing
    from target_gong.sinks.crm import CustomFields

_NOT_OFFERED = {
    PluginCapabilities.BATCH,
    TargetCapabilities.VALIDATE_RECORDS,
    PluginCapabilities.ACTIVATE_VERSION,
}
_POLL_SECONDS = 30
_MOST_IDS = 100
_MOST_TOLD = 300
_MOST_DOUBTED = 20


@dataclass
class Tally:
    """What became of the records of a run.

    Attributes:
        done: sent, and taken by Gong.
        known: done before, with the same content.
        unchanged: done before with other content, which Gong cannot change.
        failed: refused, or in doubt.
        would: to be sent, if the run were not dry.
        drafts: calls created without a recording.
    """

    done: int = 0
    known: int = 0
    unchanged: int = 0
    failed: int = 0
    would: int = 0
    drafts: int = 0


class TargetGong(Target):
    """What Gong takes, written exactly once: calls, recordings, CRM objects, events and more."""

    name = "target-gong"
    package_name = "gong-singer"
    config_jsonschema: ClassVar[dict[str, Any]] = settings_schema()
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        capability for capability in Target.capabilities if capability not in _NOT_OFFERED
    ]
    message_reader_class = MessageReader
    # Records that refer to one another must arrive in order.
    max_parallelism = 1

    clock: Clock = SystemClock()

    def __init__(self, **kwargs: Any) -> None:
        self.tally = Tally()
        self.sent_recordings: list[str] = []
        self.doubted: set[tuple[str, str]] = set()
        self.stopping = Stopping()
        self.clock = StoppableClock(self.clock, self.stopping)
        self.crm_fields: dict[str, CustomFields] = {}
        self._crm_integration_id: str | None = None
        self._written_state: str | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        with settings_checked(type(self)):
            super().__init__(**without_nulls(kwargs))
        if kwargs.get("parse_env_config"):
            check_environment(type(self))
        if isinstance(self.message_reader, MessageReader):
            self.message_reader.stopping = self.stopping

    @property
    def is_dry_run(self) -> bool:
        """Whether nothing is sent."""
        return bool(self.config["dry_run"])

    @cached_property
    def client(self) -> GongClient:
        """The connection to Gong, shared by all sinks."""
        return connect(self.config, self.clock)

    @cached_property
    def ledger(self) -> Ledger:
        """What was sent before and what Gong answered."""
        receipts = self.config.get("receipts_path")
        path = Path(self.config["ledger_path"])
        is_passing = self.config["api_url"] == SANDBOX and str(path) == LEDGER
        if is_passing or (self.is_dry_run and not path.exists()):
            # The company ends with this run, or nothing will be known of it.
            self._folder = tempfile.TemporaryDirectory(prefix="target-gong-")
            path = Path(self._folder.name) / "ledger.db"
        return Ledger(path, self.clock, Path(receipts) if receipts else None)

    @property
    def crm_integration_id(self) -> str:
        """The id of the generic CRM integration; a company has one at most.

        Raises:
            SettingsError: none is registered.
        """
        if self._crm_integration_id is None:
            answer = self.client.request("GET", "/v2/crm/integrations")
            found = answer.get("integrations") or []
            if not found or not found[0].get("integrationId"):
                msg = "Gong has no CRM integration; register one by a record of crm_integrations"
                raise SettingsError(msg)
            self._crm_integration_id = str(found[0]["integrationId"])
        return self._crm_integration_id

    def forget_crm_integration(self) -> None:
        """It has been registered or deleted: look it up anew."""
        self._crm_integration_id = None
        self.crm_fields.clear()

    def drain_streams(self, kind: type[Writing]) -> None:
        """Send what waits in the sinks of a stream, since another's records build upon it."""
        for sink in [*self._sinks_to_clear, *self._sinks_active.values()]:
            if isinstance(sink, kind):
                self.drain_one(sink)

    def drain_crm(self, order: int | None = None) -> None:
        """Upload the CRM objects gathered of a type, after those that they may refer to; or all."""
        for sink in sorted(self._crm_sinks(), key=lambda sink: sink.order):
            if order is None or sink.order <= order:
                sink.flush()

    def _crm_sinks(self) -> list[CrmObjects]:
        return [sink for sink in self._sinks() if isinstance(sink, CrmObjects)]

    @classmethod
    @override
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        # Of what the SDK adds to every target, only stream maps mean something here.
        added: dict[str, Any] = {"properties": {}}
        super().append_builtin_config(added)
        for name in ("stream_maps", "stream_map_config", "faker_config"):
            if name in added["properties"]:
                config_jsonschema["properties"].setdefault(name, added["properties"][name])

    @override
    def get_sink_class(self, stream_name: str) -> type[Writing]:
        name = (self.config.get("stream_aliases") or {}).get(stream_name, stream_name)
        if name not in SINKS:
            msg = (
                f"There is no stream {stream_name!r} here: name it {', '.join(SINKS)}, or map it "
                "by stream_aliases"
            )
            raise SettingsError(msg)
        return SINKS[name]

    @classmethod
    @override
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: Any = None,
        file_input: IO[str] | None = None,
        receipts: str | None = None,
        settle: tuple[str, str, str] | None = None,
        same_company: bool = False,
    ) -> None:
        """Read messages and write their records to Gong; with an option, tend the ledger."""
        if about:
            cls.print_about(about_format)
            return
        cls.print_version(print_fn=cls.logger.info)
        target = cls(
            config=config.config if config else {},
            parse_env_config=bool(config and config.parse_env),
        )
        if receipts:
            write_receipts(read_rows(Path(target.config["ledger_path"])), receipts, sys.stdout)
            return
        if settle or same_company:
            # Says so if there is none, rather than make one.
            read_rows(Path(target.config["ledger_path"]))
            with target.writing_ledger():
                if same_company:
                    target.ledger.claim(company(target.config), anew=True)
                if settle:
                    target.settle(*settle)
            target.ledger.close()
            return
        target.check()
        try:
            target.read(file_input)
        finally:
            ignore_signals()
            target.conclude()
        target.raise_failures()

    @classmethod
    @override
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:
        return ConfigFiles.read(value)

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        command = gong_command(super().get_singer_command(), cls.logger)
        command.params.append(
            click.Option(
                ["--receipts"],
                type=click.Choice(["jsonl", "csv"]),
                is_flag=False,
                flag_value="jsonl",
                help="Print what was written to Gong and what it answered, from the ledger.",
            )
        )
        command.params.append(
            click.Option(
                ["--settle"],
                type=(str, str, click.Choice(["done", "retry"])),
                metavar="STREAM KEY done|retry",
                help="Say of a record in doubt that Gong has it, or that it is to be sent again.",
            )
        )
        command.params.append(
            click.Option(
                ["--same-company"],
                is_flag=True,
                help="Go on with a ledger when the key or the host of its company has changed.",
            )
        )
        return command

    def check(self) -> None:
        """Say what is wrong with the settings before anything is read.

        Raises:
            SettingsError: credentials, api_url, ledger or time zone are wrong.
        """
        _ = self.client
        with self.writing_ledger():
            is_ours = self.ledger.claim(company(self.config))
        if not is_ours:
            msg = (
                f"ledger_path {self.config['ledger_path']} is the ledger of another Gong company, "
                "by api_url and key; give each company its own. If it is the same company with a "
                "new key or host, run `target-gong --same-company` once with these settings"
            )
            raise SettingsError(msg)
        checked_zone(self.config.get("default_timezone"))
        unknown = set(self.config["allow_destructive"]) - set(SINKS)
        if unknown:
            msg = f"allow_destructive: there is no stream {', '.join(sorted(unknown))}"
            raise SettingsError(msg)

    def read(self, messages: IO[str] | None) -> None:
        """Process all messages.

        Raises:
            RunStopped: a message is none, or a record cannot be written.
        """
        try:
            with self.writing_ledger():
                self.listen(messages)
        except (SingerError, SingerSDKError) as error:
            told = str(error).splitlines()[0][:_MOST_TOLD]
            msg = f"The input is not what a Singer tap writes: {told}"
            raise RunStopped(GongError(msg)) from None
        if self.config["wait_until_visible"] and self.sent_recordings and not self.is_dry_run:
            self.wait_until_visible()

    @contextlib.contextmanager
    def writing_ledger(self) -> Iterator[None]:
        """A context in which the ledger is used.

        Raises:
            RunStopped: it cannot be written.
        """
        try:
            yield
        except sqlite3.Error as error:
            msg = (
                f"ledger_path {self.config['ledger_path']} cannot be written: {error}. Free it, "
                "or its disk, and run again; what was being sent is looked up then"
            )
            raise RunStopped(GongError(msg)) from error

    def settle(self, stream: str, key: str, outcome: str) -> None:
        """Say what became of a record that was not settled.

        Args:
            stream: of the target.
            key: of the record.
            outcome: `done`, Gong has it; `retry`, it is to be sent again.

        Raises:
            SettingsError: the ledger has no such record.
        """
        row = self.ledger.last(stream, key)
        if row is None or row.status not in {IN_DOUBT, FAILED}:
            found = f"it is {row.status}" if row else "there is none"
            msg = f"ledger_path: no record {key!r} of {stream} is in doubt or failed: {found}"
            raise SettingsError(msg)
        if outcome == "done":
            self.ledger.done(row, settledByHand=True)
        else:
            self.ledger.reopen(row, "to be sent again, by --settle")
        self.logger.info("%s %s: %s", stream, key, outcome)

    def fail(self, message: str) -> None:
        """A record was refused.

        Raises:
            RunStopped: `on_error` is `fail`.
        """
        self.tally.failed += 1
        if self.config["on_error"] == "fail":
            msg = f"{message}. Nothing after this record was sent (on_error: fail)"
            raise RunStopped(GongError(msg))
        self.logger.error("%s", message)

    def wait_until_visible(self) -> None:
        """Ask until Gong shows the recordings that were sent; name those it does not show."""
        end = self.clock.now().add(minutes=self.config["wait_until_visible"])
        missing = list(dict.fromkeys(self.sent_recordings))
        while True:
            missing = self._not_visible(missing)
            if not missing or self.clock.now() >= end:
                break
            self.logger.info("%d recordings are being processed by Gong", len(missing))
            self.clock.sleep(_POLL_SECONDS)
        for call_id in missing:
            self.tally.failed += 1
            self.logger.error(
                "Gong does not show call %s: it is still being processed, or was dropped because "
                "it is too short, holds no speech, or its user is not recorded",
                call_id,
            )

    def _not_visible(self, call_ids: list[str]) -> list[str]:
        seen: set[str] = set()
        for at in range(0, len(call_ids), _MOST_IDS):
            body = {"filter": {"callIds": call_ids[at : at + _MOST_IDS]}}
            try:
                answer = self.client.request("POST", "/v2/calls/extensive", body=body)
            except NothingFound:
                continue
            found = (call.get("metaData") or {} for call in answer.get("calls") or [])
            seen |= {data["id"] for data in found if data.get("id")}
        return [call for call in call_ids if call not in seen]

    def conclude(self) -> None:
        """Log what became of the records."""
        tally = self.tally
        parts = {
            "sent": tally.done,
            "sent before": tally.known,
            "changed but not changeable": tally.unchanged,
            "failed": tally.failed,
            "would be sent": tally.would,
        }
        told = [f"{count} {name}" for name, count in parts.items() if count] or ["no records"]
        self.logger.info(
            "%s; %s, %d of them retries",
            ", ".join(told),
            counted(self.client.limiter.used, "request"),
            self.client.retries.retries,
        )
        if tally.drafts:
            self.logger.info(
                "%s without a recording: a draft, which Gong shows when its recording comes "
                "(mediaFile, or a record of call_media)",
                counted(tally.drafts, "call"),
            )
        if self.is_dry_run:
            self.logger.info(
                "Dry run: nothing was written. What only Gong knows, such as credentials and "
                "users, was not checked"
            )
        with contextlib.suppress(sqlite3.Error):
            self._tell_failed()
            self._tell_doubted()
        self.client.close()
        with contextlib.suppress(sqlite3.Error):
            self.ledger.close()
        if self._folder is not None:
            self._folder.cleanup()

    def _tell_failed(self) -> None:
        """Warn of what failed in earlier runs, and came no more since."""
        left = self.ledger.failures() - self.tally.failed
        if left > 0 and not self.is_dry_run:
            self.logger.warning(
                "%s of earlier runs failed and did not go through since; correct the source and "
                "have it send them again. `target-gong --receipts` (%s) has them",
                counted(left, "record"),
                self.config["ledger_path"],
            )

    def _tell_doubted(self) -> None:
        """Warn of what is in doubt in the streams of this run: the first, and how many more."""
        streams = {sink.stream for sink in self._sinks()}
        doubted = (row for row in self.ledger.in_doubt() if row.stream in streams)
        for row in itertools.islice(doubted, _MOST_DOUBTED):
            self.logger.warning(
                "%s %s is in doubt: Gong may or may not have done it (%s)",
                row.stream,
                row.key,
                row.error or "the run ended before the answer",
            )
        more = sum(1 for _ in doubted)
        if more:
            self.logger.warning(
                "In doubt beside these: %s; `target-gong --receipts` (%s) has them all",
                counted(more, "record"),
                self.config["ledger_path"],
            )
        if self.doubted:
            self.logger.warning("No STATE was passed on behind what is in doubt")

    def raise_failures(self) -> None:
        """End with exit code 1 when records were not written.

        Raises:
            RunStopped: saying how many and where to look.
        """
        if self.tally.failed:
            msg = f"{counted(self.tally.failed, 'record')} failed; see above"
            if not self.is_dry_run:
                msg += f", or `target-gong --receipts` ({self.config['ledger_path']})"
            raise RunStopped(GongError(msg))

    @override
    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        # Private: the SDK keeps states back until the end or for five minutes. Everything before
        # this one is settled as soon as the sinks are drained; a dry run has settled nothing.
        # Pinned by tests/target/test_ledger.py.
        if self.is_dry_run:
            return
        super()._process_state_message(message_dict)
        self.drain_all()

    @override
    def _write_state_message(self, state: dict[str, Any]) -> None:
        # Private: the SDK would write the last one again at the end, know of no doubts, and fail at
        # a Decimal, which a number with a fraction is since it was read.
        text = serialize_json(state)
        if not self.doubted and text != self._written_state:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
            self._written_state = text

    @override
    def _process_batch_message(self, message_dict: dict[str, Any]) -> None:
        # Private: the SDK would read the files and drop their records here.
        msg = (
            f"The source sends BATCH messages (stream {message_dict['stream']!r}), which are not "
            "understood here: unset batch_config in its settings, so that it sends records"
        )
        raise RunStopped(GongError(msg))

    @override
    def _process_activate_version_message(self, message_dict: dict[str, Any]) -> None:
        # Private: the SDK would fail at a stream without SCHEMA.
        if message_dict["stream"] not in self.mapper.stream_maps:
            msg = f"ACTIVATE_VERSION of stream {message_dict['stream']!r}, which had no SCHEMA"
            raise InvalidInputLine(msg)

    @override
    def process_endofpipe(self) -> None:
        with self.stopping.working():
            super().process_endofpipe()

    @override
    def get_sink(
        self,
        stream_name: str,
        *,
        record: dict[str, Any] | None = None,
        schema: dict[str, Any] | None = None,
        key_properties: Sequence[str] | None = None,
    ) -> Sink:
        sink = super().get_sink(
            stream_name, record=record, schema=schema, key_properties=key_properties
        )
        # One that this one replaces, or another name for the same stream: what it has gathered
        # came before.
        for other in self._sinks():
            if other is not sink and other.stream == cast("Writing", sink).stream:
                self.drain_one(other)
        return sink

    def _sinks(self) -> list[Writing]:
        return cast("list[Writing]", [*self._sinks_to_clear, *self._sinks_active.values()])

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        # Private: the SDK would drain what is queued and end with exit code 0.
        self.stopping.ask(str(stopped_by(signum)))
        # Not logged: the signal may have come in the middle of a line of the log.
        os.write(2, b"Ending after what is being sent; a second signal ends at once\n")


def counted(count: int, name: str) -> str:
    """A number of things, in grammar."""
    return f"{count} {name}" if count == 1 else f"{count} {name}s"
