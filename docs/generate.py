"""Writes what is told in the docs but known in the code: `make docs`.

Each block stands between two marker lines, `[begin NAME]` and `[end NAME]`, in whatever comment
the file has. The files of `plugins/` are written whole: what Meltano and its Hub must know to use
tap and target in any project. `tests/test_docs.py` fails when something has drifted.
"""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import scale
import yaml
from data_model import data_model, keys_of, schema_of
from singer_sdk import Tap

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
    "docs/account.md",
    "docs/data-model.md",
    "docs/personal-data.md",
    "docs/scale.md",
    "docs/settings.md",
    "docs/streams.md",
    "docs/writing.md",
    "meltano.yml",
)
_BLOCK = re.compile(
    r"^(?P<begin>[^\n]*\[begin (?P<name>\w+)\][^\n]*\n)"
    r"(?P<body>.*?)"
    r"(?P<end>^[^\n]*\[end (?P=name)\])",
    re.DOTALL | re.MULTILINE,
)


VARIANT = "gong-singer"
# Any one of these is enough to run: a key, an OAuth app, or the sandbox as `api_url`.
SETTINGS_GROUPS = [
    ["access_key", "access_key_secret"],
    ["client_id", "client_secret", "refresh_token"],
    ["api_url"],
]
# A default of the host would fill a settings group, and the user agent names the version.
_DEFAULT_IS_NO_VALUE = ("api_url", "user_agent")
# Needs packages that are not installed.
_NOT_OFFERED = ("faker_config",)


def generated(text: str) -> str:
    """A file's text with every block made anew."""
    blocks = {
        "core_scopes": core_scopes(),
        "data_model": data_model(),
        "streams": streams_table(),
        "settings": settings_table(TapGong),
        "target_settings": settings_table(TargetGong),
        "target_streams": target_streams_table(),
        "meltano_settings": meltano_settings(TapGong),
        "meltano_target_settings": meltano_settings(TargetGong),
        "meltano_capabilities": meltano_capabilities(TapGong),
        "meltano_target_capabilities": meltano_capabilities(TargetGong),
        "personal_fields": personal_fields(),
        "meltano_select": meltano_select(tables=False),
        "meltano_select_tables": meltano_select(tables=True),
        "scale_fleets": scale.fleets_table(),
        "scale_cadence": scale.cadence_table(),
        "scale_workers": scale.workers_table(),
    }
    return _BLOCK.sub(lambda m: m["begin"] + blocks[m["name"]] + m["end"], text)


def streams_table() -> str:
    """Markdown: what each stream is, reads, is keyed by and needs."""
    rows = [("stream", "what", "operation", "key", "incremental", "scope")]
    for stream in STREAMS:
        mark = "● " if stream.selected_by_default else ""
        rows.append(
            (
                f"{mark}`{stream.name}`",
                stream.summary,
                str(stream.operation),
                ", ".join(f"`{key}`" for key in keys_of(stream)),
                stream.incremental or "",
                f"`{stream.operation.scope}`" if stream.operation.scope else "",
            )
        )
    return markdown_table(rows)


def core_scopes() -> str:
    """Markdown: the scopes that the streams selected by default need."""
    streams: dict[str, list[str]] = {}
    for stream in STREAMS:
        if stream.selected_by_default:
            streams.setdefault(stream.operation.scope, []).append(f"`{stream.name}`")
    rows = [("scope", "streams")]
    rows += [(f"`{scope}`", ", ".join(names)) for scope, names in streams.items()]
    return markdown_table(rows)


def personal_fields() -> str:
    """Markdown: of each stream, which fields are personal, by their own or by a rule, or free text.

    Keys are bold: they are hashed where others are dropped.
    """
    rows: list[tuple[str, ...]] = [
        ("stream", "personal", "decided value by value", "free text, kept")
    ]
    for stream in STREAMS:
        keys = {(key,) for key in keys_of(stream)}
        found: dict[str, list[str]] = {"personal": [], "rule": [], FREE: []}
        for path, mark in marked_fields(schema_of(stream)):
            column = "personal" if mark in PERSONAL else FREE if mark == FREE else "rule"
            name = f"`{'.'.join(path)}`"
            if mark != HARMLESS:
                found[column].append(f"**{name}**" if path in keys else name)
        if any(found.values()):
            rows.append((f"`{stream.name}`", *(", ".join(names) for names in found.values())))
    return markdown_table(rows)


def target_streams_table() -> str:
    """Markdown: what becomes of each stream's records, and what they must have."""
    rows = [("stream", "what", "operations", "required", "scope")]
    for name, sink in SINKS.items():
        needs = [(need,) if isinstance(need, str) else need for need in sink.needs]
        required = [(field.name,) for field in sink.fields if field.required] + needs
        told = ", ".join(" or ".join(f"`{one}`" for one in names) for names in required)
        rows.append((f"`{name}`", sink.summary, sink.operations, told, f"`{sink.scope}`"))
    return markdown_table(rows)


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
    return markdown_table(rows)


