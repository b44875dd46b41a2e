"""Both phones on the page, as a visitor's browser shows them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from android_actors import Stand, serving, standing
from browsers import chromium, complaints_of, needs_browser
from playwright.sync_api import Browser, Page, expect

from wallet_service.sandbox.server import serve

DESKTOP, LAPTOP, PHONE = {"width": 1440, "height": 900}, {"width": 1280, "height": 800}, {"width": 390, "height": 844}

pytestmark = [pytest.mark.xdist_group("phones"), needs_browser]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    with chromium() as browser:
        yield browser


def now() -> datetime:
    """The machine's time."""
    return datetime.now(UTC)


@contextmanager
def standing_there() -> Iterator[Stand]:
    """A sandbox whose Android phone holds a card."""
    with serving(now) as service, standing(service, now) as stand:
        stand.sandbox.save_card()
        yield stand


@contextmanager
def shown(stand: Stand, browser: Browser) -> Iterator[Page]:
    """The page on a desktop; a script error or a blocked file fails the test."""
    server = serve(stand.client.application, "127.0.0.1", 0)
    context = browser.new_context(viewport=DESKTOP, locale="en-GB")
    page = context.new_page()
    complaints = complaints_of(page)
    page.goto(f"http://127.0.0.1:{server.port}/")
    yield page
    context.close()
    server.shutdown()
    server.server_close()
    assert complaints == []


@pytest.fixture
def stand() -> Iterator[Stand]:
    """A sandbox of the test's own."""
    with standing_there() as stand:
        yield stand


@pytest.fixture
def page(stand: Stand, browser: Browser) -> Iterator[Page]:
    """The page of that sandbox."""
    with shown(stand, browser) as page:
        yield page


@pytest.fixture(scope="module")
def looked_at(browser: Browser) -> Iterator[Page]:
    """One page for all tests that only look at it: it takes seconds to open."""
    with standing_there() as stand, shown(stand, browser) as page:
        yield page


@pytest.fixture
def still(looked_at: Page) -> Page:
    """A page that nobody has done anything on, on a desktop and by day."""
    looked_at.set_viewport_size(DESKTOP)
    looked_at.emulate_media(color_scheme="light")
    return looked_at


@pytest.mark.parametrize("size", [DESKTOP, LAPTOP])
def test_both_phones_stand_side_by_side(still: Page, size: dict[str, int]) -> None:
    """In a window of a desktop both phones, the till and the timeline show without scrolling."""
    still.set_viewport_size(size)
    boxes = [still.locator(each).bounding_box() for each in ("#place-iphone", "#place-android", "#buy")]
    assert all(box and box["y"] >= 0 for box in boxes)
    assert all(box and box["y"] + box["height"] <= size["height"] for box in boxes)
    assert [box["x"] for box in boxes if box] == sorted(box["x"] for box in boxes if box)
    expect(still.locator("#timeline")).to_be_in_viewport()
    assert still.evaluate("document.documentElement.scrollWidth") <= size["width"]


@pytest.mark.parametrize("width", [320, 390, 820, 1120, 1121, 1280, 1440, 1920])
def test_nothing_sticks_out_sideways(still: Page, width: int) -> None:
    """At every width the page is as wide as the window."""
    still.set_viewport_size({"width": width, "height": 844})
    assert still.evaluate("document.documentElement.scrollWidth") <= width


def test_a_narrow_window_shows_one_phone(page: Page, stand: Stand) -> None:
    """On a phone a switch chooses which of the two shows, and says when the other one has news."""
    page.set_viewport_size(PHONE)
    iphone, android = page.locator("#place-iphone"), page.locator("#place-android")
    expect(iphone).to_be_visible()
    expect(android).to_be_hidden()
    other = page.get_by_role("button", name="Android", exact=True)
    stand.earn(77)
    expect(other).to_have_class("news")
    other.press("Enter")
    expect(other).to_have_attribute("aria-pressed", "true")
    expect(other).to_have_class("")
    expect(iphone).to_be_hidden()
    expect(android.locator('[data-field="balance"]')).to_have_attribute("data-value", "77")


