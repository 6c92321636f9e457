"""A file of CRM objects on its way to Gong: gathered on disk, uploaded, polled to its end."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gong_api.command import RunStopped
from gong_api.errors import GongError, LimitReached, Refused
from target_gong.media import Form, locate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from target_gong.ledger import Row
    from target_gong.target import TargetGong

_ENTITIES = "/v2/crm/entities"
_STATUS = "/v2/crm/request-status"
# Below Gong's 200 MB.
_MOST_BYTES = 190_000_000
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_ENDED = {"DONE", "FAILED"}


class CrmUpload:
    """Objects of one type, one version of each.

    Memory does not grow with their number: lines are in a file, keys in the ledger.

    Args:
        target: whose connection and ledger are used.
        stream: of the records.
        object_type: Gong's name for their type.
    """

    def __init__(self, target: TargetGong, stream: str, object_type: str) -> None:
        self._target = target
        self._stream = stream
        self._object_type = object_type
        self._folder = tempfile.TemporaryDirectory(prefix="target-gong-")
        self._path = Path(self._folder.name) / "objects.json"
        self._file = self._path.open("wb")
        self._bytes = 0
        self._batch = target.ledger.gather()

    def has_room(self, line: bytes) -> bool:
        """Whether a line fits into the file."""
        return self._bytes + len(line) <= _MOST_BYTES

    def holds(self, row: Row | None) -> bool:
        """Whether a record's row is in the file already."""
        return row is not None and self._batch.holds(row)

    def add(self, key: str, content: str, line: bytes, last: Row | None) -> None:
        """Add an object, with its row in the ledger."""
        self._file.write(line)
        self._bytes += len(line)
        self._batch.add(self._stream, key, content, "upload", last)

    def send(self) -> None:
        """Upload the file and settle its rows.

        Raises:
            RunStopped: a fault that is not the records', or is and `on_error` is `fail`.
        """
        self._file.close()
        try:
            # On disk before anything is sent.
            self._target.ledger.write_gathered()
            failed = self._send_all()
            self._batch.settle_rest()
            self._target.tally.done += len(self._batch) - len(failed)
        finally:
            self._folder.cleanup()
        refused = [(self._batch.key(line), text) for line, text in sorted(failed.items())]
        self._batch.drop()
        for key, text in refused:
            self._target.fail(f"{self._stream} {key}: {text}")

    def _send_all(self) -> dict[int, str]:
        """Upload until nothing is refused that Gong has not named; line -> what is wrong."""
        failed: dict[int, str] = {}
        lines: Sequence[int] = range(1, len(self._batch) + 1)
        while True:
            if failed:
                lines = [line for line in lines if line not in failed]
            if not lines:
                return failed
            try:
                status = self._upload(lines if failed else None)
            except GongError as error:
                self._give_up(error)
            named = {
                lines[int(entry["line"]) - 1]: str(entry.get("description"))
                for entry in status.get("errors") or []
                if 0 < int(entry.get("line") or 0) <= len(lines)
            }
            whole = [
                str(entry.get("description"))
                for entry in status.get("errors") or []
                if not entry.get("line")
            ]
            if whole or (status["status"] == "FAILED" and not named):
                text = "; ".join(whole) or "Gong could not take the file"
                named = dict.fromkeys(lines, text)
            failed.update(named)
            for line, text in named.items():
                self._batch.fail(line, text)
            # Gong names 20 errors at most: what is left of the file names the next.
            if int(status.get("totalErrorCount") or 0) <= len(named) or not named:
                return failed

    def _give_up(self, error: GongError) -> None:
        is_refused = isinstance(error, (Refused, LimitReached))
        self._batch.abandon(str(error), in_doubt=not is_refused)
        raise RunStopped(error) from error

    def _upload(self, lines: Sequence[int] | None) -> dict[str, Any]:
        path = self._path if lines is None else self._part(lines)
        request_id = f"{self._object_type.lower().replace('_', '-')}-{_digest(path)}"
        params = {
            "integrationId": self._target.crm_integration_id,
            "objectType": self._object_type,
            "clientRequestId": request_id,
        }
        files = {"dataFile": locate(str(path))}
        self._target.logger.info(
            "Uploading %d objects (%.1f MB) to %s",
            len(lines) if lines is not None else len(self._batch),
            path.stat().st_size / 1e6,
            self._stream,
        )

        def content() -> Any:
            form = Form(files, self._target.clock)
            return form.content

        try:
            self._target.client.request("POST", _ENTITIES, params=params, content=content)
        except Refused as error:
            # The very same file has arrived before: an earlier try, or an earlier run.
            if error.status != 409:
                raise
        return self._poll(request_id)

    def _poll(self, request_id: str) -> dict[str, Any]:
        """Ask until Gong has worked through a file."""
        params = {
            "integrationId": self._target.crm_integration_id,
            "clientRequestId": request_id,
        }
        pause = _FIRST_PAUSE
        while True:
            status = self._target.client.request("GET", _STATUS, params=params)
            if status.get("status") in _ENDED:
                return status
            self._target.logger.info("%s: Gong is at it (%s)", self._stream, status.get("status"))
            self._target.clock.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _part(self, lines: Iterable[int]) -> Path:
        """A file with some of the lines."""
        wanted = set(lines)
        path = self._path.with_name("part.json")
        with path.open("wb") as part:
            for number, line in self._numbered():
                if number in wanted:
                    part.write(line)
        return path

    def _numbered(self) -> Iterator[tuple[int, bytes]]:
        with self._path.open("rb") as file:
            yield from enumerate(file, start=1)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()[:32]
