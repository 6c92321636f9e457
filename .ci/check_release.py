"""Whether a tag may be released: `python .ci/check_release.py v1.2.3`, before anything is built.

The version stands in `pyproject.toml` alone; the tag is `v` and the version; `CHANGELOG.md` has a
section `## 1.2.3 (2026-11-21)` with something in it, which is printed.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def released(tag: str, pyproject: str, changelog: str) -> str:
    """What is new in the version that a tag names.

    Args:
        tag: as `v1.2.3`.
        pyproject: text of the file.
        changelog: text of the file.

    Raises:
        ValueError: tag, version and changelog do not fit; says what to do.
    """
    found = re.search(r'^version = "([^"]+)"$', pyproject, re.MULTILINE)
    version = found[1] if found else ""
    if tag != f"v{version}":
        msg = f"the tag is {tag} and pyproject.toml says {version}: tag v{version}, or change it"
        raise ValueError(msg)
    section = re.search(
        rf"^## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)\n(.*?)(?=^## |\Z)",
        changelog,
        re.MULTILINE | re.DOTALL,
    )
    if not section or not section[1].strip():
        msg = (
            f"CHANGELOG.md has no section `## {version} (YYYY-MM-DD)` with something in it: give "
            "what is under `## Unreleased` that heading"
        )
        raise ValueError(msg)
    return section[1].strip()


def main() -> int:
    """Print what is new; 1 when the tag may not be released."""
    try:
        told = released(
            sys.argv[1],
            (ROOT / "pyproject.toml").read_text(encoding="utf-8"),
            (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
        )
    except ValueError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    sys.stdout.write(f"{told}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
