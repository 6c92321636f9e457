"""Streams that the settings declare: any operation that this version does not know."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from gong_api.errors import GongError, SettingsError
from gong_api.operation import Operation, Page
from tap_gong.personal_data import marked_fields
from tap_gong.schemas.inferred import inferred
from tap_gong.schemas.types import FREE, HARMLESS, MARK, PERSONAL
from tap_gong.stream import Part, UpdatedStream
from tap_gong.windows import iso, told_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from singer_sdk.helpers.types import Record

    from tap_gong.tap import TapGong


class UselessKey(GongError):
    """The declared keys do not fit the rows that come."""

    concerns_operation = True


class CustomStream(UpdatedStream):
    """An operation as `custom_streams` declares it, paged by cursor.

    The schema is what the entry's `schema` says, else what the first page holds; fields that come
    later are kept. With a `replication_key`, rows that are not newer than the bookmark are left
    out. `{start}` and `{end}` in params and body stand for the bookmark (else `start_date`) and
    the end of the run.
    """

    incremental = "`replication_key`"
    keeps_unknown_fields = True
    is_list = False
    known_filters: ClassVar[tuple[str, ...]] = ()

    def __init__(self, tap: TapGong, declared: Mapping[str, Any]) -> None:
        self.name = declared["name"]
        self.operation = Operation(
            _method(declared),
            declared["path"],
            _plain_path(declared.get("records_path") or ""),
            scope="",
        )
        self.summary = f"Custom: {self.operation}"
        self._declared = declared
        self._first_page: Page | None = None
        self._keys_are_checked = False
        super().__init__(tap)
        self.primary_keys = list(declared.get("primary_keys") or [])
        self.changed = declared.get("replication_key") or ""
        if not self.changed:
            self.forced_replication_method = "FULL_TABLE"

    @cached_property
    def schema(self) -> dict[str, Any]:
        """As declared, or as the first page has it; asked for once, by discovery or the run."""
        given = self._declared.get("schema")
        if given:
            return {"type": "object", "properties": given.get("properties", given)}
        if self._input_schema is not None:
            return self._input_schema
        self._inferred_from = self._part
        self._pages = self._asked_for(self._inferred_from)
        try:
            self._first_page = next(self._pages, None)
        except GongError as error:
            if not self.is_alone_with(error):
                raise
            self.fail(error)
        rows = self._first_page.records if self._first_page else []
        keys = [*self.primary_keys, *([self.changed] if self.changed else [])]
        return inferred(rows, keys)

    @property
    def _part(self) -> Part:
        known = self.bookmark.end if self.bookmark else self.run.start
        instants = {"{start}": iso(known) if known else "", "{end}": iso(self.run.end)}
        params = _filled(self._declared.get("params") or {}, instants)
        body = _filled(self._declared.get("body"), instants)
        written = {name: _written(value) for name, value in params.items()}
        return Part(params={name: text for name, text in written.items() if text}, body=body)

    @override
    def parts(self) -> Iterable[Part]:
        return (self._part,)

    @override
    def pages(self, part: Part) -> Iterator[Page]:
        _ = self.schema
        if self._first_page is None or part != self._inferred_from:
            # Discovery knows nothing of the bookmark that `{start}` stands for.
            yield from self._asked_for(part)
            return
        # What the schema was made of is not asked for again.
        first, self._first_page = self._first_page, None
        yield first
        yield from self._pages

    def _asked_for(self, part: Part) -> Iterator[Page]:
        for page in self._answers(part):
            self._check_keys(page.records)
            yield page

    def _check_keys(self, rows: list[Record]) -> None:
        """See once whether rows have what the declaration says they are told apart by.

        Raises:
            UselessKey: rows would become one, or come twice.
        """
        if self._keys_are_checked or not rows:
            return
        self._keys_are_checked = True
        listed = ", ".join(dict.fromkeys(name for row in rows for name in row))
        missing = [name for name in self.primary_keys if not any(name in row for row in rows)]
        if missing:
            msg = (
                f"primary_keys: no row of the first page has {' or '.join(missing)}; there are: "
                f"{listed}"
            )
            if len(missing) == len(self.primary_keys):
                msg = f"{msg}. All rows would become one"
                raise UselessKey(msg)
            self.logger.warning("%s. An empty text stands for it", msg)
        if self.changed and not any(told_instant(row.get(self.changed)) for row in rows):
            has_it = any(self.changed in row for row in rows)
            what = f"an instant in {self.changed}" if has_it else self.changed
            msg = f"replication_key: no row of the first page has {what}; there are: {listed}"
            if not self.primary_keys:
                msg = f"{msg}. Without primary_keys, every run would double the rows"
                raise UselessKey(msg)
            self.logger.warning("%s. Every run reads all rows again", msg)

    def _answers(self, part: Part) -> Iterator[Page]:
        if self.operation.records:
            yield from super().pages(part)
            return
        answer = self.answer(part)
        record = {name: value for name, value in answer.items() if name != "requestId"}
        yield Page([record] if record else [], total=None, cursor=None, answer=answer)

    @override
    def listing(self) -> Iterator[Record]:
        for row in super().listing():
            if self.primary_keys and all(row.get(name) is None for name in self.primary_keys):
                self.report.unkeyed += 1
            else:
                yield row
        if self.report.unkeyed:
            # The bookmark stays: these rows must not lie behind it when the key has been mended.
            msg = (
                f"{self.report.unkeyed} rows have no {' and no '.join(self.primary_keys)}, which "
                "primary_keys names, and are left out"
            )
            raise UselessKey(msg)

    @override
    def records(self) -> Iterable[Record]:
        return super().records() if self.changed else self.listing()


def custom_streams(tap: TapGong, taken: Iterable[str]) -> Iterator[CustomStream]:
    """The streams that `custom_streams` declares.

    Args:
        tap: whose settings they are in.
        taken: names that they cannot have.

    Raises:
        SettingsError: one is declared twice, its path leads elsewhere, or its schema lacks a key.
    """
    names = set(taken)
    for declared in tap.config.get("custom_streams") or []:
        name, path = declared["name"], declared["path"]
        if name in names:
            msg = f"custom_streams: there is already a stream {name}; give it another name"
            raise SettingsError(msg)
        if not path.startswith("/") or path.startswith("//"):
            msg = f"custom_streams: path of {name} must begin with a slash, like /v2/calls"
            raise SettingsError(msg)
        if "{" in path:
            msg = f"custom_streams: path of {name} must be whole, without placeholders"
            raise SettingsError(msg)
        _check_schema(declared)
        if not tap.personal_data.is_kept:
            _check_marks(declared)
        names.add(name)
        yield CustomStream(tap, declared)


def _check_schema(declared: Mapping[str, Any]) -> None:
    """See whether a declared schema has the fields that the declaration names elsewhere.

    Raises:
        SettingsError: it lacks one, or what it says of a field is no schema.
    """
    schema = declared.get("schema")
    if not schema:
        return
    known = schema.get("properties", schema)
    if not isinstance(known, dict):
        known = schema
    odd = [name for name, told in known.items() if not isinstance(told, dict)]
    if odd:
        msg = (
            f"custom_streams: schema of {declared['name']} must have an object for {odd[0]}, such "
            f'as {{"type": "string"}}, not {known[odd[0]]!r}'
        )
        raise SettingsError(msg)
    keys = [(name, "primary_keys") for name in declared.get("primary_keys") or []]
    changed = declared.get("replication_key")
    for name, setting in [*keys, *([(changed, "replication_key")] if changed else [])]:
        if name not in known:
            stream = declared["name"]
            msg = f"custom_streams: schema of {stream} has no {name}, which {setting} names"
            raise SettingsError(msg)


def _check_marks(declared: Mapping[str, Any]) -> None:
    """See whether a declared schema tells what is personal.

    Raises:
        SettingsError: there is no schema, or it says of a field what means nothing.
    """
    stream, schema = declared["name"], declared.get("schema")
    if not schema:
        msg = (
            f"custom_streams: {stream} needs a schema, so that personal_data knows which fields "
            f'are personal: mark each with "{MARK}": "name" or the like; the others are kept'
        )
        raise SettingsError(msg)
    meaningful = (*PERSONAL, FREE, HARMLESS)
    for path, mark in marked_fields({"properties": schema.get("properties", schema)}):
        if mark not in meaningful:
            told = ", ".join(meaningful)
            msg = f"custom_streams: {MARK} of {'.'.join(path)} in {stream} must be one of {told}"
            raise SettingsError(msg)


def _method(declared: Mapping[str, Any]) -> str:
    """The verb of a declared stream, checked once more: another could destroy data.

    Raises:
        SettingsError: it is neither GET nor POST.
    """
    method = declared.get("method", "GET")
    if method not in {"GET", "POST"}:
        msg = f"custom_streams: method of {declared['name']} must be GET or POST, not {method!r}"
        raise SettingsError(msg)
    return str(method)


def _written(value: Any) -> str:
    """A parameter as a query has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _plain_path(path: str) -> str:
    """`$.calls[*]` and `calls` are the same."""
    return path.removeprefix("$").removeprefix(".").removesuffix("[*]")


def _filled(template: Any, instants: Mapping[str, str]) -> Any:
    """A template with `{start}` and `{end}` replaced in every text."""
    if isinstance(template, dict):
        return {name: _filled(value, instants) for name, value in template.items()}
    if isinstance(template, list):
        return [_filled(value, instants) for value in template]
    if isinstance(template, str):
        for name, value in instants.items():
            template = template.replace(name, value)
    return template
