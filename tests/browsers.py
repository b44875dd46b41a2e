"""The browser of this machine, for tests that look at pages as people do."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
REQUIRED = os.environ.get("WALLET_TEST_BROWSER") == "required"
# Without these Chromium asks for updates and hosts of its own, which no test may do.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]  # fmt: skip

PHONE, DESK = {"width": 360, "height": 740}, {"width": 1440, "height": 900}

needs_browser = pytest.mark.skipif(
    CHROMIUM is None and not REQUIRED,
    reason="NO BROWSER TEST WAS RUN: there is no Chromium here; install the package chromium",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the system's Chromium, without a window."""
    assert CHROMIUM, "a browser is required here, and there is none"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def complaints_of(page: Page) -> list[str]:
    """Return a list that fills with the page's script errors and blocked files."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    return complaints


def faults(page: Page) -> list[str]:
    """Return all that axe finds wrong with a page."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]


def language(page: Page) -> str | None:
    """Return the language that a page says it is in; just after a click it may have no element yet to say it."""
    return page.locator("html").get_attribute("lang")


def sticks_out(page: Page) -> int:
    """Return by how many pixels a page is wider than its window."""
    wider: int = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return wider


def reached(page: Page, *, most: int) -> list[tuple[str, str]]:
    """Press Tab from the top of a page to its end; return the name of each place and how its outline is drawn."""
    found: list[tuple[str, str]] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        now = page.evaluate("""() => {
            const each = document.activeElement;
            const name = each.id || each.textContent.trim();
            return each === document.body ? null : [name, getComputedStyle(each).outlineStyle];
        }""")
        if now is None:
            break
        found.append(tuple(now))
    return found
