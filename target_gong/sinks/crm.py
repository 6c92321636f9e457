"""The generic CRM integration: itself, its fields, its objects (API: CRM)."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from gong_api.errors import GongError, Refused
from target_gong.crm_upload import CrmUpload, EarlierUploads
from target_gong.fields import FLAG, ID, INSTANT, NUMBER, TEXT, WHOLE, Field, Understood
from target_gong.ledger import IN_DOUBT, PENDING
from target_gong.sink import GongBatchSink, GongSink, Rejected, Write, Writing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from target_gong.ledger import Row

_INTEGRATIONS = "/v2/crm/integrations"
_SCHEMA = "/v2/crm/entity-schema"
_TYPES = (
    *("DATE", "DATETIME", "NUMBER", "PERCENT", "CURRENCY", "ID", "URL", "STRING", "BOOLEAN"),
    *("PHONENUMBER", "EMAILADDRESS", "PICKLIST", "REFERENCE", "STRINGARRAY"),
)
_MILLISECONDS = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)\.\d+(Z|[+-]\d\d:?\d\d)?")
_OBJECT_ID = re.compile(r"[A-Za-z0-9-]{1,64}|[^@\s]+@[^@\s]+\.[^@\s]+")


class CrmIntegrations(GongSink):
    """The integration; a company has one at most."""

    stream = "crm_integrations"
    summary = "The generic CRM integration; `_sdc_deleted_at` deletes it and all its objects"
    operations = "PUT and DELETE /v2/crm/integrations"
    scope = "api:crm:integration:register"
    deletes = True
    local_fields = ("integrationId",)
    fields = (
        Field("integrationId", ID),
        Field("ownerEmail"),
        Field("name"),
    )

    @override
    def key(self, body: dict[str, Any]) -> str:
        return "integration"

    @override
    def check(self, write: Write) -> Iterable[str]:
        if not write.deletes:
            for name in ("ownerEmail", "name"):
                if not write.body.get(name):
                    yield f"{name} is required"

    @override
    def action(self, write: Write, done: Row | None) -> str:
        return "delete" if write.deletes else "register"

    @override
    def send(self, write: Write, row: Row, done: Row | None) -> dict[str, Any]:
        self._target.forget_crm_integration()
        if write.deletes:
            return self._delete(row)
        try:
            answer = self.client.request("PUT", _INTEGRATIONS, body=write.body)
        except Refused as error:
            there = self._registered() if error.status == 409 else None
            if there is None or any(there.get(name) != write.body[name] for name in write.body):
                raise
            return {"integrationId": str(there["integrationId"]), "existed": True}
        return {
            "integrationId": str(answer.get("integrationId")),
            "requestId": answer.get("requestId"),
        }

    def _registered(self) -> dict[str, Any] | None:
        found = self.client.request("GET", _INTEGRATIONS).get("integrations") or []
        return found[0] if found else None

    def _delete(self, row: Row) -> dict[str, Any]:
        there = self._registered()
        if there is None:
            return {"existed": False}
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
        Field("objectType", required=True, choices=("ACCOUNT", "CONTACT", "DEAL", "LEAD")),
        Field("integrationId", ID),
        Field("uniqueName", required=True),
        Field("label", required=True),
        Field("type", required=True, choices=_TYPES),
        Field("lastModified", INSTANT),
        Field("isDeleted", FLAG),
        Field("referenceTo", choices=("ACCOUNT", "CONTACT", "DEAL", "LEAD", "USER")),
        Field("orderedValueList", many=True),
    )

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
    def action(self, write: Write) -> str:
        return "delete" if write.deletes else "set"

    @override
    def send_all(self, writes: Sequence[Write], rows: Sequence[Row]) -> None:
        kind = writes[0].local["objectType"]
        try:
            params = {"integrationId": self._target.crm_integration_id, "objectType": kind}
            held = self.client.request("GET", _SCHEMA, params=params)
            fields = (held.get("objectTypeToSelectedFields") or {}).get(kind) or []
            whole = {f.get("uniqueName") or f.get("name"): _sendable(f) for f in fields}
            kept = self._without_data_loss(writes, rows, whole)
            for write, _ in kept:
                field = {**write.body, **({"isDeleted": True} if write.deletes else {})}
                whole[write.body["uniqueName"]] = field
            if not kept:
                return
            answer = self.client.request("POST", _SCHEMA, params=params, body=list(whole.values()))
        except GongError as error:
            self.settle_failures(rows, error)
            return
        self.settle([row for _, row in kept], requestId=answer.get("requestId"))

    def _without_data_loss(
        self, writes: Sequence[Write], rows: Sequence[Row], held: dict[str, dict[str, Any]]
    ) -> list[tuple[Write, Row]]:
        """Those that drop no data; the others are refused unless that is allowed."""
        kept = []
        may_destroy = self.stream in self.config["allow_destructive"]
        for write, row in zip(writes, rows, strict=True):
            before = held.get(write.body["uniqueName"], {}).get("type")
            if before and before != write.body["type"] and not may_destroy:
                text = (
                    f"type would change from {before} to {write.body['type']}, which drops the "
                    f"field's data; refused unless allow_destructive has {self.stream}"
                )
                self.ledger.failed(row, text)
                self._target.fail(f"{self.stream} {write.key}: {text}")
            else:
                kept.append((write, row))
        return kept


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
        understood.body.update({name: _plain(value) for name, value in understood.extra.items()})

    @override
    def check(self, write: Write) -> Iterable[str]:
        if write.key and not _OBJECT_ID.fullmatch(write.key):
            yield "objectId may have letters, digits and -, 64 at most, or be an e-mail address"

    @override
    def understand(self, record: dict[str, Any]) -> Write:
        deleted_at = record.get("_sdc_deleted_at")
        if deleted_at and self.object_type != "STAGE":
            names = {name.replace("_", "").lower() for name, value in record.items() if value}
            if "modifieddate" not in names:
                record = {**record, "modifiedDate": deleted_at}
        write = super().understand(record)
        body = {name: _without_milliseconds(value) for name, value in write.body.items()}
        if write.deletes:
            body["isDeleted"] = True
        return Write(write.key, body, deletes=write.deletes)

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
            self._target.tally.done += 1
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
    fields = (
        Field("objectId", ID, required=True),
        Field("modifiedDate", INSTANT, required=True),
        Field("isDeleted", FLAG),
        Field("url"),
        Field("emailAddress"),
    )

    @override
    def check(self, write: Write) -> Iterable[str]:
        yield from super().check(write)
        is_gone = write.deletes or write.body.get("isDeleted")
        if not is_gone and not write.body.get("emailAddress"):
            yield "emailAddress is required"


class CrmStages(CrmObjects):
    """Stages of deals."""

    stream = "crm_stages"
    summary = "A stage that deals go through"
    object_type = "STAGE"
    order = 1
    fields = (
        Field("objectId", ID, required=True),
        Field("name", required=True),
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
        Field("closeDate", INSTANT),
        Field("status", choices=("OPEN", "WON", "LOST")),
        Field("stage", ID),
        Field("amount", NUMBER),
    )


def _plain(value: Any) -> Any:
    return float(value) if type(value).__name__ == "Decimal" else value


def _without_milliseconds(value: Any) -> Any:
    """Gong takes dates without milliseconds alone."""
    found = _MILLISECONDS.fullmatch(value) if isinstance(value, str) else None
    return f"{found[1]}{found[2] or ''}" if found else value


def _sendable(field: dict[str, Any]) -> dict[str, Any]:
    """A field of the schema as Gong told it, so that it can be sent back."""
    name = field.get("uniqueName") or field.get("name")
    told = {k: v for k, v in field.items() if v is not None and k != "name"}
    return {**told, "uniqueName": name}
