"""Calls and recordings, from a record to what Gong shows of them."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import timedelta

import pendulum
import pytest

from gong_api.command import RunStopped
from target_gong import media as media_module
from target_gong.media import BadMedia, find, locate
from target_gong.target import TargetGong
from tests.clocks import NOW
from tests.conftest import settings as tap_settings
from tests.singer_run import run_tap
from tests.target.target_run import (
    call,
    messages,
    receipts,
    recording,
    run_target,
    settings,
)


def sent(sandbox):
    return [(entry.method, entry.path) for entry in sandbox.requests]


def test_a_draft_is_created_once_and_kept_in_the_ledger(sandbox, user, tmp_path):
    config = settings(sandbox, tmp_path)
    lines = messages("calls", [call(user)])
    assert run_target(config, lines).tally.done == 1
    (created,) = sandbox.company.uploads.created
    (row,) = receipts(tmp_path)
    assert (row.stream, row.key, row.status) == ("calls", "c-1", "done")
    assert row.receipt()["callId"] == created.id
    assert row.receipt()["clientUniqueId"] == "c-1"
    assert row.receipt()["requestId"]
    again = run_target(config, lines)
    assert (again.tally.done, again.tally.known) == (0, 1)
    assert sent(sandbox) == [("POST", "/v2/calls")]


def test_a_recording_goes_with_its_call_and_both_come_back(sandbox, user, tmp_path):
    path = recording(tmp_path / "a.wav")
    record = call(user, title="Renewal", mediaFile=str(path))
    run_target(settings(sandbox, tmp_path), messages("calls", [record]))
    (created,) = sandbox.company.uploads.created
    assert created.media.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    (row,) = receipts(tmp_path)
    assert row.receipt()["url"]
    assert row.answer["media"] is True
    sandbox.clock.advance(timedelta(minutes=10))
    config = tap_settings(sandbox, end_date=sandbox.clock.now().isoformat())
    (back,) = (
        found
        for found in run_tap(config, streams={"calls"}).records["calls"]
        if found["clientUniqueId"] == "c-1"
    )
    assert back["id"] == row.receipt()["callId"]
    assert (back["title"], back["duration"]) == ("Renewal", 75)


def test_gong_fetches_what_has_a_url(sandbox, user, tmp_path):
    record = call(user, downloadMediaUrl="https://media.example/a.wav")
    run_target(settings(sandbox, tmp_path), messages("calls", [record]))
    (created,) = sandbox.company.uploads.created
    assert created.new.download_media_url == "https://media.example/a.wav"
    assert sent(sandbox) == [("POST", "/v2/calls")]


def test_a_call_that_gong_has_already_is_success(sandbox, user, tmp_path):
    run_target(settings(sandbox, tmp_path / "one"), messages("calls", [call(user)]))
    target = run_target(settings(sandbox, tmp_path / "two"), messages("calls", [call(user)]))
    assert target.tally.done == 1
    (row,) = receipts(tmp_path / "two")
    (created,) = sandbox.company.uploads.created
    assert row.answer["callId"] == created.id
    assert row.answer["existed"] is True


def test_a_call_that_changed_is_left_as_it_is_with_a_warning(sandbox, user, tmp_path, caplog):
    config = settings(sandbox, tmp_path)
    run_target(config, messages("calls", [call(user)]))
    target = run_target(config, messages("calls", [call(user, title="New")]))
    assert target.tally.unchanged == 1
    assert "Gong cannot change calls" in caplog.text
    assert len(sandbox.company.uploads.created) == 1


def test_a_draft_gets_its_recording_later(sandbox, user, tmp_path):
    config = settings(sandbox, tmp_path)
    run_target(config, messages("calls", [call(user)]))
    record = call(user, mediaFile=str(recording(tmp_path / "a.wav")))
    assert run_target(config, messages("calls", [record])).tally.done == 1
    assert sandbox.company.uploads.created[0].media_uploads == 1
    assert run_target(config, messages("calls", [record])).tally.known == 1
    assert sent(sandbox).count(("POST", "/v2/calls")) == 1


@pytest.mark.parametrize("by", ["callId", "clientUniqueId"])
def test_call_media(sandbox, user, tmp_path, by):
    config = settings(sandbox, tmp_path)
    run_target(config, messages("calls", [call(user)]))
    ids = {"callId": sandbox.company.uploads.created[0].id, "clientUniqueId": "c-1"}
    record = {by: ids[by], "mediaFile": str(recording(tmp_path / "a.wav"))}
    assert run_target(config, messages("call_media", [record])).tally.done == 1
    assert sandbox.company.uploads.created[0].media_uploads == 1
    assert run_target(config, messages("call_media", [record])).tally.known == 1


def test_call_media_skips_what_the_ledger_knows(sandbox, user, tmp_path):
    config = settings(sandbox, tmp_path)
    path = str(recording(tmp_path / "a.wav"))
    run_target(config, messages("calls", [call(user, mediaFile=path)]))
    sandbox.clear_requests()
    record = {"clientUniqueId": "c-1", "mediaFile": path}
    assert run_target(config, messages("call_media", [record])).tally.done == 1
    assert sandbox.requests == []


def test_call_media_of_a_call_that_nobody_knows(sandbox, tmp_path):
    path = str(recording(tmp_path / "a.wav"))
    for record, words in (
        ({"clientUniqueId": "x", "mediaFile": path}, "the ledger knows no call"),
        ({"callId": "123", "mediaFile": path}, "Gong answered 404"),
        ({"mediaFile": path}, "callId or clientUniqueId is required"),
    ):
        with pytest.raises(RunStopped, match=words):
            run_target(settings(sandbox, tmp_path), messages("call_media", [record]))


def test_the_same_recording_for_two_calls_is_told(sandbox, user, tmp_path):
    path = str(recording(tmp_path / "a.wav"))
    records = [call(user, name, mediaFile=path) for name in ("one", "two")]
    config = settings(sandbox, tmp_path, on_error="skip")
    target = run_target(config, messages("calls", records))
    assert (target.tally.done, target.tally.failed) == (1, 1)
    row = receipts(tmp_path)[1]
    assert (row.status, row.key) == ("failed", "two")
    assert "same content" in row.error


def test_a_new_recording_is_sent_whatever_came_of_the_one_before(sandbox, user, tmp_path):
    taken, other = recording(tmp_path / "a.wav"), recording(tmp_path / "b.wav", seed=1)
    config = settings(sandbox, tmp_path, on_error="skip")
    run_target(config, messages("calls", [call(user, n, mediaFile=str(taken)) for n in "ab"]))
    again = messages("calls", [call(user, "b", mediaFile=str(other))])
    other.rename(tmp_path / "not there yet")
    assert run_target(config, again).tally.failed == 1
    (tmp_path / "not there yet").rename(other)
    assert run_target(config, again).tally.done == 1
    assert [created.media_uploads for created in sandbox.company.uploads.created] == [1, 1]


def test_skipping_goes_on_and_ends_with_a_summary(sandbox, user, tmp_path):
    records = [call(user, "a"), call(user, "b", direction="Up"), call(user, "c")]
    config = settings(sandbox, tmp_path, on_error="skip")
    target = run_target(config, messages("calls", records, state_every=1))
    assert (target.tally.done, target.tally.failed) == (2, 1)
    with pytest.raises(RunStopped, match=r"1 record failed; see above, or `target-gong"):
        target.raise_failures()


def test_failing_stops_before_the_next_record_and_its_state(sandbox, user, tmp_path, capsys):
    records = [call(user, "a"), call(user, "b", direction="Up"), call(user, "c")]
    with pytest.raises(RunStopped, match="Nothing after this record was sent"):
        run_target(settings(sandbox, tmp_path), messages("calls", records, state_every=1))
    assert [created.new.client_unique_id for created in sandbox.company.uploads.created] == ["a"]
    states = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert states[-1] == {"bookmarks": {"calls": 1}}


def test_a_user_whose_calls_are_not_imported_is_told_in_gongs_words(sandbox, tmp_path):
    users = sandbox.company.users(now=NOW)
    closed = next(u["id"] for u in users if not u["settings"]["telephonyCallsImported"])
    with pytest.raises(RunStopped, match="Gong answered 409 to POST /v2/calls"):
        run_target(settings(sandbox, tmp_path), messages("calls", [call(closed)]))


def test_a_dry_run_sends_nothing_and_passes_no_state_on(sandbox, user, tmp_path, capsys, caplog):
    config = settings(sandbox, tmp_path, dry_run=True)
    path = str(recording(tmp_path / "a.wav"))
    lines = messages("calls", [call(user, mediaFile=path)], state_every=1)
    caplog.set_level("INFO")
    target = run_target(config, lines)
    assert target.tally.would == 1
    assert "would create calls c-1" in caplog.text
    assert sandbox.requests == []
    assert capsys.readouterr().out == ""
    assert not list(tmp_path.glob("ledger*"))
    assert run_target({**config, "dry_run": False}, lines).tally.done == 1


def test_waiting_until_gong_shows_them_names_what_it_dropped(sandbox, user, tmp_path, caplog):
    class Patient:
        """The sandbox's clock, on which waiting takes no time."""

        def now(self):
            return pendulum.instance(sandbox.clock.now())

        def sleep(self, seconds):
            sandbox.clock.advance(timedelta(seconds=seconds))

    records = [
        call(user, "good", mediaFile=str(recording(tmp_path / "a.wav"))),
        call(user, "short", mediaFile=str(recording(tmp_path / "b.wav", seconds=20, seed=1))),
    ]

    class Waiting(TargetGong):
        clock = Patient()

    target = Waiting(config=settings(sandbox, tmp_path, wait_until_visible=15))
    lines = "".join(json.dumps(line) + "\n" for line in messages("calls", records))
    target.check()
    target.read(io.StringIO(lines))
    target.conclude()
    dropped = next(c.id for c in sandbox.company.uploads.created if c.dropped)
    assert f"Gong does not show call {dropped}" in caplog.text
    assert target.tally.failed == 1
    assert target.tally.done == 2


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", b"x", "none of WAV, MP3, MP4, MKV and FLAC"),
        ("a.wav", b"", "is empty"),
    ],
)
def test_files_that_gong_would_not_take(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadMedia, match=words):
        find(str(tmp_path / name))


