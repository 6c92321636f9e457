"""Makes the pictures that the README shows: `make pictures`.

`docs/sandbox.png` is the sandbox's page after the tap has read it and the target has written to it,
in a Chromium of this machine's; `docs/demo.svg` is what `make demo` prints.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from gong_sandbox import Sandbox

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
RECORDINGS = ROOT / "examples" / "recordings"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NOW = datetime(2026, 6, 15, 18, tzinfo=timezone.utc)


def chromium() -> str:
    """Where the browser is.

    Raises:
        SystemExit: there is none.
    """
    for name in BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    raise SystemExit(f"no browser here: install one of {', '.join(BROWSERS)}")


def picture_of_the_page(path: Path) -> None:
    """The page of a sandbox in use, as a PNG."""
    with (
        Sandbox(
            calls=500,
            now=NOW,
            port=8787,
            requests_per_second=0,
            processing_minutes=0,
            faults=["503:25"],
        ) as sandbox,
        tempfile.TemporaryDirectory() as folder,
    ):
        config = Path(folder) / "config.json"
        keys = {"access_key": sandbox.access_key, "access_key_secret": sandbox.access_key_secret}
        common = {"api_url": sandbox.url, **keys, "requests_per_second": 0}
        config.write_text(json.dumps({**common, "end_date": NOW.isoformat()}), encoding="utf-8")
        use("tap-gong", config)
        writes = {"media_root": str(RECORDINGS), "ledger_path": str(Path(folder) / "ledger.db")}
        config.write_text(json.dumps({**common, **writes}), encoding="utf-8")
        use("target-gong", config, messages())
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium(), args=["--no-sandbox"], headless=True
            )
            page = browser.new_page(viewport={"width": 1100, "height": 1000})
            page.goto(sandbox.url)
            page.wait_for_load_state("networkidle")
            # The top, and the first of the requests.
            requests = page.locator("#requests").bounding_box()
            assert requests
            png = page.screenshot(
                full_page=True,
                clip={"x": 0, "y": 0, "width": 1100, "height": requests["y"] + 260},
            )
            browser.close()
    # A palette is a third of the size, and the page has few colours.
    Image.open(io.BytesIO(png)).convert("RGB").quantize(128).save(path, optimize=True)


def messages() -> str:
    """The calls of the example, as a tap would write them."""
    with (RECORDINGS / "recordings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    lines: list[dict[str, object]] = [
        {"type": "SCHEMA", "stream": "calls", "schema": {"properties": {}}, "key_properties": []}
    ]
    for row in rows:
        record = {name: value for name, value in row.items() if value and name != "queue"}
        lines.append(
            {
                "type": "RECORD",
                "stream": "calls",
                "record": {**record, "parties": json.loads(row["parties"])},
            }
        )
    return "".join(json.dumps(line) + "\n" for line in lines)


def use(command: str, config: Path, given: str = "") -> None:
    """Run a command of the project against the sandbox."""
    subprocess.run(
        [str(BIN / command), "--config", str(config)],
        input=given,
        stdout=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        check=True,
    )


def main() -> None:
    """Make them all; the demo takes minutes."""
    demo = [ROOT / ".venv-demo" / "bin" / "python", ROOT / "examples" / "demo.py"]
    subprocess.run([*demo, "--picture", ROOT / "docs" / "demo.svg"], check=True)
    picture_of_the_page(ROOT / "docs" / "sandbox.png")


if __name__ == "__main__":
    main()
