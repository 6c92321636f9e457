"""Hook of mkdocs: a page for each stream of the tap and of the target, made from the code.

Links between files of the repository are made to fit the site, and what they name beside the docs,
such as queries, goes into it.
"""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import generate
from data_model import fields_of, keys_of, neighbourhood, schema_of, sections
from example_records import CALLS, as_json, examples
from mkdocs.structure.files import File

from tap_gong.schemas.types import FREE, HARMLESS, MARK, PERSONAL
from tap_gong.streams import STREAMS
from target_gong.sinks import SINKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from example_records import Example
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

    from tap_gong.stream import GongStream
    from target_gong.fields import Field
    from target_gong.sink import Writing

_DOCS = generate.ROOT / "docs"
_LINK = re.compile(r"\]\((?!\w+:|#)(?P<to>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")
_ROW = re.compile(r"^(?P<begin>\| (?:● )?)`(?P<name>\w+)`(?= \|)", re.MULTILINE)
_RECORD = re.compile(r'^```json\n(?P<json>\{"type": "RECORD".*?)^```$', re.DOTALL | re.MULTILINE)
# What lies beside the docs goes by another name on the site.
_ELSEWHERE = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "docs/": ""}
# Tables whose first column names a stream, and where its pages are.
_TABLES = {"streams.md": "streams", "personal-data.md": "streams", "writing.md": "writing"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages that are made here into the navigation."""
    of_tap = [
        {title: [{s.name: f"streams/{s.name}.md"} for s in streams]}
        for title, streams in sections().items()
    ]
    of_target = [{name: f"writing/{name}.md"} for name in SINKS]
    for section in config.nav or []:
        for title, pages in section.items():
            if title == "Reading":
                pages.extend(of_tap)
            if title == "Writing":
                pages.append({"Every stream": of_target})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages, and what the docs link to beside themselves."""
    for name, text in reference_pages():
        files.append(File.generated(config, name, content=text))
    linked: set[str] = set()
    found = {"CHANGELOG.md"}
    for page in files.documentation_pages():
        found.update(_beside_the_docs(page.content_string, f"docs/{page.src_uri}"))
    # What is linked to may link to more.
    while found:
        linked |= found
        texts = {
            p: (generate.ROOT / p).read_text(encoding="utf-8") for p in found if p.endswith(".md")
        }
        found = {to for path, text in texts.items() for to in _beside_the_docs(text, path)} - linked
    for path in sorted(linked - {"README.md"}):
        content = (generate.ROOT / path).read_bytes()
        files.append(File.generated(config, _on_site(path), content=content))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Fit links to the site, and link the streams that tables name."""
    here = page.file.src_uri
    place = _in_repository(here)

    def fitted(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(place), link["to"]))
        if not (generate.ROOT / path).is_file():
            return link[0]
        to = posixpath.relpath(_on_site(path), posixpath.dirname(here) or ".")
        return f"]({to}{link['anchor'] or ''})"

    text = _LINK.sub(fitted, markdown)
    if here in _TABLES:
        folder = _TABLES[here]
        names = SINKS if folder == "writing" else {stream.name for stream in STREAMS}
        text = _ROW.sub(
            lambda row: (
                f"{row['begin']}[`{row['name']}`]({folder}/{row['name']}.md)"
                if row["name"] in names
                else row[0]
            ),
            text,
        )
    return text


def reference_pages() -> Iterator[tuple[str, str]]:
    """Each page's name below `docs/`, and its text."""
    shown = examples()
    for stream in STREAMS:
        yield f"streams/{stream.name}.md", stream_page(stream, shown[stream.name])
    records = written_examples()
    for name, sink in SINKS.items():
        yield f"writing/{name}.md", target_page(sink, records[name])


def stream_page(stream: type[GongStream], example: Example) -> str:
    """A stream of the tap: what it costs and needs, its fields, an example, what it refers to."""
    facts = {
        "operation": f"{stream.operation}",
        "scope": f"`{stream.operation.scope}`" if stream.operation.scope else "none",
        "key": ", ".join(f"`{key}`" for key in keys_of(stream)),
        "incremental": stream.incremental or "no: the whole is read every time",
        "selected by default": "yes" if stream.selected_by_default else "no",
        "cost": _cost(stream),
        "in the example company": (
            f"{example.records:,} records of {CALLS} calls and their people; "
            f"read alone, they take {_counted(example.requests, 'request')}"
        ),
    }
    rows = [("field", "type", "what")]
    for field in fields_of(schema_of(stream)):
        mark = field.schema.get(MARK)
        # Text, whatever it has of Markdown's marks.
        description = field.schema.get("description", "").replace("[", "\\[")
        told = [f"{description}." if description else ""]
        if mark == FREE:
            told.append("*Free text.*")
        elif mark in PERSONAL:
            told.append(f"*Personal: {mark}.*")
        elif mark and mark != HARMLESS:
            told.append("*May be personal: decided value by value.*")
        name = f"`{'.'.join(field.path)}`"
        is_key = field.path[0] in keys_of(stream) and len(field.path) == 1
        rows.append((f"**{name}**" if is_key else name, field.type, " ".join(filter(None, told))))
    sections = [
        f"# {stream.name}",
        f"{stream.summary}.",
        _facts_table(facts),
        (
            "How bookmarks and filters work is told [for all streams](../streams.md#incremental); "
            "what becomes of personal fields, [there](../personal-data.md)."
        ),
        "## Fields",
        "Those of the key are bold.",
        generate.markdown_table(rows),
        "## Example",
        "From the sandbox. Lists show one item, long texts their beginning.",
        f"```json\n{as_json(example.record)}\n```",
        "## Relations",
        f"```mermaid\n{neighbourhood(stream.name)}```",
    ]
    return "\n\n".join(section.rstrip() for section in sections) + "\n"


def _cost(stream: type[GongStream]) -> str:
    """How many requests a stream takes, in words."""
    if not stream.operation.scope:
        return "no request"
    if generate.is_table(stream):
        return (
            "no request of its own beside the stream that it is made of; alone, what that one takes"
        )
    *_, told = stream.summary.rpartition("; ")
    each = told if "request" in told else "a request for 100 records"
    is_windowed = (stream.incremental or "").startswith("windowed")
    return f"{each}, and one for what is left over in each window" if is_windowed else each


def _facts_table(facts: dict[str, str]) -> str:
    """A table with a bold first column; the head of it must not be missing, and says nothing."""
    rows = [(f"**{name}**", what) for name, what in facts.items() if what]
    return generate.markdown_table([(" ", " "), *rows])


def target_page(sink: type[Writing], records: list[Any]) -> str:
    """A stream of the target: what becomes of its records, its fields, examples."""
    facts = {
        "operations": sink.operations,
        "scope": f"`{sink.scope}`",
        "deletes": (
            "always, and must be allowed"
            if sink.destructive
            else "with `_sdc_deleted_at`, and must be allowed"
            if sink.deletes
            else "never"
        ),
    }
    needs = [(need,) if isinstance(need, str) else need for need in sink.needs]
    needed = {name for names in needs if len(names) == 1 for name in names}
    rows = [("field", "type", "required", "limits")]
    for path, field in _fields_of_target(sink.fields):
        name = ".".join(path)
        required = "yes" if field.required or name in needed else ""
        rows.append((f"`{name}`", _kind(field), required, _limits(field)))
    either = [
        "One of " + " and ".join(f"`{name}`" for name in names) + " is required."
        for names in needs
        if len(names) > 1
    ]
    shown = "\n\n".join(
        f"```json\n{json.dumps(record, indent=2, ensure_ascii=False)}\n```" for record in records
    )
    sections = [
        f"# {sink.stream}",
        f"{sink.summary}.",
        _facts_table(facts),
        (
            "What sources may give in place of these types, and what keeps a record from being "
            "sent twice: [writing to Gong](../writing.md)."
        ),
        "## Fields",
        *either,
        generate.markdown_table(rows),
        "## Example",
        shown,
    ]
    return "\n\n".join(section.rstrip() for section in sections) + "\n"


def written_examples() -> dict[str, list[Any]]:
    """The RECORD messages of `docs/writing.md`, by stream. A test sends them."""
    text = (_DOCS / "writing.md").read_text(encoding="utf-8")
    found: dict[str, list[Any]] = {}
    for block in _RECORD.finditer(text):
        message = json.loads(block["json"])
        found.setdefault(message["stream"], []).append(message)
    return found


def _fields_of_target(
    fields: Iterable[Field], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Field]]:
    for field in fields:
        yield (*path, field.name), field
        yield from _fields_of_target(field.fields, (*path, field.name))


