"""A visitor's browser on the phone's page."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import zxingcpp
from browsers import chromium, complaints_of, needs_browser
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from stage_actors import Stage, wait_until

PHONE = {"width": 390, "height": 844}
PATIENCE = 30_000  # milliseconds

pytestmark = [
    pytest.mark.xdist_group("stage"),
    needs_browser,
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(stage: Stage, browser: Browser) -> Iterator[Page]:
    """The phone's page with a card on it; a script error or a blocked file fails the test."""
    wait_until(lambda: stage.phone()["cards"])
    context = browser.new_context(viewport=PHONE, locale="en-GB", device_scale_factor=2)
    page = context.new_page()
    complaints = complaints_of(page)
    page.goto(stage.facts["phone_url"])
    yield page
    context.close()
    assert complaints == []


def balance(page: Page) -> int:
    """Return the balance that the card on the page shows."""
    text = page.locator('[data-field="balance"]').first.get_attribute("data-value")
    return int(text or "")


def test_purchase_changes_the_card_without_reload(page: Page) -> None:
    """A press on Buy changes the balance on the card by itself, and the page is not loaded again."""
    before = balance(page)
    page.evaluate("window.notReloaded = true")
    page.locator("#buy").click()

    expect(page.locator('[data-field="balance"]').first).to_have_attribute(
        "data-value", str(before + 42), timeout=PATIENCE
    )
    expect(page.locator("#notification")).to_contain_text(re.compile("balance|tier"), timeout=PATIENCE)
    assert page.evaluate("window.notReloaded") is True


def test_refund_takes_the_points_back(page: Page) -> None:
    """A press on Refund takes back what the last purchase earned."""
    before = balance(page)
    page.locator("#buy").click()
    shown = page.locator('[data-field="balance"]').first
    expect(shown).to_have_attribute("data-value", str(before + 42), timeout=PATIENCE)
    page.locator("#refund").click()

    expect(shown).to_have_attribute("data-value", str(before), timeout=PATIENCE)


def test_barcode_on_the_screen_can_be_scanned(page: Page, stage: Stage, tmp_path: Path) -> None:
    """A scanner reads from the screen exactly what the pass says."""
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    with Image.open(tmp_path / "page.png") as image:
        found = zxingcpp.read_barcodes(image.convert("L"))

    assert [each.text for each in found] == [stage.phone()["cards"][0]["barcodes"][0]["message"]]


def test_page_fits_a_phone(page: Page) -> None:
    """At the width of a phone nothing sticks out sideways."""
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_controls_have_names(page: Page) -> None:
    """Every button and field says to a screen reader what it is."""
    nameless = page.evaluate(
        """[...document.querySelectorAll('button, input:not([type=hidden]), select, a')].filter(each => !(
            each.textContent.trim() || each.ariaLabel || each.getAttribute('aria-labelledby') || each.labels?.length
        )).map(each => each.outerHTML)"""
    )

    assert nameless == []


def test_statement_is_a_table_at_the_width_of_a_phone(stage: Stage, browser: Browser) -> None:
    """Laid out as cards it is still a table to a screen reader, nothing sticks out, and no style is blocked."""
    stage.press("shop/buy")
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="en-GB")
    page = context.new_page()
    blocked: list[str] = []
    page.on("console", lambda message: blocked.append(message.text) if "Security Policy" in message.text else None)
    page.goto(stage.facts["add_url"])
    page.locator('a[href$="/statement"]').click()

    lines = page.get_by_role("table").last
    expect(lines.get_by_role("columnheader")).to_have_count(4)
    expect(lines.get_by_role("row").nth(1).get_by_role("cell")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate("getComputedStyle(document.querySelector('.lines tbody tr')).display") == "grid"
    context.close()
    assert blocked == []
