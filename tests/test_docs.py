"""What the docs say about the code is what the code says."""

from __future__ import annotations

import functools
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import meltano.core
import pytest
import yaml
from meltano.core.plugin.base import StandalonePlugin

from tap_gong.tap import TapGong
from target_gong.target import TargetGong
from tests.reliability_table import collected, table, written

ROOT = Path(__file__).parent.parent


@functools.cache
def generator():
    # It finds what is beside it when it is run as a script.
    sys.path.insert(0, str(ROOT / "docs"))
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", generator().FILES)
def test_generated_blocks_have_not_drifted(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "[begin " in text
    assert generator().generated(text) == text, "run `make docs`"


def test_the_table_of_faults_is_what_the_tests_prove(request):
    assert table(collected(request.session)) == written(), "run `make reliability`"


@pytest.fixture(scope="module")
def meltano_schema():
    path = Path(meltano.core.__file__).parents[1] / "schemas" / "meltano.schema.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_meltano_yml_fits_meltanos_own_schema(meltano_schema):
    project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    jsonschema.validate(project, meltano_schema)


def test_plugin_definitions_have_not_drifted():
    expected = generator().plugin_files()
    found = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in (ROOT / "plugins").rglob("*.*")
    }
    assert found == expected, "run `make docs`"


@pytest.mark.parametrize("plugin", [TapGong, TargetGong])
def test_plugin_definitions_are_what_meltano_would_write(plugin, meltano_schema):
    (path,) = (ROOT / "plugins").glob(f"*/{plugin.name}--*.lock")
    locked = json.loads(path.read_text(encoding="utf-8"))
    written = StandalonePlugin(**json.loads(json.dumps(locked))).canonical()
    assert json.loads(json.dumps(written)) == locked
    kind = locked.pop("plugin_type")
    jsonschema.validate({"plugins": {kind: [locked]}}, meltano_schema)
    told = yaml.safe_load((ROOT / f"plugins/hub/{kind}/{plugin.name}/gong-singer.yml").read_text())
    assert locked.items() <= told.items()
    about = {capability.value for capability in plugin.capabilities}
    assert about <= set(locked["capabilities"])
    settings = {setting["name"]: setting for setting in locked["settings"]}
    known = generator().plugin_settings(plugin)
    assert set(known) <= set(settings)
    for group in locked["settings_group_validation"]:
        # A default would fill the group, and no settings would ever be found to be missing.
        assert not any("value" in settings[name] for name in group)
    for name, prop in known.items():
        assert bool(settings[name].get("sensitive")) == bool(prop.get("secret")), name
        if "value" in settings[name]:
            jsonschema.validate(settings[name]["value"], prop)


def test_meltano_knows_every_setting_and_which_are_secret():
    project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    tap, *_ = project["plugins"]["extractors"]
    listed = {setting["name"]: bool(setting.get("sensitive")) for setting in tap["settings"]}
    known = TapGong.config_jsonschema["properties"]
    for name, sensitive in listed.items():
        # Stream maps are the SDK's own, and known to it when the tap is made.
        assert name == "stream_maps" or sensitive == bool(known[name].get("secret")), name
    target = next(p for p in project["plugins"]["loaders"] if p["name"] == "target-gong")
    known = TargetGong.config_jsonschema["properties"]
    for setting in target["settings"]:
        assert bool(setting.get("sensitive")) == bool(known[setting["name"]].get("secret"))


def test_files_that_the_docs_name_exist():
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!http|#)([^)#]+)\)", text):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
        for name in re.findall(
            r"`((?:gong_api|gong_sandbox|gong_webhook|tap_gong|tests|docs|examples)/[\w/.]*)`", text
        ):
            assert (ROOT / name).exists(), f"{page.name}: {name}"


@pytest.mark.parametrize("command", ["tap-gong", "target-gong", "gong-sandbox", "gong-webhook"])
def test_commands_say_their_version(command):
    done = subprocess.run(
        [str(Path(sys.executable).parent / command), "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "0.1.0" in done.stdout
