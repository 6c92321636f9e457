"""The command `gong-sandbox`."""

from __future__ import annotations

import gc
from importlib.metadata import version
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
import pendulum

from gong_sandbox.api.faults import KINDS
from gong_sandbox.api.front_page import PUBLIC_KEY_PATH
from gong_sandbox.api.site import WELL_KNOWN_KEY
from gong_sandbox.server import Sandbox

if TYPE_CHECKING:
    from datetime import datetime


def _moment(_: click.Context, __: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        parsed = pendulum.parse(value)
    except ValueError:
        parsed = None
    if not isinstance(parsed, pendulum.DateTime):
        msg = "an ISO-8601 date or date-time, such as 2026-06-15T18:00:00Z"
        raise click.BadParameter(msg)
    return parsed


def _zone(_: click.Context, __: click.Parameter, value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError) as error:
        msg = "an IANA time zone, such as Europe/Berlin"
        raise click.BadParameter(msg) from error
    return value


def _webhook(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and not value.startswith(("http://", "https://")):
        msg = "the URL of a receiver, such as http://127.0.0.1:8788/?secret=…"
        raise click.BadParameter(msg)
    return value


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8787,
    type=click.IntRange(0, 65535),
    show_default=True,
    help="Port to listen on, 0 for a free one.",
)
@click.option(
    "--calls",
    default=500,
    type=click.IntRange(0),
    show_default=True,
    help="Calls that the company has made.",
)
@click.option("--seed", default=1, show_default=True, help="Another seed, another company.")
@click.option(
    "--days",
    default=90,
    type=click.IntRange(1),
    show_default=True,
    help="Days the calls are spread over, about.",
)
@click.option(
    "--requests-per-second", default=3.0, show_default=True, help="Of the quota, 0 for no limit."
)
@click.option(
    "--daily-requests", default=10_000, show_default=True, help="Of the quota, 0 for no limit."
)
@click.option("--latency", default=0.0, show_default=True, help="Seconds before each answer.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND:EVERY",
    help=f"Every so many requests something goes wrong: {', '.join(KINDS)}. Repeatable.",
)
@click.option(
    "--processing-minutes",
    default=4.0,
    type=click.FloatRange(0),
    show_default=True,
    help="From the upload of a call's media until the call is listed.",
)
@click.option(
    "--without-scope",
    "without_scopes",
    multiple=True,
    metavar="SCOPE",
    help="A scope that the credentials lack, such as api:users:read. Repeatable.",
)
@click.option("--now", callback=_moment, help="Stop the company's clock at this instant.")
@click.option(
    "--timezone",
    default="America/Los_Angeles",
    show_default=True,
    callback=_zone,
    help="The company's time zone.",
)
@click.option("--access-key", default=WELL_KNOWN_KEY, show_default=True, help="The key it accepts.")
@click.option(
    "--access-key-secret",
    default=WELL_KNOWN_KEY,
    show_default=True,
    help="The secret it accepts.",
)
@click.option(
    "--webhook",
    metavar="URL",
    callback=_webhook,
    help="Post each call there when it has been processed, signed, as an automation rule does.",
)
@click.version_option(version("gong-singer"))
def main(
    *,
    host: str,
    port: int,
    calls: int,
    seed: int,
    days: int,
    requests_per_second: float,
    daily_requests: int,
    latency: float,
    faults: tuple[str, ...],
    processing_minutes: float,
    without_scopes: tuple[str, ...],
    now: datetime | None,
    timezone: str,
    access_key: str,
    access_key_secret: str,
    webhook: str | None,
) -> None:
    """Serve a made-up company behind Gong's API, until Ctrl-C."""
    try:
        sandbox = Sandbox(
            host=host,
            port=port,
            calls=calls,
            seed=seed,
            days=days,
            requests_per_second=requests_per_second,
            daily_requests=daily_requests,
            latency=latency,
            faults=faults,
            processing_minutes=processing_minutes,
            without_scopes=without_scopes,
            now=now,
            timezone=timezone,
            access_key=access_key,
            access_key_secret=access_key_secret,
            webhook=webhook,
        )
        # Searching what the company is made of for cycles would hold up requests.
        gc.freeze()
        gc.set_threshold(50_000, 50, 1000)
        sandbox.run(ready=_announce)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        msg = f"cannot listen on {host}:{port} ({error.strerror}); choose another with --port"
        raise click.ClickException(msg) from error
    except KeyboardInterrupt:
        click.echo("stopped", err=True)


def _announce(sandbox: Sandbox) -> None:
    rule = (
        f"\nPublic key of its automation rule: {sandbox.url}{PUBLIC_KEY_PATH}"
        if sandbox.webhook
        else ""
    )
    click.echo(
        f"A company with made-up data on {sandbox.url} (open it in a browser); Ctrl-C stops it.\n"
        f"  access_key         {sandbox.access_key}\n"
        f"  access_key_secret  {sandbox.access_key_secret}\n"
        "As config.json of tap-gong:\n"
        f'  {{"api_url": "{sandbox.url}", "access_key": "{sandbox.access_key}", '
        f'"access_key_secret": "{sandbox.access_key_secret}"}}'
        f"{rule}",
        err=True,
    )
