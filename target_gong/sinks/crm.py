"""The generic CRM integration: itself, its fields, its objects (API: CRM)."""

from __future__ import annotations

import json
import math
import re
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from gong_api.command import RunStopped
from gong_api.errors import GongError, MissingScope, Refused, SettingsError
from target_gong.crm_upload import CrmUpload, EarlierUploads
from target_gong.fields import (
    DAY_OR_INSTANT,
    FLAG,
    ID,
    INSTANT,
    NUMBER,
    TEXT,
    WHOLE,
    Field,
    Understood,
    plain,
)
from target_gong.ledger import DONE, IN_DOUBT, PENDING
from target_gong.sink import GongBatchSink, GongSink, Rejected, Write, Writing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from target_gong.ledger import Row
    from target_gong.target import TargetGong

_INTEGRATIONS = "/v2/crm/integrations"
_SCHEMA = "/v2/crm/entity-schema"
_SCHEMA_TYPES = ("ACCOUNT", "CONTACT", "DEAL", "LEAD")
_TYPES = (
    *("DATE", "DATETIME", "NUMBER", "PERCENT", "CURRENCY", "ID", "URL", "STRING", "BOOLEAN"),
    *("PHONENUMBER", "EMAILADDRESS", "PICKLIST", "REFERENCE", "STRINGARRAY"),
)
_MILLISECONDS = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)\.\d+(Z|[+-]\d\d:?\d\d)?")
# The key of the integration.
_ONLY = "integration"
_OBJECT_ID = re.compile(r"[A-Za-z0-9-]{1,64}|[^@\s]+@[^@\s]+\.[^@\s]+")


class CustomFields:
    """Gong's schema of a type, as far as columns go.

    Args:
        names: of its fields; None if they are not known, and any column may be one.
    """

    def __init__(self, names: Iterable[str] | None) -> None:
        self._names = None if names is None else {name: name for name in names}
        self._by_plain = {plain(name): name for name in self._names or ()}

    def add(self, name: str) -> None:
        """There is one more."""
        if self._names is not None:
            self._names[name] = self._by_plain[plain(name)] = name

    def find(self, column: str) -> str | None:
        """The name of the field that a column is, in whatever case of letters."""
        if self._names is None:
            return column
        return self._names.get(column) or self._by_plain.get(plain(column))


def custom_fields(target: TargetGong, kind: str) -> CustomFields:
    """The schema of a type; read once.

    Raises:
        GongError: it cannot be read.
    """
    if kind not in _SCHEMA_TYPES:
        return CustomFields(())
    # A field that is on its way to the schema counts.
    target.drain_streams(CrmEntitySchemas)
    if kind not in target.crm_fields:
        target.crm_fields[kind] = CustomFields(_names_in_schema(target, kind))
    return target.crm_fields[kind]


def _names_in_schema(target: TargetGong, kind: str) -> list[str] | None:
    try:
        return list(_read_schema(target, kind))
    except MissingScope as error:
        target.logger.warning(
            "Whether the schema of %s has all columns is not checked, and Gong drops those that "
            "it has not: %s",
            kind,
            error,
        )
    except SettingsError:
        # The integration may be on its way.
        if not target.is_dry_run:
            raise
    return None


def _read_schema(target: TargetGong, kind: str) -> dict[str, dict[str, Any]]:
    params = {"integrationId": target.crm_integration_id, "objectType": kind}
    answer = target.client.request("GET", _SCHEMA, params=params)
    fields = map(_sendable, (answer.get("objectTypeToSelectedFields") or {}).get(kind) or [])
    return {field["uniqueName"]: field for field in fields}


def _not_registered(integration_id: str, registered: str) -> str:
    return f"integrationId {integration_id} is not the one that is registered, {registered}"


def _has_integration_changed(sink: Writing, row: Row) -> bool:
    """Whether what a row tells of may have gone with an integration that has ended since."""
    return sink.ledger.done_since(row, CrmIntegrations.stream, _ONLY)


