"""The sandbox's page in a real browser: it renews itself, plays recordings, and looks like one."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from collections import Counter

import pytest

from tests.target import target_run

pytestmark = pytest.mark.slow

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 20_000  # milliseconds that the browser waits for something at most
SILENT = "Failed to load resource"  # what a browser says when the sandbox has gone


@pytest.fixture(scope="module")
def browser():
    """A Chromium of this machine's."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None and os.environ.get("CI") and shutil.which("apt-get") and os.geteuid() == 0:
        for command in (["update", "-qq"], ["install", "-qq", "-y", "chromium"]):
            subprocess.run(["apt-get", *command], check=False, capture_output=True, timeout=600)
        found = shutil.which("chromium")
    if found is None:
        pytest.skip("no Chromium here, and it cannot be installed")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def sandbox():
    """A sandbox of a test's own, whose uploads are visible at once."""
    with target_run.company(processing_minutes=0, daily_requests=1000) as sandbox:
        yield sandbox


class Tab:
    """A page that is open, and what went wrong in it."""

    def __init__(self, browser, sandbox, **options):
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._said)
        self.page.goto(sandbox.url)

    def _said(self, message):
        if message.type in {"error", "warning"}:
            self.errors.append(message.text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()


def write(sandbox, tmp_path, *names):
    """Let the target write a call with a recording for each name."""
    user = target_run.importing_user(sandbox)
    records = []
    for name in names:
        record = target_run.call(user, name, title=f"Call <img src=x onerror=alert(1)> {name}")
        path = target_run.recording(tmp_path / f"{name}.wav", seed=name)
        records.append({**record, "media_file": str(path)})
    target_run.run_target(
        target_run.settings(sandbox, tmp_path), target_run.messages("calls", records)
    )


def pixels(png):
    image = pytest.importorskip("PIL.Image", reason="needs pillow").open(io.BytesIO(png))
    counted = image.convert("RGB").getcolors(maxcolors=2**24)
    return image.size, Counter({colour: count for count, colour in counted})


def assert_not_blank(png):
    """Text, bars and boxes: many colours, and the ground is not nearly everything."""
    (width, height), colours = pixels(png)
    ((_, most),) = colours.most_common(1)
    assert len(colours) > 200
    assert most < 0.9 * width * height


def test_what_the_target_writes_appears_on_the_open_page(browser, sandbox, tmp_path):
    with Tab(browser, sandbox) as tab:
        page = tab.page
        page.locator("#created", has_text="none yet").wait_for(timeout=PATIENCE)
        page.locator("summary").get_by_text("Users", exact=True).click()
        page.evaluate("document.body.dataset.loaded = 'once'")
        write(sandbox, tmp_path, "c-1", "c-2")
        # Without being loaded anew.
        page.locator("#created audio").nth(1).wait_for(timeout=PATIENCE)
        assert page.evaluate("document.body.dataset.loaded") == "once"
        assert page.locator("details[open]").count() == 1
        rows = page.locator("#created tr").all_inner_texts()
        assert ["c-2" in rows[0], "c-1" in rows[1]] == [True, True]
        # Titles are text.
        assert "<img src=x onerror=alert(1)>" in rows[0]
        assert page.locator("main img").count() == 0
        assert "media of call" in page.locator("#writes-list").inner_text()
        paths = page.locator("#requests-list").inner_text()
        assert paths.count("POST /v2/calls") == 2
        assert page.locator("#quota").inner_text().startswith(str(sandbox.site.noted))
        assert page.locator("#live").inner_text() == "live"
        assert_not_blank(page.screenshot(full_page=True))
        assert tab.errors == []


def test_a_recording_plays_on_while_the_page_renews_itself(browser, sandbox, tmp_path):
    write(sandbox, tmp_path, "c-1")
    with Tab(browser, sandbox) as tab:
        page = tab.page
        player = page.locator("#created audio")
        player.evaluate("player => { player.muted = true; player.currentTime = 30; }")
        player.evaluate("player => player.play()")
        write(sandbox, tmp_path, "c-2")
        page.locator("#created audio").nth(1).wait_for(timeout=PATIENCE)
        page.wait_for_function(
            "document.querySelectorAll('#created audio')[1].currentTime > 30", timeout=PATIENCE
        )
        playing = page.locator("#created audio").nth(1)
        assert playing.evaluate("player => [player.paused, Math.round(player.duration)]") == [
            False,
            75,
        ]
        assert tab.errors == []


def test_the_configuration_is_copied(browser, sandbox):
    with Tab(browser, sandbox, permissions=["clipboard-read", "clipboard-write"]) as tab:
        tab.page.locator("[data-copy=config]").click()
        tab.page.locator("[data-copy=config]", has_text="Copied").wait_for(timeout=PATIENCE)
        copied = json.loads(tab.page.evaluate("navigator.clipboard.readText()"))
        assert copied == {
            "api_url": sandbox.url,
            "access_key": "sandbox",
            "access_key_secret": "sandbox",
        }
        assert tab.errors == []


def test_it_can_be_stopped_and_says_when_the_sandbox_has_gone(browser, sandbox):
    with Tab(browser, sandbox) as tab:
        page = tab.page
        pause = page.locator("#pause")
        pause.click()
        assert page.locator("#live").inner_text() == "paused"
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_timeout(2500)
        assert asked == []
        pause.click()
        page.locator("#live", has_text="live").wait_for(timeout=PATIENCE)
        assert tab.errors == []
        sandbox.stop()
        page.locator("#live.lost").wait_for(timeout=PATIENCE)
        assert all(SILENT in error for error in tab.errors)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_and_fits_a_phone(browser, sandbox, tmp_path, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe")
    sandbox.faults.next("500", path="/v2/workspaces")
    write(sandbox, tmp_path, "c-1")
    options = {"viewport": {"width": 375, "height": 800}, "color_scheme": scheme}
    with Tab(browser, sandbox, **options) as tab:
        width = tab.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 375
        # No column is squeezed until its words stand on end.
        last = "cells => Math.min(...cells.map(cell => cell.offsetWidth))"
        assert tab.page.locator("tbody td:last-child").evaluate_all(last) >= 150
        found = axe.Axe().run(tab.page).response["violations"]
        assert [(v["id"], [node["html"] for node in v["nodes"]]) for v in found] == []
        png = tab.page.screenshot(full_page=True)
        assert_not_blank(png)
        _, colours = pixels(png)
        ((ground, _),) = colours.most_common(1)
        assert (sum(ground) > 3 * 128) == (scheme == "light")
        assert tab.errors == []
