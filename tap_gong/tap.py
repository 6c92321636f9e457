"""The Singer tap for Gong."""

from __future__ import annotations

from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, ClassVar

import msgspec
from singer_sdk import Tap
from singer_sdk.contrib.msgspec import MsgSpecWriter
from singer_sdk.helpers.capabilities import PluginCapabilities
from typing_extensions import override

from gong_api.clock import Clock, SystemClock
from gong_api.command import FAILED, gong_command, settings_checked
from gong_api.errors import SettingsError
from gong_api.settings import connect
from tap_gong.partitions import Partitions
from tap_gong.run import Run
from tap_gong.settings import settings_schema
from tap_gong.streams import STREAMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import click
    from singer_sdk.helpers.capabilities import CapabilitiesEnum

    from gong_api.client import GongClient
    from gong_api.errors import GongError
    from tap_gong.stream import GongStream


class TapGong(Tap):
    """Gong's calls, transcripts, users, scorecards, trackers and library."""

    name = "tap-gong"
    package_name = "gong-singer"
    config_jsonschema: ClassVar[dict[str, Any]] = settings_schema()
    message_writer_class = MsgSpecWriter
    # BATCH would bypass selection and stream maps.
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        capability for capability in Tap.capabilities if capability is not PluginCapabilities.BATCH
    ]

    clock: Clock = SystemClock()

    def __init__(self, **kwargs: Any) -> None:
        self._failed: list[str] = []
        with settings_checked(self.config_jsonschema):
            super().__init__(**kwargs)

    @override
    def discover_streams(self) -> Sequence[GongStream]:
        return [stream(self) for stream in STREAMS]

    @cached_property
    def run(self) -> Run:
        """The range and the clock of this run."""
        return Run(self.config, self.clock)

    @cached_property
    def client(self) -> GongClient:
        """The connection to Gong, shared by all streams."""
        return connect(self.config, self.clock)

    @cached_property
    def partitions(self) -> Partitions:
        """What streams fan out over, read once."""
        return Partitions(self.client, self.run, self.config.get("workspace_ids") or [])

    def stream_failed(self, stream: GongStream, error: GongError) -> None:
        """Note that a stream cannot be read; the others go on, the run ends with exit code 1."""
        stream.logger.error("%s is left out: %s", stream.name, error)
        self._failed.append(stream.name)

    @classmethod
    @override
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: Any = None,
        state: IO[str] | None = None,
        catalog: IO[str] | None = None,
    ) -> None:
        """Sync the selected streams; the SDK's own, with errors in words and a conclusion."""
        if about:
            cls.print_about(about_format)
            return
        cls.print_version(print_fn=cls.logger.info)
        tap = cls(
            config=config.config if config else {},
            parse_env_config=bool(config and config.parse_env),
            state=_object(state, "--state"),
            catalog=_object(catalog, "--catalog"),
        )
        tap.check()
        tap.sync_all()
        tap.conclude()

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
        return gong_command(super().get_singer_command(), cls.logger)

    def check(self) -> None:
        """Say what is wrong with the settings before anything is emitted.

        Raises:
            SettingsError: credentials, dates, api_url or workspace ids are wrong.
        """
        _ = self.run, self.client
        if self.config.get("workspace_ids"):
            _ = self.partitions.workspaces

    def conclude(self) -> None:
        """Log what the run cost; exit with code 1 when a stream failed."""
        client = self.client
        self.logger.info(
            "%d requests, %d of them retries; %.0f s waited for the rate limit",
            client.limiter.used,
            client.retries.retries,
            client.limiter.waited + client.retries.waited,
        )
        client.close()
        if self._failed:
            self.logger.error("Failed: %s; the other streams are whole", ", ".join(self._failed))
            raise SystemExit(FAILED)


def _object(file: IO[str] | None, option: str) -> dict[str, Any] | None:
    """The JSON object that a command line option names.

    Raises:
        SettingsError: the file holds something else.
    """
    if file is None:
        return None
    try:
        return msgspec.json.decode(file.read(), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        msg = f"{option} {file.name} is not a JSON object: {error}"
        raise SettingsError(msg) from error
