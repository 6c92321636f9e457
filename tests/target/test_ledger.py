"""Exactly once: whatever ends a run, and wherever, the next one goes on."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import signal
import stat
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from gong_api.command import RunStopped
from gong_api.errors import SettingsError
from target_gong.ledger import write_receipts
from tests.target.target_run import (
    call,
    company,
    importing_user,
    messages,
    receipts,
    recording,
    run_target,
    settings,
)

BIN = Path(sys.executable).parent


def test_the_command_writes_states_and_receipts(sandbox, user, tmp_path, target_gong):
    config = settings(sandbox, tmp_path, receipts_path=str(tmp_path / "receipts.jsonl"))
    done = target_gong(config, input=messages("calls", [call(user)], state_every=1))
    assert done.code == 0, done.log
    assert json.loads(done.out.splitlines()[-1]) == {"bookmarks": {"calls": 1}}
    assert "1 sent; 1 request, 0 of them retries" in done.log
    printed = target_gong(config, "--receipts", "jsonl").out
    (row,) = map(json.loads, printed.splitlines())
    assert row["clientUniqueId"] == "c-1"
    assert row["callId"] == sandbox.company.uploads.created[0].id
    appended = (tmp_path / "receipts.jsonl").read_text().splitlines()
    assert [json.loads(line)["callId"] for line in appended] == [row["callId"]]
    table = target_gong(config, "--receipts", "csv").out
    (cells,) = csv.DictReader(io.StringIO(table))
    assert (cells["clientUniqueId"], cells["callId"]) == ("c-1", row["callId"])
    assert target_gong(config, "--receipts").out == printed


def test_failures_end_in_a_line_and_exit_code_1(sandbox, user, tmp_path, target_gong):
    lines = messages("calls", [call(user, direction="Up")])
    done = target_gong(settings(sandbox, tmp_path), input=lines)
    assert done.code == 1
    assert "direction must be one of" in done.log
    assert "Traceback" not in done.log
    skipped = target_gong(settings(sandbox, tmp_path, on_error="skip"), input=lines)
    assert skipped.code == 1
    assert "1 record failed" in skipped.log.splitlines()[-1]


def test_a_budget_ends_the_run_cleanly(sandbox, user, tmp_path, target_gong):
    lines = messages("calls", [call(user, f"c-{n}") for n in range(5)], state_every=1)
    config = settings(sandbox, tmp_path, daily_request_budget=3)
    done = target_gong(config, input=lines)
    assert done.code == 3
    assert json.loads(done.out.splitlines()[-1]) == {"bookmarks": {"calls": 3}}
    assert target_gong({**config, "daily_request_budget": 0}, input=lines).code == 0
    names = [created.new.client_unique_id for created in sandbox.company.uploads.created]
    assert sorted(names) == [f"c-{n}" for n in range(5)]


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
def test_the_ledger_is_for_its_owner_alone(sandbox, user, tmp_path):
    run_target(settings(sandbox, tmp_path), messages("calls", [call(user)]))
    for path in tmp_path.glob("ledger.db*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_two_runs_on_one_ledger_do_not_go_on_at_once(sandbox, tmp_path):
    from target_gong.ledger import Ledger
    from target_gong.target import TargetGong

    ledger = Ledger(tmp_path / "ledger.db", TargetGong.clock)
    with pytest.raises(SettingsError, match="in use by another target-gong"):
        Ledger(tmp_path / "ledger.db", TargetGong.clock)
    ledger.close()
    Ledger(tmp_path / "ledger.db", TargetGong.clock).close()


def test_receipts_of_nothing(target_gong):
    done = target_gong({"ledger_path": "none.db"}, "--receipts")
    assert done.code == 1
    assert "there is no ledger" in done.log
    out = io.StringIO()
    write_receipts([], "csv", out)
    assert out.getvalue().startswith("clientUniqueId,stream,key")


def test_a_failed_record_is_tried_again_by_the_next_run(sandbox, user, tmp_path):
    config = settings(sandbox, tmp_path)
    with pytest.raises(RunStopped):
        run_target(config, messages("calls", [call(user, mediaFile="late.wav")]))
    path = recording(tmp_path / "late.wav")
    target = run_target(config, messages("calls", [call(user, mediaFile=str(path))]))
    assert target.tally.done == 1
    assert [row.status for row in receipts(tmp_path)] == ["done"]


FAULTS = ["429", "500", "503", "reset", "reset-after", "truncated", "html"]


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("path", ["/v2/calls", "/media"])
def test_a_fault_on_the_way_doubles_nothing(sandbox, user, tmp_path, kind, path):
    record = call(user, mediaFile=str(recording(tmp_path / "a.wav")))
    config = settings(sandbox, tmp_path)
    if path == "/media":
        run_target(config, messages("calls", [call(user)]))
        (created,) = sandbox.company.uploads.created
        path = f"/v2/calls/{created.id}/media"
    # A host that has never answered like Gong is not asked again.
    users = [user["id"] for user in sandbox.company.users(now=sandbox.clock.now())[:1]]
    slot = sandbox.company.slots(None, None, now=sandbox.clock.now())[0]
    access = messages("call_user_access", [{"callId": slot.id, "userId": users[0]}], state_every=1)
    sandbox.faults.next(kind, path=path)
    target = run_target(config, [*access, *messages("calls", [record])])
    assert target.tally.done == 2
    (created,) = sandbox.company.uploads.created
    assert created.media_uploads == 1


def test_faults_on_every_fifth_request(user, tmp_path):
    with company(faults=["429:15", "500:15", "reset-after:15", "truncated:25", "reset:35"]) as box:
        records = [
            call(user, f"c-{n}", mediaFile=str(recording(tmp_path / f"{n}.wav", seed=n)))
            for n in range(25)
        ]
        config = settings(box, tmp_path, max_retries=8)
        target = run_target(config, messages("calls", records, state_every=5))
        created = box.company.uploads.created
        assert target.client.retries.retries > 5
    assert target.tally.done == 25
    assert len(created) == 25
    assert {c.media_uploads for c in created} == {1}


def start(tmp_path, config, lines):
    config_path, input_path = tmp_path / "config.json", tmp_path / "input.jsonl"
    config_path.write_text(json.dumps(config))
    input_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with input_path.open() as source, (tmp_path / "states.jsonl").open("a") as states:
        return subprocess.Popen(
            [str(BIN / "target-gong"), "--config", str(config_path)],
            stdin=source,
            stdout=states,
            stderr=subprocess.DEVNULL,
            cwd=tmp_path,
        )


def last_state(tmp_path):
    """What a source would be given: the number of the last record that is settled."""
    lines = (tmp_path / "states.jsonl").read_text().splitlines()
    return json.loads(lines[-1])["bookmarks"]["calls"] if lines else 0


def kill_again_and_again(tmp_path, config, records, *, kills, seed):
    """Run, kill, and run again from the last STATE, until all is done; how often it was killed."""
    chance = random.Random(seed)
    killed = 0
    (tmp_path / "states.jsonl").touch()
    schemas = [messages(stream, [])[0] for stream in dict.fromkeys(stream for stream, _ in records)]
    while True:
        lines = list(schemas)
        for number in range(last_state(tmp_path), len(records)):
            stream, record = records[number]
            lines.append({"type": "RECORD", "stream": stream, "record": record})
            lines.append({"type": "STATE", "value": {"bookmarks": {"calls": number + 1}}})
        process = start(tmp_path, config, lines)
        if killed < kills:
            time.sleep(0.9 + chance.random() * 0.6)
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
            if process.returncode == 0:
                return killed
        else:
            process.wait(timeout=300)
            return killed


def kill_and_go_on(sandbox, user, tmp_path, *, calls, kills, seed):
    files = [recording(tmp_path / f"{n}.wav", seed=n) for n in range(calls)]
    records = [("calls", call(user, f"c-{n}", mediaFile=str(path))) for n, path in enumerate(files)]
    config = settings(sandbox, tmp_path)
    killed = kill_again_and_again(tmp_path, config, records, kills=kills, seed=seed)
    created = sandbox.company.uploads.created
    names = [c.new.client_unique_id for c in created]
    assert sorted(names) == sorted(f"c-{n}" for n in range(calls))
    assert {c.media_uploads for c in created} == {1}
    rows = receipts(tmp_path)
    assert {row.status for row in rows} == {"done"}
    assert {row.key: row.answer["callId"] for row in rows} == {
        c.new.client_unique_id: c.id for c in created
    }
    return killed


@pytest.mark.proves("SIGKILL at any moment", "target", "nothing is lost, nothing is doubled")
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX's")
def test_killed_a_few_times(tmp_path):
    with company(latency=0.05) as sandbox:
        user = importing_user(sandbox)
        assert kill_and_go_on(sandbox, user, tmp_path, calls=24, kills=3, seed=1) == 3


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX's")
def test_killed_a_hundred_times(tmp_path):
    with company(latency=0.05) as sandbox:
        user = importing_user(sandbox)
        killed = kill_and_go_on(sandbox, user, tmp_path, calls=1000, kills=100, seed=7)
    assert killed == 100


def mixed_records(sandbox, count):
    """Records of many streams in turn."""
    now = sandbox.clock.now()
    people = [u for u in sandbox.company.users(now=now) if u["active"]]
    slots = sandbox.company.slots(None, None, now=now)
    host = next(
        u["emailAddress"]
        for u in people
        if sandbox.company.meetings.status(u["emailAddress"], now=now)["valid"]
    )
    for n in range(count):
        moment = "2026-06-14T09:00:00Z"
        yield "crm_accounts", {"objectId": f"a-{n}", "modifiedDate": moment, "name": f"No. {n}"}
        yield (
            "content_viewed_events",
            {
                "reportingSystem": "Portal",
                "eventTimestamp": moment,
                "contentId": str(n),
                "contentUrl": "https://content.example/1",
                "contentTitle": "Price list",
                "viewer": {"email": "ada@example.com"},
            },
        )
        yield (
            "meetings",
            {
                "externalId": f"m-{n}",
                "organizerEmail": host,
                "startTime": moment,
                "endTime": "2026-06-14T10:00:00Z",
                "invitees": [{"email": "ada@example.com"}],
            },
        )
        yield (
            "permission_profiles",
            {
                "workspaceId": sandbox.company.workspaces()[0]["id"],
                "name": f"Profile {n}",
                "libraryFolderAccess": {"permissionLevel": "none"},
            },
        )
        slot, person = slots[n % len(slots)], people[n % len(people)]
        yield "call_user_access", {"callId": slot.id, "userId": person["id"]}


def check_mixed(sandbox, tmp_path, count):
    """Nothing is lost, nothing doubled; what cannot be looked up is in doubt and told."""
    data = sandbox.company
    assert set(data.crm.accepted["ACCOUNT"]) == {f"a-{n}" for n in range(count)}
    assert len(data.engagement.events) == count
    names = [p.wire()["name"] for p in data.profiles.all(data.workspaces()[0]["id"])]
    assert len(names) == len(set(names))
    assert {f"Profile {n}" for n in range(count)} <= set(names)
    rows = receipts(tmp_path)
    doubted = {row.key for row in rows if row.status == "in_doubt"}
    assert {row.stream for row in rows if row.status == "in_doubt"} <= {"meetings"}
    made = [meeting.given.external_id for meeting in data.meetings.created]
    assert len(made) == len(set(made))
    assert set(made) | doubted == {f"m-{n}" for n in range(count)}


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX's")
@pytest.mark.parametrize(
    ("count", "kills"), [(8, 3), pytest.param(200, 60, marks=pytest.mark.slow)]
)
def test_killed_in_the_midst_of_many_streams(tmp_path, count, kills):
    with company(latency=0.02) as sandbox:
        sandbox.company.crm.queued = sandbox.company.crm.processing = timedelta(0)
        config = settings(sandbox, tmp_path, on_error="skip")
        records = list(mixed_records(sandbox, count))
        kill_again_and_again(tmp_path, config, records, kills=kills, seed=count)
        check_mixed(sandbox, tmp_path, count)


def test_faults_on_every_fifth_request_of_many_streams(tmp_path):
    faults = ["429:15", "500:15", "reset-after:15", "truncated:25", "reset:35"]
    with company(faults=faults) as sandbox:
        sandbox.company.crm.queued = sandbox.company.crm.processing = timedelta(0)
        config = settings(sandbox, tmp_path, on_error="skip", max_retries=8)
        records = list(mixed_records(sandbox, 15))
        lines = [messages(stream, [])[0] for stream in dict(records)]
        for number, (stream, record) in enumerate(records):
            lines.append({"type": "RECORD", "stream": stream, "record": record})
            lines.append({"type": "STATE", "value": {"number": number}})
        for _ in range(3):
            run_target(config, lines)
        check_mixed(sandbox, tmp_path, 15)


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_cleanly_with_the_state_so_far(sandbox, user, tmp_path, sent):
    (tmp_path / "config.json").write_text(json.dumps(settings(sandbox, tmp_path)))
    with subprocess.Popen(
        [str(BIN / "target-gong"), "--config", "config.json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        for line in messages("calls", [call(user)], state_every=1):
            process.stdin.write(json.dumps(line) + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline()) == {"bookmarks": {"calls": 1}}
        process.send_signal(sent)
        assert process.wait(timeout=20) == 3
        log = process.stderr.read()
    assert "run again to go on" in log
    assert "Traceback" not in log


def test_what_failed_in_earlier_runs_is_told_until_it_went_through(sandbox, user, tmp_path, caplog):
    config = settings(sandbox, tmp_path, on_error="skip")
    bad = call(user, "c-2", actualStart="20/11/2026 12:00")
    run_target(config, messages("calls", [call(user), bad]))
    assert "failed and did not go through since" not in caplog.text
    run_target(config, [])
    assert "1 record of earlier runs failed and did not go through since" in caplog.text
    run_target(config, messages("calls", [call(user, "c-2")]))
    caplog.clear()
    run_target(config, [])
    assert "did not go through" not in caplog.text


def test_drafts_are_told(sandbox, user, tmp_path, caplog):
    caplog.set_level("INFO")
    run_target(settings(sandbox, tmp_path), messages("calls", [call(user), call(user, "c-2")]))
    assert "2 calls without a recording: a draft, which Gong shows when" in caplog.text


def test_a_dry_run_says_what_it_does_not_know(sandbox, user, tmp_path, caplog):
    caplog.set_level("INFO")
    run_target(settings(sandbox, tmp_path, dry_run=True), messages("calls", [call(user)]))
    assert "such as credentials and users, was not checked" in caplog.text
