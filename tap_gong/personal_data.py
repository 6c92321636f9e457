"""What becomes of personal data: the setting `personal_data`, on a record's last step.

Which fields hold some is declared with the fields, in `tap_gong.schemas`. Streams read and join the
real values; what is made of them here comes last, before stream maps. What nobody has declared
could hold anything, and goes.
"""

from __future__ import annotations

import functools
import hmac
import logging
import re
import unicodedata
from typing import TYPE_CHECKING, Any

from gong_api.errors import SettingsError
from tap_gong.crm_values import is_person, is_personal
from tap_gong.schemas.types import CRM, KNOWN, MARK, PERSONAL, UNDECLARED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    # A field's value and the object that holds it -> the value to write, or _GONE.
    _Treatment = Callable[[Any, Mapping[str, Any]], Any]

logger = logging.getLogger("tap-gong")

KEEP, HASH, DROP = "keep", "hash", "drop"
_GONE = object()
_SHORTEST_SALT = 16
# 128 bits: no two values of any company share one.
_HASH_LENGTH = 32
_PHONE = re.compile(r"\+?\d[\d\s().\-/]{4,}\d")
_BETWEEN_DIGITS = re.compile(r"[^\d+]")


class PersonalData:
    """How personal data is treated.

    Args:
        choice: keep, hash or drop.
        salt: what makes hashes ours, empty for none.
        makeshift: a secret that stands in for the salt where only a key needs one.

    Raises:
        SettingsError: there is no salt to hash with.
    """

    def __init__(self, choice: str, salt: str, makeshift: str = "") -> None:
        if choice == HASH and not salt:
            msg = (
                "personal_data_salt is not set, and needed for personal_data: hash: set it to a "
                "long random text, keep it secret and never change it, since the hashes change "
                "with it"
            )
            raise SettingsError(msg)
        self._choice = choice
        self._has_salt = bool(salt)
        self._salt = (salt or makeshift).encode()
        if choice != KEEP and salt and len(salt) < _SHORTEST_SALT:
            logger.warning(
                "personal_data_salt is short: who guesses it can find out who is behind a hash; "
                "%d random characters or more are safe",
                _SHORTEST_SALT,
            )
        self._hash = functools.lru_cache(maxsize=10_000)(self._hash_of)

    @classmethod
    def chosen(cls, settings: Mapping[str, Any]) -> PersonalData:
        """As the settings say.

        Raises:
            SettingsError: there is no salt to hash with.
        """
        secrets = (settings.get("access_key_secret"), settings.get("client_secret"))
        makeshift = next((str(secret) for secret in secrets if secret), settings["api_url"])
        return cls(
            settings.get("personal_data") or KEEP,
            settings.get("personal_data_salt") or "",
            makeshift,
        )

    @property
    def is_kept(self) -> bool:
        """Whether nothing is to be done."""
        return self._choice == KEEP

    def hashed(self, value: Any) -> Any:
        """A value's hash: the same for the same value, in each stream and each run.

        Null stays null and an empty text empty; in lists and objects, each value is hashed alone.
        """
        if isinstance(value, list):
            return [self.hashed(item) for item in value]
        if isinstance(value, dict):
            return {name: self.hashed(item) for name, item in value.items()}
        if value is None:
            return None
        return self._hash(str(value).lower() if isinstance(value, bool) else str(value))

    def label(self, name: str) -> str:
        """What stands for a name inside a text that is made of it; empty for nothing."""
        if self.is_kept:
            return name
        return str(self.hashed(name)) if self._choice == HASH else ""

    def _hash_of(self, text: str) -> str:
        normal = unicodedata.normalize("NFC", text).strip().casefold()
        if _PHONE.fullmatch(normal):
            normal = _BETWEEN_DIGITS.sub("", normal)
        if not normal:
            return ""
        # JSON may hold half of a pair of surrogates.
        content = normal.encode(errors="surrogatepass")
        return hmac.digest(self._salt, content, "sha256").hex()[:_HASH_LENGTH]

    def hashed_without_salt(self, schema: Mapping[str, Any], keys: Collection[str]) -> bool:
        """Whether part of a stream's key is hashed, and no salt of its own to do it with."""
        if self.is_kept or self._has_salt:
            return False
        return any(_mark(schema["properties"].get(key, {})) in PERSONAL for key in keys)

    def of_records(
        self, schema: Mapping[str, Any], keys: Collection[str]
    ) -> Callable[[dict[str, Any]], dict[str, Any]] | None:
        """Compile a stream's schema, with its marks, into what makes of a record what may leave.

        Args:
            schema: as it is declared.
            keys: fields that are never dropped.

        Returns:
            The treatment, which leaves the record given as it is; None where nothing is to be done.
        """
        if self.is_kept:
            return None
        treat = self._object(schema, keys)
        return lambda record: treat(record, record)

    def _field(self, schema: Mapping[str, Any], *, is_key: bool = False) -> _Treatment:
        mark = schema.get(MARK)
        if mark is not None:
            return self._marked(mark, schema, is_key=is_key)
        if "items" in schema:
            return _each(self._field(schema["items"], is_key=is_key))
        if schema.get("properties"):
            return self._object(schema)
        is_open = "object" in schema.get("type", ())
        return self._undeclared(frozenset()) if is_open else _plain

    def _marked(self, mark: str, schema: Mapping[str, Any], *, is_key: bool) -> _Treatment:
        if mark in PERSONAL:
            return self._personal(is_key=is_key)
        if mark == CRM:
            return self._crm
        return self._undeclared(frozenset(schema[KNOWN])) if mark == UNDECLARED else _as_it_is

    def _personal(self, *, is_key: bool = False) -> _Treatment:
        if self._choice == DROP and not is_key:
            return _gone
        return lambda value, _: self.hashed(value)

    def _object(self, schema: Mapping[str, Any], keys: Collection[str] = ()) -> _Treatment:
        declared = schema["properties"]
        fields = {name: self._field(prop, is_key=name in keys) for name, prop in declared.items()}
        fields = {name: treat for name, treat in fields.items() if treat is not _gone}
        if not fields:
            return _gone

        def treated(value: Any, _: Mapping[str, Any]) -> Any:
            if value is None:
                return None
            if not isinstance(value, dict):
                return _GONE
            found = (
                (name, fields[name](part, value)) for name, part in value.items() if name in fields
            )
            return {name: part for name, part in found if part is not _GONE}

        return treated

    def _undeclared(self, harmless: frozenset[str]) -> _Treatment:
        """Of an object with names that nobody has declared, all but harmless values."""
        personal = self._personal()

        def treated(value: Any, _: Mapping[str, Any]) -> Any:
            if value is None:
                return None
            if not isinstance(value, dict):
                return _GONE
            found = {
                name: part
                if name in harmless and not isinstance(part, (dict, list))
                else personal(part, value)
                for name, part in value.items()
            }
            return {name: part for name, part in found.items() if part is not _GONE}

        return treated

    def _crm(self, value: Any, holder: Mapping[str, Any]) -> Any:
        """Fields of a CRM object, by their names or as a list of names and values."""
        if isinstance(value, dict):
            return dict(self._crm_fields(holder.get("objectType"), value))
        if isinstance(value, list):
            pairs = [
                (str(pair.get("name") or ""), pair) for pair in value if isinstance(pair, dict)
            ]
            of_person = is_person(holder.get("objectType"), (name for name, _ in pairs))
            kept = [self._crm_pair(name, pair, of_person=of_person) for name, pair in pairs]
            return [pair for pair in kept if pair is not None]
        return None if value is None else _GONE

    def _crm_fields(self, object_type: Any, fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        of_person = is_person(object_type, fields)
        for name, value in fields.items():
            if not is_personal(name, value, of_person=of_person):
                yield name, value
            elif self._choice == HASH:
                yield name, self.hashed(value)

    def _crm_pair(
        self, name: str, pair: Mapping[str, Any], *, of_person: bool
    ) -> dict[str, Any] | None:
        told = {part: pair[part] for part in ("name", "value") if part in pair}
        if not is_personal(name, pair.get("value"), of_person=of_person):
            return told
        return {**told, "value": self.hashed(pair["value"])} if self._choice == HASH else None

    def schema(
        self, schema: Mapping[str, Any], declared: Mapping[str, Any], keys: Collection[str]
    ) -> dict[str, Any]:
        """The schema of a stream's records when they have been treated.

        Args:
            schema: of what is selected, as the catalog has it, which knows no marks.
            declared: the same with its marks.
            keys: fields that are never dropped.
        """
        if self.is_kept:
            return {**schema}
        properties = {}
        for name, prop in schema.get("properties", {}).items():
            known = declared["properties"].get(name)
            treated = None if known is None else self._schema_of(prop, known, is_key=name in keys)
            if treated is not None:
                properties[name] = treated
        required = [name for name in schema.get("required", ()) if name in properties]
        told = {name: part for name, part in schema.items() if name != "required"}
        return {**told, "properties": properties, **({"required": required} if required else {})}

    def _schema_of(
        self, schema: Mapping[str, Any], declared: Mapping[str, Any], *, is_key: bool
    ) -> dict[str, Any] | None:
        mark = declared.get(MARK)
        if mark in PERSONAL:
            return _of_hashes(schema) if self._choice == HASH or is_key else None
        if mark is not None:
            return {**schema}
        if "items" in declared and "items" in schema:
            items = self._schema_of(schema["items"], declared["items"], is_key=is_key)
            return None if items is None else {**schema, "items": items}
        if declared.get("properties") and "properties" in schema:
            treated = self.schema(schema, declared, ())
            return treated if treated["properties"] else None
        return {**schema}


def marked_fields(
    schema: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Paths and marks of all fields of a schema that have one; lists add nothing to the path."""
    mark = _mark(schema)
    if mark is not None:
        yield path, mark
        return
    while "items" in schema:
        schema = schema["items"]
    for name, prop in schema.get("properties", {}).items():
        yield from marked_fields(prop, (*path, name))


def _mark(schema: Mapping[str, Any]) -> str | None:
    """What a field's declaration says of it, or of the values that it lists."""
    while MARK not in schema and "items" in schema:
        schema = schema["items"]
    mark: str | None = schema.get(MARK)
    return mark


def _of_hashes(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a value when it has been hashed."""
    if "items" in schema:
        return {**schema, "items": _of_hashes(schema["items"])}
    if schema.get("properties"):
        hashes = {name: _of_hashes(prop) for name, prop in schema["properties"].items()}
        return {**schema, "properties": hashes}
    if "object" in schema.get("type", ()):
        return {**schema}
    told = {name: schema[name] for name in ("title", "description") if name in schema}
    return {"type": ["string", "null"], **told}


def _gone(value: Any, holder: Mapping[str, Any]) -> Any:  # noqa: ARG001
    return _GONE


def _as_it_is(value: Any, holder: Mapping[str, Any]) -> Any:  # noqa: ARG001
    return value


def _plain(value: Any, holder: Mapping[str, Any]) -> Any:  # noqa: ARG001
    """A plain value where one was declared; what else comes, nobody has looked at."""
    return _GONE if isinstance(value, (dict, list)) else value


def _each(treat: _Treatment) -> _Treatment:
    if treat is _gone:
        return _gone

    def treated(value: Any, holder: Mapping[str, Any]) -> Any:
        if not isinstance(value, list):
            return treat(value, holder)
        parts = (treat(part, holder) for part in value)
        return [part for part in parts if part is not _GONE]

    return treated
