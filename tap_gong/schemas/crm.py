"""The generic CRM integration (API: CRM)."""

from __future__ import annotations

from tap_gong.schemas.types import (
    EMAIL,
    FLAG,
    ID,
    INSTANT,
    OPEN_CRM,
    TEXT,
    field,
    listed,
    record,
)

CRM_INTEGRATION = record(
    field("integrationId", ID, "The integration's id"),
    field("name", TEXT, "Name"),
    field("ownerEmail", EMAIL, "E-mail address of its owner"),
)

CRM_ENTITY_SCHEMA = record(
    field("integrationId", ID, "The integration"),
    field("objectType", TEXT, "ACCOUNT, CONTACT, DEAL or LEAD"),
    field("uniqueName", TEXT, "The field's name"),
    field("name", TEXT, "The field's name, where Gong calls it that"),
    field("label", TEXT, "How the field is shown"),
    field("type", TEXT, "STRING, NUMBER, DATE, PICKLIST, REFERENCE and others"),
    field("lastModified", INSTANT, "When it last changed"),
    field("isDeleted", FLAG, "No longer in use"),
    field("referenceTo", TEXT, "Type of the object it refers to"),
    field("orderedValueList", listed(TEXT), "Values of a picklist"),
)

CRM_OBJECT = record(
    field("integrationId", ID, "The integration"),
    field("objectType", TEXT, "ACCOUNT, CONTACT, DEAL or LEAD"),
    field("objectId", ID, "Id of the object in the CRM"),
    field("fields", OPEN_CRM, "Field -> value, as Gong holds them"),
)
