"""Files that their owner alone may read: tokens, ledgers, receipts."""

from __future__ import annotations

import logging
import os
import stat
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger("gong_api")

_OWNERS_ALONE = 0o600


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing, for their owner alone (mode 0700).

    Raises:
        OSError: it cannot be made, or is a file.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
    if not folder.is_dir():
        raise NotADirectoryError(20, "Not a directory", str(folder))


def make_file(path: Path) -> None:
    """Make an empty file with mode 0600, and its folder; leave one that is there as it is.

    Raises:
        OSError: it cannot be made or written.
    """
    make_folder(path.parent)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, _OWNERS_ALONE))


def appending(path: Path) -> IO[str]:
    """A text file to append to, made with mode 0600 where it is not there.

    Raises:
        OSError: it cannot be made or written.
    """
    handle = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, _OWNERS_ALONE)
    return os.fdopen(handle, "a", encoding="utf-8")


def tighten(path: Path, setting: str) -> None:
    """See that others cannot read a secret file; warn where they could.

    Args:
        path: of a file that is there.
        setting: that names it.
    """
    if os.name == "nt":
        return
    found = path.stat()
    user = os.geteuid()
    if found.st_uid not in {user, 0}:
        logger.warning(
            "%s %s belongs to another user (id %d), who can read it; this run has id %d",
            setting,
            path,
            found.st_uid,
            user,
        )
    if not found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return
    mode = stat.S_IMODE(found.st_mode)
    try:
        path.chmod(_OWNERS_ALONE)
    except OSError as error:
        done = f"could not be made 0600 ({error.strerror})"
    else:
        done = "is 0600 now"
    logger.warning(
        "%s %s was open to other users of this machine (mode %04o) and %s",
        setting,
        path,
        mode,
        done,
    )
