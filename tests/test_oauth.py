"""OAuth: refresh tokens work once, so losing one would lock the user out."""

from __future__ import annotations

import json
import logging
import os
import signal
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from gong_api.auth import OAuth
from gong_api.command import Interrupted, RunStopped
from gong_api.errors import BadCredentials, LimitReached, NotSent, SettingsError, Unreachable
from gong_api.hosts import GONG
from gong_api.settings import connect
from tap_gong.tap import TapGong
from tests.test_client import FakeClock
from tests.token_endpoint import GOOD, TokenEndpoint

TAP = str(Path(sys.executable).parent / "tap-gong")
CLOSED = "http://127.0.0.1:9/token"

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes or signals")


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


def client(settings, clock=None):
    return connect(TapGong(config=dict(settings)).config, clock or FakeClock())


def signer(settings, clock=None) -> OAuth:
    auth = client(settings, clock)._auth
    assert isinstance(auth, OAuth)
    return auth


def exchanges(sandbox):
    return [entry.status for entry in sandbox.requests if entry.path.startswith("/oauth2/")]


def kept(settings):
    """The newest connection in the token file."""
    return json.loads(Path(settings["oauth_token_path"]).read_bytes())["connections"][0]


def forget_access_tokens(sandbox):
    sandbox.site.tokens._access.clear()


class Ahead(FakeClock):
    """Real time, and some seconds."""

    seconds = 0.0

    def now(self):
        return super().now().add(seconds=self.seconds)


# --- how often a token is spent, and by whom


def test_a_run_refreshes_once_and_the_next_one_uses_what_it_left(sandbox, oauth):
    assert client(oauth).request("GET", "/v2/users")["users"]
    assert client(oauth).request("GET", "/v2/users")["users"]
    assert exchanges(sandbox) == [200]


def test_the_rotated_token_is_kept_though_the_settings_hold_the_spent_one(sandbox, oauth):
    client(oauth).request("GET", "/v2/users")
    sandbox.clock.advance(timedelta(days=2))
    # The access token is too old now; Gong says 401, and the file's refresh token, not the spent
    # one of the settings, gets a new one.
    assert client(oauth).request("GET", "/v2/users")["users"]


def test_a_token_is_renewed_before_it_ends(sandbox, oauth):
    clock = Ahead()
    gong = client(oauth, clock)
    gong.request("GET", "/v2/users")
    clock.seconds = 86_400 - 130
    gong.request("GET", "/v2/users")
    assert exchanges(sandbox) == [200]
    clock.seconds += 15
    gong.request("GET", "/v2/users")
    assert exchanges(sandbox) == [200, 200]
    assert 401 not in [entry.status for entry in sandbox.requests]


