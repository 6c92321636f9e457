"""Asynchronous requests to the CRM: uploaded files, and the end of an integration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gong_sandbox.company.crm_rows import MOST_ERRORS, LineError

if TYPE_CHECKING:
    from datetime import datetime

    from gong_sandbox.company.crm_rows import Row


@dataclass
class CrmRequest:
    """A request and what has become of it.

    Attributes:
        integration_id: of the integration it was made to.
        id: the caller's `clientRequestId`.
        object_type: of an upload's rows, None for the deletion of the integration.
        received: when it was made.
        started: from when on it is in progress.
        due: when it has taken effect.
        size: of the file in bytes.
        sha256: of the file.
        rows: still to be taken over; none once that is done.
        errors: the first ones.
        error_count: of all lines that were not taken over.
        success_count: of all lines that were.
    """

    integration_id: int
    id: str
    object_type: str | None
    received: datetime
    started: datetime
    due: datetime
    size: int = 0
    sha256: str = ""
    rows: list[Row] = field(default_factory=list)
    errors: list[LineError] = field(default_factory=list)
    error_count: int = 0
    success_count: int = 0

    def fail(self, line: int, description: str) -> None:
        """Note that a line cannot be taken over, or with line 0 the file."""
        self.error_count += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(LineError(line, description))

    def wire(self, now: datetime) -> dict[str, Any]:
        """The record of GET /v2/crm/request-status; nothing is told before the end."""
        if now < self.due:
            status = "PENDING" if now < self.started else "IN_PROGRESS"
            return {"status": status, "errors": [], "totalErrorCount": 0, "totalSuccessCount": 0}
        return {
            "status": "FAILED" if self.error_count else "DONE",
            "errors": [
                {"line": error.line, "description": error.description}
                for error in sorted(self.errors)
            ],
            "totalErrorCount": self.error_count,
            "totalSuccessCount": self.success_count,
        }
