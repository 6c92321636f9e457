"""The stream requests: what it refuses to send, and that the rest is sent as it is."""

from __future__ import annotations

import pytest

from gong_api.command import RunStopped
from tests.target.target_run import messages, run_target, settings

GUARDED = "refused unless allow_destructive has requests"


@pytest.mark.parametrize(
    "path",
    [
        "/v2/data-privacy/%65rase-data-for-email-address",
        "/v2/data-privacy/%2565rase-data-for-phone-number",
        "/v2/calls/../data-privacy/ERASE-data-for-phone-number?phoneNumber=1",
        "/v2/data-privacy/erase%2Ddata-for-email-address",
        "/v2/data-privacy/x/..;/erase-data-for-email-address",
    ],
)
def test_erasures_are_guarded_however_their_path_is_written(sandbox, tmp_path, path):
    with pytest.raises(RunStopped, match=GUARDED):
        run_target(settings(sandbox, tmp_path), messages("requests", [_post(path)]))
    assert sandbox.requests == []


@pytest.mark.parametrize(
    "record",
    [
        {"method": "DELETE", "path": "/v2/crm/integrations", "params": {"integrationId": "1"}},
        {
            "method": "POST",
            "path": "/v2/crm/%65ntity-schema?objectType=DEAL",
            "body": [{"uniqueName": "a"}, {"uniqueName": "b", "isDeleted": True}],
        },
        {
            "method": "POST",
            "path": "/v2/calls",
            "headers": {"X-HTTP-Method-Override": "DELETE"},
            "body": {},
        },
    ],
)
def test_deletions_are_guarded(sandbox, tmp_path, record):
    with pytest.raises(RunStopped, match=f"{GUARDED}|must not have X-HTTP-Method-Override"):
        run_target(settings(sandbox, tmp_path), messages("requests", [record]))
    assert sandbox.requests == []


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/x",
        "//evil.example/x",
        "\\\\evil.example",
        "/\\evil.example",
        "@evil.example",
        ".evil.example/x",
        "/v2/users\r\nX-More: 1",
        "/\t/evil.example",
    ],
)
def test_no_path_leaves_the_origin(sandbox, tmp_path, path):
    with pytest.raises(RunStopped, match=r"path must (begin with a single slash|not have control)"):
        run_target(
            settings(sandbox, tmp_path), messages("requests", [{"method": "GET", "path": path}])
        )
    assert sandbox.requests == []


@pytest.mark.parametrize("path", ["/..//evil.example", "/%2f%2fevil.example", "/@evil.example/"])
def test_odd_paths_stay_with_gong(sandbox, tmp_path, path):
    with pytest.raises(RunStopped, match="404"):
        run_target(
            settings(sandbox, tmp_path), messages("requests", [{"method": "GET", "path": path}])
        )
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Authorization", "Basic x"),
        ("HOST", "evil.example"),
        ("Cookie", "a=b"),
        ("Transfer-Encoding", "chunked"),
        ("Proxy-Authorization", "Basic x"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Original-URL", "/v2/data-privacy/erase-data-for-email-address"),
        ("X-A", "1\r\nHost: evil.example"),
        ("X-A\r\nHost", "evil.example"),
        ("Host ", "evil.example"),
        ("", "x"),
    ],
)
def test_no_header_says_who_asks_or_whom(sandbox, tmp_path, name, value):
    record = {"method": "GET", "path": "/v2/users", "headers": {name: value}}
    with pytest.raises(RunStopped, match="headers must"):
        run_target(settings(sandbox, tmp_path), messages("requests", [record]))
    assert sandbox.requests == []


def test_what_only_looks_like_an_erasure_is_sent(sandbox, tmp_path):
    record = {"method": "GET", "path": "/v2/workspaces?note=/erase-data"}
    assert run_target(settings(sandbox, tmp_path), messages("requests", [record])).tally.done == 1


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"X-Note": "a\r\nX-More: b"}, "X-Note"),
        ({"X-Note": "日本"}, "X-Note"),
        ({"X Note": "a"}, "X Note"),
        ({"X-Note\n": "a"}, "X-Note"),
    ],
)
def test_headers_that_no_request_can_have_are_refused(sandbox, tmp_path, headers, words):
    record = {"method": "GET", "path": "/v2/workspaces", "headers": headers}
    with pytest.raises(RunStopped, match=f"headers must be .*{words}") as stopped:
        run_target(settings(sandbox, tmp_path), messages("requests", [record]))
    assert "\n" not in str(stopped.value)
    assert sandbox.requests == []


def test_fractions_stay_numbers(sandbox, tmp_path):
    body = {"filter": {"share": 0.1, "text": "0.1"}}
    record = {"method": "POST", "path": "/v2/users/extensive", "body": body}
    line = {"type": "RECORD", "stream": "requests", "record": record}
    run_target(settings(sandbox, tmp_path, on_error="skip"), [*messages("requests", []), line])
    assert sandbox.requests[-1].body == body


@pytest.mark.parametrize(
    ("stream", "record"),
    [
        ("meetings", {"meetingId": "../crm/integrations?integrationId=1"}),
        ("tasks", {"taskId": "../calls/1", "userId": "1"}),
        ("tasks", {"id": "1?x=", "userId": "1"}),
        ("call_media", {"callId": "1/../2", "mediaFile": "a.wav"}),
    ],
)
def test_ids_do_not_lead_to_another_path(sandbox, tmp_path, stream, record):
    gone = {"_sdc_deleted_at": "2026-06-14T09:00:00Z"} if stream == "meetings" else {}
    record = {**record, "organizerEmail": "a@example.com", **gone}
    config = settings(sandbox, tmp_path, allow_destructive=["meetings"])
    with pytest.raises(RunStopped, match="may have letters, digits, - and _ alone"):
        run_target(config, messages(stream, [record]))
    assert sandbox.requests == []


def _post(path):
    return {"method": "POST", "path": path}
