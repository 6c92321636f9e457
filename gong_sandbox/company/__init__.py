"""A seeded, deterministic company: the data behind the sandbox's API."""

from __future__ import annotations

from gong_sandbox.company.company import Company
from gong_sandbox.company.timeline import CallSlot

__all__ = ["CallSlot", "Company"]
