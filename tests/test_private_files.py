"""Files that hold secrets or what Gong knows: their owner's alone, whatever the umask."""

from __future__ import annotations

import os
import stat
import sys

import pytest

from gong_api.private_files import make_folder
from tests.target.target_run import call, company, importing_user, messages, run_target, settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")


@pytest.fixture(autouse=True)
def nothing_masked():
    before = os.umask(0)
    yield
    os.umask(before)


def test_ledger_receipts_and_rate_store(tmp_path):
    with company() as sandbox:
        path = tmp_path / "new" / "er"
        config = settings(
            sandbox,
            tmp_path,
            ledger_path=str(path / "ledger.db"),
            receipts_path=str(path / "receipts.jsonl"),
            rate_limit_store=f"sqlite:///{path}/rate/turns.db",
            requests_per_second=50,
        )
        path.mkdir(parents=True, mode=0o700)
        run_target(config, messages("calls", [call(importing_user(sandbox))]))
    files = [file for file in path.rglob("*") if file.is_file()]
    assert {"ledger.db", "receipts.jsonl", "turns.db"} <= {file.name for file in files}
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert stat.S_IMODE((path / "rate").stat().st_mode) == 0o700


def test_what_sqlite_puts_beside_a_ledger_is_as_private(tmp_path):
    from gong_api.clock import SystemClock
    from target_gong.ledger import Ledger

    ledger = Ledger(tmp_path / "a" / "b" / "ledger.db", SystemClock())
    ledger.claim("company")
    found = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "a/b").iterdir()}
    ledger.close()
    assert set(found) == {"ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db.lock"}
    assert set(found.values()) == {0o600}
    for folder in (tmp_path / "a", tmp_path / "a" / "b"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_an_open_ledger_is_closed_with_a_warning(tmp_path, caplog):
    from gong_api.clock import SystemClock
    from target_gong.ledger import Ledger

    path = tmp_path / "ledger.db"
    path.touch(0o666)
    Ledger(path, SystemClock()).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert f"ledger_path {path} was open to other users" in caplog.text


def test_folders_that_are_there_stay_as_they_are(tmp_path):
    tmp_path.chmod(0o755)
    make_folder(tmp_path / "x" / "y")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o700
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        make_folder(tmp_path / "file")