def meltano_capabilities(plugin: type[PluginBase]) -> str:
    """YAML: what a plugin can do, as it says itself, and how it may be configured."""
    told = {"capabilities": capabilities(plugin), "settings_group_validation": SETTINGS_GROUPS}
    return textwrap.indent(_yaml(told), " " * 4)


def meltano_settings(plugin: type[PluginBase]) -> str:
    """YAML: a plugin's settings as Meltano wants to know them."""
    settings = [meltano_setting(name, prop) for name, prop in _settings(plugin).items()]
    return textwrap.indent(_yaml(settings), " " * 4)


def meltano_setting(name: str, prop: dict[str, Any]) -> dict[str, Any]:
    """A setting as Meltano wants to know it, without its default."""
    kind = _meltano_kind(name, prop)
    setting: dict[str, Any] = {"name": name, "kind": kind}
    if kind == "options":
        setting["options"] = [{"label": value, "value": value} for value in _choices(prop)]
    if prop.get("secret"):
        setting["sensitive"] = True
    setting["label"] = prop["title"]
    setting["description"] = prop["description"]
    return setting


def plugin_files() -> dict[str, str]:
    """The text of each file of `plugins/`, by its path in the repository.

    A lock file is what Meltano keeps of a plugin in a project; with it no Hub is asked. The Hub has
    the same in a YAML file, with more about the plugin.
    """
    files = {}
    for plugin in (TapGong, TargetGong):
        is_tap = issubclass(plugin, Tap)
        kind, name = ("extractors" if is_tap else "loaders"), plugin.name
        known = definition(plugin)
        locked = {"plugin_type": kind, **known}
        files[f"plugins/{kind}/{name}--{VARIANT}.lock"] = json.dumps(locked, indent=2) + "\n"
        told = {
            **known,
            "domain_url": "https://www.gong.io/",
            "keywords": ["api", "meltano_sdk"],
            "maintenance_status": "beta",
        }
        files[f"plugins/hub/{kind}/{name}/{VARIANT}.yml"] = _yaml(dict(sorted(told.items())))
    return files


def definition(plugin: type[PluginBase]) -> dict[str, Any]:
    """All that Meltano must know of a plugin, in the order in which it writes it down."""
    is_tap = issubclass(plugin, Tap)
    settings = []
    for name, prop in plugin_settings(plugin).items():
        setting = meltano_setting(name, prop)
        default = prop.get("default")
        if default is not None:
            told = {"placeholder": default} if name in _DEFAULT_IS_NO_VALUE else {"value": default}
            setting = {"name": setting.pop("name"), **told, **setting}
        settings.append(setting)
    found = {
        "name": plugin.name,
        "namespace": plugin.name.replace("-", "_"),
        "variant": VARIANT,
        "label": "Gong",
        "description": (
            "Calls, transcripts and all else that Gong's API lets one read"
            if is_tap
            else "Calls with their recordings, CRM objects and all else that Gong takes"
        ),
        "pip_url": VARIANT,
        "executable": plugin.name,
        "capabilities": capabilities(plugin),
        "settings_group_validation": SETTINGS_GROUPS,
        "settings": settings,
    }
    if is_tap:
        # Without, Meltano would select every stream.
        found["select"] = _selected(tables=False)
    return found


def plugin_settings(plugin: type[PluginBase]) -> dict[str, dict[str, Any]]:
    """A plugin's settings with those that the SDK adds."""
    schema: dict[str, Any] = {"properties": dict(_settings(plugin))}
    plugin.append_builtin_config(schema)
    settings: dict[str, dict[str, Any]] = schema["properties"]
    return {name: prop for name, prop in settings.items() if name not in _NOT_OFFERED}


def capabilities(plugin: type[PluginBase]) -> list[str]:
    """What a plugin says it can do, and `test` of a tap, which the SDK does not tell."""
    found = {capability.value for capability in plugin.capabilities}
    return sorted(found | {"test"} if issubclass(plugin, Tap) else found)


def meltano_select(*, tables: bool) -> str:
    """YAML: the streams selected by default; without the list Meltano would select all.

    Args:
        tables: also those made of what the others nest, deeper indented for an environment.
    """
    chosen = _yaml(_selected(tables=tables))
    return textwrap.indent(chosen, " " * (8 if tables else 4))


def _selected(*, tables: bool) -> list[str]:
    return [
        f"{stream.name}.*"
        for stream in STREAMS
        if stream.selected_by_default or (tables and is_table(stream))
    ]


def _yaml(value: Any) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
    return text


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


def markdown_table(rows: Sequence[tuple[str, ...]]) -> str:
    """A table; the first row is its head."""
    head, *body = (
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows
    )
    rule = "|" + "---|" * len(rows[0])
    return "\n".join((head, rule, *body)) + "\n"


def main() -> None:
    """Rewrite the blocks of every file that has some, and the files of `plugins/`."""
    for name in FILES:
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        path.write_text(generated(text), encoding="utf-8")
    for name, text in plugin_files().items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
