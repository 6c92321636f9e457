"""Files of CRM objects: sent under an id of their own, followed to their end, bad lines found."""

from __future__ import annotations

import pytest

from gong_api.command import RunStopped
from tests.clocks import NOW
from tests.target.target_run import messages, receipts, run_target, settings
from tests.target.test_crm import accounts, uploads

MODIFIED = "2026-06-01T10:00:00Z"


pytestmark = pytest.mark.usefixtures("quick_crm")


def account(name="A", **more):
    return {"objectId": "a-1", "modifiedDate": MODIFIED, "name": name, **more}


def name_in_gong(sandbox):
    return sandbox.company.crm.objects("ACCOUNT", ["a-1"], now=NOW)["a-1"]["name"]


def test_a_file_that_was_sent_before_is_sent_again_when_it_is_news(sandbox, tmp_path):
    for name in "ABA":
        lines = messages("crm_accounts", [account(name)])
        run_target(settings(sandbox, tmp_path), lines)
        assert name_in_gong(sandbox) == name


def test_what_gong_refused_is_taken_when_the_schema_has_changed(sandbox, tmp_path):
    crm = sandbox.company.crm
    fields = [{**f} for f in crm.schema("ACCOUNT")["ACCOUNT"]]
    picklist = next(f for f in fields if f["type"] == "PICKLIST")
    lines = messages("crm_accounts", [account(**{picklist["uniqueName"]: "Brand new"})])
    with pytest.raises(RunStopped, match="not a valid PICKLIST"):
        run_target(settings(sandbox, tmp_path), lines)
    picklist["orderedValueList"] = [*picklist["orderedValueList"], "Brand new"]
    crm.set_schema("ACCOUNT", fields, ())
    assert run_target(settings(sandbox, tmp_path), lines).tally.done == 1


def test_a_file_that_gong_took_before_the_run_ended_is_followed_up(sandbox, tmp_path):
    sandbox.faults.next("429-hours", path="/v2/crm/request-status")
    lines = messages("crm_accounts", accounts(3))
    with pytest.raises(RunStopped):
        run_target(settings(sandbox, tmp_path), lines)
    assert {row.status for row in receipts(tmp_path)} == {"in_doubt"}
    assert run_target(settings(sandbox, tmp_path), lines).tally.done == 3
    assert len(uploads(sandbox)) == 1
    assert {row.status for row in receipts(tmp_path)} == {"done"}


def test_a_file_that_never_arrived_is_sent_by_the_next_run(sandbox, tmp_path):
    config = settings(sandbox, tmp_path, max_retries=0)
    sandbox.faults.next("500", path="/v2/crm/entities")
    lines = messages("crm_accounts", accounts(3))
    with pytest.raises(RunStopped):
        run_target(config, lines)
    assert {row.status for row in receipts(tmp_path)} == {"in_doubt"}
    assert run_target(config, lines).tally.done == 3
    assert set(sandbox.company.crm.accepted["ACCOUNT"].values()) == {1}


def test_a_line_that_gong_refused_meanwhile_is_sent_again(sandbox, tmp_path):
    sandbox.faults.next("429-hours", path="/v2/crm/request-status")
    config = settings(sandbox, tmp_path, on_error="skip")
    lines = messages("crm_accounts", accounts(4, bad={2}))
    with pytest.raises(RunStopped):
        run_target(config, lines)
    target = run_target(config, lines)
    assert (target.tally.done, target.tally.failed) == (3, 1)
    assert [row.status for row in receipts(tmp_path)] == ["done", "done", "failed", "done"]
    assert len(uploads(sandbox)) == 2


def test_a_file_that_gong_could_not_take_meanwhile_is_sent_again(sandbox, tmp_path, monkeypatch):
    sandbox.faults.next("429-hours", path="/v2/crm/request-status")
    lines = messages("crm_accounts", accounts(3))
    with pytest.raises(RunStopped):
        run_target(settings(sandbox, tmp_path), lines)
    (first,) = sandbox.company.crm.requests
    untold = {"status": "FAILED", "errors": [], "totalErrorCount": 0, "totalSuccessCount": 0}
    monkeypatch.setattr(first, "wire", lambda _: untold)
    assert run_target(settings(sandbox, tmp_path), lines).tally.done == 3
    assert len(uploads(sandbox)) == 2


def test_only_where_bad_lines_are_is_sent_again_to_find_them(sandbox, tmp_path):
    config = settings(sandbox, tmp_path, on_error="skip")
    bad = range(400, 440)
    target = run_target(config, messages("crm_accounts", accounts(500, set(bad))))
    assert (target.tally.done, target.tally.failed) == (460, 40)
    sizes = [request.size for request in sandbox.company.crm.requests]
    assert sum(sizes[1:]) < 1.1 * sizes[0]


def test_a_part_whose_lines_are_all_bad_is_not_sent_again(sandbox, tmp_path):
    config = settings(sandbox, tmp_path, on_error="skip")
    target = run_target(config, messages("crm_accounts", accounts(60, set(range(60)))))
    assert target.tally.failed == 60
    assert len(uploads(sandbox)) == 1


def test_one_mistake_on_very_many_lines_costs_no_quota(sandbox, tmp_path):
    config = settings(sandbox, tmp_path, on_error="skip")
    bad = {n for n in range(1500) if n % 3}
    target = run_target(config, messages("crm_accounts", accounts(1500, bad)))
    assert len(uploads(sandbox)) == 1
    assert target.tally.failed == 1500
    said = {row.error for row in receipts(tmp_path)}
    assert any("1000 of 1500 lines" in text and "not a valid URL" in text for text in said)
