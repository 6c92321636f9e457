"""The generic CRM integration (API: CRM)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from tap_gong.nested import object_in, objects_in
from tap_gong.operations import CRM_ENTITIES, CRM_ENTITY_SCHEMA, CRM_INTEGRATIONS
from tap_gong.run import chunks
from tap_gong.schemas.crm import CRM_ENTITY_SCHEMA as ENTITY_SCHEMA
from tap_gong.schemas.crm import CRM_INTEGRATION, CRM_OBJECT
from tap_gong.stream import GongStream, Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from singer_sdk.helpers.types import Record

_OBJECT_TYPES = ("ACCOUNT", "CONTACT", "DEAL", "LEAD")


class CrmIntegrations(GongStream):
    """The generic CRM integration; a company has one at most."""

    name = "crm_integrations"
    summary = "The generic CRM integration"
    operation = CRM_INTEGRATIONS
    primary_keys: ClassVar[list[str]] = ["integrationId"]
    schema = CRM_INTEGRATION
    shared = "crm_integrations"
    ids_may_be_numbers = True
    selected_by_default = False


class CrmEntitySchemas(GongStream):
    """A row for each field of each type of object that the CRM has."""

    name = "crm_entity_schemas"
    summary = "Fields of CRM objects; a request for each of the four types"
    operation = CRM_ENTITY_SCHEMA
    primary_keys: ClassVar[list[str]] = ["objectType", "uniqueName"]
    schema = ENTITY_SCHEMA
    is_list = False
    selected_by_default = False

    @override
    def parts(self) -> Iterable[Part]:
        for integration in self._tap.lists.crm_integration_ids:
            for kind in _OBJECT_TYPES:
                yield Part(
                    params={"integrationId": integration, "objectType": kind},
                    stamp={"integrationId": integration},
                )

    @override
    def records(self) -> Iterable[Record]:
        return self.each_part(self._fields)

    def _fields(self, part: Part) -> Iterator[Record]:
        fields = object_in(self.answer(part), self.operation.records)
        for kind in fields:
            for row in objects_in(fields, kind):
                # Gong's example calls the name `name`.
                name = row.get("uniqueName") or row.get("name")
                yield {**row, **part.stamp, "objectType": kind, "uniqueName": name}


class CrmObjects(GongStream):
    """CRM objects as Gong holds them, those that `crm_object_ids` names."""

    name = "crm_objects"
    summary = "The CRM objects of `crm_object_ids`; 4 requests for 100 ids"
    operation = CRM_ENTITIES
    primary_keys: ClassVar[list[str]] = ["objectType", "objectId"]
    schema = CRM_OBJECT
    is_list = False
    selected_by_default = False

    @override
    def parts(self) -> Iterable[Part]:
        wanted = self.config.get("crm_object_ids") or []
        for integration in self._tap.lists.crm_integration_ids if wanted else []:
            for kind in _OBJECT_TYPES:
                for ids in chunks(wanted):
                    # The document has the ids in the query; Gong wants them in the body.
                    yield Part(
                        params={
                            "integrationId": integration,
                            "objectType": kind,
                            "objectsCrmIds": ids,
                        },
                        body=ids,
                        stamp={"integrationId": integration, "objectType": kind},
                    )

    @override
    def records(self) -> Iterable[Record]:
        return self.each_part(self._objects)

    def _objects(self, part: Part) -> Iterator[Record]:
        objects = object_in(self.answer(part), self.operation.records)
        for object_id, fields in objects.items():
            if fields is not None:
                yield {"objectId": object_id, "fields": fields, **part.stamp}
