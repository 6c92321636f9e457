"""The sandbox's page: what it tells, what it keeps to itself, and recordings that can be played."""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta
from typing import Any

import pytest
import requests

from gong_sandbox import Sandbox
from gong_sandbox.api.front_page import lasted, sized
from gong_sandbox.company import media, uploads
from tests.clocks import NOW
from tests.singer_run import run_tap
from tests.target import target_run

UNLIMITED: dict[str, Any] = {"requests_per_second": 0, "daily_requests": 0}


@pytest.fixture
def written(tmp_path):
    """A sandbox to which the target has written two calls with recordings and one without."""
    with target_run.company(processing_minutes=0) as sandbox:
        user = target_run.importing_user(sandbox)
        names = ("<b>one</b>", "two", "three")
        records = [target_run.call(user, name, title=f"Call {name}") for name in names]
        for number, record in enumerate(records[:2]):
            path = tmp_path / f"{number}.wav"
            record["media_file"] = str(target_run.recording(path, seed=number))
        target_run.run_target(
            target_run.settings(sandbox, tmp_path), target_run.messages("calls", records)
        )
        yield sandbox


def page_of(sandbox, query=""):
    answer = requests.get(f"{sandbox.url}/{query}", timeout=20)
    assert answer.status_code == 200
    return answer.text


def block(page, element):
    """What is inside of an element with this id, up to the end of its tag's kind."""
    found = re.search(rf'<(\w+)[^>]*\bid="{element}"[^>]*>(.*?)</\1>', page, re.DOTALL)
    assert found, element
    return html.unescape(found[2])


def test_its_configuration_works_as_it_is_copied(company):
    config = json.loads(block(page_of(company), "config"))
    more = {"requests_per_second": 0, "end_date": NOW.isoformat()}
    assert len(run_tap({**config, **more}, streams={"users"}).records["users"]) > 20
    for name in ("TAP_GONG", "TARGET_GONG"):
        assert f"export {name}_API_URL={company.url}\n" in block(page_of(company), "variables")


def listed(page, name):
    """The rows of a list, a tuple of cells each."""
    table = page[page.index(f"<summary>{name}</summary>") :]
    rows = re.findall(r"<tr>(.*?)</tr>", table[: table.index("</table>")], re.DOTALL)
    return [tuple(map(html.unescape, re.findall(r">([^<>]+)<", row))) for row in rows]


def test_it_keeps_apart_what_the_demo_has_left(company):
    """Of another company: its ledger, its state and its warehouse."""
    lines = block(page_of(company), "variables")
    assert "export TARGET_GONG_LEDGER_PATH=output/sandbox-ledger.db\n" in lines
    assert "export TARGET_DUCKDB_FILEPATH=output/sandbox.duckdb\n" in lines
    assert "meltano run --state-id-suffix sandbox tap-gong target-duckdb" in lines


def test_it_names_users_who_may_import_calls(company):
    rows = listed(page_of(company), "Users who may import calls")
    assert len(rows) > 3
    allowed = {
        user["id"]
        for user in company.company.users(now=NOW)
        if user["settings"]["telephonyCallsImported"]
    }
    assert {row[-1] for row in rows} == allowed


def test_it_names_customers_whom_an_erasure_finds(company):
    rows = listed(page_of(company), "Customers on the newest calls")
    assert len(rows) == 3
    for _, number, address in rows:
        for kind, given in (("emailAddress", address), ("phoneNumber", number)):
            path = "email-address" if kind == "emailAddress" else "phone-number"
            answer = requests.get(
                f"{company.url}/v2/data-privacy/data-for-{path}",
                params={kind: given},
                auth=("sandbox", "sandbox"),
                timeout=20,
            )
            assert answer.json()["calls"], given


def test_keys_of_ones_own_are_not_told():
    with Sandbox(calls=0, now=NOW, access_key="KEY5917", access_key_secret="HUSH1") as sandbox:
        page = page_of(sandbox)
    assert "KEY5917" not in page
    assert "HUSH1" not in page
    assert json.loads(block(page, "config"))["access_key"] == "what you gave --access-key"


def test_quota_faults_and_durations_are_shown():
    options: dict[str, Any] = {"requests_per_second": 5, "daily_requests": 3, "latency": 0.03}
    with Sandbox(
        calls=3, now=NOW, faults=["504:2"], without_scopes=["api:crm:schema"], **options
    ) as (sandbox):
        sandbox.faults.next("html", count=2, path="/v2/workspaces")
        for _ in range(4):
            requests.get(f"{sandbox.url}/v2/users", auth=("sandbox",) * 2, timeout=20)
        page = page_of(sandbox)
        took = [entry.took for entry in sandbox.requests]
    assert block(page, "quota") == "3 <small>of 3</small>"
    rules = block(page, "rules-list")
    assert "504 for one request in 2" in rules
    assert "html for the next 2 requests to /v2/workspaces" in rules
    assert "api:crm:schema" in rules
    rows = re.findall(r'<td class="(good|bad)">(.*?)</td><td class="number">(.*?)</td>', page)
    assert [(kind, answer) for kind, answer, _ in rows] == [
        ("bad", "429"),
        ("good", "200"),
        ("bad", "504 <small>fault 504</small>"),
        ("good", "200"),
    ]
    assert min(took) >= 0.03
    assert [shown for *_, shown in rows] == [lasted(seconds) for seconds in reversed(took)]


