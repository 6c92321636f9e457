"""Every stream that the target accepts, in the order of the API's table of contents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_gong.sinks import crm, engagement
from target_gong.sinks.access import CallUserAccess
from target_gong.sinks.calls import CallMedia, Calls
from target_gong.sinks.engage import FlowAssignments, FlowUnassignments, Tasks
from target_gong.sinks.integration_settings import IntegrationSettings
from target_gong.sinks.meetings import Meetings
from target_gong.sinks.permissions import PermissionProfiles
from target_gong.sinks.privacy import ErasedEmailAddresses, ErasedPhoneNumbers
from target_gong.sinks.raw_requests import Requests

if TYPE_CHECKING:
    from target_gong.sink import Writing

_ALL: tuple[type[Writing], ...] = (
    Calls,
    CallMedia,
    PermissionProfiles,
    CallUserAccess,
    Meetings,
    engagement.ContentViewedEvents,
    engagement.ContentSharedEvents,
    engagement.CustomActionEvents,
    engagement.DigitalInteractions,
    crm.CrmIntegrations,
    crm.CrmEntitySchemas,
    crm.CrmBusinessUsers,
    crm.CrmStages,
    crm.CrmAccounts,
    crm.CrmContacts,
    crm.CrmLeads,
    crm.CrmDeals,
    FlowAssignments,
    FlowUnassignments,
    Tasks,
    IntegrationSettings,
    ErasedEmailAddresses,
    ErasedPhoneNumbers,
    Requests,
)
SINKS: dict[str, type[Writing]] = {sink.stream: sink for sink in _ALL}
