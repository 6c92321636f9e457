"""The command `gong-webhook`."""

from __future__ import annotations

import logging
import signal
import socket
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click
import uvicorn

from gong_api.clock import SystemClock
from gong_api.errors import GongError, SettingsError
from gong_webhook.inbox import Inbox
from gong_webhook.receiver import Receiver
from gong_webhook.verification import Verifier, read_public_key

if TYPE_CHECKING:
    from types import FrameType

logger = logging.getLogger("gong-webhook")

# Seconds that answers in flight get when the receiver is to end.
_LAST_ANSWERS = 30
_SHORT_SECRET = 16
_BACKLOG = 256


@click.command(context_settings={"auto_envvar_prefix": "GONG_WEBHOOK"})
@click.option(
    "--inbox",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="SQLite file that deliveries go into; the tap's automation_inbox.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8788,
    type=click.IntRange(0, 65535),
    show_default=True,
    help="Port to listen on, 0 for a free one.",
)
@click.option(
    "--secret",
    help="What the URL in Gong holds: …?secret=SECRET, or as the last part of the path. Better set "
    "as GONG_WEBHOOK_SECRET, since a command line can be seen by others.",
)
@click.option(
    "--public-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the public key that Gong shows for rules with a signed JWT header.",
)
@click.option("--url", help="The webhook's URL as Gong has it, to the letter; for signed tokens.")
@click.option(
    "--keep-days",
    type=click.IntRange(1),
    help="Remove events after so many days, read or not. Default: keep all.",
)
@click.version_option(version("gong-singer"))
def main(
    *,
    inbox: Path,
    host: str,
    port: int,
    secret: str | None,
    public_key: Path | None,
    url: str | None,
    keep_days: int | None,
) -> None:
    """Take the calls that Gong's automation rules post into an inbox, until SIGTERM or Ctrl-C.

    Each option may be set in the environment: --public-key as GONG_WEBHOOK_PUBLIC_KEY, and so on.
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s | %(levelname)s | %(message)s"
    )
    # Before uvicorn has its own handlers, and after: it sends itself the signal again at its end.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    try:
        key = None if public_key is None else read_public_key(_text(public_key))
        verifier = Verifier(secret=secret or None, public_key=key, url=url or None)
        clock = SystemClock()
        receiver = Receiver(Inbox(inbox, clock), verifier, clock, keep_days=keep_days)
        listener = _listen(host, port)
    except GongError as error:
        raise click.ClickException(str(error)) from error
    if secret and len(secret) < _SHORT_SECRET:
        logger.warning("The secret is short; 32 random characters cannot be guessed")
    ways = [name for name, on in (("secret", secret), ("signed token", key)) if on]
    logger.info(
        "Taking deliveries with %s on port %d into %s",
        " and ".join(ways),
        listener.getsockname()[1],
        inbox,
    )
    server(receiver).run(sockets=[listener])


def server(receiver: Receiver) -> uvicorn.Server:
    """A server for a receiver, to be run on a socket."""
    config = uvicorn.Config(
        receiver.application(),
        log_config=None,
        log_level="warning",
        # It would log URLs, and with them the secret.
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        timeout_graceful_shutdown=_LAST_ANSWERS,
        http="h11",
        ws="none",
    )
    return uvicorn.Server(config)


def _leave(_: int, __: FrameType | None) -> None:
    raise SystemExit(0)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Only a socket that says it is TCP gets TCP_NODELAY from asyncio.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # From here on Gong can connect, though it is answered a moment later.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        msg = f"cannot listen on {host}:{port} ({error.strerror}); choose another with --port"
        raise SettingsError(msg) from error
    return listener


def _text(path: Path) -> str:
    """A file's text.

    Raises:
        SettingsError: it has none.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        msg = f"--public-key {path} cannot be read as text"
        raise SettingsError(msg) from None
