"""Writes what is told in the docs but known in the code: `make docs`.

Each block stands between two marker lines, `[begin NAME]` and `[end NAME]`, in whatever comment
the file has. `tests/test_docs.py` fails when a block has drifted.
"""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import scale

from tap_gong.personal_data import marked_fields
from tap_gong.schemas.types import FREE, HARMLESS, PERSONAL
from tap_gong.streams import STREAMS
from tap_gong.tap import TapGong
from target_gong.sinks import SINKS
from target_gong.target import TargetGong

if TYPE_CHECKING:
    from collections.abc import Sequence

    from singer_sdk.plugin_base import PluginBase

    from tap_gong.stream import GongStream

ROOT = Path(__file__).parent.parent
FILES = (
    "README.md",
    "docs/scale.md",
    "docs/streams.md",
    "docs/writing.md",
    "docs/personal-data.md",
    "meltano.yml",
)
_BLOCK = re.compile(
    r"^(?P<begin>[^\n]*\[begin (?P<name>\w+)\][^\n]*\n)"
    r"(?P<body>.*?)"
    r"(?P<end>^[^\n]*\[end (?P=name)\])",
    re.DOTALL | re.MULTILINE,
)


def generated(text: str) -> str:
    """A file's text with every block made anew."""
    blocks = {
        "core_streams": streams_table(core=True),
        "streams": streams_table(core=False),
        "settings": settings_table(TapGong),
        "target_settings": settings_table(TargetGong),
        "target_streams": target_streams_table(),
        "meltano_settings": meltano_settings(TapGong),
        "meltano_target_settings": meltano_settings(TargetGong),
        "personal_fields": personal_fields(),
        "meltano_select": meltano_select(tables=False),
        "meltano_select_tables": meltano_select(tables=True),
        "scale_fleets": scale.fleets_table(),
        "scale_cadence": scale.cadence_table(),
        "scale_workers": scale.workers_table(),
    }
    return _BLOCK.sub(lambda m: m["begin"] + blocks[m["name"]] + m["end"], text)


def streams_table(*, core: bool) -> str:
    """Markdown: what each stream, or each selected by default, is, reads, is keyed by and needs."""
    rows = [("stream", "what", "operation", "key", "incremental", "scope")]
    for stream in STREAMS:
        if core and not stream.selected_by_default:
            continue
        mark = "● " if stream.selected_by_default and not core else ""
        rows.append(
            (
                f"{mark}`{stream.name}`",
                stream.summary,
                str(stream.operation),
                ", ".join(f"`{key}`" for key in stream.primary_keys),  # type: ignore[attr-defined]
                stream.incremental or "",
                f"`{stream.operation.scope}`" if stream.operation.scope else "",
            )
        )
    return _markdown(rows)


def personal_fields() -> str:
    """Markdown: of each stream, which fields are personal, by their own or by a rule, or free text.

    Keys are bold: they are hashed where others are dropped.
    """
    rows: list[tuple[str, ...]] = [
        ("stream", "personal", "decided value by value", "free text, kept")
    ]
    for stream in STREAMS:
        schema: dict[str, Any] = stream.schema  # type: ignore[assignment]
        keys = {(key,) for key in stream.primary_keys}  # type: ignore[attr-defined]
        found: dict[str, list[str]] = {"personal": [], "rule": [], FREE: []}
        for path, mark in marked_fields(schema):
            column = "personal" if mark in PERSONAL else FREE if mark == FREE else "rule"
            name = f"`{'.'.join(path)}`"
            if mark != HARMLESS:
                found[column].append(f"**{name}**" if path in keys else name)
        if any(found.values()):
            rows.append((f"`{stream.name}`", *(", ".join(names) for names in found.values())))
    return _markdown(rows)


