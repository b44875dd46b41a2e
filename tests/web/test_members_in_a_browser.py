"""Members' own pages in a real browser: from the form by the letter to the page, its consents, and out again."""

from collections.abc import Iterator

import browsers
import pytest
from actors import Clock, Shop, connected_shop
from browsers import DESK, PHONE, chromium, complaints_of, needs_browser, reached, sticks_out
from flask.testing import FlaskClient
from link_actors import ANDROID, WINDOWS
from member_actors import Mailbox
from page_actors import started
from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import text

from wallet_service.web import create_app
from wallet_service.web.member_words import WORDS
from wallet_service.wiring import Service

ZOE = "zoe.of.the.long.name.that.fits.no.phone@home.example"

pytestmark = [pytest.mark.xdist_group("browser"), needs_browser]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def address(service: Service, shop: Shop) -> Iterator[str]:
    """Where the service answers."""
    server = started(create_app(service))
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def context_of(browser: Browser, *, lang: str = "en-GB", wide: bool = False, dark: bool = False) -> BrowserContext:
    """A phone, or a computer."""
    return browser.new_context(
        viewport=DESK if wide else PHONE,
        user_agent=WINDOWS if wide else ANDROID,
        locale=lang,
        color_scheme="dark" if dark else "light",
    )


def faults(page: Page) -> list[str]:
    """Return all that axe finds wrong with a page, and by how much it is wider than its window, on phones and desks."""
    found, size = browsers.faults(page), page.viewport_size
    for width in (PHONE, DESK):
        page.set_viewport_size(width)  # type: ignore[arg-type]
        if sticks_out(page):
            found.append(f"sticks out at {width}")
    page.set_viewport_size(size)  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(("lang", "wide", "dark"), [("en-GB", True, False), ("ru-RU", False, True)])
def test_a_member_comes_and_goes(
    browser: Browser, address: str, service: Service, clock: Clock, mailbox: Mailbox, lang: str, wide: bool, dark: bool
) -> None:
    """Joins, opens the letter, confirms, changes a consent, and leaves, by the keyboard alone; axe finds no fault."""
    words = WORDS[lang[:2]]
    context = context_of(browser, lang=lang, wide=wide, dark=dark)
    page = context.new_page()
    complaints = complaints_of(page)
    page.goto(f"{address}/join/points")
    clock.on(seconds=5)
    page.locator("#name").fill("Zoe Example")
    page.locator("#email").fill(ZOE)
    page.locator("#terms").press("Space")
    page.locator("#join").press("Enter")
    page.wait_for_url("**/cards/**")
    page.goto(address + mailbox.link())
    assert faults(page) == []
    page.locator("#yes").press("Enter")
    page.wait_for_url("**/members/points/me")
    assert faults(page) == []
    assert page.locator("h1").inner_text() == words["my_page"]
    page.locator("#consent-1").press("Space")
    page.locator("#save").press("Enter")
    page.wait_for_url("**/me?done=saved")
    assert page.locator("#done").inner_text() == words["saved"]
    assert page.locator("#consent-1").is_checked()
    with service.read() as tx:
        query = text("SELECT granted FROM consents WHERE purpose = 'marketing' AND channel = 'email'")
        assert tx.execute(query).scalars().all() == [True]
    page.locator("#leave").press("Enter")
    page.wait_for_url("**/me/leave")
    assert faults(page) == []
    page.locator("#sure").press("Enter")
    page.wait_for_url("**/members/points/left")
    assert faults(page) == []
    assert context.cookies() == []
    assert complaints == []
    context.close()


@pytest.mark.parametrize(("lang", "wide"), [("cs-CZ", False), ("ro-RO", True)])
def test_a_member_signs_in_and_out(
    browser: Browser, address: str, shop: Shop, mailbox: Mailbox, lang: str, wide: bool
) -> None:
    """Asks for a link after a slip, opens the letter, looks around, gets a new card, and signs out, by the keyboard."""
    shop.answer("member.enrolled", {"customer": {"id": "zoe", "email": ZOE, "name": "Zoe Example"}})
    shop.buy(30_040, order="o1", customer="zoe")
    context = context_of(browser, lang=lang, wide=wide)
    page = context.new_page()
    page.goto(f"{address}/programs/points")
    page.locator("#sign-in").press("Enter")
    page.wait_for_url("**/members/points")
    assert faults(page) == []
    page.locator("#email").fill("zoe")
    page.locator("#send").press("Enter")
    page.wait_for_selector("#email-wrong")
    assert faults(page) == []
    page.locator("#email").fill(ZOE)
    page.locator("#email").press("Enter")
    page.wait_for_url("**/members/points/sent")
    assert faults(page) == []
    page.goto(address + mailbox.link())
    assert faults(page) == []
    page.locator("#open").press("Enter")
    page.wait_for_url("**/members/points/me")
    assert faults(page) == []
    page.locator("#lost").press("Enter")
    page.wait_for_url("**/me/new-card")
    assert faults(page) == []
    page.locator("#sure").press("Enter")
    page.wait_for_url("**/me?done=replaced")
    assert faults(page) == []
    page.locator("#sign-out").press("Enter")
    page.wait_for_url("**/members/points/signed_out")
    assert faults(page) == []
    page.goto(f"{address}/members/points/me")
    assert page.url == f"{address}/members/points"
    context.close()


def test_a_keyboard_reaches_all_of_the_page(browser: Browser, address: str, shop: Shop, mailbox: Mailbox) -> None:
    """Everything that can be pressed is reached by Tab, in the order of the page, and shows that it is reached."""
    shop.answer("member.enrolled", {"customer": {"id": "zoe", "email": ZOE, "name": "Zoe Example"}})
    context = context_of(browser, wide=True)
    page = context.new_page()
    page.goto(f"{address}/members/points")
    page.locator("#email").fill(ZOE)
    page.locator("#send").press("Enter")
    page.wait_for_url("**/members/points/sent")
    page.goto(address + mailbox.link())
    page.locator("#open").press("Enter")
    page.wait_for_url("**/members/points/me")
    places = reached(page, most=40)
    assert [name for name, _ in places] == [
        *("sign-out", "add-apple", "add-google", "lost", WORDS["en"]["whole"], WORDS["en"]["terms"]),
        *("consent-1", "consent-2", "save", "download", "leave", "Русский", "Čeština", "Română"),
    ]
    assert all(outline != "none" for _, outline in places)
    context.close()


def test_rewards_on_a_phone(
    browser: Browser, address: str, service: Service, client: FlaskClient, mailbox: Mailbox
) -> None:
    """What lies ready, what can be had and why not, and the code of a reward fit on a phone, and axe finds no fault."""
    bakery = connected_shop(service, client, "bakery", template="stamp_card")
    program = service.template("stamp_card").program.program.code
    bakery.answer("member.enrolled", {"customer": {"id": "zoe", "email": ZOE, "name": "Zoe Example"}})
    bakery.adjust(13, customer="zoe")
    context = context_of(browser, lang="ro-RO")
    page = context.new_page()
    page.goto(f"{address}/members/{program}")
    page.locator("#email").fill(ZOE)
    page.locator("#send").press("Enter")
    page.wait_for_url("**/sent")
    page.goto(address + mailbox.link())
    page.locator("#open").press("Enter")
    page.wait_for_url("**/me")
    assert faults(page) == []
    page.locator("form[action*='/me/rewards/'] button").first.press("Enter")
    page.wait_for_selector("#code")
    assert faults(page) == []
    context.close()
