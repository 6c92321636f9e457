"""The records that docs/writing.md shows: complete, and taken by Gong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from target_gong.sinks import SINKS
from tests.answering_server import request_faults, template_of
from tests.clocks import NOW
from tests.gong_document import document
from tests.target.target_run import (
    company,
    importing_user,
    receipts,
    recording,
    run_target,
    settings,
)
from tests.target.test_every_stream import flow_and_prospects, task_of, users

TEXT = (Path(__file__).parents[2] / "docs" / "writing.md").read_text(encoding="utf-8")


def examples():
    found = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]
    return [one for one in found if one.get("type") == "RECORD"]


pytestmark = pytest.mark.usefixtures("quick_crm")


@pytest.fixture
def sandbox():
    with company(calls=30, days=20) as found:
        found.company.crm.disconnect()
        yield found


def in_this_company(sandbox, text):
    """An example with ids that this company has, in place of those that are made up."""
    email, flow, free = flow_and_prospects(sandbox)
    status = sandbox.company.meetings.status
    hosts = [user["emailAddress"] for user in users(sandbox)]
    host = next(h for h in hosts if status(h, now=NOW)["valid"])
    if '"stream": "tasks"' in text:
        task = task_of(sandbox)
        text = text.replace("234599484848423", str(task["userId"]))
        return text.replace("5120319462780154000", str(task["taskId"]))
    ours = {
        "7782342274025937895": sandbox.company.slots(None, None, now=NOW)[0].id,
        "623457276584334": sandbox.company.workspaces()[0]["id"],
        "0031Q00002FLOWAAA": free[0],
        "0031Q00002FLOWBBB": free[1],
        "7230519462780152000": flow,
        "234599484848423": importing_user(sandbox),
        "ada@yourcompany.example": host if '"meetings"' in text else email,
    }
    for shown, real in ours.items():
        assert shown in TEXT
        text = text.replace(shown, str(real))
    return text


def test_there_is_an_example_of_each_stream():
    assert {one["stream"] for one in examples()} == set(SINKS)


def test_gong_takes_the_examples_as_they_are(sandbox, tmp_path):
    head = [{"type": "SCHEMA", "schema": {"properties": {}}, "key_properties": []}]
    lines = [
        line
        for one in examples()
        for line in (
            {**head[0], "stream": one["stream"]},
            in_this_company(sandbox, json.dumps(one)),
        )
    ]
    for seed, name in enumerate(("renewal.wav", "invoice.wav")):
        recording(tmp_path / name, seed=seed)
    config = settings(
        sandbox,
        tmp_path,
        media_root=str(tmp_path),
        allow_destructive=["erased_email_addresses", "erased_phone_numbers"],
    )
    target = run_target(config, lines)
    assert target.tally.done == len(examples())
    assert {row.status for row in receipts(tmp_path)} == {"done"}
    faults = []
    for entry in sandbox.requests:
        # The raw request is to an operation that is newer than the document.
        operations = document()["paths"].get(template_of(entry.path), {})
        operation = operations.get(entry.method.lower())
        if operation and "multipart/form-data" not in operation.get("requestBody", {}).get(
            "content", {}
        ):
            query = {name: [value] for name, value in entry.query.items()}
            faults += request_faults(operation, query, entry.body)
    assert faults == []


def test_the_objects_of_the_examples_refer_to_each_other(sandbox, tmp_path):
    test_gong_takes_the_examples_as_they_are(sandbox, tmp_path)
    crm, now = sandbox.company.crm, sandbox.clock.now()
    deal = crm.objects("DEAL", ["d-1"], now=now)["d-1"]
    assert crm.objects("ACCOUNT", ["a-1"], now=now)["a-1"]["Tier"] == "Gold"
    assert deal["closeDate"] == "2026-07-31"
    assert (deal["accountId"], deal["stage"]) == ("a-1", "s-1")
