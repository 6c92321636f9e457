"""A company for every test of the target, and what stands between."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from target_gong.target import TargetGong
from tests.command_run import Ended, run_command
from tests.target.target_run import company, importing_user

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gong_sandbox import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A small company of a test's own."""
    with company() as sandbox:
        yield sandbox


@pytest.fixture
def target_gong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """The target's command, in this process: takes settings, arguments, and `input=messages`."""
    monkeypatch.chdir(tmp_path)
    return functools.partial(run_command, TargetGong, tmp_path, patch=monkeypatch)


@pytest.fixture
def user(sandbox: Sandbox) -> str:
    """Id of a user who may import calls."""
    return importing_user(sandbox)


@pytest.fixture
def quick_crm(sandbox: Sandbox) -> None:
    """What is uploaded to the CRM is there at once."""
    sandbox.company.crm.queued = sandbox.company.crm.processing = timedelta(0)
