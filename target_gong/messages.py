"""Singer messages as they come in: checked one by one, before the SDK relies on their form."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import IO, TYPE_CHECKING, Any

from singer_sdk.singerlib.encoding import SimpleSingerReader
from singer_sdk.singerlib.exceptions import InvalidInputLine
from typing_extensions import override

from gong_api.command import Interrupted, RunStopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_gong.stopping import Stopping


class MessageReader(SimpleSingerReader):
    """Reads messages line by line; a signal ends the reading between two of them.

    Attributes:
        stopping: of the run; None where no signals are expected.
    """

    stopping: Stopping | None = None

    @override
    def process_lines(
        self, file_input: IO[str] | None, callbacks: dict[str, Callable[[dict[str, Any]], None]]
    ) -> Counter[str]:
        """Read all messages.

        Raises:
            InvalidInputLine: a line is no message.
            RunStopped: a signal came, or the last line is cut short.
        """
        counted: Counter[str] = Counter()
        number = 0
        try:
            for line in file_input or self.default_input:
                number += 1
                if not line.strip():
                    continue
                message = self._message(line)
                kind = _checked(message)
                if self.stopping is None:
                    callbacks[kind](message)
                else:
                    with self.stopping.working():
                        callbacks[kind](message)
                counted[kind] += 1
        except InvalidInputLine as error:
            msg = f"line {number}: {error}"
            raise InvalidInputLine(msg) from None
        except UnicodeDecodeError as error:
            if error.reason == "unexpected end of data":
                raise _cut_short() from None
            msg = f"line {number + 1} or near it: it is not UTF-8 ({error.reason})"
            raise InvalidInputLine(msg) from None
        return counted

    def _message(self, line: str) -> dict[str, Any]:
        try:
            return self.deserialize_json(line)
        except InvalidInputLine:
            # Only the last line can be without its end.
            if not line.endswith("\n"):
                raise _cut_short() from None
            raise

    @override
    def deserialize_json(self, line: str) -> dict[str, Any]:
        try:
            message: dict[str, Any] = json.loads(line, parse_float=Decimal)
        except InvalidOperation:
            msg = "it has a number whose exponent is too large"
            raise InvalidInputLine(msg) from None
        except (ValueError, RecursionError) as error:
            msg = f"it is not JSON ({error})"
            raise InvalidInputLine(msg) from None
        return message


def _cut_short() -> RunStopped:
    """A source that was ended while it wrote: what it had to say is not all here."""
    msg = (
        "The source ended in the middle of a line; look why. What it said before its last STATE is "
        "done, run again to go on"
    )
    return RunStopped(Interrupted(msg))


def _checked(message: Any) -> str:
    """A message's type.

    Raises:
        InvalidInputLine: it has not the form of a message of its type.
    """
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        _complain("it is no object with a type")
    kind: str = message["type"]
    if kind not in _MEMBERS:
        _complain(f"there are no messages of type {kind!r}")
    for name, wanted in _MEMBERS[kind].items():
        if not isinstance(message.get(name), wanted):
            _complain(f"its {name} is missing, or none that a {kind} message may have")
    if kind == "SCHEMA":
        _check_schema(message)
    return kind


_MEMBERS: dict[str, dict[str, Any]] = {
    "RECORD": {"stream": str, "record": dict},
    "SCHEMA": {"stream": str, "schema": dict},
    "STATE": {"value": dict},
    "ACTIVATE_VERSION": {"stream": str},
    "BATCH": {"stream": str},
}


def _check_schema(message: dict[str, Any]) -> None:
    properties = message["schema"].get("properties")
    if not isinstance(properties, dict) or not all(
        isinstance(declared, (dict, bool)) for declared in properties.values()
    ):
        _complain("its schema has no properties")
    keys = message.get("key_properties")
    if keys is not None and not (
        isinstance(keys, list) and all(isinstance(name, str) for name in keys)
    ):
        _complain("its key_properties are no list of names")


def _complain(msg: str) -> None:
    raise InvalidInputLine(msg)
