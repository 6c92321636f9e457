"""What CRM records say and Gong's schema holds: columns, empty fields, deletions, picklists."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gong_api.command import RunStopped
from tests.clocks import NOW
from tests.target.target_run import messages, receipts, run_target, settings
from tests.target.test_crm import uploads

MODIFIED = "2026-06-01T10:00:00Z"
TIER = {"objectType": "ACCOUNT", "uniqueName": "Tier", "label": "Tier", "type": "STRING"}


pytestmark = pytest.mark.usefixtures("quick_crm")


def account(**more):
    return {"objectId": "a-1", "modifiedDate": MODIFIED, "name": "A", **more}


def in_gong(sandbox, kind="ACCOUNT", which="a-1"):
    return sandbox.company.crm.objects(kind, [which], now=NOW)[which]


def schema_writes(sandbox):
    path = "/v2/crm/entity-schema"
    return [e for e in sandbox.requests if (e.method, e.path) == ("POST", path)]


@pytest.mark.parametrize("stream", ["crm_accounts", "crm_business_users", "crm_stages"])
def test_the_mark_of_gong_deletes_no_more_than_that_of_the_source(sandbox, tmp_path, stream):
    record = {"objectId": "a-1", "modifiedDate": MODIFIED, "name": "A", "isDeleted": "true"}
    with pytest.raises(RunStopped, match=f"refused unless allow_destructive has {stream}"):
        run_target(settings(sandbox, tmp_path), messages(stream, [record]))
    assert sandbox.requests == []
    config = settings(sandbox, tmp_path, allow_destructive=[stream])
    assert run_target(config, messages(stream, [record])).tally.done == 1


def test_a_column_that_the_schema_lacks_is_named_and_sent_once_it_is_there(
    sandbox, tmp_path, caplog
):
    config = settings(sandbox, tmp_path)
    lines = messages("crm_accounts", [account(TIER="Gold"), account(objectId="a-2", TIER="No")])
    run_target(config, lines)
    (told,) = [r.getMessage() for r in caplog.records if "TIER" in r.getMessage()]
    assert "crm_entity_schemas" in told
    assert run_target(config, lines).tally.known == 2
    run_target(config, messages("crm_entity_schemas", [TIER]))
    assert run_target(config, lines).tally.done == 2
    assert in_gong(sandbox)["Tier"] == "Gold"


def test_a_column_that_the_schema_lacks_is_refused_where_columns_are_to_be_kept(sandbox, tmp_path):
    config = settings(sandbox, tmp_path, extra_columns="customData")
    with pytest.raises(RunStopped, match=r"no field Tier.*crm_entity_schemas first"):
        run_target(config, messages("crm_accounts", [account(Tier="Gold")]))
    assert uploads(sandbox) == []


def test_stages_and_users_have_no_fields_beyond_gongs(sandbox, tmp_path, caplog):
    record = {"objectId": "s-1", "name": "Won", "colour": "red"}
    run_target(settings(sandbox, tmp_path), messages("crm_stages", [record]))
    assert "colour" in caplog.text
    assert "colour" not in in_gong(sandbox, "STAGE", "s-1")


@pytest.mark.parametrize("first", ["crm_accounts", "crm_entity_schemas"])
def test_the_schema_goes_before_the_objects(sandbox, tmp_path, first, caplog):
    head = messages(first, [])
    lines = [
        *head,
        *messages("crm_entity_schemas", [TIER]),
        *messages("crm_accounts", [account(Tier="Gold")]),
    ]
    for dry in (True, False):
        run_target(settings(sandbox, tmp_path, dry_run=dry), lines)
    assert in_gong(sandbox)["Tier"] == "Gold"
    assert "Tier" not in "".join(r.getMessage() for r in caplog.records if r.levelname != "INFO")


def test_who_may_not_read_the_schema_sends_all_columns(sandbox, tmp_path, caplog, monkeypatch):
    sandbox.company.crm.set_schema("ACCOUNT", [{**TIER, "orderedValueList": None}], ())
    monkeypatch.setattr(sandbox.site, "without_scopes", frozenset({"api:crm:schema"}))
    run_target(settings(sandbox, tmp_path), messages("crm_accounts", [account(Tier="Gold")]))
    assert in_gong(sandbox)["Tier"] == "Gold"
    assert "api:crm:schema" in caplog.text


def test_a_field_that_the_record_gives_as_null_is_emptied(sandbox, tmp_path):
    fields = sandbox.company.crm.schema("ACCOUNT")["ACCOUNT"]
    custom = next(f["uniqueName"] for f in fields if f["type"] == "STRING")
    config = settings(sandbox, tmp_path)
    full = account(url="https://crm.example/1", domains=["a.example"], **{custom: "x"})
    run_target(config, messages("crm_accounts", [full]))
    empty = {**full, "url": None, "domains": None, custom: None, "unheard_of": None}
    assert run_target(config, messages("crm_accounts", [empty])).tally.done == 1
    held = in_gong(sandbox)
    assert [held[name] for name in ("url", "domains", custom)] == [None] * 3
    assert "unheard_of" not in held


@pytest.mark.parametrize("value", [float("nan"), [1.0, float("inf")]])
def test_what_is_no_number_of_json_is_refused(sandbox, tmp_path, value):
    run_target(settings(sandbox, tmp_path), messages("crm_entity_schemas", [TIER]))
    with pytest.raises(RunStopped, match="Tier must be a number"):
        run_target(settings(sandbox, tmp_path), messages("crm_accounts", [account(Tier=value)]))


@pytest.mark.parametrize("day", ["2026-07-01", "2026-07-01T10:00:00Z", "2026-07-01 10:00:00.5Z"])
def test_a_deal_closes_on_a_day_or_at_an_instant(sandbox, tmp_path, day):
    deal = {"objectId": "d-1", "modifiedDate": MODIFIED, "closeDate": day}
    run_target(settings(sandbox, tmp_path), messages("crm_deals", [deal]))
    assert in_gong(sandbox, "DEAL", "d-1")["closeDate"] == day.replace(" ", "T").replace(".5", "")


def test_a_field_of_the_schema_was_changed_at_a_second(sandbox, tmp_path):
    record = {**TIER, "lastModified": "2026-06-01T10:00:00.123Z"}
    assert run_target(
        settings(sandbox, tmp_path), messages("crm_entity_schemas", [record])
    ).tally.done


def forget_lists(sandbox):
    fields = [{**f, "orderedValueList": None} for f in sandbox.company.crm.schema("DEAL")["DEAL"]]
    lists = [f["uniqueName"] for f in fields if f["type"] == "PICKLIST"]
    sandbox.company.crm.set_schema("DEAL", fields, ())
    return lists


def test_a_picklist_whose_values_gong_does_not_tell_is_asked_for(sandbox, tmp_path):
    lists = forget_lists(sandbox)
    config = settings(sandbox, tmp_path)
    new = {**TIER, "objectType": "DEAL"}
    with pytest.raises(RunStopped, match=rf"values of the picklist.*{lists[0]}"):
        run_target(config, messages("crm_entity_schemas", [new]))
    assert schema_writes(sandbox) == []
    known = [
        {
            "objectType": "DEAL",
            "uniqueName": name,
            "label": name,
            "type": "PICKLIST",
            "orderedValueList": ["a"],
        }
        for name in lists
    ]
    assert run_target(config, messages("crm_entity_schemas", [*known, new])).tally.done
    forget_lists(sandbox)
    # What is known already is of use still.
    more = {**new, "uniqueName": "Other"}
    assert run_target(config, messages("crm_entity_schemas", [*known, more])).tally.done == 1


def test_types_that_alternate_take_a_request_each(sandbox, tmp_path):
    records = [
        {**TIER, "objectType": ("DEAL", "LEAD")[n % 2], "uniqueName": f"F{n}"} for n in range(6)
    ]
    run_target(settings(sandbox, tmp_path), messages("crm_entity_schemas", records))
    assert len(schema_writes(sandbox)) == 2


def test_fields_that_are_kept_are_settled_though_one_is_refused(sandbox, tmp_path):
    known = next(f for f in sandbox.company.crm.schema("DEAL")["DEAL"] if f["type"] == "STRING")
    bad = {"objectType": "DEAL", "uniqueName": known["uniqueName"], "label": "x", "type": "NUMBER"}
    lines = messages("crm_entity_schemas", [bad, {**TIER, "objectType": "DEAL"}])
    with pytest.raises(RunStopped, match="type would change"):
        run_target(settings(sandbox, tmp_path), lines)
    assert [row.status for row in receipts(tmp_path)] == ["failed", "done"]


@pytest.mark.parametrize("wrong", [{"integrationId": "1"}, {"name": "Another"}])
def test_only_the_integration_that_the_record_means_is_deleted(sandbox, tmp_path, wrong):
    config = settings(sandbox, tmp_path, allow_destructive=["crm_integrations"])
    gone = {**wrong, "_sdc_deleted_at": MODIFIED}
    with pytest.raises(RunStopped, match="is not the one that is registered"):
        run_target(config, messages("crm_integrations", [gone]))
    assert [e.method for e in sandbox.requests] == ["GET"]
    there = sandbox.company.crm.integration
    right = {"integrationId": str(there.id), "name": there.name, "_sdc_deleted_at": MODIFIED}
    assert run_target(config, messages("crm_integrations", [right])).tally.done == 1


def test_a_schema_is_not_that_of_another_integration(sandbox, tmp_path):
    with pytest.raises(RunStopped, match="integrationId 1 is not the one that is registered"):
        run_target(
            settings(sandbox, tmp_path),
            messages("crm_entity_schemas", [{**TIER, "integrationId": 1}]),
        )
    assert schema_writes(sandbox) == []


def test_what_went_with_the_integration_is_sent_to_the_next(sandbox, tmp_path):
    sandbox.company.crm.deletion = timedelta(0)
    there = sandbox.company.crm.integration
    registration = {"ownerEmail": there.owner_email, "name": there.name}
    lines = [
        *messages("crm_integrations", [registration]),
        *messages("crm_entity_schemas", [TIER]),
        *messages("crm_accounts", [account(Tier="Gold")]),
    ]
    config = settings(sandbox, tmp_path, allow_destructive=["crm_integrations"])
    gone = messages("crm_integrations", [{**registration, "_sdc_deleted_at": MODIFIED}])
    ways = (lambda: run_target(config, gone), sandbox.company.crm.disconnect)
    for disconnect in ways:
        assert run_target(config, lines).tally.done == 3
        assert run_target(config, lines).tally.known == 3
        disconnect()
    assert run_target(config, lines).tally.done == 3
    assert in_gong(sandbox)["Tier"] == "Gold"


def test_an_integration_that_somebody_registered_anew_is_told_from_the_one_before(
    sandbox, tmp_path
):
    crm = sandbox.company.crm
    owner, name = crm.integration.owner_email, crm.integration.name
    lines = [
        *messages("crm_integrations", [{"ownerEmail": owner, "name": name}]),
        *messages("crm_accounts", [account()]),
    ]
    run_target(settings(sandbox, tmp_path), lines)
    crm.disconnect()
    crm.register(owner, name)
    assert run_target(settings(sandbox, tmp_path), lines).tally.done == 2
    assert in_gong(sandbox)["name"] == "A"


def test_who_may_not_see_the_integration_goes_by_the_ledger(sandbox, tmp_path, caplog, monkeypatch):
    there = sandbox.company.crm.integration
    lines = messages("crm_integrations", [{"ownerEmail": there.owner_email, "name": there.name}])
    run_target(settings(sandbox, tmp_path), lines)
    scopes = frozenset({"api:crm:integrations:read"})
    monkeypatch.setattr(sandbox.site, "without_scopes", scopes)
    assert run_target(settings(sandbox, tmp_path), lines).tally.known == 1
    assert "api:crm:integrations:read" in caplog.text


def test_what_waits_is_sent_before_its_integration_is_deleted(sandbox, tmp_path):
    lines = [
        *messages("crm_entity_schemas", [TIER]),
        *messages("crm_accounts", [account()]),
        *messages("crm_integrations", [{"_sdc_deleted_at": MODIFIED}]),
    ]
    config = settings(sandbox, tmp_path, allow_destructive=["crm_integrations"])
    assert run_target(config, lines).tally.done == 3
    written = [e.path for e in sandbox.requests if e.method != "GET"]
    assert written == ["/v2/crm/entity-schema", "/v2/crm/entities", "/v2/crm/integrations"]
