"""Whatever a record holds, it is sent as Gong's document has it, or refused with a reason."""

from __future__ import annotations

import functools
import json
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_gong.sinks import SINKS
from tests.answering_server import request_faults, template_of
from tests.clocks import NOW
from tests.conftest import examples
from tests.gong_document import document
from tests.target.target_run import (
    call,
    company,
    importing_user,
    messages,
    receipts,
    recording,
    run_target,
    settings,
)
from tests.target.test_every_stream import DESTRUCTIVE, record_of, users

if TYPE_CHECKING:
    from target_gong.fields import Field

# Where the document is wrong (an enum with all choices in one text, a type that Gong refuses) or
# older than the API.
OFF = ("Windows, Linux", "provider")

_TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            "\ud800",
            "\x00",
            "\u202e",
            "NaN",
            "1e400",
            "0",
            "-1",
            "null",
            "{}",
            "[]",
            "[[",
            '{"a": ',
            "\\ud800",
            '["\\ud800"]',
            "1.9E+18",
            "2026-02-30T00:00:00Z",
            "2026-06-11T10:00:00",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-12:00",
            "12:00",
            "P1D",
            "../../etc/passwd",
            "a b/c?d#e%00",
            "https://[::1",
            "nobody@example.com",
            "٣",
            "①",
        ]
    ),
)
_WILD = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.sampled_from([10**400, float("nan"), float("inf"), -float("inf"), 1e300, 0.1, -0.0]),
        _TEXTS,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(_TEXTS, inner, max_size=2),
        inner.map(json.dumps),
    ),
    max_leaves=4,
)


def mutated(fields: tuple[Field, ...], base: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A record of which some fields are changed or gone, and some are new."""

    def value(field: Field) -> st.SearchStrategy[Any]:
        if not field.fields:
            plain = st.sampled_from(field.choices) if field.choices else _TEXTS
            return st.one_of(_WILD, st.lists(plain, max_size=2) if field.many else plain)
        inner: st.SearchStrategy[Any] = mutated(field.fields, {})
        return st.one_of(_WILD, st.lists(inner, max_size=2) if field.many else inner)

    def changed(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
        there = {field.name: value(field) for field in fields if field.name in names}
        return st.fixed_dictionaries(there).map(lambda new: {**base, **new})

    names = [field.name for field in fields]
    kept = st.lists(st.sampled_from(names), max_size=3, unique=True).flatmap(changed)
    more = st.dictionaries(st.sampled_from(["_sdc_deleted_at", "mood", "a.b"]), _WILD, max_size=1)
    gone = st.lists(st.sampled_from([*base, *names]), max_size=1)
    return st.tuples(kept, more, gone).map(
        lambda parts: {k: v for k, v in {**parts[0], **parts[1]}.items() if k not in parts[2]}
    )


@pytest.fixture(scope="module")
def sandbox():
    with company(calls=30, days=20) as found:
        found.company.crm.queued = found.company.crm.processing = timedelta(0)
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("any_record")
    recording(made / "call.wav", seconds=61)
    return made


@functools.cache
def base_of(stream: str, sandbox: Any, folder: Any) -> dict[str, Any]:
    """A record that Gong takes."""
    slot = sandbox.company.slots(None, None, now=NOW)[0]
    user = importing_user(sandbox)
    bases = {
        "calls": call(user),
        "call_media": {"callId": slot.id, "mediaFile": str(folder / "call.wav")},
        "call_user_access": {"callId": slot.id, "userId": users(sandbox)[0]["id"]},
        "permission_profiles": {
            "workspaceId": sandbox.company.workspaces()[0]["id"],
            "name": "Reader",
        },
    }
    return bases.get(stream) or record_of(stream, sandbox)


PROVEN = pytest.mark.proves(
    "any record, of any stream",
    "target",
    "sent as the document has it, or refused with a line that names stream, key and field",
)


@pytest.mark.fuzz
@pytest.mark.parametrize(
    "stream",
    [pytest.param(name, marks=PROVEN if name == "calls" else ()) for name in sorted(SINKS)],
)
@examples(3)
@given(data=st.data())
def test_a_record_is_sent_right_or_refused_with_a_reason(stream, sandbox, folder, data):
    base = base_of(stream, sandbox, folder)
    record = data.draw(mutated(SINKS[stream].fields, base))
    run = folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir()
    if stream.startswith("crm_") and stream != "crm_integrations":
        # An example before may have deleted it.
        sandbox.company.crm.register(users(sandbox)[0]["emailAddress"], "Example CRM")
    sandbox.clear_requests()
    config = settings(
        sandbox,
        run,
        allow_destructive=sorted(DESTRUCTIVE),
        on_error="skip",
        max_retries=0,
        media_root=str(folder),
    )
    target = run_target(config, messages(stream, [record]))
    tally = target.tally
    rows = receipts(run)
    assert tally.done + tally.unchanged + tally.failed == 1, record
    if tally.failed:
        assert rows[-1].status == "failed"
        error = rows[-1].error
        assert "\n" not in error
        told = [field.name for field in SINKS[stream].fields]
        # What has been sent is refused in Gong's own words.
        is_sent = any(entry.method != "GET" for entry in sandbox.requests)
        assert (
            is_sent
            or "Gong answered" in error
            or any(name in error for name in [*told, "_sdc_deleted_at", *record])
        )
        assert rows[-1].key
    faults = []
    for entry in sandbox.requests:
        assert entry.status < 500, (entry, record)
        if stream == "requests" or (entry.status == 404 and entry.body is None):
            # A path that the sandbox does not have: it has not looked at the body.
            continue
        operation = document()["paths"][template_of(entry.path, "[^/]+")][entry.method.lower()]
        if "multipart/form-data" in operation.get("requestBody", {}).get("content", {}):
            continue
        query = {name: [value] for name, value in entry.query.items()}
        faults += [
            f
            for f in request_faults(operation, query, entry.body)
            if not any(word in f for word in OFF)
        ]
    assert faults == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"title": "x" * 10**7, "purpose": "x" * 10**7}, "purpose has 10000000 characters"),
        ({"duration": float("nan")}, "duration must be a number that is finite"),
        ({"duration": -float("inf")}, "duration must be a number that is finite"),
        ({"primaryUser": {"id": 1}}, "primaryUser must be an id"),
        ({"parties": r'[{"name": "\ud800"}]'}, "'parties': half of a character"),
        ({"title": "\ud800"}, "'title': half of a character"),
        ({"parties": "[" * 3000}, "parties must be a list"),
        ({"parties": "[" * 100_000 + "]" * 100_000}, "parties must be a list"),
    ],
)
def test_what_is_far_out_is_refused_by_its_field(sandbox, tmp_path, change, words):
    record = {**call(importing_user(sandbox)), **change}
    target = run_target(settings(sandbox, tmp_path, on_error="skip"), messages("calls", [record]))
    (row,) = receipts(tmp_path)
    assert (target.tally.done, target.tally.failed, row.status) == (0, 1, "failed")
    assert words in row.error
    assert len(row.error) < 1000


@pytest.mark.parametrize("method", ["\ud800", "GET"])
def test_half_of_a_character_is_refused_where_the_content_is_the_key(sandbox, tmp_path, method):
    record = {"method": method, "path": "/v2/users", "params": r'{"a": "\ud800"}'}
    config = settings(sandbox, tmp_path, on_error="skip")
    assert run_target(config, messages("requests", [record])).tally.failed == 1
    (row,) = receipts(tmp_path)
    assert "half of a character" in row.error
