"""Where credentials go: to Gong alone, encrypted, and to nobody that it or a proxy names."""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import hypothesis
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from gong_api.errors import NotSent, SettingsError, Unreachable
from gong_api.hosts import checked_url
from gong_api.settings import connect
from tap_gong.tap import TapGong
from tests.test_client import FakeClock


class Redirecting:
    """A server that sends everybody elsewhere, and notes what it was asked."""

    def __init__(self, location: str | None = None, certificates: Any = None) -> None:
        self.seen: list[tuple[str, str | None]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.seen.append((self.path, self.headers.get("Authorization")))
                content = b'{"users": []}'
                self.send_response(200 if location is None else 302)
                if location is not None:
                    self.send_header("Location", location)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_CONNECT = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """A client that does not trust it ends the connection."""

        self._server = Server(("127.0.0.1", 0), Handler)
        if certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificates.issue_cert("localhost", "127.0.0.1").configure_cert(context)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]

    def __enter__(self):
        serve = self._server.serve_forever
        threading.Thread(target=serve, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def client(url, **more):
    config = {"api_url": url, "access_key": "key-1", "access_key_secret": "secret-1", **more}
    return connect(TapGong(config=config).config, FakeClock())


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost.evil.example",
        "http://localhost.",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1@evil.example",
        "http://127.0.0.1%2eevil.example",
        "http://127.0.0.1\\@evil.example",
        "http://127.0.0.1\n.evil.example",
        "http://0.0.0.0",
        "http://2130706433",
        "http://[::]",
        "http://[::ffff:10.0.0.1]",
        "HTTP://API.GONG.IO",
        "https://api.gong.io\\.evil.example",
        "https://api.gong.io\t.evil.example",
        "https://evil.example#.gong.io/",
        "https://api.gong.io?x=1",
        "https://",
        "//api.gong.io",
        "file:///etc/passwd",
    ],
)
def test_a_host_that_is_not_what_it_looks_like_is_refused(url):
    with pytest.raises(SettingsError):
        checked_url(url)


@pytest.mark.parametrize(
    "url", ["HTTP://LOCALHOST:1", "http://127.1.2.3", "http://[::1]:8787", "https://API.gong.io."]
)
def test_this_machine_and_encrypted_hosts_are_accepted(url):
    assert checked_url(url).lower() == url.lower()


@hypothesis.settings(max_examples=40)
@given(st.text(max_size=40))
def test_no_text_is_taken_for_an_unencrypted_host_elsewhere(text):
    for url in (text, f"http://{text}", f"http://127.0.0.1{text}", f"http://localhost{text}"):
        try:
            checked = checked_url(url)
        except SettingsError:
            continue
        parts = urlsplit(checked)
        assert parts.scheme == "https" or (parts.hostname or "")[:4] in {"loca", "127.", "::1"}


@pytest.mark.proves(
    "a redirect to another host", "tap and target", "not followed; the message names the host"
)
def test_a_redirect_to_another_host_is_not_followed_and_named():
    with Redirecting() as thief:
        there = f"http://user:pass@127.0.0.1:{thief.port}/v2/users?token=x"
        with Redirecting(there) as gong:
            with pytest.raises(NotSent) as redirected:
                client(f"http://127.0.0.1:{gong.port}").request("GET", "/v2/users")
            assert "set api_url to it" in str(redirected.value)
            assert f"http://127.0.0.1:{thief.port};" in str(redirected.value)
            assert "pass" not in str(redirected.value)
        assert thief.seen == []


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("/v3/users", "another path of its own"),
        ("//evil.example/x", "http://evil.example;"),
        ("https://us-1.api.gong.io/v2", "https://us-1.api.gong.io;"),
        ("http://[broken", "what is no URL"),
    ],
)
def test_no_redirect_is_followed(location, told):
    with Redirecting(location) as gong:
        with pytest.raises(NotSent) as redirected:
            client(f"http://127.0.0.1:{gong.port}").request("GET", "/v2/users")
        assert told in str(redirected.value)
        assert len(gong.seen) == 1


@pytest.mark.proves(
    "a TLS certificate that nobody vouches for",
    "tap and target",
    "nothing is sent; one line, exit code 1",
)
def test_certificates_are_checked_and_those_of_a_company_may_be_given(tmp_path, monkeypatch):
    authority = trustme.CA()
    bundle = tmp_path / "company.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with Redirecting(certificates=authority) as gong:
        url = f"https://localhost:{gong.port}"
        # None of these turns the check off.
        monkeypatch.setenv("PYTHONHTTPSVERIFY", "0")
        monkeypatch.setenv("CURL_CA_BUNDLE", "")
        with pytest.raises(Unreachable, match="certificate could not be verified"):
            client(url).request("GET", "/v2/users")
        assert gong.seen == []
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        assert client(url).request("GET", "/v2/users") == {"users": []}
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
        with pytest.raises(SettingsError, match=r"REQUESTS_CA_BUNDLE .*none\.pem"):
            client(url).request("GET", "/v2/users")


def test_a_proxy_of_the_environment_is_used_and_its_password_not_shown(monkeypatch):
    with Redirecting("http://elsewhere.example") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:proxy-pass@127.0.0.1:{proxy.port}")
        with pytest.raises(Unreachable) as refused:
            client("https://api.gong.io", max_retries=0).request("GET", "/v2/users")
        assert [path for path, _ in proxy.seen] == ["api.gong.io:443"]
    assert "proxy-pass" not in str(refused.value)


@pytest.mark.parametrize("path", [".evil.example/v2", "@evil.example", ":80@evil.example", ""])
def test_a_path_cannot_end_the_name_of_the_host(path):
    with pytest.raises(SettingsError, match="begin with a slash"):
        client("http://127.0.0.1:1").request("GET", path)


@hypothesis.settings(max_examples=40)
@given(st.text(max_size=30))
def test_no_path_leads_to_another_host(text):
    from requests import Request

    url = Request("GET", f"https://api.gong.io/{text}").prepare().url
    assert urlsplit(str(url)).netloc == "api.gong.io"
