"""The site: it builds without a warning, and what it tells of the data is so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import data_model
import example_records
import pytest

from tap_gong.streams import STREAMS
from target_gong.sinks import SINKS
from tests.clocks import NOW
from tests.conftest import settings
from tests.singer_run import run_tap

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def records(company):
    return run_tap(
        settings(company, end_date=NOW.isoformat()), streams={stream.name for stream in STREAMS}
    ).records


def values(record, path):
    """What is at a path, in each item of the lists on the way."""
    if isinstance(record, list):
        return [value for item in record for value in values(item, path)]
    if not path:
        return [] if record in {None, ""} else [record]
    return values((record or {}).get(path[0]), path[1:])


def test_every_reference_leads_to_the_stream_that_it_is_said_to(records):
    checked = 0
    for relation in data_model.relations():
        found = {
            str(value) for row in records[relation.stream] for value in values(row, relation.path)
        }
        there = {str(row.get(relation.field)) for row in records[relation.refers_to]}
        # Who is -1 to Gong is nobody.
        found -= {"-1"}
        if found:
            checked += 1
            # Some refer to what has been deleted, or to Gong's own people.
            share = len(found & there) / len(found)
            assert share > 0.5, (relation, sorted(found)[:3], sorted(there)[:3])
    assert checked > 60


def test_every_field_with_an_id_refers_to_something_or_is_known_not_to():
    referring = {(r.stream, r.path) for r in data_model.relations()}
    keys = {stream.name: data_model.keys_of(stream) for stream in STREAMS}
    left = {
        field.path[-1]
        for stream in STREAMS
        for field in data_model.fields_of(data_model.schema_of(stream))
        if field.path[-1].endswith("Id")
        and (stream.name, field.path) not in referring
        and field.path[-1] not in keys[stream.name]
    }
    # Ids of other systems, of nothing that is a stream, and of what holds them itself.
    assert left <= {
        *("clientUniqueId", "calendarEventId", "objectId", "accountCrmId", "dealCrmId", "crmId"),
        *("crmProspectId", "impersonatorUserId", "impersonatorCompanyId", "questionRevisionId"),
        *("externalId", "mirrorId", "contentId", "sourceEventId", "speakerId", "callId"),
        *("scorecardId", "questionId", "flowId"),
    }


def test_an_example_is_short_and_keeps_its_form():
    record = {"a": [{"b": 1}, {"b": 1, "c": [2, 3]}], "text": "word " * 60, "none": None}
    assert example_records.shortened(record)["a"] == [{"b": 1, "c": [2]}]
    text = example_records.shortened(record)["text"]
    assert text.endswith("word …")
    assert len(text) < 130


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        check=True,
    )
    for stream in STREAMS:
        page = (tmp_path / "streams" / stream.name / "index.html").read_text(encoding="utf-8")
        assert f'id="{stream.name}"' in page
        for field in data_model.schema_of(stream)["properties"]:
            assert f"<code>{field}</code>" in page, (stream.name, field)
        assert 'class="mermaid"' in page
        assert '<h2 id="example">' in page
    for name, sink in SINKS.items():
        page = (tmp_path / "writing" / name / "index.html").read_text(encoding="utf-8")
        for field in sink.fields:
            assert f"<code>{field.name}</code>" in page, (name, field.name)
        assert re.search(r"RECORD", page), name
