"""Secrets appear nowhere: each is a word that nothing else holds, sought in all that is written."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gong_sandbox import Sandbox
from tap_gong.tap import TapGong
from target_gong.target import TargetGong
from tests.clocks import NOW
from tests.command_run import in_environment
from tests.token_endpoint import GOOD, TokenEndpoint

BIN = Path(sys.executable).parent
WORD = "canary"
SHARED = {
    "LOGLEVEL": "DEBUG",
    "TAP_GONG_LOGLEVEL": "DEBUG",
    "TARGET_GONG_LOGLEVEL": "DEBUG",
    "PATH": os.environ["PATH"],
    **{name: os.environ[name] for name in ("PYTHONPATH", "SYSTEMROOT") if name in os.environ},
}
RECORD = [
    {"type": "SCHEMA", "stream": "requests", "schema": {"properties": {}}, "key_properties": []},
    {"type": "RECORD", "stream": "requests", "record": {"method": "GET", "path": "/v2/users"}},
    {"type": "STATE", "value": {"seen": 1}},
]


def secrets_of(plugin):
    return [n for n, p in plugin.config_jsonschema["properties"].items() if p.get("secret")]


def canary(name):
    return f"{WORD}-{name}-7Q"


@pytest.fixture(scope="module")
def gong():
    """A company whose key pair are canaries."""
    key, secret = canary("access_key"), canary("access_key_secret")
    with Sandbox(
        calls=12,
        days=10,
        now=NOW,
        requests_per_second=0,
        daily_requests=0,
        access_key=key,
        access_key_secret=secret,
    ) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def tokens():
    """A token endpoint whose tokens are canaries, and which says them where it refuses."""

    def answer(token):
        if token != canary("refresh_token"):
            said = f"{token} is not {canary('client_secret')}"
            return 400, {}, {"error": "invalid_grant", "error_description": said}
        return (
            200,
            {},
            {**GOOD, "access_token": canary("given"), "refresh_token": canary("rotated")},
        )

    with TokenEndpoint(answer) as endpoint:
        yield endpoint


def test_every_secret_of_the_settings_is_known_here():
    named = {"access_key", "access_key_secret", "client_secret", "refresh_token", "access_token"}
    for plugin in (TapGong, TargetGong):
        assert named | {"rate_limit_store"} <= set(secrets_of(plugin))
    # Whatever else is secret is set in each situation below.
    for name in secrets_of(TapGong):
        assert TapGong.config_jsonschema["properties"][name]["type"]


SITUATIONS: dict[str, dict[str, Any]] = {
    "good": {},
    "wrong key": {"access_key_secret": f"{WORD}-wrong"},
    "no host": {"api_url": "http://127.0.0.1:9", "max_retries": 0},
    "unsafe host": {"api_url": "http://gong.example"},
    "password in the host": {"api_url": f"https://me:{WORD}@gong.example"},
    "wrong type": {"access_key_secret": [f"{WORD}-list"], "refresh_token": {f"{WORD}": WORD}},
    "not copied whole": {"access_key": f"{WORD}\nkey"},
    "bad store": {"rate_limit_store": f"redis://:{WORD}@127.0.0.1:9/0"},
    "odd store": {"rate_limit_store": f"redis://:{WORD}@127.0.0.1:port/0"},
    "no store": {"rate_limit_store": f"{WORD}://x"},
    "oauth": {"access_key": "", "access_key_secret": "", "access_token": ""},
    "oauth refused": {"access_key": "", "refresh_token": f"{WORD}-spent", "access_token": ""},
    "oauth nowhere": {
        "access_key": "",
        "access_token": "",
        "oauth_token_url": f"http://me:{WORD}@127.0.0.1:9/",
    },
    "unknown setting": {"acess_key_secret": f"{WORD}-typo"},
}


def config_of(plugin, gong, tokens, situation):
    config = {
        name: canary(name)
        for name in secrets_of(plugin)
        if name not in {"rate_limit_store", "access_token"}
    }
    return {
        **config,
        "client_id": "app",
        "api_url": gong.url,
        "oauth_token_url": tokens.url,
        "requests_per_second": 0,
        **({"max_records": 2} if plugin is TapGong else {"receipts_path": "receipts.jsonl"}),
        **SITUATIONS[situation],
    }


def run(folder, plugin, config, *arguments, from_environment=False):
    """All that a command wrote: to its output, its log, and files beside the configuration."""
    work = folder / "work"
    work.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    given = "ENV" if from_environment else str(folder / "config.json")
    done = subprocess.run(
        [str(BIN / plugin.name), "--config", given, *arguments],
        input="".join(json.dumps(line) + "\n" for line in RECORD),
        capture_output=True,
        text=True,
        cwd=work,
        timeout=60,
        check=False,
        env={**SHARED, **(in_environment(plugin, config) if from_environment else {})},
    )
    written = {"stdout": done.stdout, "stderr": done.stderr}
    for file in work.rglob("*"):
        # The token file alone is there to hold them.
        if file.is_file() and file.name != "oauth.json":
            written[file.name] = file.read_bytes().decode(errors="replace")
    return done, written


def leaks(written):
    return [
        (where, line[:300])
        for where, text in written.items()
        for line in text.splitlines()
        if WORD in line
    ]


# A process each takes long; every kind of failure is among the few that are always tried.
QUICK = {(TapGong, "good"), (TapGong, "wrong type"), (TapGong, "oauth refused")} | {
    (TargetGong, "good"),
    (TargetGong, "wrong key"),
    (TargetGong, "odd store"),
}


PROVES = {
    (TapGong, "oauth refused"): [
        pytest.mark.proves(
            "any failure, at the log level DEBUG too", "tap", "no secret in log, output or reports"
        )
    ],
    (TargetGong, "wrong key"): [
        pytest.mark.proves(
            "any failure, at the log level DEBUG too",
            "target",
            "no secret in log, ledger or receipts",
        )
    ],
}


def all_or_quick(cases, quick):
    return [
        pytest.param(
            *case,
            marks=[*PROVES.get(case, ())] if case in quick else [pytest.mark.slow],
        )
        for case in cases
    ]


@pytest.mark.parametrize(
    ("plugin", "situation"),
    all_or_quick(itertools.product([TapGong, TargetGong], SITUATIONS), QUICK),
)
def test_no_run_shows_a_secret(gong, tokens, tmp_path, plugin, situation):
    config = config_of(plugin, gong, tokens, situation)
    done, written = run(
        tmp_path, plugin, config, *(["--report", "report.json"] if plugin is TapGong else [])
    )
    assert leaks(written) == []
    assert "Traceback" not in done.stderr
    assert (done.returncode == 0) == (situation == "good"), done.stderr
    if situation == "good":
        assert "DEBUG" in done.stderr
        assert "urllib3" in done.stderr


@pytest.mark.parametrize(
    ("plugin", "situation"),
    all_or_quick(
        itertools.product([TapGong, TargetGong], ["good", "wrong key", "wrong type", "odd store"]),
        {(TapGong, "wrong type")},
    ),
)
def test_no_run_shows_a_secret_of_the_environment(gong, tokens, tmp_path, plugin, situation):
    config = config_of(plugin, gong, tokens, situation)
    done, written = run(tmp_path, plugin, config, from_environment=True)
    assert leaks(written) == []
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("plugin", "option"),
    all_or_quick(
        [
            *((TapGong, f"--about --format={form}") for form in ("json", "markdown", "text")),
            *((TapGong, option) for option in ("--plan", "--test", "--discover")),
            (TargetGong, "--about --format=json"),
            (TargetGong, "--about --format=markdown"),
            (TargetGong, "--receipts"),
        ],
        {(TapGong, "--about --format=text"), (TapGong, "--plan")},
    ),
)
def test_no_command_shows_a_secret(gong, tokens, tmp_path, plugin, option):
    _, written = run(tmp_path, plugin, config_of(plugin, gong, tokens, "good"), *option.split())
    assert leaks(written) == []


def test_the_page_of_the_sandbox_shows_no_secret(gong):
    import requests

    requests.get(f"{gong.url}/v2/users", auth=(gong.access_key, gong.access_key_secret), timeout=10)
    assert WORD not in requests.get(gong.url, timeout=10).text
