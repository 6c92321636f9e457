"""Records as real sources give them: understood, or refused with a reason."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from gong_api.command import RunStopped
from gong_api.errors import SettingsError
from target_gong.fields import (
    FLAG,
    ID,
    INSTANT,
    NUMBER,
    WHOLE,
    Field,
    Reader,
    checked_zone,
    instant_text,
)
from target_gong.sinks.calls import Calls
from target_gong.sinks.permissions import PermissionProfiles
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


def made(sandbox, client_id):
    return next(
        created.new
        for created in sandbox.company.uploads.created
        if created.new.client_unique_id == client_id
    )


@pytest.mark.parametrize(
    ("client_id", "record"),
    [
        (
            "snake",
            {
                "client_unique_id": "snake",
                "actual_start": "2026-06-11T10:00:00Z",
                "direction": "Inbound",
                "primary_user": "USER",
                "parties": '[{"user_id": "USER"}, {"email_address": "ada@example.com"}]',
            },
        ),
        (
            "numbers",
            {
                "clientuniqueid": "numbers",
                "actualstart": "2026-06-11 10:00:00.123+00",
                "direction": "Inbound",
                "primaryuser": "INT",
                "parties": [{"userid": "INT"}, {"name": "Ada"}],
                "duration": "90.5",
                "title": "",
                "purpose": None,
            },
        ),
        (
            "42",
            {
                "clientUniqueId": 42,
                "actualStart": "2026-06-11T10:00:00+0200",
                "direction": "Conference",
                "primaryUser": "USER",
                "parties": {"userId": "USER"},
                "_sdc_batched_at": "2026-06-11",
            },
        ),
    ],
)
def test_what_sources_give_becomes_what_gong_takes(sandbox, user, tmp_path, client_id, record):
    text = json.dumps(record).replace('"USER"', f'"{user}"').replace('"INT"', user)
    text = text.replace('\\"USER\\"', f'\\"{user}\\"')
    target = run_target(settings(sandbox, tmp_path), messages("calls", [json.loads(text)]))
    assert target.tally.done == 1
    new = made(sandbox, client_id)
    assert new.primary_user == user
    assert new.parties[0].user_id == user
    assert new.title is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"actualStart": None}, "actualStart is required"),
        ({"parties": ""}, "parties is required"),
        ({"parties": []}, "parties must not be empty"),
        ({"direction": "Sideways"}, "direction must be one of Inbound, Outbound, Conference"),
        ({"languageCode": "xx-XX"}, "languageCode must be a code that Gong knows"),
        ({"purpose": "x" * 256}, "purpose has 256 characters; Gong takes 255 at most"),
        ({"disposition": "x" * 300}, "disposition has 300 characters"),
        ({"clientUniqueId": "x" * 2049}, "clientUniqueId has 2049 characters"),
        ({"actualStart": "2026-06-11T10:00:00"}, "actualStart names no time zone"),
        ({"actualStart": "2026-06-11"}, "actualStart must be a date and time in ISO-8601"),
        ({"scheduledEnd": "soon"}, "scheduledEnd must be a date and time"),
        ({"primaryUser": "17"}, "parties must have one with the userId of primaryUser, 17"),
        ({"parties": "nobody"}, "parties must be a list, not 'nobody'"),
        ({"parties": [7]}, r"parties\[0\] must be an object, not 7"),
        ({"duration": "long"}, "duration must be a number, not 'long'"),
        (
            {"mediaFile": "a.wav", "downloadMediaUrl": "https://x.example/a.wav"},
            "mediaFile and downloadMediaUrl exclude each other",
        ),
        (
            {"context": [{"system": "Notes", "objects": []}]},
            r"context\[0\].system must be one of Salesforce",
        ),
        (
            {"context": [{"system": "Generic", "objects": [{"objectType": "Deal"}]}]},
            r"objectType must be one of Opportunity.*objectId is required",
        ),
        (
            {"speakersTimeline": {"speechSegments": [{"fromTime": 0, "toTime": 9}]}},
            r"speechSegments\[0\].partyIds is required",
        ),
        (
            {
                "speakersTimeline": {
                    "speechSegments": [{"fromTime": 0, "toTime": 9, "partyIds": ["z"]}]
                }
            },
            "has z, which is no partyId of parties",
        ),
        ({"mediaFile": "nowhere.wav"}, "there is no file nowhere.wav"),
        ({"_sdc_deleted_at": "2026-06-11T10:00:00Z"}, "Gong has no way to delete these"),
    ],
)
def test_what_gong_would_not_take_is_refused_before_it_is_sent(
    sandbox, user, tmp_path, change, words
):
    sandbox.clear_requests()
    record = {**call(user, "refused"), **change}
    with pytest.raises(RunStopped, match=rf"^calls .*{words}") as stopped:
        run_target(settings(sandbox, tmp_path), messages("calls", [record]))
    assert "Traceback" not in str(stopped.value)
    assert sandbox.requests == []
    (row,) = receipts(tmp_path)
    assert row.status == "failed"
    assert not row.error.startswith("calls ")


def test_a_timeline_and_channels_exclude_each_other(sandbox, user, tmp_path):
    timeline = {"speechSegments": [{"fromTime": 0, "toTime": 9, "partyIds": ["p"]}]}
    parties = [{"userId": user, "partyId": "p", "mediaChannelId": 0}, {"name": "Ada"}]
    record = call(user, "channels", parties=parties, speakersTimeline=timeline)
    with pytest.raises(RunStopped, match="exclude each other"):
        run_target(settings(sandbox, tmp_path), messages("calls", [record]))


def test_instants_without_a_zone_take_the_default_one(sandbox, user, tmp_path):
    config = settings(sandbox, tmp_path, default_timezone="America/New_York")
    record = call(user, "zoned", actualStart="2026-06-11 10:00:00")
    run_target(config, messages("calls", [record]))
    assert made(sandbox, "zoned").actual_start == "2026-06-11T10:00:00-04:00"


def test_extra_columns_are_ignored_with_one_warning(sandbox, user, tmp_path, caplog):
    records = [call(user, f"extra-{n}", rating=5, mood="") for n in range(3)]
    run_target(settings(sandbox, tmp_path), messages("calls", records))
    assert caplog.text.count("Gong has no field for rating; ignored") == 1
    assert made(sandbox, "extra-1").custom_data is None


def test_extra_columns_may_be_kept(sandbox, user, tmp_path):
    config = settings(sandbox, tmp_path, extra_columns="customData")
    run_target(config, messages("calls", [call(user, "kept", rating=5, mood="good")]))
    assert json.loads(made(sandbox, "kept").custom_data) == {"mood": "good", "rating": 5}


def test_streams_may_have_another_name_and_unknown_ones_are_told(sandbox, user, tmp_path):
    config = settings(sandbox, tmp_path, stream_aliases={"phone_calls": "calls"})
    run_target(config, messages("phone_calls", [call(user, "aliased")]))
    assert made(sandbox, "aliased")
    with pytest.raises(SettingsError, match="no stream 'people' here: name it calls, call_media"):
        run_target(config, messages("people", []))


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        '{"type": "RECORD", "stream": "calls", "record": {}}',
        '{"type": "SCHEMA", "stream": "calls"}',
        '{"no": "type"}',
        "[1]",
    ],
)
def test_input_that_is_no_singer_message_is_told_in_a_line(sandbox, tmp_path, line):
    with pytest.raises(RunStopped, match="not what a Singer tap writes") as stopped:
        run_target(settings(sandbox, tmp_path), [line])
    assert "\n" not in str(stopped.value)


def test_a_zone_that_is_none_is_told_before_anything_is_read(sandbox, tmp_path):
    with pytest.raises(SettingsError, match="default_timezone 'Mars' is no time zone"):
        run_target(settings(sandbox, tmp_path, default_timezone="Mars"), [])
    assert checked_zone("") is None


@pytest.mark.parametrize(
    ("given_value", "zone", "text"),
    [
        (datetime(2026, 6, 11, 10, tzinfo=timezone.utc), None, "2026-06-11T10:00:00Z"),
        (
            datetime(2026, 6, 11, 10, tzinfo=timezone(timedelta(hours=2))),
            None,
            "2026-06-11T10:00:00+02:00",
        ),
        (
            datetime(2026, 1, 11, 10),  # noqa: DTZ001
            "Europe/Berlin",
            "2026-01-11T10:00:00+01:00",
        ),
        ("2026-06-11 10:00:00 +02:00", None, "2026-06-11T10:00:00+02:00"),
        ("2026-06-11T10:00:00.5Z", None, "2026-06-11T10:00:00.500000Z"),
    ],
)
def test_instants(given_value, zone, text):
    assert instant_text(given_value, zone) == text


FIELDS = (
    Field("clientId", ID, required=True),
    Field("flag", FLAG),
    Field("number", NUMBER),
    Field("whole", WHOLE),
    Field("time", INSTANT),
    Field("items", many=True, fields=(Field("name", required=True),)),
)
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text(max_size=8)
    | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["client_id", "clientId", "FLAG", "number", "whole", "time", "items", "other"]
)


# A busy machine is no reason to fail.
PATIENT = how(suppress_health_check=[HealthCheck.too_slow], deadline=None)


@PATIENT
@given(st.dictionaries(NAMES, JUNK))
def test_any_record_is_understood_or_refused_with_reasons(record):
    understood = Reader(FIELDS).read(record)
    assert understood.problems or "clientId" in understood.body
    for problem in understood.problems:
        assert "\n" not in problem
    json.dumps(understood.body, default=str)


@PATIENT
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(["client_unique_id", "parties"], JUNK)))
def test_no_junk_breaks_the_real_fields(record):
    for sink in (Calls, PermissionProfiles):
        Reader(sink.fields, "UTC").read(record)


def test_numbers_keep_their_value():
    body: dict[str, Any] = (
        Reader(FIELDS)
        .read({"client_id": Decimal(9007199254740993), "number": "0.10", "whole": "7"})
        .body
    )
    lost = Reader(FIELDS).read({"client_id": 1.1e18})
    assert lost.problems == ["clientId is a number that has lost digits, 1.1e+18; give ids as text"]
    assert body == {"clientId": "9007199254740993", "number": Decimal("0.10"), "whole": 7}


@pytest.mark.parametrize(
    "lost",
    [
        "7.782342274025938e18",
        "1E+3",
        "77.5",
        "9007199254740993.0",
        '"7.78234E+18"',
    ],
)
def test_ids_that_have_lost_digits_are_refused(sandbox, user, tmp_path, lost):
    line = json.dumps(messages("calls", [call(user, "lost")])[1])
    line = line.replace('"primaryUser": ' + json.dumps(user), f'"primaryUser": {lost}')
    with pytest.raises(RunStopped, match=r"primaryUser (is a number that )?has lost digits"):
        run_target(settings(sandbox, tmp_path), [messages("calls", [])[0], line])


def test_ids_that_a_table_made_floats_of_are_understood():
    read = Reader(FIELDS).read({"client_id": Decimal("42.0")})
    assert (read.body, read.problems) == ({"clientId": "42"}, [])


@pytest.mark.parametrize("value", [Decimal("NaN"), float("nan"), float("inf"), "NaN", 10**30])
def test_numbers_that_are_none(value):
    read = Reader(FIELDS).read({"client_id": "a", "number": value})
    assert len(read.problems) == 1


def test_a_time_that_clocks_skip_is_refused():
    with pytest.raises(ValueError, match="does not exist in Europe/Berlin"):
        instant_text("2026-03-29T02:30:00", "Europe/Berlin")


def test_unknown_names_inside_are_told_too(sandbox, user, tmp_path, caplog):
    parties = [{"userId": user}, {"email": "ada@example.com"}, {"email": "bob@example.com"}]
    lines = messages("calls", [call(user, "inside", parties=parties)])
    run_target(settings(sandbox, tmp_path), lines)
    assert "Gong has no field for parties[].email; ignored" in caplog.text


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_an_instant_that_utc_does_not_have_is_refused(text):
    with pytest.raises(ValueError, match="must be a date and time"):
        instant_text(text, None)
