"""Rotated OAuth tokens on disk, such that none is lost: a full disk, a kill, a shared file.

Beside the file is its lock, and while a token is being renewed a spare with room for the answer:
`oauth.json.renewing`. So a disk that is full or read-only is noticed before a token is spent, and
what a run that was killed had got is found by the next one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import msgspec

from gong_api.errors import NotSent, SettingsError
from gong_api.private_files import make_folder, tighten

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger("gong_api")

# Longer than an answer of the token endpoint is waited for.
_PATIENCE = 150.0
_ROOM = 16 * 1024
_SETTING = "oauth_token_path"


class Tokens(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of one connection to Gong.

    Attributes:
        configured: SHA-256 of the settings' refresh token that this chain began with, so that a
            newly configured token (a reconnection, another company) has a chain of its own.
        refresh_token: the newest.
        access_token: the newest.
        renew_at: when to renew it, in epoch seconds.
        api_base_url: the company's own host, as the token answer names it.
    """

    configured: str
    refresh_token: str
    access_token: str = ""
    renew_at: float = 0.0
    api_base_url: str = ""


class _Content(msgspec.Struct):
    """The file: connections do not overwrite each other, whoever shares it by mistake."""

    connections: list[Tokens]


class TokenFile:
    """The file at `oauth_token_path`.

    Args:
        path: of the file; a link is followed, so that it stays one.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.realpath(path))
        self._spare = self.path.with_name(f"{self.path.name}.renewing")
        self._is_checked = False

    @property
    def was_interrupted(self) -> bool:
        """Whether a renewal began whose answer never came; what was sent then may be spent."""
        return self._spare.exists()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """A context that one thread of one process is in at a time.

        Raises:
            NotSent: another has been in it for long.
            SettingsError: the folder cannot be written.
        """
        lock = filelock.FileLock(f"{self.path}.lock", timeout=_PATIENCE, mode=0o600)
        try:
            make_folder(self.path.parent)
            lock.acquire()
        except filelock.Timeout as error:
            msg = (
                f"Another process has been renewing the OAuth token for {_PATIENCE:.0f} s (it has "
                f"{self.path}.lock); run again when it has ended"
            )
            raise NotSent(msg) from error
        except NotImplementedError as error:
            msg = f"{_SETTING} {self.path} is on a disk that knows no locks; choose a local one"
            raise SettingsError(msg) from error
        except OSError as error:
            raise SettingsError(self._unwritable(error)) from error
        try:
            yield
        finally:
            lock.release()

    def read(self, configured: str) -> Tokens | None:
        """The newest tokens of a connection; None where the file has none.

        Raises:
            SettingsError: the file cannot be read.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except NotADirectoryError as error:
            raise SettingsError(self._unwritable(error)) from error
        except OSError as error:
            msg = f"{_SETTING} {self.path} cannot be read: {error.strerror}"
            raise SettingsError(msg) from error
        if not self._is_checked:
            self._is_checked = True
            tighten(self.path, _SETTING)
        if not content:
            return None
        try:
            found = _decoded(content)
        except msgspec.DecodeError as error:
            msg = (
                f"{_SETTING} {self.path} holds no tokens ({error}); restore or remove it. If "
                "refresh_token was used before, reconnect the app and set the new one"
            )
            raise SettingsError(msg) from error
        return next((tokens for tokens in found if tokens.configured == configured), None)

    def recover(self) -> None:
        """Take over what a run had got that was killed before it could put it in its place."""
        try:
            content = self._spare.read_bytes().rstrip(b"\0")
            _decoded(content)
        except (OSError, msgspec.DecodeError):
            return
        with self._complaining():
            self._spare.replace(self.path)
        logger.warning("An earlier run ended while it renewed the OAuth token; its token is used")

    def reserve(self) -> None:
        """Make room for an answer, before a token is spent for it.

        Raises:
            SettingsError: the folder or the disk takes no more.
        """
        with self._complaining():
            if self.path.is_dir():
                raise IsADirectoryError(21, "Is a directory", str(self.path))
            room = _ROOM + (self.path.stat().st_size if self.path.exists() else 0)
            self._spare.unlink(missing_ok=True)
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
            with os.fdopen(os.open(self._spare, flags, 0o600), "wb") as file:
                file.write(bytes(room))
                file.flush()
                os.fsync(file.fileno())
            _sync_folder(self._spare.parent)

    def release(self) -> None:
        """Give up the room: no token was spent."""
        with contextlib.suppress(OSError):
            self._spare.unlink(missing_ok=True)

    def keep(self, tokens: Tokens) -> None:
        """Replace the tokens of a connection, in one step.

        Raises:
            OSError: they are not on disk, or in the spare alone.
        """
        others: list[Tokens] = []
        if self.path.is_file():
            with contextlib.suppress(msgspec.DecodeError):
                others = _decoded(self.path.read_bytes())
        others = [other for other in others if other.configured != tokens.configured]
        content = msgspec.json.encode(_Content([tokens, *others]))
        flags = os.O_CREAT | os.O_WRONLY
        with os.fdopen(os.open(self._spare, flags, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            # Not before all is written: the room is not given back to a disk that is full.
            file.truncate()
            os.fsync(file.fileno())
            self._as_owned(file.fileno())
        self._spare.replace(self.path)
        _sync_folder(self.path.parent)

    def keep_elsewhere(self, tokens: Tokens) -> Path:
        """Write a token file where there is room, for its owner to put in its place.

        Raises:
            OSError: there is none.
        """
        handle, name = tempfile.mkstemp(prefix="gong-oauth-", suffix=".json")
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(_Content([tokens])))
            file.flush()
            os.fsync(file.fileno())
        return Path(name)

    def _as_owned(self, handle: int) -> None:
        """Whoever runs this, the file stays its owner's, who could not read it else."""
        if os.name == "nt" or not self.path.exists():
            return
        owner = self.path.stat()
        if owner.st_uid != os.geteuid():
            with contextlib.suppress(PermissionError):
                os.fchown(handle, owner.st_uid, owner.st_gid)

    @contextlib.contextmanager
    def _complaining(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SettingsError(self._unwritable(error)) from error

    def _unwritable(self, error: OSError) -> str:
        return (
            f"{_SETTING} {self.path} cannot be written: {error.strerror}. No token was spent; "
            "make room for it, or name another path and move the file there"
        )


def _decoded(content: bytes) -> list[Tokens]:
    return msgspec.json.decode(content, type=_Content).connections


def _sync_folder(folder: Path) -> None:
    """Have names on disk too; some systems cannot."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
