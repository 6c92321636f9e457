"""A company for every test of the target, and what stands between."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.target.target_run import company, importing_user

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gong_sandbox import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A small company of a test's own."""
    with company() as sandbox:
        yield sandbox


@pytest.fixture
def user(sandbox: Sandbox) -> str:
    """Id of a user who may import calls."""
    return importing_user(sandbox)


@pytest.fixture
def quick_crm(sandbox: Sandbox) -> None:
    """What is uploaded to the CRM is there at once."""
    sandbox.company.crm.queued = sandbox.company.crm.processing = timedelta(0)
