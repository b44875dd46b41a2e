"""The pages of links, posters and the funnel in a real browser: nothing a screen reader or a keyboard would miss."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from actors import Clock, Shop
from browsers import DESK, PHONE, chromium, faults, language, needs_browser, reached, sticks_out
from link_actors import ANDROID, INSTAGRAM, INSTAGRAM_ON_ANDROID, IPHONE, WINDOWS, Marketer, marketer
from page_actors import started
from playwright.sync_api import Browser, Page

from wallet_service.links import add_url, funnel_url
from wallet_service.usecases.mint import sent
from wallet_service.web import create_app
from wallet_service.wiring import Service

pytestmark = [
    pytest.mark.xdist_group("browser"),
    needs_browser,
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def spring(service: Service, shop: Shop) -> Marketer:
    """A marketer with a campaign, of a shop with one member, and something counted."""
    shop.enrol("ann", name="Ann")
    spring = marketer(service)
    with service.begin() as tx:
        sent(tx, spring.campaign, "email", times=10, day=service.clock().date())
    return spring


@pytest.fixture
def address(service: Service, spring: Marketer) -> Iterator[str]:
    """Where the service answers."""
    server = started(create_app(service))
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def opened(
    browser: Browser, url: str, *, agent: str = IPHONE, lang: str = "en-GB", dark: bool = False, wide: bool = False
) -> Page:
    """Open a page as that kind of phone or computer does."""
    context = browser.new_context(
        viewport=DESK if wide else PHONE, user_agent=agent, locale=lang, color_scheme="dark" if dark else "light"
    )
    page = context.new_page()
    page.goto(url)
    return page


def test_nothing_keeps_anybody_out(browser: Browser, address: str, spring: Marketer, clock: Clock) -> None:
    """On phones and at desks, in each language, by day and by night, axe finds no fault and all of a page fits."""
    member, prospect = spring.link(member="ann"), spring.prospect()
    until = clock() + timedelta(days=1)
    funnel = funnel_url("", spring.service.secret_key, spring.merchant_id, until=until)
    unsubscribe = spring.service.unsubscribe_link(1, None, b"mark").removeprefix(spring.service.settings.base_url)
    card = add_url("", spring.service.secret_key, spring.one("SELECT serial_number FROM cards"))
    pages = [
        (member, IPHONE, "en-GB", False),
        (member, IPHONE, "ru-RU", True),
        (prospect, ANDROID, "cs-CZ", False),
        (member, INSTAGRAM, "ro-RO", False),
        (member, INSTAGRAM_ON_ANDROID, "ru-RU", True),
        (f"{member}?all=1", IPHONE, "ru-RU", False),
        (prospect, WINDOWS, "en-GB", True),
        ("/l/nothing", IPHONE, "cs-CZ", False),
        (f"{member}/terms", ANDROID, "ro-RO", False),
        (card, WINDOWS, "cs-CZ", False),
        ("/join/points", IPHONE, "ru-RU", True),
        ("/join/points", WINDOWS, "en-GB", False),
        ("/programs/points", ANDROID, "ro-RO", False),
        ("/programs/points", WINDOWS, "cs-CZ", True),
        (unsubscribe, IPHONE, "ru-RU", True),
        (unsubscribe, WINDOWS, "cs-CZ", False),
        (funnel, WINDOWS, "en-GB", False),
        (f"{funnel}?by=link", WINDOWS, "en-GB", True),
    ]
    for path, agent, lang, dark in pages:
        page = opened(browser, address + path, agent=agent, lang=lang, dark=dark, wide=agent == WINDOWS)
        assert (path, lang, faults(page)) == (path, lang, [])
        for size in (PHONE, DESK):
            page.set_viewport_size(size)
            assert (path, size, sticks_out(page)) == (path, size, 0)
        page.context.close()


def test_a_keyboard_is_enough(browser: Browser, address: str, spring: Marketer) -> None:
    """Everything that can be pressed is reached by Tab, in the order of the page, and shows that it is reached."""
    page = opened(browser, address + spring.prospect(), agent=WINDOWS, wide=True)
    places = reached(page, most=30)
    assert [name for name, _ in places] == [
        *("add-apple", "add-google", "Programme terms", "object"),
        *("Русский", "Čeština", "Română"),
    ]
    assert all(outline != "none" for _, outline in places)
    page.context.close()


def test_a_press_enrols_and_downloads(browser: Browser, address: str, spring: Marketer) -> None:
    """One press of the button in a real browser enrols and brings the pass, under its name."""
    page = opened(browser, address + spring.prospect("bob"))
    with page.expect_download() as download:
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "card.pkpass"
    assert spring.rows("SELECT count(*) FROM members WHERE external_id = 'bob'") == [(1,)]
    page.context.close()


def test_a_switch_of_language_stays(browser: Browser, address: str, spring: Marketer) -> None:
    """Whoever switches reads the terms, and comes back, in the language chosen."""
    page = opened(browser, address + spring.link(member="ann"))
    page.get_by_role("link", name="Čeština").click()
    assert language(page) == "cs"
    page.get_by_role("link", name="Podmínky programu").click()
    assert language(page) == "cs"
    page.get_by_role("link", name="← Papermoth").click()
    assert language(page) == "cs"
    page.context.close()


@pytest.mark.parametrize(("lang", "name"), [("cs-CZ", "cs"), ("ru-RU", "ru")])
def test_somebody_joins_by_keyboard(
    browser: Browser, address: str, spring: Marketer, clock: Clock, lang: str, name: str
) -> None:
    """From the programme's page through a fault that is told beside its field to a card, without a mouse or script."""
    page = opened(browser, f"{address}/programs/points", lang=lang)
    page.locator("#join").press("Enter")
    page.wait_for_url("**/join/points")
    clock.on(seconds=5)
    page.locator("#name").fill("Zoe Example")
    page.locator("#name").press("Enter")
    page.wait_for_selector("#email-wrong")
    assert faults(page) == []
    assert sticks_out(page) == 0
    assert page.locator("#name").input_value() == "Zoe Example"
    page.locator("#email").fill("zoe@home.example")
    page.locator("#terms").press("Space")
    page.locator("#join").press("Enter")
    page.wait_for_url("**/cards/**")
    assert language(page) == name
    assert spring.rows("SELECT count(*) FROM members") == [(2,)]
    page.context.close()
