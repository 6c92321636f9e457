"""Disks that are full and folders that have gone: told by their setting, and nothing sent twice."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from gong_api.clock import SystemClock
from gong_api.command import RunStopped
from target_gong.ledger import Ledger
from tests.target.target_run import call, messages, receipts, run_target, settings
from tests.target.test_crm import accounts, uploads

pytestmark = [
    pytest.mark.usefixtures("quick_crm"),
    pytest.mark.skipif(os.name == "nt", reason="limits of files are POSIX's"),
]


@contextlib.contextmanager
def room_for(size):
    """Files may have `size` bytes at most, as on a disk that is full then."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("stream", ["calls", "crm_accounts"])
def test_what_is_done_stays_done_though_its_receipt_cannot_be_written(
    sandbox, user, tmp_path, stream
):
    records = [call(user)] if stream == "calls" else list(accounts(3))
    config = settings(sandbox, tmp_path, receipts_path="/dev/full")
    with pytest.raises(RunStopped, match=r"receipts_path /dev/full cannot be written: No space"):
        run_target(config, messages(stream, records))
    assert [row.status for row in receipts(tmp_path)] == ["done"] * len(records)
    again = run_target(settings(sandbox, tmp_path), messages(stream, records))
    assert again.tally.known == len(records)


def test_no_receipt_is_written_by_half(sandbox, user, tmp_path):
    path = tmp_path / "receipts.jsonl"
    before = "{}\n" * 1_000_000
    path.write_text(before)
    config = settings(sandbox, tmp_path, receipts_path=str(path))
    with room_for(len(before) + 9), pytest.raises(RunStopped, match="receipts_path"):
        run_target(config, messages("calls", [call(user, "one")]))
    assert path.read_text() == before
    run_target(config, messages("calls", [call(user, "two")]))
    assert json.loads(path.read_text()[len(before) :])["key"] == "two"


def test_a_folder_of_receipts_that_has_gone_is_told(tmp_path):
    folder = tmp_path / "receipts"
    folder.mkdir()
    ledger = Ledger(tmp_path / "ledger.db", SystemClock(), folder / "receipts.jsonl")
    row = ledger.begin("calls", "a", "", "create")
    shutil.rmtree(folder)
    with pytest.raises(RunStopped, match=r"receipts_path .*No such file or directory"):
        ledger.done(row)
    ledger.close()
    assert [row.status for row in receipts(tmp_path)] == ["done"]


def test_a_full_folder_for_temporary_files_is_told(sandbox, tmp_path):
    (account,) = accounts(1)
    lines = messages("crm_accounts", [{**account, "name": "A" * 3_000_000}])
    config = settings(sandbox, tmp_path)
    words = f"temporary files, {tempfile.gettempdir()}, cannot be written: File too large"
    with room_for(2_000_000), pytest.raises(RunStopped, match=words):
        run_target(config, lines)
    assert uploads(sandbox) == []
    assert run_target(config, lines).tally.done == 1


def test_a_folder_for_temporary_files_that_has_gone_is_told(sandbox, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    words = f"temporary files, {tmp_path}/gone, cannot be written: No such file"
    with pytest.raises(RunStopped, match=words):
        run_target(settings(sandbox, tmp_path), messages("crm_accounts", accounts(1)))
