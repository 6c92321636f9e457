"""A file of CRM objects on its way to Gong: gathered on disk, uploaded, polled to its end.

Each file has an id of its own, in the ledger before the file is sent: Gong takes no second file
with the id of an earlier one, be its content the same or not, and answers by it what became of
the file, to a later run too.
"""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from gong_api.command import RunStopped
from gong_api.errors import GongError, Refused
from target_gong.media import Form, locate
from target_gong.sink import was_not_done

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
# As many unnamed lines are looked for where all that Gong names suffer from the same.
_MOST_ALIKE = 200


def follow(target: TargetGong, stream: str, request_id: str) -> dict[str, Any]:
    """Ask until Gong has worked through a file.

    Raises:
        Refused: among others, Gong knows no such file.
    """
    params = {"integrationId": target.crm_integration_id, "clientRequestId": request_id}
    pause = _FIRST_PAUSE
    while True:
        status = target.client.request("GET", _STATUS, params=params)
        if status.get("status") in _ENDED:
            return status
        target.logger.info("%s: Gong is at it (%s)", stream, status.get("status"))
        target.clock.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


@contextlib.contextmanager
def _on_disk() -> Iterator[None]:
    """A context in which files of objects are written.

    Raises:
        RunStopped: they cannot be.
    """
    try:
        yield
    except OSError as error:
        # None where the system has no such folder, as the error then says.
        folder = tempfile.tempdir or "TMPDIR"
        msg = (
            f"The folder for temporary files, {folder}, cannot be written: {error.strerror}. Make "
            "room, or set TMPDIR to another folder, and run again; CRM objects are gathered there"
        )
        raise RunStopped(GongError(msg)) from error