def test_calls_by_week_are_those_of_the_company(company):
    page = page_of(company)
    weeks = dict(re.findall(r"<title>Week of (\S+): (\d+) calls</title>", page))
    zone = company.company.zone
    expected: dict[str, int] = {}
    for slot in company.company.slots(None, None, now=NOW):
        day = slot.started.astimezone(zone).date()
        monday = str(day - timedelta(days=day.weekday()))
        expected[monday] = expected.get(monday, 0) + 1
    assert {week: int(calls) for week, calls in weeks.items() if calls != "0"} == expected
    assert sum(expected.values()) == 260
    assert "Calls by week" not in page_of_nothing()


def page_of_nothing():
    with Sandbox(calls=0, now=NOW, **UNLIMITED) as sandbox:
        sandbox.clock.set(NOW - timedelta(days=3000))
        return page_of(sandbox)


def test_what_was_written_is_shown_and_its_recording_is_kept(written):
    created = {call.new.client_unique_id: call for call in written.company.uploads.created}
    page = page_of(written)
    table = page[page.index('<tbody id="created"') :]
    table = table[: table.index("</tbody>")]
    assert "<b>Call &lt;b&gt;one&lt;/b&gt;</b>" in table
    assert "<b>one</b>" not in page
    assert table.count("<audio") == 2
    assert table.count("none") - table.count('preload="none"') == 1
    assert "WAV, 600 kB, 1 min" in table
    for name in ("<b>one</b>", "two"):
        url = f"{written.url}/recordings/{created[name].id}"
        whole = requests.get(url, timeout=20)
        assert (whole.status_code, whole.headers["content-type"]) == (200, "audio/wav")
        assert len(whole.content) == created[name].media.size
        for asked, first, last in (
            ("0-99", 0, 99),
            ("600000-", 600_000, 600_043),
            ("-5", 600_039, 600_043),
        ):
            part = requests.get(url, headers={"Range": f"bytes={asked}"}, timeout=20)
            assert part.status_code == 206
            assert part.content == whole.content[first : last + 1]
            assert part.headers["content-range"] == f"bytes {first}-{last}/600044"
        assert requests.get(url, headers={"Range": "bytes=600044-"}, timeout=20).status_code == 416
    for unknown in (created["three"].id, "12"):
        assert requests.get(f"{written.url}/recordings/{unknown}", timeout=20).status_code == 404
    # Looking costs nothing and leaves no trace.
    assert {entry.path for entry in written.requests if "recordings" in entry.path} == set()


def test_a_recording_goes_with_its_call(written):
    call = written.company.uploads.created[0]
    written.company.delete(call.id)
    assert requests.get(f"{written.url}/recordings/{call.id}", timeout=20).status_code == 404
    assert "<audio" not in page_of(written).split(f'id="created-{call.id}"')[1].split("</tr>")[0]


def test_no_more_recordings_are_kept_than_there_is_room_for(written, monkeypatch, tmp_path):
    first, second, third = written.company.uploads.created
    monkeypatch.setattr(uploads, "MOST_KEPT", 1_500_000)

    def put(call_id, name, seconds):
        path = target_run.recording(tmp_path / name, seconds=seconds, seed=name)
        with path.open("rb") as file:
            return requests.put(
                f"{written.url}/v2/calls/{call_id}/media",
                files={"mediaFile": (name, file, "audio/wav")},
                auth=("sandbox", "sandbox"),
                timeout=20,
            )

    assert put(third.id, "third.wav", 100).status_code == 201
    kept = [call.media.content is not None for call in (first, second, third)]
    assert kept == [False, True, True]
    assert "(not kept)" in page_of(written)

    intake = media.Intake()
    for _ in range(3):
        intake.feed(bytes(media.LARGEST_KEPT // 2))
    large = intake.media("audio/wav")
    assert (large.size, large.content) == (media.LARGEST_KEPT // 2 * 3, None)


def test_what_is_no_recording_is_only_saved(written):
    call = written.company.uploads.created[2]
    requests.put(
        f"{written.url}/v2/calls/{call.id}/media",
        files={"mediaFile": ("x.mp3", b"<script>alert(1)</script>" * 100, "audio/html")},
        auth=("sandbox", "sandbox"),
        timeout=20,
    )
    answer = requests.get(f"{written.url}/recordings/{call.id}", timeout=20)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_counts_that_take_long_are_made_anew_for_a_reader_not_for_the_script(sandbox, monkeypatch):
    asked = []
    count = sandbox.company.answered_scorecards

    def counted(**given):
        asked.append(given)
        return count(**given)

    monkeypatch.setattr(sandbox.company, "answered_scorecards", counted)
    for query, times in (("?live", 1), ("?live", 1), ("", 2), ("?live", 2)):
        page_of(sandbox, query)
        assert len(asked) == times


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.0126, "13 ms"),
        (1, "1 s"),
        (1.25, "1.2 s"),
        (61, "1 min"),
        (3600, "1 h"),
        (3900, "1 h 5 min"),
    ],
)
def test_spans_are_told_for_people(seconds, text):
    assert lasted(seconds) == text


def test_sizes_are_told_for_people():
    assert [sized(n) for n in (999, 512_044, 1_120_044)] == ["999 bytes", "512 kB", "1.1 MB"]
