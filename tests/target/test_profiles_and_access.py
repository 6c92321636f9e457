"""Permission profiles and access to calls."""

from __future__ import annotations

import json

import pytest

from gong_api.clock import SystemClock
from gong_api.command import RunStopped
from target_gong.ledger import Ledger
from tests.clocks import NOW
from tests.conftest import settings as tap_settings
from tests.singer_run import run_tap
from tests.target.target_run import messages, receipts, run_target, settings


def profile(sandbox, **more):
    return {
        "workspaceId": sandbox.company.workspaces()[0]["id"],
        "name": "Analysts",
        "libraryFolderAccess": {"permissionLevel": "none"},
        **more,
    }


def listed(sandbox):
    rows = run_tap(tap_settings(sandbox), streams={"permission_profiles"}).records[
        "permission_profiles"
    ]
    return {row["name"]: row for row in rows}


def test_a_profile_is_created_changed_and_never_doubled(sandbox, tmp_path):
    config = settings(sandbox, tmp_path)
    before = listed(sandbox)
    run_target(config, messages("permission_profiles", [profile(sandbox)]))
    changed = profile(sandbox, score_calls="true", description="Numbers")
    for _ in range(2):
        run_target(config, messages("permission_profiles", [changed]))
    after = listed(sandbox)
    assert len(after) == len(before) + 1
    assert after["Analysts"]["scoreCalls"] is True
    assert [row.action for row in receipts(tmp_path)] == ["create", "update"]
    assert {row.answer["id"] for row in receipts(tmp_path)} == {after["Analysts"]["id"]}


def test_a_profile_with_an_id_is_changed(sandbox, tmp_path):
    known = next(iter(listed(sandbox).values()))
    record = {"id": known["id"], "description": "By us"}
    run_target(settings(sandbox, tmp_path), messages("permission_profiles", [record]))
    assert listed(sandbox)[known["name"]]["description"] == "By us"


def test_a_lost_answer_is_looked_up_and_not_sent_again(sandbox, tmp_path):
    config = settings(sandbox, tmp_path)
    sandbox.faults.next("reset-after", path="/v2/permission-profile")
    target = run_target(config, messages("permission_profiles", [profile(sandbox)]))
    assert target.tally.done == 1
    assert [name for name in listed(sandbox) if name == "Analysts"] == ["Analysts"]
    posts = [
        e for e in sandbox.requests if (e.method, e.path) == ("POST", "/v2/permission-profile")
    ]
    assert len(posts) == 1
    (row,) = receipts(tmp_path)
    assert (row.status, row.answer["id"]) == ("done", listed(sandbox)["Analysts"]["id"])


def test_what_never_arrived_is_sent_again_when_it_was_looked_up(sandbox, tmp_path):
    config = settings(sandbox, tmp_path)
    sandbox.faults.next("reset", path="/v2/permission-profile")
    with pytest.raises(RunStopped, match="Run again: it is looked up"):
        run_target(config, messages("permission_profiles", [profile(sandbox)]))
    assert run_target(config, messages("permission_profiles", [profile(sandbox)])).tally.done == 1
    assert "Analysts" in listed(sandbox)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": None}, "name is required unless there is an id"),
        ({"workspaceId": None}, "workspaceId is required unless there is an id"),
        ({"libraryFolderAccess": {}}, "libraryFolderAccess.permissionLevel is required"),
        (
            {"callsAccess": {"permissionLevel": "some"}},
            "callsAccess.permissionLevel must be one of all, managers-team",
        ),
        (
            {"callsAccess": {"permissionLevel": "all", "teamLeadIds": ["1"]}},
            "callsAccess.teamLeadIds goes with permissionLevel managers-team alone",
        ),
        ({"scoreCalls": "perhaps"}, "scoreCalls must be true or false"),
    ],
)
def test_profiles_that_gong_would_not_take(sandbox, tmp_path, change, words):
    record = {**profile(sandbox), **change}
    with pytest.raises(RunStopped, match=words):
        run_target(settings(sandbox, tmp_path), messages("permission_profiles", [record]))
    assert sandbox.requests == []


@pytest.mark.parametrize("dry", [True, False])
def test_a_profile_of_an_unknown_workspace_fails_alone(sandbox, tmp_path, dry):
    config = settings(sandbox, tmp_path, on_error="skip", dry_run=dry)
    records = [profile(sandbox, workspaceId="1"), profile(sandbox)]
    tally = run_target(config, messages("permission_profiles", records)).tally
    assert (tally.failed, tally.would if dry else tally.done) == (1, 1)
    if not dry:
        first, second = receipts(tmp_path)
        assert (first.status, first.key, second.status) == ("failed", "1/Analysts", "done")
        assert "Gong answered 400" in first.error
    with pytest.raises(RunStopped, match=r"1/Analysts: .*Gong answered 400"):
        run_target({**config, "on_error": "fail"}, messages("permission_profiles", records))


