"""What is in doubt, what never left, and what was rejected: three things, never mixed up."""

from __future__ import annotations

import json
import sqlite3

import pytest

from gong_api.clock import SystemClock
from gong_api.command import RunStopped
from gong_api.errors import SettingsError
from target_gong import ledger as ledger_module
from target_gong.ledger import Ledger
from target_gong.target import TargetGong
from tests.clocks import NOW
from tests.target.target_run import (
    call,
    company,
    messages,
    receipts,
    recording,
    run_target,
    settings,
)

NO_GONG = "http://127.0.0.1:1"


@pytest.fixture
def host(sandbox):
    status = sandbox.company.meetings.status
    people = [u["emailAddress"] for u in sandbox.company.users(now=NOW) if u["active"]]
    return next(who for who in people if status(who, now=NOW)["valid"])


def meeting(host, external_id="m-1", **more):
    return {
        "externalId": external_id,
        "organizerEmail": host,
        "startTime": "2026-07-01T10:00:00Z",
        "endTime": "2026-07-01T11:00:00Z",
        "invitees": [{"email": "ada@example.com"}],
        **more,
    }


def profile(sandbox, **more):
    return {
        "workspaceId": sandbox.company.workspaces()[0]["id"],
        "name": "Analysts",
        "libraryFolderAccess": {"permissionLevel": "none"},
        **more,
    }


def profiles(sandbox):
    found = sandbox.company.profiles.all(sandbox.company.workspaces()[0]["id"])
    return [p.wire() for p in found if p.wire()["name"] == "Analysts"]


