"""Every stream of the tap, in the order of the API's table of contents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_gong.streams import call_tables as tables
from tap_gong.streams.auditing import Logs
from tap_gong.streams.automation import AutomationEvents
from tap_gong.streams.call_index import CallIndex
from tap_gong.streams.calls import CallCrmAssociations, CallOutcomes, Calls, CallUserAccess
from tap_gong.streams.coaching import Coaching
from tap_gong.streams.crm import CrmEntitySchemas, CrmIntegrations, CrmObjects
from tap_gong.streams.engage import FlowFolders, FlowProspects, Flows, FlowSteps, Tasks
from tap_gong.streams.library import LibraryFolderCalls, LibraryFolders
from tap_gong.streams.meetings import MeetingIntegrationStatus
from tap_gong.streams.permissions import PermissionProfiles, PermissionProfileUsers
from tap_gong.streams.privacy import EmailAddressReferences, PhoneNumberReferences
from tap_gong.streams.settings import (
    Briefs,
    ScorecardQuestions,
    Scorecards,
    TrackerKeywords,
    Trackers,
)
from tap_gong.streams.stats import (
    ActivityAggregate,
    ActivityByPeriod,
    ActivityDayByDay,
    AnsweredScorecardAnswers,
    AnsweredScorecards,
    InteractionStats,
)
from tap_gong.streams.transcripts import Transcripts, TranscriptSentences, TranscriptTexts
from tap_gong.streams.users import Users, UserSettingsHistory
from tap_gong.streams.workspaces import Workspaces

if TYPE_CHECKING:
    from tap_gong.stream import GongStream

STREAMS: tuple[type[GongStream], ...] = (
    Calls,
    tables.CallParties,
    tables.CallContextObjects,
    tables.CallTrackers,
    tables.CallTrackerOccurrences,
    tables.CallTopics,
    tables.CallStructure,
    tables.CallKeyPoints,
    tables.CallOutline,
    tables.CallHighlights,
    tables.CallSpeakers,
    tables.CallComments,
    tables.CallInteractionStats,
    tables.CallVideos,
    Transcripts,
    TranscriptSentences,
    TranscriptTexts,
    CallIndex,
    CallOutcomes,
    CallUserAccess,
    CallCrmAssociations,
    Users,
    UserSettingsHistory,
    Workspaces,
    PermissionProfiles,
    PermissionProfileUsers,
    LibraryFolders,
    LibraryFolderCalls,
    Scorecards,
    ScorecardQuestions,
    Trackers,
    TrackerKeywords,
    Briefs,
    AnsweredScorecards,
    AnsweredScorecardAnswers,
    ActivityAggregate,
    ActivityByPeriod,
    ActivityDayByDay,
    InteractionStats,
    Coaching,
    Logs,
    CrmIntegrations,
    CrmEntitySchemas,
    CrmObjects,
    Flows,
    FlowFolders,
    FlowSteps,
    FlowProspects,
    Tasks,
    MeetingIntegrationStatus,
    EmailAddressReferences,
    PhoneNumberReferences,
    AutomationEvents,
)
