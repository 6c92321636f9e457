"""OAuth: refresh tokens work once, so losing one would lock the user out."""

from __future__ import annotations

import stat
import sys
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from gong_api.errors import SettingsError
from gong_api.settings import connect
from tap_gong.tap import TapGong
from tests.test_client import FakeClock


@pytest.fixture
def oauth(sandbox, tmp_path):
    """Settings for OAuth against a sandbox, without a key pair."""
    return {
        "api_url": sandbox.url,
        "client_id": sandbox.client_id,
        "client_secret": sandbox.client_secret,
        "refresh_token": sandbox.refresh_token,
        "oauth_token_url": f"{sandbox.url}/oauth2/generate-customer-token",
        "oauth_token_path": str(tmp_path / "private" / "oauth.json"),
        "requests_per_second": 0,
    }


def client(settings):
    return connect(TapGong(config=dict(settings)).config, FakeClock())


def test_a_run_refreshes_once_and_the_next_one_uses_what_it_left(sandbox, oauth):
    assert client(oauth).request("GET", "/v2/users")["users"]
    assert client(oauth).request("GET", "/v2/users")["users"]
    exchanges = [entry for entry in sandbox.requests if entry.path.startswith("/oauth2/")]
    assert len(exchanges) == 1


def test_the_rotated_token_is_kept_though_the_settings_hold_the_spent_one(sandbox, oauth):
    first = client(oauth)
    first.request("GET", "/v2/users")
    sandbox.clock.advance(timedelta(days=2))
    # The access token is too old now; Gong says 401, and the file's refresh token, not the spent
    # one of the settings, gets a new one.
    assert client(oauth).request("GET", "/v2/users")["users"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_the_token_file_is_its_owners_alone(oauth):
    client(oauth).request("GET", "/v2/users")
    path = Path(oauth["oauth_token_path"])
    tokens = msgspec.json.decode(path.read_bytes())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert tokens["api_base_url"] == oauth["api_url"]


def test_a_spent_token_says_how_to_reconnect(oauth, tmp_path):
    client(oauth).request("GET", "/v2/users")
    lost = {**oauth, "oauth_token_path": str(tmp_path / "elsewhere.json")}
    with pytest.raises(SettingsError, match="reconnect the app") as refused:
        client(lost).request("GET", "/v2/users")
    assert oauth["refresh_token"] not in str(refused.value)


def test_a_newly_configured_token_wins_over_the_file(sandbox, oauth, tmp_path):
    stale = tmp_path / "private" / "oauth.json"
    stale.parent.mkdir()
    stale.write_bytes(
        msgspec.json.encode({"configured": "another token's hash", "refresh_token": "spent"})
    )
    assert client(oauth).request("GET", "/v2/users")["users"]


def test_a_token_file_that_is_damaged_is_named(oauth, tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    with pytest.raises(SettingsError, match=r"broken\.json"):
        client({**oauth, "oauth_token_path": str(broken)})


def test_incomplete_oauth_settings_say_what_is_missing(oauth):
    del oauth["client_secret"]
    with pytest.raises(SettingsError, match="set client_secret"):
        client(oauth)
