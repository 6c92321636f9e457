"""The catalog and the state that a user gives: their form is checked before it is relied on."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from gong_api.errors import SettingsError
from gong_api.given_settings import json_object


class _Metadata(msgspec.Struct, rename="kebab"):
    selected: bool | None = None
    inclusion: Literal["available", "automatic", "unsupported"] | None = None
    selected_by_default: bool | None = None
    forced_replication_method: str | None = None
    replication_method: str | None = None
    replication_key: str | None = None
    table_key_properties: list[str] | None = None
    view_key_properties: list[str] | None = None
    valid_replication_keys: list[str] | None = None
    schema_name: str | None = None


class _Place(msgspec.Struct):
    breadcrumb: list[str]
    metadata: _Metadata


class _Schema(msgspec.Struct):
    properties: dict[str, dict[str, Any]]
    type: str | list[str] | None = None


class _Stream(msgspec.Struct):
    tap_stream_id: str
    schema: _Schema
    metadata: list[_Place] = []
    stream: str | None = None
    key_properties: list[str] | None = None
    replication_key: str | None = None
    replication_method: Literal["FULL_TABLE", "INCREMENTAL", "LOG_BASED"] | None = None
    is_view: bool | None = None
    database: str | None = None
    table: str | None = None
    row_count: int | None = None
    stream_alias: str | None = None


class _Catalog(msgspec.Struct):
    streams: list[_Stream]


def checked_catalog(catalog: Any, what: str) -> dict[str, Any]:
    """A catalog that has the form of one.

    Args:
        catalog: as it was read.
        what: the option and the file, for the message.

    Raises:
        SettingsError: naming the place in it that is wrong.
    """
    try:
        read = msgspec.convert(catalog, _Catalog)
    except msgspec.ValidationError as error:
        msg = f"{what} is no catalog as --discover writes it: {error}"
        raise SettingsError(msg) from error
    for entry in read.streams:
        if entry.stream not in {None, entry.tap_stream_id}:
            msg = (
                f"{what}: stream {entry.stream!r} is not the same as tap_stream_id "
                f"{entry.tap_stream_id!r}; streams are renamed by stream_maps"
            )
            raise SettingsError(msg)
    checked: dict[str, Any] = catalog
    return checked


class _Stretch(msgspec.Struct, rename={"start": "from", "end": "to"}):
    start: str
    end: str
    since: str
    looked: str
    calls: int
    reached: str = ""


class _Sweep(msgspec.Struct):
    started: str
    reached: str | None = None


class _Hints(msgspec.Struct):
    inbox: str | None = None
    sequence: int = 0
    unseen: dict[str, list[str]] | None = None


class _StreamState(msgspec.Struct):
    """What is no instant; those are checked where they are read, stream by stream."""

    filters: dict[str, list[str] | str | None] | None = None
    owed: dict[str, list[str]] | None = None
    owed_windows: list[_Stretch] | None = None
    missed: list[str] = []
    sweep: _Sweep | None = None
    newest_whole_sweep: str | None = None
    inbox: str | None = None
    sequence: int = 0
    hints: _Hints | None = None
    # The SDK's own.
    replication_key: str | None = None
    partitions: list[dict[str, Any]] = []
    progress_markers: dict[str, Any] = {}


class _State(msgspec.Struct):
    bookmarks: dict[str, _StreamState]


def checked_state(state: Any, what: str) -> dict[str, Any]:
    """A state that has the form of one.

    Args:
        state: as it was read.
        what: the option, and the file if it is known, for the message.

    Raises:
        SettingsError: naming the place in it that is wrong.
    """
    # As Meltano shows a state, and as a tap's message has it.
    if isinstance(state, dict):
        state = state.get("singer_state", state)
    if isinstance(state, dict) and state.get("type") == "STATE":
        state = state.get("value", state)
    try:
        msgspec.convert({"bookmarks": {}} if state == {} else state, _State)
    except msgspec.ValidationError as error:
        msg = (
            f'{what} must look like {{"bookmarks": {{"calls": {{…}}, …}}}}, as a run wrote it: '
            f"{error}"
        )
        raise SettingsError(msg) from error
    checked: dict[str, Any] = state
    return checked


def state_in(name: str) -> dict[str, Any]:
    """The state in a file: as a run was given it, as a target prints it, or as Meltano shows it.

    Raises:
        SettingsError: the file cannot be read, or holds none.
    """
    what = f"--merge-state {name}"
    try:
        content = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{what} cannot be read: {getattr(error, 'strerror', None) or error}"
        raise SettingsError(msg) from error
    last = next((line for line in reversed(content.split("\n")) if line.strip()), "")
    # A target prints a state a line; the last one counts.
    is_lines = last.startswith("{") and last.endswith("}") and last != "}"
    state = json_object(last if is_lines else content, what)
    return checked_state(state, what)


def catalog_in(file: IO[str] | None) -> dict[str, Any] | None:
    """The catalog in the file that `--catalog` names.

    Raises:
        SettingsError: it holds none.
    """
    if file is None:
        return None
    return checked_catalog(object_in(file, "--catalog"), f"--catalog {file.name}")


def object_in(file: IO[str] | None, option: str) -> dict[str, Any] | None:
    """The JSON object in the file that a command line option names.

    Raises:
        SettingsError: it holds something else.
    """
    if file is None:
        return None
    what = f"{option} {file.name}"
    try:
        content = file.read()
    except UnicodeDecodeError as error:
        msg = f"{what} is not a JSON object: {error}"
        raise SettingsError(msg) from error
    return json_object(content, what)