def test_files_beyond_the_limit(tmp_path):
    with (tmp_path / "big.wav").open("wb") as file:
        file.truncate(media_module.LARGEST + 1)
    with pytest.raises(BadMedia, match=r"has 1.50 GB; Gong takes 1.5 GB at most"):
        find(str(tmp_path / "big.wav"))


def test_folders_and_schemes_of_all_kinds(tmp_path):
    path = recording(tmp_path / "a.wav")
    assert find(f"file://{path}").size == find(str(path)).size == path.stat().st_size
    with pytest.raises(BadMedia, match="is a folder"):
        find(str(tmp_path))
    with pytest.raises(BadMedia, match=r"needs a further package: pip install 'gong-singer\[s3\]'"):
        find("s3://bucket/a.wav")
    with pytest.raises(BadMedia, match="cannot be read"):
        find("gopher://host/a.wav")


def test_recordings_are_confined_to_media_root(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    inside = recording(root / "a.wav")
    outside = recording(tmp_path / "b.wav")
    (root / "link.wav").symlink_to(outside)
    assert find("a.wav", str(root)).size == inside.stat().st_size
    for path in (
        "../b.wav",
        str(outside),
        f"file://{outside}",
        "link.wav",
        "https://x.example/a.wav",
    ):
        with pytest.raises(BadMedia, match="is not below media_root"):
            find(path, str(root))
    for path in ("s3://other/a.wav", "../a.wav"):
        with pytest.raises(BadMedia, match="is not below media_root"):
            find(path, "s3://bucket/calls")


@pytest.mark.parametrize(
    "path",
    [
        "a/../../b.wav",
        "folder/../b.wav",
        "/etc/hostname",
        "file:///etc/hostname",
        "FILE:///etc/hostname",
        "file://localhost/etc/hostname",
        "local:///etc/hostname",
        "simplecache::file:///etc/hostname",
        "zip://a.wav::file:///etc/archive.zip",
        "zip::/etc/archive.zip",
        "s3://bucket/a.wav",
        "gs://bucket/a.wav",
        "http://169.254.169.254/a.wav",
        "~/a.wav",
        "~root/a.wav",
    ],
)
def test_no_path_leads_out_of_a_folder(tmp_path, path):
    root = tmp_path / "root"
    root.mkdir()
    recording(tmp_path / "b.wav")
    (root / "folder").symlink_to(tmp_path)
    with pytest.raises(BadMedia, match=r"is not below media_root|there is no file"):
        locate(path, str(root), field="file")


@pytest.mark.parametrize(
    "path",
    [
        "../a.wav",
        "%2e%2e/a.wav",
        "%252e%252e%252fa.wav",
        "x/..\\..\\a.wav",
        "https://host.example/calls/x::file:///etc/hostname",
        "https://host.example/calls/../a.wav",
        "https://host.example/callsign/a.wav",
        "https://host.example.evil.example/calls/a.wav",
        "https://host.example@evil.example/calls/a.wav",
        "file:///etc/hostname",
        "simplecache::https://host.example/calls/a.wav",
    ],
)
def test_no_path_leads_out_of_a_remote_folder(path):
    with pytest.raises(BadMedia, match="is not below media_root"):
        locate(path, "https://host.example/calls", field="file")