@pytest.mark.proves(
    "two processes start at once with one OAuth token",
    "tap and target",
    "one of them renews it, the other uses what came",
)
def test_two_processes_that_start_at_once_spend_one_token(sandbox, oauth, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({**oauth, "max_records": 1}))
    command = [TAP, "--config", "config.json"]
    runs = [
        subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    ended = [(run.communicate(timeout=60)[1], run.returncode) for run in runs]
    assert [code for _, code in ended] == [0, 0], ended
    assert exchanges(sandbox) == [200]


@pytest.mark.proves(
    "401 for an OAuth token, at several requests at once",
    "tap and target",
    "renewed once, and each request is sent again once",
)
def test_ten_threads_that_are_refused_at_once_spend_one_token(sandbox, oauth):
    gong = client(oauth)
    gong.request("GET", "/v2/users")
    forget_access_tokens(sandbox)
    together = threading.Barrier(10)

    def ask(_):
        together.wait()
        return gong.request("GET", "/v2/users")["users"]

    with ThreadPoolExecutor(10) as threads:
        assert all(threads.map(ask, range(10)))
    assert exchanges(sandbox) == [200, 200]


def test_a_refused_token_is_renewed_once_and_not_again_and_again(sandbox, oauth, monkeypatch):
    gong = client(oauth)
    gong.request("GET", "/v2/users")
    monkeypatch.setattr(sandbox.site.tokens, "is_good", lambda *_: False)
    for _ in range(3):
        with pytest.raises(BadCredentials):
            gong.request("GET", "/v2/users")
    assert exchanges(sandbox) == [200, 200]


def test_a_configured_access_token_is_used_until_it_is_refused(sandbox, oauth):
    tokens = sandbox.site.tokens.authorize(sandbox.clock.now())
    given = {**oauth, "access_token": tokens["access_token"]}
    client(given).request("GET", "/v2/users")
    assert exchanges(sandbox) == []
    forget_access_tokens(sandbox)
    client(given).request("GET", "/v2/users")
    assert exchanges(sandbox) == [200]


@pytest.mark.parametrize("arguments", [["--about"], ["--discover"], ["--version"]])
def test_what_needs_no_gong_spends_no_token(sandbox, oauth, tmp_path, arguments):
    (tmp_path / "config.json").write_text(json.dumps(oauth))
    command = [TAP, "--config", "config.json", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0
    assert sandbox.requests == []
    assert not Path(oauth["oauth_token_path"]).parent.exists()


# --- the file


@needs_posix
def test_the_token_file_and_all_beside_it_are_the_owners_alone(oauth, tmp_path):
    oauth["oauth_token_path"] = str(tmp_path / "a" / "b" / "oauth.json")
    client(oauth).request("GET", "/v2/users")
    folder = Path(oauth["oauth_token_path"]).parent
    for made in (folder, folder.parent):
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert not list(folder.glob("*.renewing"))
    assert kept(oauth)["api_base_url"] == oauth["api_url"]


@needs_posix
def test_a_file_open_to_others_is_closed_with_a_warning(oauth, caplog):
    client(oauth).request("GET", "/v2/users")
    path = Path(oauth["oauth_token_path"])
    path.chmod(0o644)
    client(oauth)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "oauth_token_path" in caplog.text
    assert "mode 0644) and is 0600 now" in caplog.text


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root may give away")
def test_a_file_of_another_user_stays_theirs(sandbox, oauth, caplog):
    client(oauth).request("GET", "/v2/users")
    path = Path(oauth["oauth_token_path"])
    os.chown(path, 12345, 12345)
    forget_access_tokens(sandbox)
    client(oauth).request("GET", "/v2/users")
    assert path.stat().st_uid == 12345
    assert "belongs to another user (id 12345)" in caplog.text


def test_a_link_stays_a_link(oauth, tmp_path):
    real = tmp_path / "real.json"
    link = tmp_path / "link.json"
    link.symlink_to(real)
    client({**oauth, "oauth_token_path": str(link)}).request("GET", "/v2/users")
    assert link.is_symlink()
    assert real.is_file()


def test_a_newly_configured_token_begins_a_chain_of_its_own(sandbox, oauth):
    client(oauth).request("GET", "/v2/users")
    anew = str(sandbox.site.tokens.authorize(sandbox.clock.now())["refresh_token"])
    client({**oauth, "refresh_token": anew}).request("GET", "/v2/users")
    assert exchanges(sandbox) == [200, 200]


@pytest.mark.proves(
    "two companies share a token file by mistake",
    "tap and target",
    "each has its own token in it",
)
def test_two_companies_that_share_a_file_do_not_lock_each_other_out(sandbox, oauth):
    other = str(sandbox.site.tokens.authorize(sandbox.clock.now())["refresh_token"])
    both = [oauth, {**oauth, "refresh_token": other}]
    for _ in range(3):
        for settings in both:
            client(settings).request("GET", "/v2/users")
        forget_access_tokens(sandbox)
    assert set(exchanges(sandbox)) == {200}


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"connections": 3}', b"\xff\xfe", b"\0" * 99])
def test_a_token_file_that_is_damaged_is_named(sandbox, oauth, tmp_path, content):
    broken = tmp_path / "broken.json"
    broken.write_bytes(content)
    with pytest.raises(SettingsError, match=r"broken\.json holds no tokens .* restore or remove"):
        client({**oauth, "oauth_token_path": str(broken)})
    assert sandbox.requests == []


def test_an_empty_token_file_is_as_none(oauth, tmp_path):
    empty = tmp_path / "empty.json"
    empty.touch()
    assert client({**oauth, "oauth_token_path": str(empty)}).request("GET", "/v2/users")["users"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("file/oauth.json", "Not a directory"),
        (".", "Is a directory"),
        ("x" * 300, "File name too long"),
        pytest.param("/proc/gong/oauth.json", "No such file", marks=needs_posix),
    ],
)
def test_where_nothing_can_be_written_no_token_is_spent(sandbox, oauth, tmp_path, path, reason):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=reason):
        client({**oauth, "oauth_token_path": str(tmp_path / path)}).request("GET", "/v2/users")
    assert exchanges(sandbox) == []