class EarlierUploads:
    """Files of which an earlier run did not learn what became of them.

    Args:
        target: whose connection is used.
        stream: of the records.
    """

    def __init__(self, target: TargetGong, stream: str) -> None:
        self._target = target
        self._stream = stream
        self._outcomes: dict[str, dict[str, Any]] = {}

    def took(self, row: Row) -> bool:
        """Whether Gong is certain to have taken the line of a row in doubt.

        Raises:
            RunStopped: it cannot be asked.
        """
        request_id, line = row.answer.get("clientRequestId"), row.answer.get("line")
        if not request_id or not line:
            return False
        if request_id not in self._outcomes:
            self._outcomes[request_id] = self._ask(request_id)
        status = self._outcomes[request_id]
        refused = {int(entry.get("line") or 0) for entry in status.get("errors") or []}
        # As in `_sift`: a failure that names no lines is that of the file.
        is_taken = status.get("status") == "DONE" or bool(refused)
        return is_taken and _count(status) <= len(refused) and not refused & {0, line}

    def _ask(self, request_id: str) -> dict[str, Any]:
        try:
            return follow(self._target, self._stream, request_id)
        except Refused as error:
            if not error.concerns_operation or error.status not in {400, 404}:
                raise RunStopped(error) from error
            # It never arrived.
            return {}
        except GongError as error:
            raise RunStopped(error) from error


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
        with _on_disk():
            self._folder = tempfile.TemporaryDirectory(prefix="target-gong-")
            self._path = Path(self._folder.name) / "objects.json"
            self._file = self._path.open("wb")
        self._bytes = 0
        self._batch = target.ledger.gather()
        self._id = self._new_id()
        self._has_arrived = False
        self._failed: dict[int, str] = {}

    def has_room(self, line: bytes) -> bool:
        """Whether a line fits into the file."""
        return self._bytes + len(line) <= _MOST_BYTES

    def holds(self, row: Row | None) -> bool:
        """Whether a record's row is in the file already."""
        return row is not None and self._batch.holds(row)

    def add(self, key: str, content: str, line: bytes, last: Row | None) -> None:
        """Add an object, with its row in the ledger.

        Raises:
            RunStopped: there is no room for it.
        """
        try:
            with _on_disk():
                self._file.write(line)
        except RunStopped:
            with contextlib.suppress(OSError):
                self._file.close()
            self._folder.cleanup()
            raise
        self._bytes += len(line)
        self._batch.add(self._stream, key, content, "upload", last, file=self._id)

    def send(self) -> None:
        """Upload the file and settle its rows.

        Raises:
            RunStopped: a fault that is not the records', or is and `on_error` is `fail`.
        """
        try:
            with _on_disk():
                self._file.close()
            # On disk before anything is sent.
            self._target.ledger.write_gathered()
            every = range(1, len(self._batch) + 1)
            try:
                unknown = self._sift(every, self._upload(self._id, self._path, len(every)))
            except GongError as error:
                self._give_up(error)
            self._batch.settle_rest()
            self._target.tally.done += len(every) - len(self._failed)
        finally:
            self._folder.cleanup()
        refused = [
            (self._batch.key(line), text)
            for line, text in sorted(self._failed.items())
            if line not in unknown
        ]
        unclear = [self._failed[line] for line in unknown]
        self._batch.drop()
        for key, text in refused:
            self._target.fail(f"{self._stream} {key}: {text}")
        if unclear:
            # Beside the one that is told.
            self._target.tally.failed += len(unclear) - 1
            self._target.fail(f"{self._stream}, {len(unclear)} records: {unclear[0]}")

    def _sift(self, lines: Sequence[int], status: dict[str, Any]) -> set[int]:
        """Note which lines of an upload were refused, by uploading again what Gong leaves unnamed.

        Returns:
            Lines of which it stays unknown.
        """
        errors = status.get("errors") or []
        named = {
            lines[int(entry["line"]) - 1]: str(entry.get("description"))
            for entry in errors
            if 0 < int(entry.get("line") or 0) <= len(lines)
        }
        whole = [str(entry.get("description")) for entry in errors if not entry.get("line")]
        if whole or (status["status"] == "FAILED" and not named):
            self._fail(lines, "; ".join(whole) or "Gong could not take the file")
            return set()
        self._fail_each(named)
        bad = _count(status) - len(named)
        if bad <= 0:
            return set()
        rest = [line for line in lines if line not in named]
        return self._search(rest, bad, list(named.values()))

    def _search(self, lines: Sequence[int], bad: int, sample: list[str]) -> set[int]:
        """Find the refused among some lines.

        Args:
            lines: Gong has taken the others.
            bad: how many are refused.
            sample: why Gong refused those that it named.
        """
        reasons = "; ".join(sorted(set(sample))[:3])
        if bad >= len(lines):
            self._fail(lines, f"Gong refused it, and said of other lines of the file: {reasons}")
            return set()
        if bad > _MOST_ALIKE and len(set(sample)) == 1:
            text = (
                f"it is not known whether Gong took it: it refused {bad + len(sample)} of "
                f"{len(lines) + len(sample)} lines and named {len(sample)}, all with: {reasons}; "
                "mend that and run again"
            )
            self._fail(lines, text)
            return set(lines)
        half = len(lines) // 2
        first, second = lines[:half], lines[half:]
        status = self._upload_part(first)
        unknown = self._sift(first, status)
        left = bad - _count(status)
        if left == 0:
            return unknown
        # Should the numbers contradict each other, Gong is asked.
        if left == len(second):
            return unknown | self._search(second, left, sample)
        return unknown | self._sift(second, self._upload_part(second))

    def _fail(self, lines: Iterable[int], text: str) -> None:
        self._fail_each(dict.fromkeys(lines, text))

    def _fail_each(self, errors: dict[int, str]) -> None:
        self._failed.update(errors)
        self._batch.fail(errors)

    def _give_up(self, error: GongError) -> NoReturn:
        # A file that has arrived is worked through, whatever keeps us from hearing of it.
        self._batch.abandon(str(error), in_doubt=self._has_arrived or not was_not_done(error))
        raise RunStopped(error) from error

    def _new_id(self) -> str:
        return f"{self._object_type.lower().replace('_', '-')}-{uuid.uuid4().hex}"

    def _upload_part(self, lines: Iterable[int]) -> dict[str, Any]:
        wanted = set(lines)
        path = self._path.with_name("part.json")
        with _on_disk(), path.open("wb") as part:
            part.writelines(line for number, line in self._numbered() if number in wanted)
        # Of its lines the ledger knows the first file, which leaves them unclear to a later run.
        return self._upload(self._new_id(), path, len(wanted))

    def _upload(self, request_id: str, path: Path, count: int) -> dict[str, Any]:
        params = {
            "integrationId": self._target.crm_integration_id,
            "objectType": self._object_type,
            "clientRequestId": request_id,
        }
        files = {"dataFile": locate(str(path), field="dataFile")}
        size = path.stat().st_size / 1e6
        self._target.logger.info("Uploading %d objects (%.1f MB) to %s", count, size, self._stream)

        def content() -> Any:
            form = Form(files, self._target.clock)
            return form.content

        try:
            self._target.client.request("POST", _ENTITIES, params=params, content=content)
        except Refused as error:
            # The id is this file's alone: an earlier try has arrived.
            if error.status != 409:
                raise
        self._has_arrived = True
        return follow(self._target, self._stream, request_id)

    def _numbered(self) -> Iterator[tuple[int, bytes]]:
        with self._path.open("rb") as file:
            yield from enumerate(file, start=1)


def _count(status: dict[str, Any]) -> int:
    return int(status.get("totalErrorCount") or 0)