def test_a_change_is_marked_and_said(page: Page, stand: Stand) -> None:
    """A change at Google shows without a reload, is marked, and is said with the phone's name."""
    page.evaluate("window.notReloaded = true")
    stand.earn(1292)
    balance = page.locator('#place-android [data-field="balance"]')
    expect(balance).to_have_attribute("data-value", "1292")
    expect(balance).to_have_class("field natural changed")
    expect(page.locator("#announcer")).to_have_text("Android: Points 1,292")
    expect(page.locator("#android-notification")).to_contain_text("Your card was updated")
    assert page.evaluate("window.notReloaded") is True


def test_each_phone_has_its_own_notification(page: Page, stand: Stand) -> None:
    """A notification of the Android phone is dismissed there, by button or Escape, and the next one shows again."""
    banner = page.locator("#android-banner")
    for points in (10, 20):
        stand.earn(points)
        expect(banner).to_have_class("banner shown arriving")
        expect(page.locator("#banner")).to_have_class("banner")
        page.locator("#android-dismiss").focus()
        page.keyboard.press("Escape")
        expect(banner).not_to_have_class("banner shown arriving")


def test_images_and_code_show(still: Page) -> None:
    """Logo and banner are loaded from the page's own address, and the code is large enough to be scanned."""
    for name in ("round", "hero"):
        image = still.locator(f"#place-android img.{name}")
        expect(image).to_be_visible()
        assert image.evaluate("image => image.complete && image.naturalWidth") == 30
    box = still.locator("#place-android .qr").bounding_box()
    assert box is not None
    assert box["width"] >= 140


def test_a_card_comes_and_goes_by_buttons(page: Page) -> None:
    """Remove takes the card from the phone, and Add to Google Wallet brings it back."""
    page.get_by_role("button", name="Remove Lumen Club from Google Wallet").click()
    page.get_by_role("button", name="Add to Google Wallet").click()
    expect(page.locator("#place-android article")).to_have_attribute("aria-label", "Lumen Club, Café Lumen")


def test_google_is_broken_by_a_button(page: Page, stand: Stand) -> None:
    """A press on a fault says what to expect, and which fault is on."""
    fault = page.get_by_role("button", name="503 for everything")
    fault.click()
    expect(fault).to_have_attribute("aria-pressed", "true")
    expect(page.locator('[data-part="google_breaking"]')).to_contain_text("Google takes nothing")
    assert stand.sandbox.google_breakage.key == "503"


def test_controls_have_names(still: Page) -> None:
    """Every button and field says to a screen reader what it is."""
    nameless = still.evaluate(
        """[...document.querySelectorAll('button, input:not([type=hidden]), select, a')].filter(each => !(
            each.textContent.trim() || each.ariaLabel || each.getAttribute('aria-labelledby') || each.labels?.length
        )).map(each => each.outerHTML)"""
    )
    assert nameless == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_on_the_android_phone_can_be_read(still: Page, scheme: str) -> None:
    """Every text on the card and below it has a contrast of 4.5 or more, in light and dark."""
    still.emulate_media(color_scheme=scheme)
    faint = still.evaluate(CONTRAST)
    assert faint == []


CONTRAST = """(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (color) => {
    const [r, g, b] = rgba(color).slice(0, 3).map((each) => each / 255)
      .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let each = node; each; each = each.parentElement) {
      const color = getComputedStyle(each).backgroundColor;
      if (rgba(color)[3] > 250) return color;
    }
    return "white";
  };
  return [...document.querySelectorAll("#place-android .screen *")]
    .filter((each) => [...each.childNodes].some((child) => child.nodeType === 3 && child.data.trim()))
    .map((each) => {
      const [a, b] = [light(getComputedStyle(each).color), light(behind(each))];
      return [each.textContent.trim(), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
    })
    .filter(([, contrast]) => contrast < 4.5);
})()"""