@pytest.mark.proves(
    "the disk is full, or the token file cannot be written",
    "tap and target",
    "no token is spent; exit code 1",
)
@needs_posix
def test_where_the_disk_is_full_no_token_is_spent(sandbox, oauth):
    import resource

    Path(oauth["oauth_token_path"]).parent.mkdir()
    gong = client(oauth)
    # Python ignores the signal that goes with the limit; what is beyond it is not written.
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, limits[1]))
    try:
        with pytest.raises(SettingsError, match=r"File too large\. No token was spent"):
            gong.request("GET", "/v2/users")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert exchanges(sandbox) == []
    assert gong.request("GET", "/v2/users")["users"]


@pytest.mark.proves(
    "the token file can no longer be written after a token was spent",
    "tap and target",
    "the run goes on, and says where the new token is",
)
def test_a_token_that_cannot_be_put_in_its_place_is_not_lost(oauth, caplog):
    path = Path(oauth["oauth_token_path"])

    def answer(_):
        # What could be written when the room was made cannot be any more.
        path.mkdir()
        return 200, {}, GOOD

    with TokenEndpoint(answer) as endpoint:
        settings = {**oauth, "oauth_token_url": endpoint.url}
        auth = signer(settings)
        auth.renew_if_due()
        assert auth._tokens.access_token == "access-2"
        (told,) = [r.getMessage() for r in caplog.records if r.levelno == logging.CRITICAL]
        assert f"oauth_token_path {path} cannot be written" in told
        assert "refresh-2" not in caplog.text
        elsewhere = Path(told.partition("token is in ")[2].partition(":")[0])
        # Beside its place, too, for whoever runs next when the folder is gone.
        path.rmdir()
        assert signer(settings)._stored() is None
        again = signer(settings)
        again.renew_if_due()
        assert again._tokens.access_token == "access-2"
        assert len(endpoint.asked) == 1
        elsewhere.replace(path)
        assert signer(settings)._tokens.refresh_token == "refresh-2"


def test_a_token_that_could_not_be_saved_is_saved_at_the_end(oauth, caplog):
    path = Path(oauth["oauth_token_path"])

    def answer(_):
        path.mkdir()
        return 200, {}, GOOD

    with TokenEndpoint(answer) as endpoint:
        auth = signer({**oauth, "oauth_token_url": endpoint.url})
        auth.renew_if_due()
        Path(caplog.text.partition("token is in ")[2].partition(":")[0]).unlink()
        path.rmdir()
        auth.close()
    assert kept(oauth)["refresh_token"] == "refresh-2"


# --- kills and signals