def states(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_rejection_does_not_hide_what_is_in_doubt(sandbox, host, tmp_path):
    config = settings(sandbox, tmp_path, on_error="skip")
    sandbox.faults.next("reset-after", path="/v2/meetings")
    good, bad = meeting(host), meeting(host, startTime="soon")
    for record in (good, bad, good):
        target = run_target(config, messages("meetings", [record]))
        assert target.tally.failed == 1
    assert len(sandbox.company.meetings.created) == 1
    assert [row.status for row in receipts(tmp_path)] == ["in_doubt", "failed"]


def test_a_rejection_does_not_hide_what_is_done(sandbox, user, tmp_path):
    config = settings(sandbox, tmp_path, on_error="skip")
    run_target(config, messages("calls", [call(user), call(user, direction="Up")]))
    path = str(recording(tmp_path / "a.wav"))
    media = {"clientUniqueId": "c-1", "mediaFile": path}
    assert run_target(config, messages("call_media", [media])).tally.done == 1
    assert run_target(config, messages("calls", [call(user)])).tally.known == 1


def test_media_that_failed_do_not_hide_the_call(sandbox, user, tmp_path):
    config = settings(sandbox, tmp_path, on_error="skip")
    run_target(config, messages("calls", [call(user), call(user, mediaFile="nowhere.wav")]))
    path = str(recording(tmp_path / "a.wav"))
    media = {"clientUniqueId": "c-1", "mediaFile": path}
    assert run_target(config, messages("call_media", [media])).tally.done == 1


@pytest.mark.parametrize("fault", ["refused", "429"])
def test_what_never_left_is_sent_by_the_next_run(sandbox, host, tmp_path, fault):
    config = settings(sandbox, tmp_path, max_retries=1)
    lines = messages("meetings", [meeting(host)])
    if fault == "429":
        sandbox.faults.next("429", count=2)
        broken = config
    else:
        broken = {**config, "api_url": NO_GONG}
    with pytest.raises(RunStopped):
        run_target(broken, lines)
    (row,) = receipts(tmp_path)
    assert row.status == "failed"
    run_same_company(config, tmp_path)
    assert run_target(config, lines).tally.done == 1
    assert len(sandbox.company.meetings.created) == 1


def run_same_company(config, tmp_path):
    """The ledger goes on with another host."""
    from gong_api.settings import company as fingerprint

    ledger = Ledger(tmp_path / "ledger.db", TargetGong.clock)
    ledger.claim(fingerprint(config), anew=True)
    ledger.close()


def test_a_missing_crm_integration_leaves_nothing_in_doubt(sandbox, tmp_path):
    sandbox.company.crm.disconnect()
    field = {"objectType": "ACCOUNT", "uniqueName": "Tier", "label": "Tier", "type": "STRING"}
    with pytest.raises(RunStopped, match="Gong has no CRM integration"):
        run_target(settings(sandbox, tmp_path), messages("crm_entity_schemas", [field]))
    assert receipts(tmp_path)[0].status == "failed"


def test_an_answer_lost_before_a_refused_connection_stays_in_doubt(sandbox, tmp_path):
    # Updates may be repeated: the first try may have arrived although the last has not.
    config = settings(sandbox, tmp_path, max_retries=1)
    run_target(config, messages("permission_profiles", [profile(sandbox)]))
    for kind in ("reset-after", "429"):
        sandbox.faults.next(kind, path="/v2/permission-profile")
    changed = profile(sandbox, description="Numbers")
    with pytest.raises(RunStopped):
        run_target(config, messages("permission_profiles", [changed]))
    assert receipts(tmp_path)[1].status == "in_doubt"


def test_what_changed_while_it_was_in_doubt_is_an_update(sandbox, tmp_path):
    config = settings(sandbox, tmp_path)
    ledger = Ledger(tmp_path / "ledger.db", TargetGong.clock)
    target = TargetGong(config=config)
    run_target(
        settings(sandbox, tmp_path / "other"), messages("permission_profiles", [profile(sandbox)])
    )
    workspace = sandbox.company.workspaces()[0]["id"]
    ledger.begin("permission_profiles", f"{workspace}/Analysts", "another hash", "create")
    ledger.close()
    target.client.close()
    changed = profile(sandbox, description="Numbers")
    assert run_target(config, messages("permission_profiles", [changed])).tally.done == 1
    (found,) = profiles(sandbox)
    assert found["description"] == "Numbers"
    rows = receipts(tmp_path)
    assert [(row.action, row.status) for row in rows] == [("create", "done"), ("update", "done")]
    assert rows[0].hash == "another hash"


def access(sandbox, at=0):
    slots = sandbox.company.slots(None, None, now=NOW)
    return {"callId": slots[at].id, "userId": sandbox.company.users(now=NOW)[0]["id"]}


def test_the_last_of_a_batch_counts(sandbox, tmp_path):
    first = {"objectType": "ACCOUNT", "uniqueName": "T", "label": "One", "type": "STRING"}
    second = {**first, "label": "Two"}
    config = settings(sandbox, tmp_path)
    run_target(config, messages("crm_entity_schemas", [first]))
    target = run_target(config, messages("crm_entity_schemas", [second, first]))
    assert target.tally.done == 0
    target = run_target(config, messages("crm_entity_schemas", [first, second, first, second]))
    assert target.tally.done == 1
    (sent,) = (e.body for e in sandbox.requests[-1:] if e.method == "POST")
    assert [field["label"] for field in sent if field["uniqueName"] == "T"] == ["Two"]


@pytest.mark.parametrize("how", ["schema", "alias"])
def test_writes_keep_their_order_across_sinks(sandbox, tmp_path, how):
    config = settings(
        sandbox,
        tmp_path,
        allow_destructive=["call_user_access"],
        stream_aliases={"again": "call_user_access"},
    )
    record = access(sandbox)
    run_target(config, messages("call_user_access", [record]))
    gone = {**record, "_sdc_deleted_at": "2026-06-11T10:00:00Z"}
    users = [user["id"] for user in sandbox.company.users(now=NOW)]
    slots = sandbox.company.slots(None, None, now=NOW)
    others = [{"callId": s.id, "userId": u} for s in slots[1:] for u in users][:99]
    name = "again" if how == "alias" else "call_user_access"
    rest = messages(name, [record, *others])
    rest[0]["schema"] = {"properties": {"new": {}}}
    before = messages("again", [])[:1] if how == "alias" else []
    run_target(config, [*before, *messages("call_user_access", [gone]), *rest])
    assert record["userId"] in sandbox.company.access.users(record["callId"])


def test_no_state_behind_what_is_in_doubt(sandbox, host, tmp_path, capsys):
    config = settings(sandbox, tmp_path, on_error="skip")
    lines = messages("meetings", [meeting(host, f"m-{n}") for n in range(3)], state_every=1)
    sandbox.faults.next("reset-after", path="/v2/meetings")
    lines = [*messages("calls", [], state_every=1), {"type": "STATE", "value": {"n": 0}}, *lines]
    run_target(config, lines)
    assert states(capsys) == [{"n": 0}]
    target = run_target(config, lines)
    assert (target.tally.known, target.tally.failed) == (2, 1)
    assert states(capsys) == [{"n": 0}]
    settle(config, "meetings", "m-0", "done")
    run_target(config, lines)
    assert states(capsys)[-1] == {"bookmarks": {"meetings": 3}}
    assert len(sandbox.company.meetings.created) == 3


def settle(config, *words):
    target = TargetGong(config=config)
    target.settle(*words)
    target.ledger.close()


def test_settled_by_hand_to_be_sent_again(sandbox, host, tmp_path):
    config = settings(sandbox, tmp_path, on_error="skip")
    lines = messages("meetings", [meeting(host)])
    sandbox.faults.next("reset", path="/v2/meetings")
    run_target(config, lines)
    settle(config, "meetings", "m-1", "retry")
    assert run_target(config, lines).tally.done == 1
    with pytest.raises(SettingsError, match="no record 'm-1' of meetings is in doubt or failed"):
        settle(config, "meetings", "m-1", "retry")


def test_a_meeting_settled_by_hand_is_never_doubled(sandbox, host, tmp_path):
    config = settings(sandbox, tmp_path, on_error="skip")
    sandbox.faults.next("reset-after", path="/v2/meetings")
    run_target(config, messages("meetings", [meeting(host)]))
    settle(config, "meetings", "m-1", "done")
    target = run_target(config, messages("meetings", [meeting(host, title="Later")]))
    assert target.tally.failed == 1
    assert "give its meetingId" in receipts(tmp_path)[-1].error
    assert len(sandbox.company.meetings.created) == 1


def test_a_state_is_passed_on_once(sandbox, user, tmp_path, capsys):
    run_target(settings(sandbox, tmp_path), messages("calls", [call(user)], state_every=1))
    assert states(capsys) == [{"bookmarks": {"calls": 1}}]


def test_doubts_of_streams_that_are_not_in_the_run_are_not_told(
    sandbox, host, user, tmp_path, caplog
):
    config = settings(sandbox, tmp_path, on_error="skip")
    sandbox.faults.next("reset-after", path="/v2/meetings")
    run_target(config, messages("meetings", [meeting(host)]))
    assert "m-1 is in doubt" in caplog.text
    caplog.clear()
    run_target(config, messages("calls", [call(user)]))
    assert "in doubt" not in caplog.text


def test_a_ledger_is_of_one_company(sandbox, user, tmp_path):
    lines = messages("calls", [call(user)])
    run_target(settings(sandbox, tmp_path), lines)
    with company() as other, pytest.raises(SettingsError, match="ledger of another Gong company"):
        run_target(settings(other, tmp_path), lines)
    assert run_target(settings(sandbox, tmp_path), lines).tally.known == 1


def test_the_sandbox_of_a_run_has_a_ledger_of_its_own(sandbox, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    target = run_target({"api_url": "sandbox", "requests_per_second": 0}, [])
    assert target.config["ledger_path"] == ".gong/ledger.db"
    assert not list(tmp_path.iterdir())
    run_target({"api_url": "sandbox", "ledger_path": "mine.db"}, [])
    run_target({"api_url": "sandbox", "ledger_path": "mine.db"}, [])
    with pytest.raises(SettingsError, match="another Gong company"):
        run_target({**settings(sandbox, tmp_path), "ledger_path": "mine.db"}, [])


def test_a_ledger_that_others_have_locked_is_told(sandbox, user, tmp_path, monkeypatch):
    monkeypatch.setattr(ledger_module, "PATIENCE", 0.01)
    config = settings(sandbox, tmp_path)
    run_target(config, [])
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(SettingsError, match=r"ledger_path .* cannot be used: database is locked"):
        run_target(config, messages("calls", [call(user)]))
    other.execute("rollback")
    target = TargetGong(config=config)
    target.check()
    other.execute("begin immediate")
    locked = r"ledger_path .* cannot be written: database is locked"
    with pytest.raises(RunStopped, match=locked), target.writing_ledger():
        target.ledger.begin("calls", "a", "", "create")
    other.close()
    target.conclude()


def test_a_file_that_is_no_ledger_is_told(sandbox, tmp_path):
    (tmp_path / "ledger.db").write_text("no ledger, but of some length")
    with pytest.raises(SettingsError, match="Is it a ledger"):
        receipts(tmp_path)
    with pytest.raises(SettingsError, match="Is it a ledger"):
        run_target(settings(sandbox, tmp_path), [])


def test_receipts_that_cannot_be_written_are_told_first(sandbox, user, tmp_path):
    config = settings(sandbox, tmp_path, receipts_path=str(tmp_path / "no" / "receipts.jsonl"))
    with pytest.raises(SettingsError, match=r"receipts_path .* cannot be written: No such file"):
        run_target(config, messages("calls", [call(user)]))
    assert sandbox.requests == []


def test_of_very_many_in_doubt_the_first_are_told_and_the_others_counted(sandbox, tmp_path, caplog):
    ledger = Ledger(tmp_path / "ledger.db", SystemClock())
    for number in range(25):
        ledger.begin("crm_accounts", f"a-{number}", "", "upload")
    ledger.begin("meetings", "of another stream", "", "create")
    ledger.close()
    run_target(settings(sandbox, tmp_path), messages("crm_accounts", []))
    told = [r.getMessage() for r in caplog.records if "doubt" in r.getMessage()]
    assert len(told) == 21
    assert told[0].startswith("crm_accounts a-0 is in doubt")
    assert told[-1].startswith("In doubt beside these: 5 records; `target-gong --receipts`")


def test_a_port_without_tls_is_told(sandbox, user, tmp_path):
    config = settings(sandbox, tmp_path)
    config["api_url"] = config["api_url"].replace("http://", "https://")
    with pytest.raises(RunStopped, match="it does not speak TLS; is it plain http"):
        run_target(config, messages("calls", [call(user)]))
    assert receipts(tmp_path)[0].status == "failed"


def test_a_retry_speaks_of_one_try(sandbox, user, tmp_path, caplog):
    sandbox.faults.next("429")
    run_target(settings(sandbox, tmp_path), messages("calls", [call(user)]))
    assert "Gong answered 429 to POST" in caplog.text
    assert "on every try" not in caplog.text


def test_the_ledger_is_tended_from_the_command_line(sandbox, user, tmp_path, target_gong):
    config = settings(sandbox, tmp_path)
    lines = messages("calls", [call(user, mediaFile="nowhere.wav")])
    with pytest.raises(RunStopped):
        run_target(config, lines)
    done = target_gong(config, "--settle", "calls", "c-1", "done")
    assert done.code == 0, done.log
    assert run_target(config, lines).tally.known == 1
    with company() as other:
        elsewhere = settings(other, tmp_path)
        assert target_gong(elsewhere, "--same-company").code == 0
        assert run_target(elsewhere, lines).tally.known == 1
    refused = target_gong(config, "--settle", "calls", "c-1", "done")
    assert refused.code == 1
    assert "is in doubt or failed" in refused.log
