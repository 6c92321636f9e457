"""The settings that tap and target share: how to reach Gong, and how hard to press it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from requests.auth import AuthBase, HTTPBasicAuth
from singer_sdk import typing as th

from gong_api import __version__
from gong_api.auth import OAuth
from gong_api.client import GongClient
from gong_api.errors import SettingsError
from gong_api.given_settings import variable
from gong_api.hosts import GONG, checked_url, encrypted
from gong_api.limiter import MEMORY, RequestLimiter, store
from gong_api.retries import RetryPolicy
from gong_api.token_file import TokenFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gong_api.clock import Clock

SANDBOX = "sandbox"

# As text too: that is how fractions come from the environment.
_NUMBER = th.CustomType({"type": ["number", "string"], "minimum": 0, "pattern": r"^\d+(\.\d+)?$"})
# Beyond this, no connection lives so long, and no socket takes some of the numbers.
_LONGEST_TIMEOUT = 3600
_TIMEOUT = th.CustomType(
    {
        "type": ["number", "string"],
        "exclusiveMinimum": 0,
        "maximum": _LONGEST_TIMEOUT,
        "pattern": r"^\d+(\.\d+)?$",
    }
)

# Far beyond what any quota grants.
_FASTEST = 1_000_000

CONNECTION: tuple[th.Property[Any], ...] = (
    th.Property(
        "access_key",
        th.StringType,
        secret=True,
        title="Access key",
        description="Access key of a Gong API key pair (Company settings > Ecosystem > API)",
    ),
    th.Property(
        "access_key_secret",
        th.StringType,
        secret=True,
        title="Access key secret",
        description="Secret of the API key pair; Gong shows it once",
    ),
    th.Property(
        "client_id",
        th.StringType,
        title="OAuth client id",
        description="OAuth 2.0, used when no key pair is given: the integration's client id",
    ),
    th.Property(
        "client_secret",
        th.StringType,
        secret=True,
        title="OAuth client secret",
        description="OAuth 2.0: the integration's client secret",
    ),
    th.Property(
        "refresh_token",
        th.StringType,
        secret=True,
        title="OAuth refresh token",
        description=(
            "OAuth 2.0: the refresh token to start with. Gong replaces it at each use; the newest "
            "one lives in `oauth_token_path`"
        ),
    ),
    th.Property(
        "access_token",
        th.StringType,
        secret=True,
        title="OAuth access token",
        description="OAuth 2.0: an access token to start with (optional)",
    ),
    th.Property(
        "oauth_token_path",
        th.StringType,
        default=".gong/oauth.json",
        title="OAuth token file",
        description="Where rotated OAuth tokens are kept between runs (mode 0600)",
    ),
    th.Property(
        "oauth_token_url",
        th.StringType,
        default="https://app.gong.io/oauth2/generate-customer-token",
        title="OAuth token URL",
        description="Where tokens are renewed",
    ),
    th.Property(
        "api_url",
        th.StringType,
        default=GONG,
        title="API URL",
        description=(
            "Your company's API host, as Gong shows it beside the key (for example "
            "`https://us-12345.api.gong.io`); `sandbox` starts a local Gong with made-up data"
        ),
    ),
    th.Property(
        "requests_per_second",
        _NUMBER,
        default=3,
        title="Requests per second",
        description="Of the whole process, all streams together; 0 = no limit",
    ),
    th.Property(
        "daily_request_budget",
        th.IntegerType(minimum=0),
        default=10000,
        title="Daily request budget",
        description="Requests this run may make before it stops cleanly; 0 = unlimited",
    ),
    th.Property(
        "max_retry_wait",
        _NUMBER,
        default=900,
        title="Longest wait",
        description="Seconds; a longer `Retry-After` stops the run cleanly, state written",
    ),
    th.Property(
        "rate_limit_store",
        th.StringType,
        default=MEMORY,
        secret=True,
        title="Rate limit store",
        description=(
            "Where turns are counted: memory (this process), sqlite:///path (all processes of this "
            "machine that name it), redis://host:6379/0 (several machines)"
        ),
    ),
    th.Property(
        "max_retries",
        th.IntegerType(minimum=0),
        default=8,
        title="Retries",
        description="Per request, for 429, any 5xx, connection faults and truncated answers",
    ),
    th.Property(
        "request_timeout",
        _TIMEOUT,
        default=60,
        title="Time-out",
        description="Seconds to connect and to wait for each part of an answer, 3600 at most",
    ),
    th.Property(
        "user_agent",
        th.StringType,
        default=f"gong-singer/{__version__}",
        title="User agent",
        description="How requests introduce themselves",
    ),
)


def connect(settings: Mapping[str, Any], clock: Clock) -> GongClient:
    """Make the client that the settings describe. Nothing is sent yet.

    `api_url: sandbox` starts a sandbox inside this process, which ends with it.

    Raises:
        SettingsError: credentials are missing, or `api_url` is not one that may be used.
    """
    if settings["api_url"] == SANDBOX:
        # Imported here: a user of the real Gong never pays for the sandbox.
        from gong_sandbox import Sandbox  # noqa: PLC0415

        # Each run has a sandbox of its own: what one has shown must not look deleted in the next.
        sandbox = Sandbox(counted_at=clock.now().start_of("month")).start()
        settings = {
            **settings,
            "api_url": sandbox.url,
            "access_key": sandbox.access_key,
            "access_key_secret": sandbox.access_key_secret,
        }
    base_url = checked_url(settings["api_url"])
    retries = RetryPolicy(
        max_retries=settings["max_retries"],
        max_wait=number(settings, "max_retry_wait"),
        clock=clock,
    )
    return GongClient(
        base_url=base_url,
        follows_token=base_url == GONG,
        auth=_auth(settings, clock, retries),
        limiter=RequestLimiter(
            per_second=_per_second(settings),
            budget=settings["daily_request_budget"],
            clock=clock,
            store=store(settings["rate_limit_store"], company(settings)),
        ),
        retries=retries,
        clock=clock,
        timeout=_timeout(settings),
        user_agent=settings["user_agent"],
        # The main thread sends, too, while others read ahead.
        connections=settings.get("concurrency", 1) + 1,
        hides_persons=(settings.get("personal_data") or "keep") != "keep",
    )


def number(settings: Mapping[str, Any], name: str) -> float:
    """A setting that is a number, or the text of one."""
    return float(settings[name])


def _per_second(settings: Mapping[str, Any]) -> float:
    """Requests a second.

    Raises:
        SettingsError: more than can be counted; as text, the schema lets it pass.
    """
    per_second = number(settings, "requests_per_second")
    if per_second > _FASTEST:
        msg = f"requests_per_second must be at most {_FASTEST}; 0 is no limit"
        raise SettingsError(msg)
    return per_second


def _timeout(settings: Mapping[str, Any]) -> float:
    """Seconds to wait.

    Raises:
        SettingsError: no socket waits so long, or so short; as text, the schema lets it pass.
    """
    seconds = number(settings, "request_timeout")
    if not 0 < seconds <= _LONGEST_TIMEOUT:
        msg = (
            f"request_timeout must be more than 0 and at most {_LONGEST_TIMEOUT} seconds, not "
            f"{settings['request_timeout']}"
        )
        raise SettingsError(msg)
    return seconds


def _auth(settings: Mapping[str, Any], clock: Clock, retries: RetryPolicy) -> AuthBase:
    key, secret = _secret(settings, "access_key"), _secret(settings, "access_key_secret")
    if key and secret:
        return HTTPBasicAuth(key, secret)
    names = ("client_id", "client_secret", "refresh_token")
    oauth = {name: _secret(settings, name) for name in names}
    if all(oauth.values()):
        token_url = settings["oauth_token_url"]
        encrypted(token_url, "oauth_token_url", "https://app.gong.io/oauth2/…")
        return OAuth(
            **oauth,
            token_url=token_url,
            access_token=_secret(settings, "access_token"),
            file=TokenFile(Path(settings["oauth_token_path"])),
            clock=clock,
            retries=retries,
            user_agent=settings["user_agent"],
        )
    pair = {"access_key": key, "access_key_secret": secret}
    begun = oauth if any(oauth.values()) and not (key or secret) else pair
    wanting = [name for name, value in begun.items() if not value]
    missing = " and ".join(wanting)
    msg = (
        f"No credentials: set {missing} (or access_key and access_key_secret, or client_id, "
        "client_secret and refresh_token), or try api_url: sandbox, which needs none"
        if begun is oauth
        else f"No credentials: set {missing} (or client_id, client_secret and refresh_token for "
        "OAuth), or try api_url: sandbox, which needs none"
    )
    if any(variable(plugin, name) in os.environ for plugin in _PLUGINS for name in wanting):
        msg += ". Those in the environment are read with `--config ENV`"
    raise SettingsError(msg)


_PLUGINS = ("tap-gong", "target-gong")


def company(settings: Mapping[str, Any]) -> str:
    """What tells a company from another: its own host, else its key."""
    if settings["api_url"] == SANDBOX:
        return SANDBOX
    host = checked_url(settings["api_url"])
    named = settings.get("access_key") or settings.get("client_id") or ""
    return hashlib.sha256((f"{host} {named}" if host == GONG else host).encode()).hexdigest()[:16]


def _secret(settings: Mapping[str, Any], name: str) -> str:
    """A credential without the blanks around it; empty when it is not set.

    Raises:
        SettingsError: it has characters that no credential has, and no header takes.
    """
    value = str(settings.get(name) or "").strip()
    if not value.isascii() or not value.isprintable():
        msg = f"{name} has characters that cannot belong to it; was it copied whole?"
        raise SettingsError(msg)
    return value