class CrmIntegrations(GongSink):
    """The integration; a company has one at most."""

    stream = "crm_integrations"
    summary = "The generic CRM integration; `_sdc_deleted_at` deletes it and all its objects"
    operations = "PUT and DELETE /v2/crm/integrations"
    scope = "api:crm:integration:register"
    deletes = True
    local_fields = ("integrationId",)
    needs = ("ownerEmail", "name")
    fields = (
        Field("integrationId", ID),
        Field("ownerEmail"),
        Field("name"),
    )

    @override
    def key(self, body: dict[str, Any]) -> str:
        return _ONLY

    @override
    def check(self, write: Write) -> Iterable[str]:
        if not write.deletes:
            yield from self.missing(write)

    @override
    def is_settled(self, write: Write, last: Row | None) -> bool:
        is_known = last is not None and last.status == DONE and last.hash == write.hash
        if last is not None and is_known and not write.deletes and not self._is_there(last):
            return False
        return super().is_settled(write, last)

    def _is_there(self, row: Row) -> bool:
        """Whether Gong has the integration that was registered; it may be deleted elsewhere."""
        try:
            there = self._registered()
        except MissingScope as error:
            self.logger.warning("Whether the integration is still there is not checked: %s", error)
            return True
        return there is not None and str(there["integrationId"]) == row.answer.get("integrationId")

    @override
    def action(self, write: Write, done: Row | None) -> str:
        return "delete" if write.deletes else "register"

    @override
    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        if record.get("_sdc_deleted_at"):
            # What came before is the integration's that ends here.
            self._target.drain_streams(CrmEntitySchemas)
            self._target.drain_crm()
        super().process_record(record, context)

    @override
    def send(self, write: Write, row: Row, done: Row | None) -> dict[str, Any]:
        self._target.forget_crm_integration()
        if write.deletes:
            return self._delete(write, row)
        try:
            answer = self.client.request("PUT", _INTEGRATIONS, body=write.body)
        except Refused as error:
            there = self._registered() if error.status == 409 else None
            if there is None or any(there.get(name) != write.body[name] for name in write.body):
                raise
            _check_meant(write, there)
            return {"integrationId": str(there["integrationId"]), "existed": True}
        return {
            "integrationId": str(answer.get("integrationId")),
            "requestId": answer.get("requestId"),
        }

    def _registered(self) -> dict[str, Any] | None:
        found = self.client.request("GET", _INTEGRATIONS).get("integrations") or []
        return found[0] if found else None

    def _delete(self, write: Write, row: Row) -> dict[str, Any]:
        there = self._registered()
        if there is None:
            return {"existed": False}
        _check_meant(write, there)
        # The same id for the same deletion, should its answer be lost.
        request_id = f"delete-{row.id}-{row.hash[:16]}"
        params = {"integrationId": str(there["integrationId"]), "clientRequestId": request_id}
        try:
            answer = self.client.request("DELETE", _INTEGRATIONS, params=params)
        except Refused as error:
            if error.status != 409:
                raise
            return {"clientRequestId": request_id, "requestId": error.request_id}
        return {"clientRequestId": request_id, "requestId": answer.get("requestId")}


def _check_meant(write: Write, there: dict[str, Any]) -> None:
    """That a record is about the integration that there is."""
    meant, registered = write.local.get("integrationId"), str(there["integrationId"])
    if meant and meant != registered:
        raise Rejected(_not_registered(meant, registered))
    name = write.body.get("name")
    if name and name != there.get("name"):
        msg = f"name {name!r} is not the one that is registered, {there.get('name')!r}"
        raise Rejected(msg)