def _kind(field: Field) -> str:
    kind = "object" if field.fields else field.kind
    return f"list: {kind}" if field.many else kind


def _limits(field: Field) -> str:
    many = 20
    told = []
    if field.longest:
        told.append(f"{field.longest:,} characters at most")
    if field.choices:
        few = [f"`{choice}`" for choice in field.choices[:many]]
        told.append("one of " + ", ".join(few) + (" …" if len(field.choices) > many else ""))
    return "; ".join(told)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _beside_the_docs(text: str, place: str) -> Iterator[str]:
    """Files of the repository that a page links to outside `docs/`."""
    for link in _LINK.finditer(text):
        path = posixpath.normpath(posixpath.join(posixpath.dirname(place), link["to"]))
        is_beside = not path.startswith(("docs/", "../"))
        if is_beside and Path(generate.ROOT / path).is_file():
            yield path


def _on_site(path: str) -> str:
    """Where a file of the repository is on the site."""
    for prefix, other in _ELSEWHERE.items():
        if path.startswith(prefix):
            return other + path[len(prefix) :]
    return path


def _in_repository(uri: str) -> str:
    """Where a page of the site is in the repository."""
    for path, other in _ELSEWHERE.items():
        if uri == other and (generate.ROOT / path).is_file() and not (_DOCS / uri).exists():
            return path
    return f"docs/{uri}" if (_DOCS / uri).exists() else uri
