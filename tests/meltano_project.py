"""A copy of this Meltano project to run things in, so that nothing of a developer's is touched."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PROJECT = (
    "gong_api",
    "gong_sandbox",
    "gong_webhook",
    "tap_gong",
    "target_gong",
    "examples",
    "meltano.yml",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)
MELTANO: dict[str, Any] = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
# Makes environments, whether or not it is in the path.
UV = (sys.executable, "-m", "uv")
STREAM_MAPS: dict[str, dict[str, str]] = MELTANO["plugins"]["extractors"][0]["config"][
    "stream_maps"
]


def copy_project(folder: Path, *more: str) -> Path:
    """Put the project's files into a folder, and such that it does not need to run."""
    for name in (*PROJECT, *more):
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    return folder


def run(project: Path, *command: object, timeout: float = 300, **more: Any) -> str:
    """Run a command in the project that must succeed; what it printed."""
    done: subprocess.CompletedProcess[str] = subprocess.run(
        [str(part) for part in command],
        cwd=project,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=timeout,
        **more,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def meltano(project: Path, *arguments: object, **more: Any) -> str:
    """Run a command of Meltano's that must succeed; what it printed."""
    return run(project, BIN / "meltano", *arguments, **more)


def config_of(project: Path, plugin: str) -> dict[str, Any]:
    """The settings that Meltano hands to a plugin."""
    done = subprocess.run(
        [str(BIN / "meltano"), "--log-level=error", "invoke", "--dump=config", plugin],
        cwd=project,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        timeout=300,
    )
    config: dict[str, Any] = json.loads(done.stdout)
    return config
