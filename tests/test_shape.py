"""What of a record goes out: pins `_generate_record_messages`, which replaces the SDK's."""

from __future__ import annotations

import copy
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_sdk.helpers._catalog import pop_deselected_record_properties
from singer_sdk.singerlib import SelectionMask

from tap_gong.shape import Shape
from tests.answering_server import AnsweringServer
from tests.singer_run import run_tap

SCHEMA: dict[str, Any] = {
    "properties": {
        "id": {"type": ["string"]},
        "one": {
            "type": ["object", "null"],
            "properties": {"a": {"type": ["string", "null"]}, "b": {"type": ["string", "null"]}},
        },
        "many": {
            "type": ["array", "null"],
            "items": {"properties": {"c": {"type": ["string", "null"]}}},
        },
        "open": {"type": ["object", "null"], "additionalProperties": True},
    }
}
ALL = SelectionMask({(): True})


def test_unknown_fields_are_noted_and_dropped_at_the_top_alone():
    shape = Shape(SCHEMA, ALL)
    record = {"id": "1", "new": 1, "one": {"a": "x", "z": 1}, "many": [{"c": "x"}, {"y": 2}]}
    before = copy.deepcopy(record)
    assert shape.of(record) == {k: v for k, v in record.items() if k != "new"}
    assert shape.unknown == {"new", "one.z", "many.y"}
    assert record == before


def test_what_a_schema_leaves_open_is_not_unknown():
    shape = Shape(SCHEMA, ALL)
    shape.of({"id": "1", "open": {"whatever": {"deep": 1}}})
    assert shape.unknown == set()


def test_types_may_be_named_one_by_one():
    """As `th.ArrayType` names those of its items."""
    inner = {"type": "object", "properties": {"y": {"type": "string"}}}
    schema = {"properties": {"many": {"type": ["array", "null"], "items": inner}}}
    shape = Shape(schema, ALL)
    shape.of({"many": [{"y": "1", "z": "2"}]})
    assert shape.unknown == {"many.z"}


def test_unknown_fields_may_be_kept():
    assert Shape(SCHEMA, ALL, keeps_unknown=True).of({"new": 1}) == {"new": 1}


VALUES = st.none() | st.text(max_size=3) | st.integers() | st.decimals(allow_nan=False)
RECORDS = st.fixed_dictionaries(
    {"id": st.text(max_size=3)},
    optional={
        "one": st.none() | st.dictionaries(st.sampled_from("ab"), VALUES),
        "many": st.none() | st.lists(st.dictionaries(st.sampled_from("c"), VALUES), max_size=3),
        "open": st.none() | st.dictionaries(st.text(max_size=2), VALUES),
    },
)
PLACES = [
    ("properties", "one"),
    ("properties", "one", "properties", "a"),
    ("properties", "one", "properties", "b"),
    ("properties", "many"),
    ("properties", "open"),
]


@given(RECORDS, st.sets(st.sampled_from(PLACES)))
def test_deselected_fields_go_as_the_sdk_would_have_them(record, deselected):
    mask = SelectionMask({(): True, **dict.fromkeys(deselected, False)})
    expected = copy.deepcopy(record)
    pop_deselected_record_properties(expected, SCHEMA, mask)
    assert Shape(SCHEMA, mask).of(record) == expected


def test_stream_maps_and_flattening_still_apply(config):
    maps = {
        "users": {"id": "id", "shout": "firstName.upper()", "__else__": None},
        "workspaces": "__NULL__",
    }
    output = run_tap(
        {**config, "stream_maps": maps, "flattening_enabled": True, "flattening_max_depth": 1},
        streams={"users", "workspaces", "library_folders"},
    )
    assert {frozenset(row) for row in output.records["users"]} == {frozenset({"id", "shout"})}
    assert output.records["workspaces"] == []
    assert output.records["library_folders"]


def test_maps_of_streams_that_are_not_selected_do_no_harm(config):
    maps = {"call_context_objects": {"partyId": "partyId or '-'"}}
    output = run_tap({**config, "stream_maps": maps}, streams={"workspaces"})
    assert output.records["workspaces"]


def test_values_are_written_as_they_came(config):
    rows = run_tap(config, streams={"calls"}).records["calls"]
    talk = [
        s["talkTime"] for row in rows for s in (row.get("interaction") or {}).get("speakers", [])
    ]
    assert any(isinstance(value, Decimal) for value in talk)


@pytest.mark.parametrize(
    ("told", "written"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-x", "'-x"),
        ("@x", "'@x"),
        ("Demo = good", "Demo = good"),
        ("", ""),
        (None, None),
    ],
)
def test_the_stream_map_of_the_docs_takes_the_force_from_formulas(config, told, written):
    page = Path(__file__).parents[1] / "docs" / "recipes" / "csv.md"
    text = page.read_text(encoding="utf-8")
    (example,) = re.findall(r'^\{"stream_maps".*\}$', text, re.MULTILINE)
    (expression,) = json.loads(example)["stream_maps"]["calls"].values()
    user = {"id": "1", "title": told, "firstName": "Ada"}

    def answer(*_):
        return 200, {"requestId": "r", "records": {}, "users": [user]}

    with AnsweringServer(answer) as server:
        mapped = {**config, "api_url": server.url, "stream_maps": {"users": {"title": expression}}}
        (row,) = run_tap(mapped, streams={"users"}).records["users"]
    assert (row["title"], row["firstName"]) == (written, "Ada")
