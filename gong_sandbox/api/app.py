"""The application: which operation answers where, and under which scope."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Route

from gong_sandbox.api import (
    access,
    calls,
    coaching,
    crm,
    engagement,
    entities,
    flows,
    integration_settings,
    library,
    logs,
    meetings,
    outcomes,
    permissions,
    privacy,
    settings,
    stats,
    tasks,
    uploads,
    users,
    workspaces,
)
from gong_sandbox.api.answers import Refusal, refused
from gong_sandbox.api.front_page import PUBLIC_KEY_PATH, FrontPage
from gong_sandbox.api.gateway import (
    Handler,
    Operation,
    Reader,
    authenticate,
    read_optional_json,
)
from gong_sandbox.api.oauth import token
from gong_sandbox.api.site import RequestLogEntry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from gong_sandbox.api.site import Site

_TOKEN_PATH = "/oauth2/generate-customer-token"  # noqa: S105

OPERATIONS: tuple[tuple[str, str, Handler, str], ...] = (
    ("GET", "/v2/calls", calls.list_calls, "api:calls:read:basic"),
    ("POST", "/v2/calls", uploads.create_call, "api:calls:create"),
    ("PUT", "/v2/calls/{id}/media", uploads.add_media, "api:calls:create"),
    ("POST", "/v2/calls/users-access", access.list_access, "api:call-user-access:read"),
    ("PUT", "/v2/calls/users-access", access.grant_access, "api:call-user-access:write"),
    ("DELETE", "/v2/calls/users-access", access.revoke_access, "api:call-user-access:write"),
    ("GET", "/v2/calls/{id}", calls.get_call, "api:calls:read:basic"),
    ("POST", "/v2/calls/extensive", calls.list_calls_extensive, "api:calls:read:extensive"),
    ("POST", "/v2/calls/transcript", calls.list_transcripts, "api:calls:read:transcript"),
    (
        "GET",
        "/v2/calls/manual-crm-associations",
        crm.list_manual_associations,
        "api:crm-calls:manual-association:read",
    ),
    ("GET", "/v2/crm/integrations", crm.list_integrations, "api:crm:integrations:read"),
    (
        "PUT",
        "/v2/crm/integrations",
        crm.register_integration,
        "api:crm:integration:register",
    ),
    (
        "DELETE",
        "/v2/crm/integrations",
        crm.delete_integration,
        "api:crm:integration:delete",
    ),
    ("GET", "/v2/crm/entity-schema", crm.get_entity_schema, "api:crm:schema"),
    ("POST", "/v2/crm/entity-schema", crm.set_entity_schema, "api:crm:schema"),
    ("GET", "/v2/crm/entities", crm.get_entities, "api:crm:get-objects"),
    ("POST", "/v2/crm/entities", crm.upload_entities, "api:crm:upload"),
    ("GET", "/v2/crm/request-status", crm.get_request_status, "api:crm:upload"),
    ("GET", "/v2/flows", flows.list_flows, "api:flows:read"),
    ("GET", "/v2/flows/folders", flows.list_folders, "api:flows:read"),
    ("POST", "/v2/flows/prospects", flows.list_prospects, "api:flows:read"),
    ("POST", "/v2/flows/prospects/assign", flows.assign_prospects, "api:flows:write"),
    (
        "POST",
        "/v2/flows/prospects/assign/cool-off-override",
        flows.assign_prospects_at_once,
        "api:flows:write",
    ),
    (
        "POST",
        "/v2/flows/prospects/unassign-flows-by-crm-id",
        flows.unassign_prospect,
        "api:flows:write",
    ),
    (
        "POST",
        "/v2/flows/prospects/unassign-flows-by-instance-id",
        flows.unassign_instances,
        "api:flows:write",
    ),
    ("POST", "/v2/flows/prospects/bulk-assignments", flows.assign_in_bulk, "api:flows:write"),
    (
        "GET",
        "/v2/flows/prospects/bulk-assignments/{bulkId}",
        flows.get_bulk_assignment,
        "api:flows:write",
    ),
    ("POST", "/v2/flows/steps", flows.list_steps, "api:flows:read"),
    ("POST", "/v2/tasks", tasks.list_tasks, "api:tasks:read"),
    ("PATCH", "/v2/tasks/{taskId}", tasks.update_task, "api:tasks:write"),
    (
        "GET",
        "/v2/data-privacy/data-for-email-address",
        privacy.get_data_for_email,
        "api:data-privacy:read",
    ),
    (
        "GET",
        "/v2/data-privacy/data-for-phone-number",
        privacy.get_data_for_phone,
        "api:data-privacy:read",
    ),
    (
        "POST",
        "/v2/data-privacy/erase-data-for-email-address",
        privacy.erase_data_for_email,
        "api:data-privacy:delete",
    ),
    (
        "POST",
        "/v2/data-privacy/erase-data-for-phone-number",
        privacy.erase_data_for_phone,
        "api:data-privacy:delete",
    ),
    ("POST", "/v2/meetings", meetings.create_meeting, "api:meetings:user:create"),
    ("PUT", "/v2/meetings/{meetingId}", meetings.update_meeting, "api:meetings:user:update"),
    ("DELETE", "/v2/meetings/{meetingId}", meetings.delete_meeting, "api:meetings:user:delete"),
    (
        "POST",
        "/v2/meetings/integration/status",
        meetings.get_integration_status,
        "api:meetings:integration:status",
    ),
    (
        "PUT",
        "/v2/customer-engagement/content/viewed",
        engagement.report_viewed,
        "api:engagement-data:write",
    ),
    (
        "PUT",
        "/v2/customer-engagement/content/shared",
        engagement.report_shared,
        "api:engagement-data:write",
    ),
    (
        "PUT",
        "/v2/customer-engagement/action",
        engagement.report_action,
        "api:engagement-data:write",
    ),
    (
        "POST",
        "/v2/digital-interaction",
        engagement.report_interaction,
        "api:digital-interactions:write",
    ),
    (
        "GET",
        "/v2/integration-settings",
        integration_settings.get_settings,
        "api:integration-settings:write",
    ),
    (
        "POST",
        "/v2/integration-settings",
        integration_settings.update_settings,
        "api:integration-settings:write",
    ),
    ("GET", "/v2/entities/ask-entity", entities.ask_entity, "api:ai-ask:read"),
    ("GET", "/v2/entities/get-brief", entities.get_brief, "api:ai-briefer:read"),
    ("GET", "/v2/settings/briefs", settings.list_briefs, "api:ai-briefer:read"),
    ("GET", "/v2/users", users.list_users, "api:users:read"),
    ("POST", "/v2/users/extensive", users.list_users_extensive, "api:users:read"),
    ("GET", "/v2/users/{id}", users.get_user, "api:users:read"),
    (
        "GET",
        "/v2/all-permission-profiles",
        permissions.list_profiles,
        "api:permission-profile:read",
    ),
    ("GET", "/v2/permission-profile", permissions.get_profile, "api:permission-profile:read"),
    ("POST", "/v2/permission-profile", permissions.create_profile, "api:permission-profile:write"),
    ("PUT", "/v2/permission-profile", permissions.update_profile, "api:permission-profile:write"),
    ("GET", "/v2/permission-profile/users", permissions.list_profile_users, "api:users:read"),
    ("GET", "/v2/users/{id}/settings-history", users.list_settings_history, "api:users:read"),
    ("GET", "/v2/logs", logs.list_logs, "api:logs:read"),
    ("GET", "/v2/coaching", coaching.list_coaching, "api:coaching:read"),
    ("GET", "/v2/call-outcomes", outcomes.list_outcomes, "api:call-outcomes:read"),
    ("GET", "/v2/workspaces", workspaces.list_workspaces, "api:workspaces:read"),
    ("GET", "/v2/library/folders", library.list_folders, "api:library:read"),
    ("GET", "/v2/library/folder-content", library.list_folder_content, "api:library:read"),
    ("GET", "/v2/settings/scorecards", settings.list_scorecards, "api:settings:scorecards:read"),
    ("GET", "/v2/settings/trackers", settings.list_trackers, "api:settings:trackers:read"),
    (
        "POST",
        "/v2/stats/activity/aggregate",
        stats.list_activity,
        "api:stats:user-actions",
    ),
    (
        "POST",
        "/v2/stats/activity/aggregate-by-period",
        stats.list_activity_by_period,
        "api:stats:user-actions",
    ),
    (
        "POST",
        "/v2/stats/activity/day-by-day",
        stats.list_activity_day_by_day,
        "api:stats:user-actions:detailed",
    ),
    ("POST", "/v2/stats/interaction", stats.list_interaction, "api:stats:interaction"),
    (
        "POST",
        "/v2/stats/activity/scorecards",
        stats.list_answered_scorecards,
        "api:stats:scorecards",
    ),
)
SCOPES = frozenset({scope for *_, scope in OPERATIONS} | {calls.MEDIA_SCOPE})
# What takes its body in otherwise than as JSON.
_READERS: dict[Handler, Reader] = {
    uploads.add_media: uploads.read_media,
    crm.upload_entities: crm.read_entities,
    crm.delete_integration: read_optional_json,
    meetings.delete_meeting: read_optional_json,
    privacy.erase_data_for_email: read_optional_json,
    privacy.erase_data_for_phone: read_optional_json,
}
_NUMBER = re.compile(r"\{(id|meetingId|taskId)\}")


def application(site: Site) -> Starlette:
    """The ASGI application of a sandbox."""
    # Ids are numbers, so that /v2/calls/extensive is no call's, whatever the verb.
    routes = [
        Route(
            _NUMBER.sub(r"{\1:int}", path),
            _endpoint(Operation(handler, scope, _READERS.get(handler))),
            methods=[method],
        )
        for method, path, handler, scope in OPERATIONS
    ]
    front = FrontPage(site)
    app = Starlette(
        routes=[
            Route("/", front.page),
            Route("/recordings/{id:int}", front.recording),
            Route(PUBLIC_KEY_PATH, front.public_key),
            Route(_TOKEN_PATH, _logged_token, methods=["POST"]),
            *routes,
        ],
        exception_handlers={404: _unknown_path, 405: _wrong_verb},
    )
    # A path with a slash too many is unknown, and unknown paths are answered below.
    app.router.redirect_slashes = False
    app.state.site = site
    return app


def _endpoint(operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    """Starlette takes a function for a request handler, an object for an ASGI application."""

    async def endpoint(request: Request) -> Response:
        return await operation(request)

    return endpoint


async def _logged_token(request: Request) -> Response:
    began = time.monotonic()
    response = await token(request)
    site: Site = request.app.state.site
    # Neither query nor form is logged: both may hold tokens.
    site.note(
        RequestLogEntry(
            "POST",
            request.url.path,
            {},
            None,
            response.status_code,
            site.clock.now(),
            took=time.monotonic() - began,
        )
    )
    return response


async def _unknown_path(request: Request, _: Exception) -> Response:
    return _refuse(request, Refusal(404, "Not Found"))


async def _wrong_verb(request: Request, _: Exception) -> Response:
    return _refuse(request, Refusal(405, "Method Not Allowed"))


def _refuse(request: Request, refusal: Refusal) -> Response:
    """Strangers are told nothing about which paths exist."""
    site: Site = request.app.state.site
    try:
        authenticate(site, request.headers.get("authorization"))
    except Refusal as stranger:
        refusal = stranger
    site.note(
        RequestLogEntry(
            request.method,
            request.url.path,
            # Sent to the wrong place or with the wrong verb, tokens are still tokens.
            {} if request.url.path.startswith("/oauth2/") else dict(request.query_params),
            None,
            refusal.status,
            site.clock.now(),
        )
    )
    return refused(refusal)
