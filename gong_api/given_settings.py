"""The settings that a user gives, in files and in the environment, and what is wrong with them."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.exceptions import ConfigValidationError

from gong_api.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from singer_sdk.plugin_base import PluginBase


@dataclass(frozen=True)
class ConfigFiles:
    """What the options `--config` say, as the SDK hands it to a plugin.

    Attributes:
        config: the settings of all files; later ones win.
        parse_env: whether the environment has settings too.
    """

    config: dict[str, Any]
    parse_env: bool

    @classmethod
    def read(cls, names: Iterable[str]) -> ConfigFiles:
        """Read the files; `ENV` stands for the environment.

        Raises:
            SettingsError: one cannot be read, or holds no JSON object.
        """
        config: dict[str, Any] = {}
        parse_env = False
        for name in names:
            if name == "ENV":
                parse_env = True
                continue
            try:
                content = Path(name).read_bytes()
            except OSError as error:
                msg = f"--config {name} cannot be read: {error.strerror}"
                raise SettingsError(msg) from error
            config |= json_object(content, f"--config {name}")
        return cls(config, parse_env)


def json_object(content: str | bytes, what: str) -> dict[str, Any]:
    """The JSON object that a file holds.

    Args:
        content: of the file.
        what: the option and the file, for the message.

    Raises:
        SettingsError: it holds something else.
    """
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        msg = f"{what} is not a JSON object: {error}"
        raise SettingsError(msg) from error


def without_nulls(kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a plugin, without settings that are null: their defaults hold."""
    config = kwargs.get("config")
    if not isinstance(config, dict):
        return kwargs
    return {**kwargs, "config": {k: value for k, value in config.items() if value is not None}}


@contextlib.contextmanager
def settings_checked(plugin: type[PluginBase]) -> Iterator[None]:
    """Turn the SDK's verdict on a plugin's configuration into one line.

    Args:
        plugin: whose configuration it is; values of its secrets are left out of the line.

    Raises:
        SettingsError: the configuration does not fit the plugin's schema.
    """
    properties: dict[str, Any] = plugin.config_jsonschema.get("properties", {})
    try:
        yield
    except ConfigValidationError as invalid:
        secrets = [name for name, prop in properties.items() if prop.get("secret")]
        known = _known_settings(plugin)
        lines = [_in_words(error, secrets, known) for error in invalid.errors]
        msg = f"The settings are not valid: {'; '.join(lines)}"
        raise SettingsError(msg) from None
    except ValueError as error:
        # The SDK reads the environment before it validates, and its errors name no setting.
        faults = list(_faults_in_environment(plugin.name, properties))
        msg = "; ".join(faults) or f"A setting in the environment is not valid: {error}"
        raise SettingsError(msg) from error


def variable(plugin: str, name: str) -> str:
    """What a plugin's setting is called in the environment."""
    return f"{plugin}_{name}".upper().replace("-", "_")


def _faults_in_environment(plugin: str, properties: Mapping[str, Any]) -> Iterator[str]:
    for name, prop in properties.items():
        set_by = variable(plugin, name)
        value = os.environ.get(set_by)
        if value is None:
            continue
        if "integer" in prop.get("type", ()):
            try:
                int(value)
            except ValueError:
                yield f"{set_by} must be a whole number, not {value!r}"
        elif _is_json(prop):
            try:
                msgspec.json.decode(value)
            except msgspec.DecodeError as error:
                yield f"{set_by} is not JSON: {error}"


def _is_json(prop: Mapping[str, Any]) -> bool:
    """Whether the SDK takes a setting's text for JSON alone; texts may be parted by commas too."""
    if "array" in prop.get("type", ()):
        return "string" not in prop.get("items", {}).get("type", ())
    return "object" in prop.get("type", ())


def _in_words(error: str, secrets: list[str], known: list[str]) -> str:
    """A verdict of the SDK's without what is secret, and with what may have been meant."""
    for name in secrets:
        if error.endswith(f"in config['{name}']"):
            return f"{name} has the wrong type"
    unknown = _UNKNOWN.fullmatch(error)
    if not unknown:
        return error
    names = re.findall(r"'([^']*)'", unknown["names"])
    return "; ".join(f"there is no setting {name!r}{_meant(name, known)}" for name in names)


_UNKNOWN = re.compile(r"Additional properties are not allowed \((?P<names>.*) (?:was|were) unex.*")
# How alike two names are of which one is the other, misspelled.
_ALIKE = 0.85


def _meant(name: str, known: Iterable[str], prefix: str = "") -> str:
    """What may have been meant by a name, as the end of a message; empty if nothing is like it."""
    found = difflib.get_close_matches(name, known, 1, _ALIKE)
    return f"; did you mean {prefix}{found[0]}?" if found else ""


def _known_settings(plugin: type[PluginBase]) -> list[str]:
    schema: dict[str, Any] = {"properties": dict(plugin.config_jsonschema.get("properties", {}))}
    plugin.append_builtin_config(schema)
    return list(schema["properties"])


def check_environment(plugin: type[PluginBase]) -> None:
    """See whether a variable of the environment looks like a setting of a plugin and is none.

    Raises:
        SettingsError: it is one, misspelled.
    """
    prefix = variable(plugin.name, "")
    known = {name.upper() for name in _known_settings(plugin)} | _NO_SETTINGS
    for set_name in sorted(os.environ):
        name = set_name.removeprefix(prefix)
        # Meltano has variables of its own, with two underscores.
        if name == set_name or name.startswith("_") or name in known:
            continue
        meant = _meant(name, known, prefix)
        if meant:
            msg = f"{set_name} in the environment is no setting{meant}"
            raise SettingsError(msg)
        plugin.logger.warning("%s in the environment is no setting; it is ignored", set_name)


# Of the SDK, and of an option of ours.
_NO_SETTINGS = {"LOGLEVEL", "REPORT"}
