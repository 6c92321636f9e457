"""What is released: the same files from the same commit, whole, and of use in an empty place."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.meltano_project import UV

ROOT = Path(__file__).parent.parent
PACKAGES = ("gong_api", "gong_sandbox", "gong_webhook", "tap_gong", "target_gong")
COMMANDS = ("tap-gong", "target-gong", "gong-sandbox", "gong-webhook")


def released(*arguments):
    spec = importlib.util.spec_from_file_location("check_release", ROOT / ".ci/check_release.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.released(*arguments)


CHANGELOG = (
    "# Changelog\n\n## Unreleased\n\n## 1.2.3 (2026-11-21)\n\n- New.\n\n## 1.2.2 (2026-1-1)\n"
)


def test_a_tag_that_fits_may_be_released():
    assert released("v1.2.3", '[project]\nversion = "1.2.3"\n', CHANGELOG) == "- New."


@pytest.mark.parametrize(
    ("tag", "version", "message"),
    [
        ("v1.2.4", "1.2.3", "the tag is v1.2.4 and pyproject.toml says 1.2.3"),
        ("1.2.3", "1.2.3", "tag v1.2.3"),
        ("v1.3.0", "1.3.0", "CHANGELOG.md has no section `## 1.3.0 "),
        ("v1.2.2", "1.2.2", "CHANGELOG.md has no section"),
    ],
)
def test_a_tag_that_does_not_fit_is_refused(tag, version, message):
    with pytest.raises(ValueError, match=message):
        released(tag, f'version = "{version}"\n', CHANGELOG)


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", ".github/workflows/*.yml"),
        ("vendor.dependabot", ".github/dependabot.yml"),
        ("vendor.github-issue-forms", ".github/ISSUE_TEMPLATE/[!c]*.yml"),
        ("vendor.github-issue-config", ".github/ISSUE_TEMPLATE/config.yml"),
    ],
)
def test_what_github_reads_fits_its_schemas(schema, files):
    found = sorted(map(str, ROOT.glob(files)))
    assert found
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *found],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_publishing_needs_no_token_and_may_do_nothing_else():
    workflow = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    publish = workflow["jobs"]["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["environment"]["name"] == "pypi"
    assert publish["needs"] == "build"
    assert "secrets." not in json.dumps(workflow)


@pytest.fixture(scope="module")
def builds(tmp_path_factory):
    """Two builds of the same files, in different places and at different times."""
    if not (ROOT / ".git").exists():
        pytest.skip("which files are the project's is known in a clone alone")
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")[:-1]
    folders = []
    for umask, name in ((0o022, "one"), (0o077, "another")):
        folder = tmp_path_factory.mktemp(name)
        before = os.umask(umask)
        try:
            for path in tracked:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / path, folder / path)
        finally:
            os.umask(before)
        subprocess.run(
            [sys.executable, "-m", "build", "--installer", "uv", "."],
            cwd=folder,
            env={**os.environ, "SOURCE_DATE_EPOCH": "1767225600"},
            capture_output=True,
            check=True,
            timeout=300,
        )
        folders.append(folder / "dist")
    return folders


@pytest.mark.slow
def test_builds_are_reproducible(builds):
    one, another = ({path.name: path.read_bytes() for path in dist.iterdir()} for dist in builds)
    assert len(one) == 2
    assert one.keys() == another.keys()
    for name in one:
        assert one[name] == another[name], f"{name} differs"


@pytest.mark.slow
def test_the_source_distribution_is_whole(builds):
    (path,) = builds[0].glob("*.tar.gz")
    with tarfile.open(path) as archive:
        held = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    tracked = subprocess.run(
        ["git", "ls-files", *PACKAGES, "tests", "docs", "examples", "plugins", "meltano.yml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert set(tracked) <= held
    assert {"README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml"} <= held


@pytest.mark.slow
def test_the_wheel_works_in_an_empty_environment(builds, tmp_path):
    (wheel,) = builds[0].glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        roots = {name.split("/")[0] for name in archive.namelist()}
    assert roots - {f"{wheel.name.rsplit('-', 3)[0]}.dist-info"} == set(PACKAGES)
    subprocess.run([*UV, "venv", "-q", "venv"], cwd=tmp_path, check=True, timeout=120)
    programs = tmp_path / "venv" / "bin"
    subprocess.run(
        [*UV, "pip", "install", "-q", "--python", str(programs / "python"), str(wheel)],
        check=True,
        timeout=300,
    )
    # The project itself must not be found by way of the environment.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*command):
        return subprocess.run(
            [str(programs / command[0]), *command[1:]],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        ).stdout

    version = wheel.name.split("-")[1]
    for command in COMMANDS:
        assert version in run(command, "--version")
    for command in ("tap-gong", "target-gong"):
        assert json.loads(run(command, "--about", "--format=json"))["name"] == command
    assert len(json.loads(run("tap-gong", "--discover"))["streams"]) > 40
    (tmp_path / "config.json").write_text('{"api_url": "sandbox", "max_records": 5}')
    messages = run("tap-gong", "--config", "config.json").splitlines()
    assert any('"RECORD"' in message for message in messages)
