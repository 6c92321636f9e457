"""CRM objects and their schema: files, references, line errors, nothing twice."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from gong_api.client import GongClient
from gong_api.command import RunStopped
from target_gong.target import TargetGong
from tests.clocks import NOW
from tests.target.target_run import messages, receipts, run_target, settings

MODIFIED = "2026-06-01T10:00:00Z"


pytestmark = pytest.mark.usefixtures("quick_crm")


def accounts(count, bad=()):
    for number in range(count):
        account = {"objectId": f"a-{number}", "modifiedDate": MODIFIED, "name": f"No. {number}"}
        if number in bad:
            account["url"] = "nowhere"
        yield account


def uploads(sandbox):
    return [e for e in sandbox.requests if (e.method, e.path) == ("POST", "/v2/crm/entities")]


def test_a_file_for_each_batch_and_nothing_twice(sandbox, tmp_path):
    config = settings(sandbox, tmp_path)
    target = run_target(config, messages("crm_accounts", accounts(250), state_every=100))
    assert target.tally.done == 250
    assert len(uploads(sandbox)) == 3
    assert set(sandbox.company.crm.accepted["ACCOUNT"].values()) == {1}
    again = run_target(config, messages("crm_accounts", accounts(251)))
    assert (again.tally.known, again.tally.done) == (250, 1)


def test_dates_lose_their_milliseconds_and_custom_fields_are_kept(sandbox, tmp_path):
    fields = sandbox.company.crm.schema("ACCOUNT")["ACCOUNT"]
    name = next(f["uniqueName"] for f in fields if f["type"] == "STRING")
    record = {
        "object_id": "a-1",
        "modified_date": "2026-06-01 10:00:00.123456+00:00",
        "name": "Example",
        name: "Gold",
        "nothing": "",
    }
    run_target(settings(sandbox, tmp_path), messages("crm_accounts", [record]))
    found = sandbox.company.crm.objects("ACCOUNT", ["a-1"], now=NOW)["a-1"]
    assert found["modifiedDate"] == "2026-06-01T10:00:00Z"
    assert (found["name"], found[name]) == ("Example", "Gold")


def test_two_versions_of_an_object_go_in_two_files(sandbox, tmp_path):
    first, second = next(accounts(1)), {**next(accounts(1)), "name": "New"}
    target = run_target(
        settings(sandbox, tmp_path), messages("crm_accounts", [first, second, second])
    )
    assert len(uploads(sandbox)) == 2
    assert target.tally.done == 2
    assert sandbox.company.crm.objects("ACCOUNT", ["a-0"], now=NOW)["a-0"]["name"] == "New"


def test_what_is_referred_to_is_uploaded_first(sandbox, tmp_path):
    deal = {"objectId": "d-1", "modifiedDate": MODIFIED, "stage": "s-1", "accountId": "a-0"}
    lines = [
        *messages("crm_deals", [deal]),
        *messages("crm_contacts", [{"objectId": "c-1", "modifiedDate": MODIFIED}]),
        *messages("crm_accounts", accounts(1)),
        *messages("crm_stages", [{"objectId": "s-1", "name": "Won"}]),
    ]
    run_target(settings(sandbox, tmp_path), lines)
    kinds = [entry.query["objectType"] for entry in uploads(sandbox)]
    assert kinds == ["STAGE", "ACCOUNT", "CONTACT", "DEAL"]


@pytest.mark.parametrize("bad", [{3, 50, 99}, set(range(10, 110, 2))], ids=["few", "fifty"])
def test_lines_that_gong_refuses_are_named_by_their_object(sandbox, tmp_path, bad):
    config = settings(sandbox, tmp_path, on_error="skip")
    target = run_target(config, messages("crm_accounts", accounts(200, bad)))
    assert (target.tally.done, target.tally.failed) == (200 - len(bad), len(bad))
    failed = {row.key for row in receipts(tmp_path) if row.status == "failed"}
    assert failed == {f"a-{number}" for number in bad}
    assert all("url" in row.error for row in receipts(tmp_path) if row.status == "failed")
    assert len(uploads(sandbox)) <= 1 + len(bad) // 16


def test_deletes_come_from_the_mark_of_the_source(sandbox, tmp_path):
    config = settings(sandbox, tmp_path, allow_destructive=["crm_accounts"])
    run_target(config, messages("crm_accounts", accounts(2)))
    gone = {"object_id": "a-0", "_sdc_deleted_at": "2026-06-14T09:00:00.5Z"}
    run_target(config, messages("crm_accounts", [gone]))
    found = sandbox.company.crm.objects("ACCOUNT", ["a-0", "a-1"], now=NOW)
    assert found["a-0"] is None
    assert found["a-1"]


@pytest.mark.parametrize("kind", ["reset-after", "500", "429", "truncated"])
def test_a_fault_on_the_way_doubles_no_object(sandbox, tmp_path, kind):
    config = settings(sandbox, tmp_path)
    run_target(config, messages("crm_stages", [{"objectId": "s-1", "name": "Won"}]))
    sandbox.faults.next(kind, path="/v2/crm/entities")
    target = run_target(config, messages("crm_accounts", accounts(20)))
    assert target.tally.done == 20
    assert set(sandbox.company.crm.accepted["ACCOUNT"].values()) == {1}


def test_without_an_integration_there_is_nowhere_to_upload_to(sandbox, tmp_path):
    sandbox.company.crm.disconnect()
    with pytest.raises(RunStopped, match="no CRM integration; register one"):
        run_target(settings(sandbox, tmp_path), messages("crm_accounts", accounts(1)))


def test_the_schema_of_a_type_is_sent_whole(sandbox, tmp_path):
    before = sandbox.company.crm.schema("DEAL")["DEAL"]
    field = {"objectType": "DEAL", "uniqueName": "Region", "label": "Region", "type": "STRING"}
    run_target(settings(sandbox, tmp_path), messages("crm_entity_schemas", [field]))
    after = sandbox.company.crm.schema("DEAL")["DEAL"]
    assert {f["uniqueName"] for f in after} == {*(f["uniqueName"] for f in before), "Region"}
    assert receipts(tmp_path)[0].key == "DEAL/Region"


def test_a_change_of_schema_that_drops_data_is_refused(sandbox, tmp_path):
    known = next(f for f in sandbox.company.crm.schema("DEAL")["DEAL"] if f["type"] == "STRING")
    record = {
        "objectType": "DEAL",
        "uniqueName": known["uniqueName"],
        "label": "Other",
        "type": "NUMBER",
    }
    lines = messages("crm_entity_schemas", [record])
    with pytest.raises(RunStopped, match="type would change from STRING to NUMBER"):
        run_target(settings(sandbox, tmp_path), lines)
    assert sandbox.company.crm.schema_writes["DEAL"] == 0
    config = settings(sandbox, tmp_path, allow_destructive=["crm_entity_schemas"])
    assert run_target(config, lines).tally.done == 1


def test_an_integration_that_is_there_already_is_success(sandbox, tmp_path):
    there = sandbox.company.crm.integration
    record = {"ownerEmail": there.owner_email, "name": there.name}
    target = run_target(settings(sandbox, tmp_path), messages("crm_integrations", [record]))
    assert target.tally.done == 1
    assert receipts(tmp_path)[0].answer["integrationId"] == str(there.id)
    other = {**record, "name": "Another"}
    with pytest.raises(RunStopped, match="Gong answered 409"):
        run_target(settings(sandbox, tmp_path / "x"), messages("crm_integrations", [other]))


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_objects(sandbox, tmp_path, monkeypatch):
    def lines(count):
        """Messages that are made as they are read."""
        yield json.dumps(messages("crm_accounts", [])[0]) + "\n"
        for account in accounts(count):
            message = {"type": "RECORD", "stream": "crm_accounts", "record": account}
            yield json.dumps(message) + "\n"

    def answer(*_args, **_more):
        return {"status": "DONE", "integrations": [{"integrationId": 1}]}

    monkeypatch.setattr(GongClient, "request", answer)
    peaks = []
    for count in (500, 3_000):
        target: Any = TargetGong(config=settings(sandbox, tmp_path / str(count)))
        target.check()
        tracemalloc.start()
        target.read(lines(count))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        target.conclude()
        assert target.tally.done == count
    assert peaks[1] < 1.5 * peaks[0]


@pytest.mark.slow
def test_a_hundred_thousand_accounts_in_one_request(sandbox, tmp_path):
    config = settings(sandbox, tmp_path, on_error="skip")
    bad = {5, 50_000, 99_999}
    target = run_target(config, messages("crm_accounts", accounts(100_000, bad)))
    assert (target.tally.done, target.tally.failed) == (99_997, 3)
    assert len(uploads(sandbox)) == 1
