"""Which hosts credentials may be sent to."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
from typing_extensions import override

from gong_api.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

GONG = "https://api.gong.io"
_GONGS = "gong.io"
# What a host and a port are made of. Programs disagree on where a host ends when there is more.
_HOST = re.compile(r"[A-Za-z0-9._-]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?")
_EXAMPLE = "https://us-12345.api.gong.io (or be 'sandbox')"


def checked_url(url: str, setting: str = "api_url") -> str:
    """An API host that credentials may be sent to, without its trailing slash.

    Args:
        url: to be checked.
        setting: or what else named it, for the message.

    Raises:
        SettingsError: it is not a URL of a host, or plain `http://` to another machine.
    """
    parts = encrypted(url, setting, _EXAMPLE)
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        msg = f"{setting} must be a host alone, without the path {parts.path!r}"
        raise SettingsError(msg)
    return f"{parts.scheme}://{parts.netloc}"


def encrypted(url: str, setting: str, example: str) -> SplitResult:
    """A URL that secrets may be sent to.

    Raises:
        SettingsError: it is not a URL of a host, or plain `http://` to another machine.
    """
    try:
        parts = urlsplit(url)
        is_url = (
            parts.scheme in {"http", "https"}
            and bool(_HOST.fullmatch(parts.netloc))
            and url.isprintable()
            and parts.port != 0
        )
        # What the HTTP library would refuse later: a label that is empty, too long or a wildcard.
        requests.Request("GET", url).prepare()
        (parts.hostname or "").encode("idna")
    except (ValueError, requests.RequestException):
        is_url = False
    if not is_url:
        shown = "" if "@" in url else f", not {url!r}"
        msg = f"{setting} must look like {example}{shown}"
        raise SettingsError(msg)
    if parts.scheme == "http" and not _is_this_machine(parts.hostname or ""):
        msg = (
            f"{setting} {url!r} would send the credentials unencrypted; use https:// "
            "(plain http:// is for this machine only)"
        )
        raise SettingsError(msg)
    return parts


def is_gongs(url: str, token_url: str) -> bool:
    """Whether a host that a token answer names may have the access token.

    Args:
        url: as `checked_url` gives it.
        token_url: where the answer came from; that host has had the client secret anyway.
    """
    host = (urlsplit(url).hostname or "").rstrip(".")
    is_below = host == _GONGS or host.endswith(f".{_GONGS}")
    return is_below or host == urlsplit(token_url).hostname


class StayingSession(requests.Session):
    """A session that follows no redirect, nor looks at where one leads: it may be no URL."""

    @override
    def resolve_redirects(self, *args: Any, **kwargs: Any) -> Iterator[requests.Response]:
        return iter(())


def redirected(response: requests.Response, setting: str) -> str:
    """Why a redirect was not followed, and which setting to change; for the user.

    Args:
        response: one with a `Location`.
        setting: that named the host which answered.
    """
    asked = urlsplit(response.url)
    told = f"{asked.netloc} redirects to"
    try:
        target = urlsplit(urljoin(response.url, response.headers.get("Location", "")))
        port = f":{target.port}" if target.port else ""
        host = f"{target.scheme}://{target.hostname}{port}"
    except ValueError:
        return f"{told} what is no URL; check {setting}"
    if target.netloc == asked.netloc and target.scheme == asked.scheme:
        return f"{told} another path of its own, which Gong does not; check {setting}"
    return (
        f"{told} {host}; redirects are not followed because credentials could leak. If that is "
        f"your company's host, set {setting} to it"
    )


def unusable_certificates(error: OSError) -> str:
    """What to say when `requests` finds no certificates to check Gong's by."""
    return f"REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE cannot be used: {error}"


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