class CrmEntitySchemas(GongBatchSink):
    """Custom fields, a record for each; Gong wants all fields of a type at once."""

    stream = "crm_entity_schemas"
    summary = "A custom field of a type of object; the whole schema of the type is sent again"
    operations = "POST /v2/crm/entity-schema"
    scope = "api:crm:schema"
    deletes = True
    most = 5000
    local_fields = ("objectType", "integrationId")
    fields = (
        Field("objectType", required=True, choices=_SCHEMA_TYPES),
        Field("integrationId", ID),
        Field("uniqueName", required=True),
        Field("label", required=True),
        Field("type", required=True, choices=_TYPES),
        Field("lastModified", INSTANT),
        Field("isDeleted", FLAG),
        Field("referenceTo", choices=(*_SCHEMA_TYPES, "USER")),
        Field("orderedValueList", many=True),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._values: dict[tuple[str, str], list[str]] = {}

    @override
    def key(self, body: dict[str, Any]) -> str:
        return f"{body.get('objectType', '')}/{body.get('uniqueName', '')}".strip("/")

    @override
    def check(self, write: Write) -> Iterable[str]:
        kind = write.body.get("type")
        if kind == "PICKLIST" and not write.body.get("orderedValueList"):
            yield "orderedValueList is required for a PICKLIST"
        if kind == "REFERENCE" and not write.body.get("referenceTo"):
            yield "referenceTo is required for a REFERENCE"
        if write.body.get("isDeleted") and self.stream not in self.config["allow_destructive"]:
            yield f"isDeleted drops data; refused unless allow_destructive has {self.stream}"

    @override
    def group(self, write: Write) -> Any:
        return write.local["objectType"]

    @override
    def is_settled(self, write: Write, last: Row | None) -> bool:
        if last is not None and _has_integration_changed(self, last):
            return False
        return super().is_settled(write, last)

    @override
    def action(self, write: Write) -> str:
        return "delete" if write.deletes or write.body.get("isDeleted") else "set"

    @override
    def understand(self, record: dict[str, Any]) -> Write:
        write = super().understand(record)
        values = write.body.get("orderedValueList")
        if values:
            # Kept even if the record was sent before: Gong does not always tell them.
            self._values[write.local["objectType"], write.body["uniqueName"]] = values
        return write

    @override
    def would(self, action: str, write: Write) -> None:
        super().would(action, write)
        kind = write.local["objectType"]
        fields = self._target.crm_fields.setdefault(
            kind, CustomFields(_names_in_schema(self._target, kind))
        )
        fields.add(write.body["uniqueName"])

    @override
    def send_all(self, writes: Sequence[Write], rows: Sequence[Row]) -> None:
        kind = writes[0].local["objectType"]
        self._target.crm_fields.pop(kind, None)
        try:
            integration_id = self._target.crm_integration_id
            held = _read_schema(self._target, kind)
        except GongError as error:
            self.settle_failures(rows, error)
            return
        kept, refused = [], []
        for write, row in zip(writes, rows, strict=True):
            fault = self._fault(write, integration_id, held)
            if fault:
                refused.append((row, fault))
            else:
                kept.append((write, row))
        try:
            if kept:
                self._send_whole(kind, kept, held)
        finally:
            self.settle_refused(refused)

    def _fault(
        self, write: Write, integration_id: str, held: dict[str, dict[str, Any]]
    ) -> str | None:
        """What keeps a field from being sent: it is meant for another place, or drops data."""
        meant = write.local.get("integrationId")
        if meant and meant != integration_id:
            return _not_registered(meant, integration_id)
        before = held.get(write.body["uniqueName"], {}).get("type")
        may_destroy = self.stream in self.config["allow_destructive"]
        if before and before != write.body["type"] and not may_destroy:
            return (
                f"type would change from {before} to {write.body['type']}, which drops the "
                f"field's data; refused unless allow_destructive has {self.stream}"
            )
        return None

    def _send_whole(
        self, kind: str, kept: Sequence[tuple[Write, Row]], held: dict[str, dict[str, Any]]
    ) -> None:
        whole = dict(held)
        for write, _ in kept:
            field = {name: _without_milliseconds(value) for name, value in write.body.items()}
            gone = {"isDeleted": True} if write.deletes else {}
            whole[write.body["uniqueName"]] = {**field, **gone}
        untold = []
        for name, field in whole.items():
            if field.get("type") == "PICKLIST" and not field.get("orderedValueList"):
                values = self._values.get((kind, name))
                untold += [] if values or field.get("isDeleted") else [name]
                whole[name] = {**field, **({"orderedValueList": values} if values else {})}
        rows = [row for _, row in kept]
        if untold:
            text = (
                f"the schema of {kind} must be sent whole, and Gong does not tell the values of "
                f"the picklist {', '.join(untold)}; send a record of it with its orderedValueList "
                "before this one"
            )
            self.settle_refused([(row, text) for row in rows])
            return
        params = {"integrationId": self._target.crm_integration_id, "objectType": kind}
        try:
            answer = self.client.request("POST", _SCHEMA, params=params, body=list(whole.values()))
        except GongError as error:
            self.settle_failures(rows, error)
            return
        self.settle(rows, requestId=answer.get("requestId"))


class CrmObjects(Writing):
    """Objects of a type, gathered into files and uploaded.

    Attributes:
        object_type: Gong's name for the type.
        order: references point to types of a lower order, which are uploaded first.
    """

    operations = "POST /v2/crm/entities, GET /v2/crm/request-status"
    scope = "api:crm:upload"
    deletes = True
    object_type: ClassVar[str]
    order: ClassVar[int]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._upload: CrmUpload | None = None
        self._earlier = EarlierUploads(self._target, self.stream)

    @override
    def key(self, body: dict[str, Any]) -> str:
        return str(body.get("objectId", ""))

    @override
    def take_extra(self, understood: Understood) -> None:
        # Columns beyond Gong's own are custom fields of the schema.
        if not understood.extra:
            return
        custom = self._custom_fields()
        for column, value in understood.extra.items():
            name = custom.find(column)
            if name is not None:
                understood.body[name] = _plain(value)
            elif self.config["extra_columns"] != "ignore":
                understood.problems.append(self._no_field(column))
            elif column not in self._warned_of:
                self._warned_of.add(column)
                self.logger.warning("%s: %s; ignored", self.stream, self._no_field(column))

    def _custom_fields(self) -> CustomFields:
        try:
            return custom_fields(self._target, self.object_type)
        except GongError as error:
            raise RunStopped(error) from error

    def _no_field(self, column: str) -> str:
        if self.object_type not in _SCHEMA_TYPES:
            return f"Gong has no field {column} for it"
        return (
            f"the schema of {self.object_type} in Gong has no field {column}; send a record of "
            "crm_entity_schemas first"
        )

    @override
    def check(self, write: Write) -> Iterable[str]:
        if write.key and not _OBJECT_ID.fullmatch(write.key):
            yield "objectId may have letters, digits and -, 64 at most, or be an e-mail address"
        for name, value in write.body.items():
            if any(_is_no_number(one) for one in (value if isinstance(value, list) else [value])):
                yield f"{name} must be a number, not {value}"
        if not write.deletes and not write.body.get("isDeleted"):
            yield from self.missing(write)
        is_allowed = self.stream in self.config["allow_destructive"]
        if write.body.get("isDeleted") and not write.deletes and not is_allowed:
            yield f"isDeleted deletes, which is refused unless allow_destructive has {self.stream}"

    @override
    def understand(self, record: dict[str, Any]) -> Write:
        deleted_at = record.get("_sdc_deleted_at")
        if deleted_at and self.object_type != "STAGE":
            names = {plain(name) for name, value in record.items() if value}
            if "modifieddate" not in names:
                record = {**record, "modifiedDate": deleted_at}
        write = super().understand(record)
        body = {name: _without_milliseconds(value) for name, value in write.body.items()}
        if write.deletes or body.get("isDeleted"):
            return Write(write.key, {**body, "isDeleted": True}, deletes=True)
        return Write(write.key, {**self._emptied(record), **body})

    def _emptied(self, record: dict[str, Any]) -> dict[str, None]:
        """Fields that a record gives as null, which empties them."""
        columns = [c for c, value in record.items() if value is None and not c.startswith("_sdc_")]
        declared = {plain(field.name): field.name for field in self.fields}
        known = [declared[plain(column)] for column in columns if plain(column) in declared]
        others = [column for column in columns if plain(column) not in declared]
        if others:
            custom = self._custom_fields()
            known += [name for column in others if (name := custom.find(column))]
        return {name: None for name in known if name != "isDeleted"}

    @override
    def is_settled(self, write: Write, last: Row | None) -> bool:
        if last is not None and _has_integration_changed(self, last):
            return False
        return super().is_settled(write, last)

    @override
    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        try:
            write = self.understand(record)
        except Rejected as error:
            self.reject(record, error)
            return
        last = self.ledger.last(self.stream, write.key)
        if self.is_settled(write, last):
            return
        if self._target.is_dry_run:
            self.would("upload", write)
            return
        if last is not None and last.status == PENDING and last.hash == write.hash:
            return
        if last is not None and last.status == IN_DOUBT and self._earlier.took(last):
            last = self.ledger.done(last)
            self.was_done(write.key)
            if last.hash == write.hash:
                return
        line = json.dumps(write.body, ensure_ascii=False, default=float).encode() + b"\n"
        upload = self._upload
        # Gong takes one version of an object in a file.
        if upload is not None and (upload.holds(last) or not upload.has_room(line)):
            self._target.drain_crm(self.order)
            last = self.ledger.last(self.stream, write.key)
        if self._upload is None:
            self._upload = CrmUpload(self._target, self.stream, self.object_type)
        self._upload.add(write.key, write.hash, line, last)

    @property
    @override
    def max_size(self) -> int:
        # The size of the file decides, not the number of records.
        return sys.maxsize

    @override
    def process_batch(self, context: dict[str, Any]) -> None:
        self._target.drain_streams(CrmEntitySchemas)
        # The SDK drains in the order in which streams came.
        self._target.drain_crm(self.order)

    def flush(self) -> None:
        """Upload what has been gathered."""
        upload, self._upload = self._upload, None
        if upload is not None:
            upload.send()


class CrmBusinessUsers(CrmObjects):
    """Owners of deals, matched with Gong's users by their e-mail addresses."""

    stream = "crm_business_users"
    summary = "A CRM user, matched with Gong's by e-mail address"
    object_type = "BUSINESS_USER"
    order = 0
    needs = ("emailAddress",)
    fields = (
        Field("objectId", ID, required=True),
        Field("modifiedDate", INSTANT, required=True),
        Field("isDeleted", FLAG),
        Field("url"),
        Field("emailAddress"),
    )


class CrmStages(CrmObjects):
    """Stages of deals."""

    stream = "crm_stages"
    summary = "A stage that deals go through"
    object_type = "STAGE"
    order = 1
    needs = ("name",)
    fields = (
        Field("objectId", ID, required=True),
        Field("name"),
        Field("isActive", FLAG),
        Field("sortOrder", WHOLE),
        Field("modifiedDate", INSTANT),
        Field("isDeleted", FLAG),
        Field("url"),
    )


_OBJECT = (
    Field("objectId", ID, required=True),
    Field("modifiedDate", INSTANT, required=True),
    Field("isDeleted", FLAG),
    Field("url"),
)
_PERSON = (
    Field("emailAddress"),
    Field("firstName"),
    Field("lastName"),
    Field("title"),
    Field("phoneNumber"),
)


class CrmAccounts(CrmObjects):
    """Accounts."""

    stream = "crm_accounts"
    summary = "An account; further columns are custom fields"
    object_type = "ACCOUNT"
    order = 2
    fields = (*_OBJECT, Field("name"), Field("domains", TEXT, many=True))


class CrmContacts(CrmObjects):
    """Contacts."""

    stream = "crm_contacts"
    summary = "A contact; further columns are custom fields"
    object_type = "CONTACT"
    order = 3
    fields = (*_OBJECT, Field("accountId", ID), *_PERSON)


class CrmLeads(CrmObjects):
    """Leads."""

    stream = "crm_leads"
    summary = "A lead; further columns are custom fields"
    object_type = "LEAD"
    order = 4
    fields = (
        *_OBJECT,
        *_PERSON,
        Field("convertedToDealId", ID),
        Field("convertedToContactId", ID),
        Field("convertedToAccountId", ID),
    )


class CrmDeals(CrmObjects):
    """Deals."""

    stream = "crm_deals"
    summary = "A deal; further columns are custom fields"
    object_type = "DEAL"
    order = 5
    fields = (
        *_OBJECT,
        Field("accountId", ID),
        Field("ownerId", ID),
        Field("name"),
        Field("createdDate", INSTANT),
        Field("closeDate", DAY_OR_INSTANT),
        Field("status", choices=("OPEN", "WON", "LOST")),
        Field("stage", ID),
        Field("amount", NUMBER),
    )


def _is_no_number(value: Any) -> bool:
    return isinstance(value, (float, Decimal)) and not math.isfinite(value)


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _without_milliseconds(value: Any) -> Any:
    """Gong takes dates without milliseconds alone."""
    found = _MILLISECONDS.fullmatch(value) if isinstance(value, str) else None
    return f"{found[1]}{found[2] or ''}" if found else value


def _sendable(field: dict[str, Any]) -> dict[str, Any]:
    """A field of the schema as Gong told it, so that it can be sent back."""
    name = field.get("uniqueName") or field.get("name")
    told = {k: _without_milliseconds(v) for k, v in field.items() if v is not None and k != "name"}
    return {**told, "uniqueName": name}
