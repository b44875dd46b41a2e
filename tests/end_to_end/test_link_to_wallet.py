"""From a printed link by the form to a card on a phone, in a real browser, and what the funnel then says."""

from collections.abc import Iterator

import pytest
import requests
from browsers import chromium, language, needs_browser
from link_actors import IPHONE
from playwright.sync_api import Browser, Page
from stage_actors import Stage, wait_until

from wallet_service.client import Client

PHONE = {"width": 360, "height": 740}

pytestmark = [pytest.mark.xdist_group("stage"), needs_browser]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def client(stage: Stage) -> Client:
    """The merchant's program."""
    return Client(stage.facts["api_url"], stage.facts["api_key"])


def joined(page: Page, url: str) -> None:
    """Follow a link to the form, fill it in no faster than people do, and send it."""
    page.goto(url)
    page.wait_for_url("**/join/**")
    page.locator("#name").type("Zoe Example", delay=120)
    page.locator("#email").type("zoe@home.example", delay=120)
    page.locator("#terms").check()
    page.locator("#join").click()
    page.wait_for_url("**/cards/**")


@pytest.mark.parametrize("lang", ["en", "cs"])
def test_whoever_scans_a_poster_ends_up_with_a_card(stage: Stage, browser: Browser, client: Client, lang: str) -> None:
    """The phone holds the card that was downloaded, and the funnel has counted one person at each step."""
    campaign = f"poster-{lang}"
    client.call("POST", "/campaigns", {"code": campaign, "name": "Poster", "channel": "print"})
    link = client.short_link(campaign)
    context = browser.new_context(viewport=PHONE, user_agent=IPHONE, locale=lang, accept_downloads=True)
    page = context.new_page()
    joined(page, link["url"])
    assert language(page) == lang
    with page.expect_download() as loading:
        page.locator("#add-apple").click()
    content = loading.value.path().read_bytes()
    before = {each["serial_number"] for each in stage.phone()["cards"]}
    answer = requests.post(f"{stage.facts['phone_url']}phone/add", files={"pass": content}, timeout=20)
    assert answer.status_code == 200
    (serial,) = {each["serial_number"] for each in stage.phone()["cards"]} - before

    def counted() -> dict[str, int]:
        (row,) = client.funnel(campaign=campaign)
        return {name: row[name] for name in ("opened", "clicked", "installed", "joined")}

    wait_until(lambda: counted() == {"opened": 1, "clicked": 1, "installed": 1, "joined": 1}, pause=0.2)
    stage.press("phone/remove", serial=serial)
    context.close()