def test_a_profile_in_doubt_that_cannot_be_looked_up_stays_in_doubt(sandbox, tmp_path, capsys):
    ledger = Ledger(tmp_path / "ledger.db", SystemClock())
    ledger.begin("permission_profiles", "1/Analysts", "", "create")
    ledger.close()
    records = [profile(sandbox, workspaceId="1"), profile(sandbox)]
    lines = messages("permission_profiles", records, state_every=1)
    tally = run_target(settings(sandbox, tmp_path, on_error="skip"), lines).tally
    assert (tally.failed, tally.done) == (1, 1)
    assert [row.status for row in receipts(tmp_path)] == ["in_doubt", "done"]
    assert capsys.readouterr().out == ""


def accesses(sandbox, count):
    users = [user["id"] for user in sandbox.company.users(now=NOW)[:2]]
    slots = sandbox.company.slots(None, None, now=NOW)
    return [{"callId": slot.id, "userId": user} for slot in slots for user in users][:count]


def test_access_is_granted_in_batches(sandbox, tmp_path):
    records = accesses(sandbox, 20)
    target = run_target(settings(sandbox, tmp_path), messages("call_user_access", records))
    assert target.tally.done == 20
    assert [e.method for e in sandbox.requests] == ["PUT"]
    for record in records:
        assert record["userId"] in sandbox.company.access.users(record["callId"])


def test_grant_revoke_and_grant_are_three_writes_in_order(sandbox, tmp_path):
    (record,) = accesses(sandbox, 1)
    gone = {**record, "_sdc_deleted_at": "2026-06-11T10:00:00Z"}
    config = settings(sandbox, tmp_path, allow_destructive=["call_user_access"])
    run_target(config, messages("call_user_access", [record, gone, record, record]))
    assert [e.method for e in sandbox.requests] == ["PUT", "DELETE", "PUT"]
    assert [row.action for row in receipts(tmp_path)] == ["grant", "revoke", "grant"]
    run_target(config, messages("call_user_access", [record]))
    assert len(sandbox.requests) == 3
    assert sandbox.company.access.users(record["callId"]) == [record["userId"]]


def test_revoking_must_be_allowed(sandbox, tmp_path):
    (record,) = accesses(sandbox, 1)
    run_target(settings(sandbox, tmp_path), messages("call_user_access", [record]))
    gone = {**record, "_sdc_deleted_at": "2026-06-11T10:00:00Z"}
    with pytest.raises(RunStopped, match="refused unless allow_destructive has call_user_access"):
        run_target(settings(sandbox, tmp_path), messages("call_user_access", [gone]))
    assert sandbox.company.access.users(record["callId"]) == [record["userId"]]


def test_a_call_that_gong_does_not_know_fails_alone(sandbox, tmp_path):
    records = accesses(sandbox, 10)
    records.insert(4, {"callId": "123", "userId": records[0]["userId"]})
    config = settings(sandbox, tmp_path, on_error="skip")
    target = run_target(config, messages("call_user_access", records))
    assert (target.tally.done, target.tally.failed) == (10, 1)
    (row,) = (row for row in receipts(tmp_path) if row.status == "failed")
    assert row.key.startswith("123/")
    assert "Some calls not found" in row.error


def test_state_follows_the_batch_that_it_stands_behind(sandbox, tmp_path, capsys):
    lines = messages("call_user_access", accesses(sandbox, 4), state_every=2)
    run_target(settings(sandbox, tmp_path), lines)
    assert [e.method for e in sandbox.requests] == ["PUT", "PUT"]
    states = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert states == [{"bookmarks": {"call_user_access": count}} for count in (2, 4)]


def test_a_known_profile_may_be_changed_in_part(sandbox, tmp_path):
    config = settings(sandbox, tmp_path)
    run_target(config, messages("permission_profiles", [profile(sandbox)]))
    part = {**profile(sandbox), "libraryFolderAccess": None, "description": "Numbers"}
    run_target(config, messages("permission_profiles", [part]))
    assert listed(sandbox)["Analysts"]["description"] == "Numbers"


def test_a_new_ledger_finds_profiles_by_their_names(sandbox, tmp_path):
    for folder in ("one", "two"):
        config = settings(sandbox, tmp_path / folder)
        lines = messages("permission_profiles", [profile(sandbox), profile(sandbox, name="B")])
        assert run_target(config, lines).tally.done == 2
    sent = [(e.method, e.path.rsplit("/", 1)[1]) for e in sandbox.requests]
    assert sent.count(("POST", "permission-profile")) == 2
    assert sent.count(("PUT", "permission-profile")) == 2
    assert sent[-3:].count(("GET", "all-permission-profiles")) == 1
