"""What is no Singer message, or one that cannot be honoured, is told in a line."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import pytest

from gong_api.command import RunStopped
from tests.target.target_run import (
    call,
    company,
    messages,
    receipts,
    run_target,
    settings,
)


@pytest.fixture(scope="module")
def sandbox():
    with company() as found:
        yield found


SCHEMA = {"type": "SCHEMA", "stream": "calls", "schema": {"properties": {}}, "key_properties": []}


def test_a_batch_is_refused_before_any_state(sandbox, tmp_path, capsys):
    batch = {
        "type": "BATCH",
        "stream": "calls",
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "manifest": ["file:///nowhere.gz"],
    }
    lines = [SCHEMA, batch, {"type": "STATE", "value": {"n": 1}}]
    with pytest.raises(RunStopped, match="unset batch_config") as stopped:
        run_target(settings(sandbox, tmp_path), lines)
    assert stopped.value.exit_code == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"type": "RECORD", "stream": "calls"', "line 2: it is not JSON"),
        ({"type": "RECORDS", "stream": "calls"}, "no messages of type 'RECORDS'"),
        ({"type": ["RECORD"]}, "it is no object with a type"),
        ({"type": "RECORD", "stream": "calls", "record": [1]}, "its record is missing, or none"),
        ({"type": "RECORD", "stream": "calls", "record": "a"}, "its record is missing, or none"),
        ({"type": "RECORD", "stream": "calls", "record": None}, "its record is missing, or none"),
        ({"type": "SCHEMA", "stream": "calls", "schema": None}, "its schema is missing, or none"),
        ({"type": "SCHEMA", "stream": "calls", "schema": {}}, "its schema has no properties"),
        ({**SCHEMA, "key_properties": "id"}, "its key_properties are no list of names"),
        ({"type": "ACTIVATE_VERSION", "stream": "x", "version": 1}, "'x', which had no SCHEMA"),
        ({"type": "STATE", "value": 5}, "its value is missing, or none"),
        ("[" * 100_000, "it is not JSON"),
        ('{"type": "STATE", "value": {"n": 1e99999999999999999999}}', "exponent is too large"),
    ],
)
def test_lines_that_are_no_messages(sandbox, tmp_path, line, words, caplog):
    with pytest.raises(RunStopped, match=words) as stopped:
        run_target(settings(sandbox, tmp_path), [SCHEMA, line])
    assert "\n" not in str(stopped.value)
    assert "Traceback" not in caplog.text


def test_numbers_in_a_state_keep_their_digits(sandbox, tmp_path, capsys):
    values = [
        '{"at": 1718000000.123456}',
        '{"share": 0.10000000000000000000000001, "id": 123456789012345678901234567890}',
        '{"large": 1E+400, "small": -2.50E-9, "text": "\\ud800"}',
    ]
    run_target(
        settings(sandbox, tmp_path),
        [SCHEMA, *(f'{{"type": "STATE", "value": {value}}}' for value in values)],
    )
    assert [exactly(line) for line in capsys.readouterr().out.splitlines()] == [
        exactly(value) for value in values
    ]


def exactly(text: str) -> Any:
    """JSON with every digit of its numbers."""
    return json.loads(text, parse_float=Decimal)


def test_input_that_is_not_utf_8(sandbox, tmp_path):
    from target_gong.target import TargetGong

    target = TargetGong(config=settings(sandbox, tmp_path))
    with pytest.raises(RunStopped, match="it is not UTF-8"):
        target.read(io.TextIOWrapper(io.BytesIO(b'{"type": "\xff"}\n'), encoding="utf-8"))
    target.conclude()


def test_a_record_without_its_key_is_refused_like_others(sandbox, user, tmp_path):
    lines = messages("calls", [call(user, "keyless"), call(user, "keyed", number=7)])
    lines[0]["key_properties"] = ["number"]
    target = run_target(settings(sandbox, tmp_path, on_error="skip"), lines)
    assert (target.tally.done, target.tally.failed) == (1, 1)
    row = next(row for row in receipts(tmp_path) if row.status == "failed")
    assert (row.stream, row.key) == ("calls", "keyless")
    assert "number is missing" in row.error


@pytest.mark.parametrize(
    "change",
    [
        {"title": "\ud800"},
        {"clientUniqueId": "\ud800"},
        {"mediaFile": "\udfff.wav"},
        {"\ud800": 1},
        {"parties": [{"name": "\ud800"}]},
    ],
)
def test_half_of_a_character_is_refused(sandbox, user, tmp_path, change):
    path = tmp_path / "receipts.jsonl"
    config = settings(sandbox, tmp_path, on_error="skip", receipts_path=str(path))
    target = run_target(config, messages("calls", [{**call(user, "half"), **change}]))
    assert target.tally.failed == 1
    (row,) = receipts(tmp_path)
    assert "lone surrogate" in row.error
    assert json.loads(path.read_text())["status"] == "failed"


def test_an_answer_without_a_call_id_is_told(sandbox, user, tmp_path, monkeypatch):
    from tests.answering_server import AnsweringServer

    with AnsweringServer(lambda *_: (200, {"requestId": "r"})) as server:
        config = {**settings(sandbox, tmp_path), "api_url": server.url}
        with pytest.raises(RunStopped, match="without a callId"):
            run_target(config, messages("calls", [call(user, "idless")]))
    assert receipts(tmp_path)[0].status == "in_doubt"
