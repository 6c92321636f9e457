"""Prospects in and out of flows: the order of what was done, batches, those Gong refuses."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import timedelta

import pytest

from gong_api.command import RunStopped
from tests.answering_server import AnsweringServer
from tests.target.target_run import company, messages, receipts, run_target, settings
from tests.target.test_every_stream import flow_and_prospects


@pytest.fixture
def sandbox():
    with company(calls=30, days=20) as found:
        yield found


@pytest.fixture
def put_in(sandbox):
    """Makes a record that puts a prospect into the flow, whenever it left it."""
    email, flow, free = flow_and_prospects(sandbox)

    def make(number=0, **more):
        return {
            "crmProspectId": free[number],
            "flowId": flow,
            "flowInstanceOwnerEmail": email,
            "overrides": {"coolOffOverride": True},
            **more,
        }

    return make


def sent(sandbox):
    words = {"assign": "assign", "unassign-flows-by-crm-id": "unassign"}
    last = [entry.path.rpartition("/")[2] for entry in sandbox.requests]
    return [words[name] for name in last if name in words]


def run_each(config, sandbox, *steps):
    for stream, record in steps:
        run_target(config, messages(stream, [record]))
        sandbox.clock.advance(timedelta(minutes=1))


def test_out_of_all_flows_in_again_and_out_again(sandbox, tmp_path, put_in):
    out = ("flow_unassignments", {"crmProspectId": put_in()["crmProspectId"]})
    again = ("flow_assignments", put_in())
    run_each(settings(sandbox, tmp_path), sandbox, again, out, out, again, out, out)
    assert sent(sandbox) == ["assign", "unassign", "assign", "unassign"]


def test_what_was_settled_last_counts_and_not_whose_row_is_older(sandbox, tmp_path, put_in):
    one, out = put_in(), {key: put_in()[key] for key in ("crmProspectId", "flowId")}
    config = settings(sandbox, tmp_path, on_error="skip")
    # The row of the refused assignment is older than that of the unassignment, and used again.
    run_each(
        config,
        sandbox,
        ("flow_assignments", {**one, "flowInstanceOwnerEmail": "nobody@example.com"}),
        ("flow_unassignments", out),
        ("flow_assignments", one),
        ("flow_assignments", one),
        ("flow_unassignments", out),
    )
    assert sent(sandbox) == ["assign", "unassign", "assign", "unassign"]


def test_in_and_out_and_in_without_a_state_between(sandbox, tmp_path, put_in):
    out = {key: put_in()[key] for key in ("crmProspectId", "flowId")}
    lines = [
        *messages("flow_assignments", [put_in()]),
        *messages("flow_unassignments", [out]),
        *messages("flow_assignments", [put_in()])[1:],
    ]
    assert run_target(settings(sandbox, tmp_path), lines).tally.done == 3
    assert sent(sandbox) == ["assign", "unassign", "assign"]


def test_who_was_assigned_is_done_though_others_were_refused(sandbox, tmp_path, put_in):
    records = [{**put_in(), "crmProspectId": "nobody"}, put_in(0), put_in(1)]
    with pytest.raises(RunStopped, match="Gong did not assign it"):
        run_target(settings(sandbox, tmp_path), messages("flow_assignments", records))
    assert [row.status for row in receipts(tmp_path)] == ["failed", "done", "done"]


def test_what_was_not_sent_behind_a_refused_one_is_not_pending(sandbox, tmp_path, put_in):
    bad = {"crmProspectId": "x", "unassignedByUserEmail": "nobody@example.com"}
    lines = messages("flow_unassignments", [bad, {**bad, "crmProspectId": "y"}])
    with pytest.raises(RunStopped, match="is not a Gong user"):
        run_target(settings(sandbox, tmp_path), lines)
    assert [row.status for row in receipts(tmp_path)] == ["failed", "failed"]
    assert sent(sandbox) == ["unassign"]


def test_unknown_instances_are_found_before_the_run_ends(sandbox, tmp_path, put_in):
    run_target(settings(sandbox, tmp_path), messages("flow_assignments", [put_in()]))
    known = receipts(tmp_path)[0].answer["flowInstanceId"]
    lines = messages("flow_unassignments", [{"flowInstanceId": i} for i in ("1", known, "2")])
    with pytest.raises(RunStopped, match="does not exist"):
        run_target(settings(sandbox, tmp_path), lines)
    status = {row.key: row.status for row in receipts(tmp_path)}
    assert (status["1"], status["2"], status[known]) == ("failed", "failed", "done")


def test_alternating_groups_take_a_request_each(sandbox, tmp_path, put_in):
    records = [put_in(n, flowInstanceDescription="ab"[n % 2]) for n in range(6)]
    run_target(settings(sandbox, tmp_path), messages("flow_assignments", records))
    assert sent(sandbox) == ["assign", "assign"]


def test_a_ledger_that_knew_no_order_is_taken_over(sandbox, tmp_path, put_in):
    config = settings(sandbox, tmp_path)
    run_target(config, messages("flow_assignments", [put_in()]))
    with contextlib.closing(sqlite3.connect(config["ledger_path"])) as db:
        db.executescript("alter table writes drop column settled")
    assert run_target(config, messages("flow_assignments", [put_in()])).tally.known == 1
    out = ("flow_unassignments", {"crmProspectId": put_in()["crmProspectId"]})
    run_each(config, sandbox, out, ("flow_assignments", put_in()), out)
    assert sent(sandbox) == ["assign", "unassign", "assign", "unassign"]


def test_prospects_that_the_answer_does_not_mention_are_looked_up(sandbox, tmp_path, capsys):
    """Three are sent: the first is told as assigned, the second found later, the third never."""

    def answer(method, path, query, body):
        told = [{"flowId": "1", "crmProspectId": "p-1", "flowInstanceId": "i-1"}]
        if not path.endswith("/assign"):
            told = [{"flowId": "1", "crmProspectId": "p-2", "flowInstanceId": "i-2"}]
        return 200, {"requestId": "r", "prospectsAssigned": told, "prospectsNotAssigned": []}

    record = {"flowId": "1", "flowInstanceOwnerEmail": "ada@example.com"}
    records = [{**record, "crmProspectId": f"p-{number}"} for number in (1, 2, 3)]
    with AnsweringServer(answer) as server:
        config = {**settings(sandbox, tmp_path, on_error="skip"), "api_url": server.url}
        target = run_target(config, messages("flow_assignments", records, state_every=3))
    assert (target.tally.done, target.tally.failed) == (2, 1)
    rows = receipts(tmp_path)
    assert [row.status for row in rows] == ["done", "done", "in_doubt"]
    assert [row.answer.get("flowInstanceId") for row in rows] == ["i-1", "i-2", None]
    assert capsys.readouterr().out == ""
