"""The read operations of the API, in the order of its table of contents."""

from __future__ import annotations

from gong_api.operation import Operation

CALLS = Operation("GET", "/v2/calls", "calls", "api:calls:read:basic")
CALLS_EXTENSIVE = Operation("POST", "/v2/calls/extensive", "calls", "api:calls:read:extensive")
TRANSCRIPTS = Operation(
    "POST", "/v2/calls/transcript", "callTranscripts", "api:calls:read:transcript"
)
CALL_USERS_ACCESS = Operation(
    "POST", "/v2/calls/users-access", "callAccessList", "api:call-user-access:read"
)
CALL_CRM_ASSOCIATIONS = Operation(
    "GET",
    "/v2/calls/manual-crm-associations",
    "associations",
    "api:crm-calls:manual-association:read",
)
CALL_OUTCOMES = Operation("GET", "/v2/call-outcomes", "outcomes", "api:call-outcomes:read")

# No operation of the API: what its automation rules post to a receiver.
AUTOMATION_RULE = Operation("POST", "to gong-webhook", "callData", scope="")

USERS = Operation("GET", "/v2/users", "users", "api:users:read")
USER_SETTINGS_HISTORY = Operation(
    "GET", "/v2/users/{id}/settings-history", "userSettingsHistory", "api:users:read"
)
WORKSPACES = Operation("GET", "/v2/workspaces", "workspaces", "api:workspaces:read")
PERMISSION_PROFILES = Operation(
    "GET", "/v2/all-permission-profiles", "profiles", "api:permission-profile:read"
)
PERMISSION_PROFILE_USERS = Operation(
    "GET", "/v2/permission-profile/users", "users", "api:users:read"
)

LIBRARY_FOLDERS = Operation("GET", "/v2/library/folders", "folders", "api:library:read")
LIBRARY_FOLDER_CONTENT = Operation("GET", "/v2/library/folder-content", "calls", "api:library:read")

SCORECARDS = Operation(
    "GET", "/v2/settings/scorecards", "scorecards", "api:settings:scorecards:read"
)
TRACKERS = Operation(
    "GET", "/v2/settings/trackers", "keywordTrackers", "api:settings:trackers:read"
)
BRIEFS = Operation("GET", "/v2/settings/briefs", "briefs", "api:ai-briefer:read")

ACTIVITY_AGGREGATE = Operation(
    "POST",
    "/v2/stats/activity/aggregate",
    "usersAggregateActivityStats",
    "api:stats:user-actions",
)
ACTIVITY_BY_PERIOD = Operation(
    "POST",
    "/v2/stats/activity/aggregate-by-period",
    "usersAggregateActivity",
    "api:stats:user-actions",
)
ACTIVITY_DAY_BY_DAY = Operation(
    "POST",
    "/v2/stats/activity/day-by-day",
    "usersDetailedActivities",
    "api:stats:user-actions:detailed",
)
ANSWERED_SCORECARDS = Operation(
    "POST", "/v2/stats/activity/scorecards", "answeredScorecards", "api:stats:scorecards"
)
INTERACTION_STATS = Operation(
    "POST", "/v2/stats/interaction", "peopleInteractionStats", "api:stats:interaction"
)

LOGS = Operation("GET", "/v2/logs", "logEntries", "api:logs:read")
COACHING = Operation("GET", "/v2/coaching", "coachingData", "api:coaching:read")

CRM_INTEGRATIONS = Operation(
    "GET", "/v2/crm/integrations", "integrations", "api:crm:integrations:read"
)
CRM_ENTITY_SCHEMA = Operation(
    "GET", "/v2/crm/entity-schema", "objectTypeToSelectedFields", "api:crm:schema"
)
CRM_ENTITIES = Operation("GET", "/v2/crm/entities", "crmObjectsMap", "api:crm:get-objects")

FLOWS = Operation("GET", "/v2/flows", "flows", "api:flows:read")
FLOW_FOLDERS = Operation(
    "GET", "/v2/flows/folders", "flowsFolders", "api:flows:read", documented="flows"
)
FLOW_STEPS = Operation("POST", "/v2/flows/steps", "flows", "api:flows:read")
FLOW_PROSPECTS = Operation("POST", "/v2/flows/prospects", "prospectsAssigned", "api:flows:read")
TASKS = Operation("POST", "/v2/tasks", "tasks", "api:tasks:read")

MEETING_INTEGRATION_STATUS = Operation(
    "POST", "/v2/meetings/integration/status", "users", "api:meetings:integration:status"
)
DATA_FOR_EMAIL_ADDRESS = Operation(
    "GET", "/v2/data-privacy/data-for-email-address", "", "api:data-privacy:read"
)
DATA_FOR_PHONE_NUMBER = Operation(
    "GET", "/v2/data-privacy/data-for-phone-number", "", "api:data-privacy:read"
)