def target_streams_table() -> str:
    """Markdown: what becomes of each stream's records, and what they must have."""
    rows = [("stream", "what", "operations", "required", "scope")]
    for name, sink in SINKS.items():
        needs = [(need,) if isinstance(need, str) else need for need in sink.needs]
        required = [(field.name,) for field in sink.fields if field.required] + needs
        told = ", ".join(" or ".join(f"`{one}`" for one in names) for names in required)
        rows.append((f"`{name}`", sink.summary, sink.operations, told, f"`{sink.scope}`"))
    return _markdown(rows)


def settings_table(plugin: type[PluginBase]) -> str:
    """Markdown: name, default and meaning of each setting; of the target, those it has alone."""
    rows = [("setting", "default", "meaning")]
    shared = _settings(TapGong) if plugin is TargetGong else {}
    for name, prop in _settings(plugin).items():
        if name in shared:
            continue
        default = f"`{json.dumps(prop['default'])}`" if "default" in prop else ""
        choices = ", ".join(f"`{value}`" for value in _choices(prop))
        meaning = prop["description"] + (f". One of {choices}" if choices else "")
        rows.append((f"`{name}`", default.replace('`"', "`").replace('"`', "`"), meaning))
    return _markdown(rows)


def meltano_settings(plugin: type[PluginBase]) -> str:
    """YAML: a plugin's settings as Meltano wants to know them."""
    lines = []
    for name, prop in _settings(plugin).items():
        lines.append(f"- name: {name}")
        lines.append(f"  kind: {_meltano_kind(name, prop)}")
        choices = _choices(prop)
        if choices and _meltano_kind(name, prop) == "options":
            lines.append("  options:")
            lines.extend(f"  - {{label: {value}, value: '{value}'}}" for value in choices)
        if prop.get("secret"):
            lines.append("  sensitive: true")
        lines.append(f"  label: {prop['title']}")
        lines.append(f"  description: {json.dumps(prop['description'], ensure_ascii=False)}")
    return textwrap.indent("\n".join(lines), " " * 4) + "\n"


def meltano_select(*, tables: bool) -> str:
    """YAML: the streams selected by default; without the list Meltano would select all.

    Args:
        tables: also those made of what the others nest, deeper indented for an environment.
    """
    chosen = [
        f"- {stream.name}.*"
        for stream in STREAMS
        if stream.selected_by_default or (tables and is_table(stream))
    ]
    return textwrap.indent("\n".join(chosen), " " * (8 if tables else 4)) + "\n"


def is_table(stream: type[GongStream]) -> bool:
    """Whether a stream is made of what another one nests."""
    parents = {parent.operation for parent in STREAMS if parent.selected_by_default}
    return not stream.selected_by_default and stream.operation in parents


def _settings(plugin: type[PluginBase]) -> dict[str, dict[str, Any]]:
    """A plugin's own settings, without those that the SDK adds to every one."""
    builtin: dict[str, Any] = {"properties": {}}
    plugin.append_builtin_config(builtin)
    properties: dict[str, dict[str, Any]] = plugin.config_jsonschema["properties"]
    return {name: prop for name, prop in properties.items() if name not in builtin["properties"]}


def _choices(prop: dict[str, Any]) -> list[str]:
    values = prop.get("enum") or prop.get("items", {}).get("enum") or []
    return [value for value in values if value is not None]


def _meltano_kind(name: str, prop: dict[str, Any]) -> str:
    if name in {"start_date", "end_date"}:
        return "date_iso8601"
    if prop.get("enum"):
        return "options"
    types = [str(kind) for kind in prop["type"] if kind != "null"]
    # Meltano's own kind for fractions makes of one from the environment what it cannot write down.
    return "string" if "number" in types else types[0]


def _markdown(rows: Sequence[tuple[str, ...]]) -> str:
    head, *body = (
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows
    )
    rule = "|" + "---|" * len(rows[0])
    return "\n".join((head, rule, *body)) + "\n"


def main() -> None:
    """Rewrite the blocks of every file that has some."""
    for name in FILES:
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        path.write_text(generated(text), encoding="utf-8")


if __name__ == "__main__":
    main()
