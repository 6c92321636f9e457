"""The Singer target for Gong."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar

import click
from singer_sdk import Target
from singer_sdk.exceptions import SingerSDKError
from singer_sdk.helpers.capabilities import PluginCapabilities, TargetCapabilities
from singer_sdk.singerlib.exceptions import SingerError
from typing_extensions import override

from gong_api.clock import Clock, SystemClock
from gong_api.command import Interrupted, RunStopped, gong_command, settings_checked
from gong_api.errors import GongError, NothingFound, SettingsError
from gong_api.settings import connect
from target_gong.fields import checked_zone
from target_gong.ledger import Ledger, read_rows, write_receipts
from target_gong.settings import settings_schema
from target_gong.sinks import SINKS
from target_gong.sinks.crm import CrmObjects

if TYPE_CHECKING:
    from types import FrameType

    from singer_sdk.helpers.capabilities import CapabilitiesEnum

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


@dataclass
class Tally:
    """What became of the records of a run.

    Attributes:
        done: sent, and taken by Gong.
        known: done before, with the same content.
        unchanged: done before with other content, which Gong cannot change.
        failed: refused, or in doubt.
        would: to be sent, if the run were not dry.
    """

    done: int = 0
    known: int = 0
    unchanged: int = 0
    failed: int = 0
    would: int = 0


class TargetGong(Target):
    """What Gong takes, written exactly once: calls, recordings, CRM objects, events and more."""

    name = "target-gong"
    package_name = "gong-singer"
    config_jsonschema: ClassVar[dict[str, Any]] = settings_schema()
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        capability for capability in Target.capabilities if capability not in _NOT_OFFERED
    ]
    # Records that refer to one another must arrive in order.
    max_parallelism = 1

    clock: Clock = SystemClock()

    def __init__(self, **kwargs: Any) -> None:
        self.tally = Tally()
        self.sent_recordings: list[str] = []
        self.crm_fields: dict[str, CustomFields] = {}
        self._crm_integration_id: str | None = None
        with settings_checked(self.config_jsonschema):
            super().__init__(**kwargs)

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
        return Ledger(
            Path(self.config["ledger_path"]), self.clock, Path(receipts) if receipts else None
        )

    @property
    def crm_integration_id(self) -> str:
        """The id of the generic CRM integration; a company has one at most.

        Raises:
            SettingsError: none is registered.
        """
        if self._crm_integration_id is None:
            answer = self.client.request("GET", "/v2/crm/integrations")
            found = answer.get("integrations") or []
            if not found:
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

    def drain_crm(self, order: int) -> None:
        """Upload the CRM objects gathered of a type, after those that they may refer to."""
        for sink in sorted(self._crm_sinks(), key=lambda sink: sink.order):
            if sink.order <= order:
                sink.flush()

    def _crm_sinks(self) -> list[CrmObjects]:
        sinks = [*self._sinks_to_clear, *self._sinks_active.values()]
        return [sink for sink in sinks if isinstance(sink, CrmObjects)]

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
    ) -> None:
        """Read messages and write their records to Gong; with `receipts`, print the ledger."""
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
        target.check()
        try:
            target.read(file_input)
        finally:
            target.conclude()
        target.raise_failures()

    @classmethod
    @override
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:
        try:
            return super().cb_config(ctx, param, value)
        except (OSError, ValueError) as error:
            msg = f"--config {' '.join(value)} cannot be read: {error}"
            raise SettingsError(msg) from error

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
        return command

    def check(self) -> None:
        """Say what is wrong with the settings before anything is read.

        Raises:
            SettingsError: credentials, api_url, ledger or time zone are wrong.
        """
        _ = self.client, self.ledger
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
            self.listen(messages)
        except (SingerError, SingerSDKError) as error:
            msg = f"The input is not what a Singer tap writes: {str(error).splitlines()[0]}"
            raise RunStopped(GongError(msg)) from None
        if self.config["wait_until_visible"] and self.sent_recordings and not self.is_dry_run:
            self.wait_until_visible()

    def fail(self, message: str) -> None:
        """A record was refused.

        Raises:
            RunStopped: `on_error` is `fail`.
        """
        self.tally.failed += 1
        if self.config["on_error"] == "fail":
            msg = f"{message}. Nothing behind this record was sent (on_error: fail)"
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
            seen |= {call["metaData"]["id"] for call in answer.get("calls") or []}
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
            "%s; %d requests, %d of them retries",
            ", ".join(told),
            self.client.limiter.used,
            self.client.retries.retries,
        )
        for row in self.ledger.in_doubt():
            self.logger.warning(
                "%s %s is in doubt: Gong may or may not have done it (%s)",
                row.stream,
                row.key,
                row.error or "the run ended before the answer",
            )
        self.client.close()
        self.ledger.close()

    def raise_failures(self) -> None:
        """End with exit code 1 when records were not written.

        Raises:
            RunStopped: saying how many and where to look.
        """
        if self.tally.failed:
            msg = (
                f"{self.tally.failed} records failed; see above, or "
                f"`target-gong --receipts` ({self.config['ledger_path']})"
            )
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
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        # Private: the SDK would drain what is queued and end with exit code 0. What is being sent
        # is in the ledger as such, and looked up by the next run.
        msg = f"Stopped by {signal.Signals(signum).name}; run again to go on"
        raise RunStopped(Interrupted(msg))
