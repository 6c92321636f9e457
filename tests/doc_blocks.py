"""The fenced blocks of the README, the docs and the examples, as `markdown-it` reads them.

A comment before a block says what is special about it:

- `<!-- not run: reason -->`: it needs what a test cannot have.
- `<!-- run by tests/test_x.py::test_y -->`: another test runs it.
- `<!-- serves 127.0.0.1:8787 -->`: it runs until it is stopped, which is when it listens there.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [
        ROOT / "README.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "examples").rglob("README.md"),
    ]
)
# What is run or read by a test, and what only shows something.
RUN = {"sh", "sql", "python"}
READ = {"json", "yaml"}
SHOWN = {"text", "mermaid"}
_COMMENT = re.compile(r"<!--\s*(?P<kind>not run:|run by|serves)\s*(?P<what>.*?)\s*-->", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: the file.
        line: of its fence, from 1.
        language: as the fence names it.
        text: what is in it.
        kind: of the comment before it: `not run:`, `run by`, `serves` or nothing.
        comment: what it says beside that.
    """

    page: Path
    line: int
    language: str
    text: str
    kind: str
    comment: str

    @property
    def name(self) -> str:
        """Where it is."""
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, those in lists too."""
    return list(_blocks(page))


def every_block(*languages: str) -> list[Block]:
    """The blocks of all pages that are in one of these languages."""
    return [block for page in PAGES for block in blocks(page) if block.language in languages]


def _blocks(page: Path) -> Iterator[Block]:
    kind = comment = ""
    for token in MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8")):
        if token.type == "html_block":
            found = _COMMENT.search(token.content)
            kind, comment = (found["kind"], found["what"]) if found else ("", "")
            continue
        if token.type == "fence":
            language, *_ = [*token.info.split(), ""]
            line = token.map[0] + 1 if token.map else 0
            yield Block(page, line, language, token.content, kind, comment)
        kind = comment = ""


def script(page: Path) -> str:
    """What bash is to run of a page: its `sh` and `python` blocks, one after the other.

    Names of the blocks go to standard error, so that a failure can be found.
    """
    lines = [
        # What is left in the background ends with the page, and what it has begun.
        "set -m -euo pipefail",
        "trap 'for job in $(jobs -p); do kill -- -$job || true; done 2> /dev/null' EXIT",
    ]
    for block in blocks(page):
        if block.language not in {"sh", "python"} or block.kind in {"not run:", "run by"}:
            continue
        lines.append(f"echo {shlex.quote('== ' + block.name)} >&2")
        if block.language == "python":
            lines.append(f"python <<'END OF BLOCK'\n{block.text}END OF BLOCK")
        elif block.kind == "serves":
            host, _, port = block.comment.rpartition(":")
            lines.append(f"{{\n{block.text}}} &")
            lines.append(f"until (: < /dev/tcp/{host}/{port}) 2> /dev/null; do")
            lines.append(
                "  kill -0 $! || exit 1\n  sleep 0.1\ndone\nkill -- -$! && wait $! || true"
            )
        else:
            # A block's own options end with it.
            lines.append(block.text + "set -euo pipefail")
    return "\n".join(lines) + "\n"


def is_run(page: Path) -> bool:
    """Whether a page has anything for `script`."""
    return any(
        block.language in {"sh", "python"} and block.kind not in {"not run:", "run by"}
        for block in blocks(page)
    )


def json_of(block: Block) -> object:
    """A block of JSON, parsed."""
    return json.loads(block.text)