def run_and_signal(oauth, tmp_path, number, *, answered=lambda: None, keeps=True):
    """Start a run, send it a signal while its token is exchanged, then let Gong answer."""
    arrived, go_on = threading.Event(), threading.Event()

    def answer(_):
        arrived.set()
        go_on.wait(10)
        return 200, {}, GOOD if keeps else {}

    with TokenEndpoint(answer) as endpoint:
        (tmp_path / "config.json").write_text(
            json.dumps({**oauth, "oauth_token_url": endpoint.url})
        )
        with subprocess.Popen(
            [TAP, "--config", "config.json"],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as run:
            assert arrived.wait(20)
            for at, one in enumerate(number):
                run.send_signal(one)
                if at == 0 and one != signal.SIGKILL:
                    assert run.stderr
                    assert any("Waiting for a new OAuth token" in line for line in run.stderr)
            if number[-1] == signal.SIGKILL:
                run.wait(10)
            answered()
            go_on.set()
            log = run.communicate(timeout=20)[1]
    return run.returncode, log


@needs_posix
@pytest.mark.parametrize(
    "signals",
    [
        [signal.SIGTERM],
        pytest.param(
            [signal.SIGINT, signal.SIGTERM, signal.SIGTERM],
            marks=pytest.mark.proves(
                "Ctrl-C or SIGTERM, even repeated, while an OAuth token is renewed",
                "tap and target",
                "the new token is waited for and stored; exit code 3",
            ),
        ),
    ],
)
def test_an_exchange_is_waited_for_when_a_run_is_stopped(oauth, tmp_path, signals):
    code, log = run_and_signal(oauth, tmp_path, signals)
    assert code == 3
    assert "Traceback" not in log
    assert kept(oauth)["refresh_token"] == "refresh-2"
    if len(signals) == 1:
        # Where more come, what is left beside is the next run's to take away.
        assert not list(Path(oauth["oauth_token_path"]).parent.glob("*.renewing"))


@pytest.mark.proves(
    "SIGKILL while an OAuth token is renewed, Gong did not get it",
    "tap and target",
    "the next run uses the old token",
)
@needs_posix
def test_killed_before_the_answer_the_next_run_tries_the_old_token(sandbox, oauth, tmp_path):
    """Gong had not got the request: the token is still good."""
    code, _ = run_and_signal(oauth, tmp_path, [signal.SIGKILL])
    assert code == -signal.SIGKILL
    assert client(oauth).request("GET", "/v2/users")["users"]
    assert exchanges(sandbox) == [200]


@pytest.mark.proves(
    "SIGKILL while an OAuth token is renewed, Gong had spent it",
    "tap and target",
    "the next run says that the answer was lost, and how to reconnect",
)
@needs_posix
def test_killed_before_the_answer_the_next_run_says_so_if_the_token_is_spent(
    sandbox, oauth, tmp_path
):
    run_and_signal(oauth, tmp_path, [signal.SIGKILL])
    sandbox.site.tokens.spend(sandbox.refresh_token, sandbox.clock.now())
    for _ in range(2):
        with pytest.raises(SettingsError, match="ended before it had Gong's answer") as refused:
            client(oauth).request("GET", "/v2/users")
    assert "connect the app in Gong anew" in str(refused.value)


KILLED_AFTER = """
import os, pathlib, sys
from gong_api.clock import SystemClock
from gong_api.settings import connect
from tap_gong.tap import TapGong

place = {place!r}

def audit(event, arguments):
    # Between the answer on disk and its place, or after that and before its use.
    if event == "os.rename" and place == "before":
        os.kill(os.getpid(), 9)
    if event == "gong.used":
        os.kill(os.getpid(), 9)

sys.addaudithook(audit)
client = connect(TapGong(config={config!r}).config, SystemClock())
client._auth.renew_if_due()
sys.audit("gong.used")
"""


@needs_posix
@pytest.mark.parametrize(
    "place",
    [
        "before",
        pytest.param(
            "after",
            marks=pytest.mark.proves(
                "SIGKILL after a new OAuth token came",
                "tap and target",
                "the next run uses it",
            ),
        ),
    ],
)
def test_killed_between_the_answer_and_its_use_the_next_run_works(sandbox, oauth, place):
    code = KILLED_AFTER.format(place=place, config=oauth)
    done = subprocess.run([sys.executable, "-c", code], timeout=30, check=False)
    assert done.returncode == -signal.SIGKILL
    assert exchanges(sandbox) == [200]
    assert client(oauth).request("GET", "/v2/users")["users"]
    assert exchanges(sandbox) == [200]


def test_a_thread_is_waited_for_where_the_main_one_ends(oauth):
    """Those that read ahead do not keep a process from ending; an exchange does."""
    arrived, go_on = threading.Event(), threading.Event()

    def answer(_):
        arrived.set()
        go_on.wait(10)
        return 200, {}, GOOD

    with TokenEndpoint(answer) as endpoint:
        auth = signer({**oauth, "oauth_token_url": endpoint.url})
        threading.Thread(target=auth.renew_if_due, daemon=True).start()
        assert arrived.wait(10)
        threading.Timer(0.1, go_on.set).start()
        auth.close()
        assert kept(oauth)["refresh_token"] == "refresh-2"


def test_a_wait_for_another_process_can_be_interrupted(oauth, monkeypatch):
    auth = signer(oauth)
    stop = RunStopped(Interrupted("stopped"))

    def stopped(_):
        raise stop

    with auth._file.locked():
        monkeypatch.setattr("time.sleep", stopped)
        with ThreadPoolExecutor(1) as threads, pytest.raises(RunStopped):
            threads.submit(auth.renew_if_due).result()


# --- what the token endpoint may answer


def answering(oauth, *answers):
    """An endpoint that gives these answers, then good ones; and settings for it."""
    left = list(answers)

    def answer(_):
        return left.pop(0) if left else (200, {}, GOOD)

    endpoint = TokenEndpoint(answer)
    return endpoint, {**oauth, "oauth_token_url": endpoint.url}


@pytest.mark.parametrize(
    "lifetime", [60, 1, "3600", None, 0, -5, 1e300, 10**400, "soon", [], {"a": 1}]
)
def test_no_lifetime_loses_a_token_or_renews_it_at_each_request(oauth, lifetime):
    clock = Ahead()
    endpoint, settings = answering(oauth, (200, {}, {**GOOD, "expires_in": lifetime}))
    with endpoint:
        auth = signer(settings, clock)
        auth.renew_if_due()
        auth.renew_if_due()
        assert len(endpoint.asked) == (1 if lifetime != 1 else len(endpoint.asked))
        assert kept(settings)["refresh_token"] == "refresh-2"
        clock.seconds = 31 * 86400
        auth.renew_if_due()
        assert len(endpoint.asked) >= 2


def test_a_clock_that_is_put_back_or_forward_costs_a_token_at_most(sandbox, oauth):
    clock = Ahead()
    gong = client(oauth, clock)
    gong.request("GET", "/v2/users")
    clock.seconds = -10 * 86400
    sandbox.clock.advance(timedelta(days=2))
    gong.request("GET", "/v2/users")
    clock.seconds = 10 * 86400
    gong.request("GET", "/v2/users")
    gong.request("GET", "/v2/users")
    assert exchanges(sandbox) == [200, 200, 200]


def test_an_answer_without_a_refresh_token_keeps_the_old_one(oauth):
    endpoint, settings = answering(oauth, (200, {}, {"access_token": "access-2"}))
    with endpoint:
        signer(settings).renew_if_due()
    assert kept(oauth)["refresh_token"] == oauth["refresh_token"]
    assert kept(oauth)["access_token"] == "access-2"


def test_an_answer_without_an_access_token_keeps_the_new_refresh_token(oauth):
    endpoint, settings = answering(oauth, (200, {}, {"refresh_token": "refresh-2"}))
    with endpoint:
        with pytest.raises(NotSent, match="no access token"):
            signer(settings).renew_if_due()
        signer(settings).renew_if_due()
    assert endpoint.asked == [oauth["refresh_token"], "refresh-2"]


@pytest.mark.parametrize(
    ("answer", "tries", "message"),
    [
        ((429, {"Retry-After": "2"}, {}), 2, None),
        ((503, {}, b"busy"), 2, None),
        ((500, {}, {}), 1, "Gong answered 500 .*may be spent. Run again"),
        ((502, {}, b"<html>"), 1, "Gong answered 502 .*may be spent. Run again"),
        ((200, {"Content-Type": "text/html"}, b"<html>"), 1, "200 with text/html .*may be spent"),
        ((204, {}, b""), 1, "no access token.*may be spent"),
        (None, 1, "the connection broke.*may be spent. Run again"),
        ((302, {"Location": "https://u:p@evil.example/x"}, b""), 1, "https://evil.example;"),
        ((308, {"Location": "/elsewhere"}, b""), 1, "redirects to another path of its own"),
        ((302, {"Location": "http://[broken"}, b""), 1, "what is no URL"),
        ((404, {}, b"no"), 1, "check oauth_token_url; no token was spent"),
        ((401, {}, {"error": "invalid_client"}), 1, "Check client_id and client_secret"),
        ((400, {}, {"error": "invalid_grant"}), 1, "spent or revoked: connect the app in Gong"),
        (
            (400, {}, {"error_description": "Refresh token code is invalid"}),
            1,
            "code is invalid.*connect the app",
        ),
    ],
)
def test_what_the_token_endpoint_may_answer(oauth, answer, tries, message):
    endpoint, settings = answering(oauth, answer)
    with endpoint:
        auth = signer(settings)
        if message:
            with pytest.raises((NotSent, SettingsError), match=f"(?i){message}") as failed:
                auth.renew_if_due()
            assert "\n" not in str(failed.value)
            for secret in (oauth["refresh_token"], oauth["client_secret"], "u:p"):
                assert secret not in str(failed.value)
            assert len(endpoint.asked) == tries
            # The next run finds out whether the old token is still good.
            signer(settings).renew_if_due()
        else:
            auth.renew_if_due()
            assert len(endpoint.asked) == tries
    assert kept(oauth)["refresh_token"] == "refresh-2"


def test_a_wait_of_hours_for_a_token_stops_the_run(oauth):
    endpoint, settings = answering(oauth, (429, {"Retry-After": "7200"}, {}))
    with endpoint, pytest.raises(LimitReached):
        signer(settings).renew_if_due()


def test_a_token_endpoint_that_is_not_there_is_named_at_once(oauth):
    clock = FakeClock()
    with pytest.raises(NotSent, match="Check oauth_token_url"):
        signer({**oauth, "oauth_token_url": CLOSED}, clock).renew_if_due()
    assert clock.slept == []


def test_a_token_endpoint_that_is_away_for_a_while_is_asked_again(oauth):
    endpoint, settings = answering(oauth, (200, {}, {**GOOD, "expires_in": 2}))
    with endpoint:
        signer(settings).renew_if_due()
    clock = Ahead()
    clock.seconds = 10
    with pytest.raises(Unreachable, match="Check oauth_token_url"):
        signer({**settings, "max_retries": 2}, clock).renew_if_due()
    assert len(clock.slept) == 2


def test_a_refusal_that_repeats_the_token_does_not_show_it(oauth):
    said = {"error": "invalid_grant", "error_description": f"bad {oauth['refresh_token']}\nnow"}
    endpoint, settings = answering(oauth, (400, {}, said))
    with endpoint, pytest.raises(SettingsError) as refused:
        signer(settings).renew_if_due()
    assert oauth["refresh_token"] not in str(refused.value)
    assert "bad … now" in str(refused.value)


@pytest.mark.proves(
    "a refresh token is spent or revoked",
    "tap and target",
    "says how to reconnect; exit code 1",
)
def test_a_spent_token_says_how_to_reconnect(oauth, tmp_path):
    client(oauth).request("GET", "/v2/users")
    lost = {**oauth, "oauth_token_path": str(tmp_path / "elsewhere.json")}
    with pytest.raises(SettingsError, match="connect the app in Gong anew") as refused:
        client(lost).request("GET", "/v2/users")
    assert oauth["refresh_token"] not in str(refused.value)


# --- the host that a token answer names


@pytest.mark.parametrize(
    ("named", "used"),
    [
        ("https://us-49467.api.gong.io", "https://us-49467.api.gong.io"),
        ("https://company-17.api.gong.io/", "https://company-17.api.gong.io"),
        ("http://us-1.api.gong.io", GONG),
        ("https://evil.example", GONG),
        ("https://api.gong.io.evil.example", GONG),
        ("https://evilgong.io", GONG),
        ("https://evil.example\\.gong.io", GONG),
        ("https://evil.example#.gong.io", GONG),
        ("https://us-1.api.gong.io@evil.example", GONG),
        ("https://us-1.api.gong.io/v2", GONG),
        ("us-1.api.gong.io", GONG),
        ("", GONG),
        (None, GONG),
        (7, GONG),
    ],
)
def test_the_named_host_is_used_where_it_is_gongs(oauth, caplog, named, used):
    endpoint, settings = answering(oauth, (200, {}, {**GOOD, "api_base_url_for_customer": named}))
    with endpoint:
        settings["api_url"] = GONG
        assert client(settings)._base_url() == used
        # Kept for the next run, which asks for no token.
        assert client(settings)._base_url() == used
        assert len(endpoint.asked) == 1
    is_odd = isinstance(named, str) and bool(named) and used == GONG
    assert ("names a host that is not Gong's" in caplog.text) == is_odd


def test_a_configured_host_is_preferred_to_the_named_one(sandbox, oauth):
    endpoint, settings = answering(oauth)
    with endpoint:
        assert client(settings)._base_url() == sandbox.url


def test_all_requests_go_to_the_named_host(sandbox, oauth):
    settings = {**oauth, "api_url": GONG}
    assert client(settings).request("GET", "/v2/users")["users"]
    assert client(settings).request("GET", "/v2/users")["users"]


def test_incomplete_oauth_settings_say_what_is_missing(oauth):
    del oauth["client_secret"]
    with pytest.raises(SettingsError, match="set client_secret"):
        client(oauth)
