"""Passwords and signatures in URLs: used, and never shown."""

from __future__ import annotations

import json
import os

import pytest

from gong_api.errors import masked
from target_gong.media import BadMedia, find
from tests.target.target_run import (
    call,
    messages,
    receipts,
    recording,
    run_target,
    settings,
)

SIGNED = "https://user:pw@media.invalid/x.wav?X-Amz-Signature=secret"


def test_masking():
    assert masked(f"no {SIGNED}, no") == "no https://media.invalid/x.wav?… no"
    assert masked(f"'{SIGNED}'") == "'https://media.invalid/x.wav?…'"
    assert masked("ftp://user:p@ss@host/a@b.wav") == "ftp://host/a@b.wav"
    assert masked("s3://bucket/a.wav and 5 > 3?") == "s3://bucket/a.wav and 5 > 3?"


def test_a_signed_media_file_is_not_shown(sandbox, user, tmp_path, caplog):
    path = tmp_path / "receipts.jsonl"
    config = settings(sandbox, tmp_path, on_error="skip", receipts_path=str(path))
    for record in (call(user, mediaFile=SIGNED), call(user, "b", direction=SIGNED)):
        run_target(config, messages("calls", [record]))
    everything = caplog.text + path.read_text() + json.dumps([r.error for r in receipts(tmp_path)])
    assert "media.invalid/x.wav" in everything
    assert "secret" not in everything
    assert "pw@" not in everything


def test_a_dry_run_shows_no_signature_and_no_header(sandbox, user, tmp_path, caplog):
    caplog.set_level("INFO")
    config = settings(sandbox, tmp_path, dry_run=True)
    run_target(config, messages("calls", [call(user, downloadMediaUrl=SIGNED)]))
    raw = {"method": "GET", "path": "/v2/users", "headers": {"X-Token": "secret"}}
    run_target(config, messages("requests", [raw]))
    assert caplog.text.count("would create") + caplog.text.count("would GET") == 2
    assert "X-Token" in caplog.text
    assert "secret" not in caplog.text


def test_a_dry_run_looks_for_recordings(sandbox, user, tmp_path):
    config = settings(sandbox, tmp_path, dry_run=True, on_error="skip")
    target = run_target(config, messages("calls", [call(user, mediaFile="nowhere.wav")]))
    assert (target.tally.would, target.tally.failed) == (0, 1)
    with pytest.raises(BaseException, match=r"1 record failed; see above$"):
        target.raise_failures()


@pytest.mark.parametrize("name", ["a#b.wav", "a?b.wav", "a::b.wav"])
def test_names_that_are_no_urls(tmp_path, name):
    path = recording(tmp_path / name)
    media = find(str(path))
    assert (media.name, media.size) == (name, path.stat().st_size)


def test_a_recording_that_goes_away_is_not_gongs_fault(sandbox, user, tmp_path, monkeypatch):
    paths = [recording(tmp_path / f"{n}.wav", seed=n) for n in range(2)]
    uploads = sandbox.company.uploads
    create = uploads.create

    def and_remove(*args, **kwargs):
        paths[0].unlink(missing_ok=True)
        return create(*args, **kwargs)

    monkeypatch.setattr(uploads, "create", and_remove)
    records = [call(user, f"c-{n}", mediaFile=str(path)) for n, path in enumerate(paths)]
    target = run_target(settings(sandbox, tmp_path, on_error="skip"), messages("calls", records))
    assert (target.tally.done, target.tally.failed) == (1, 1)
    row = next(row for row in receipts(tmp_path) if row.status == "failed")
    assert f"{paths[0]} cannot be read: No such file" in row.error


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_recording_that_may_not_be_read(tmp_path):
    path = recording(tmp_path / "a.wav")
    path.chmod(0)
    with pytest.raises(BadMedia, match="cannot be read: Permission denied"):
        find(str(path))


def test_the_same_recording_twice_is_told_once(sandbox, user, tmp_path, caplog):
    path = str(recording(tmp_path / "a.wav"))
    lines = messages("calls", [call(user, name, mediaFile=path) for name in ("one", "two")])
    config = settings(sandbox, tmp_path, on_error="skip")
    first = run_target(config, lines)
    assert (first.tally.done, first.tally.failed) == (1, 1)
    assert "leave out mediaFile" in receipts(tmp_path)[1].error
    sandbox.clear_requests()
    again = run_target(config, lines)
    assert (again.tally.known, again.tally.failed) == (2, 0)
    assert sandbox.requests == []
