"""Letters as a mail program shows them: readable by day and by night, on a narrow phone, and without pictures."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from actors import START
from axe_playwright_python.sync_playwright import Axe
from browsers import chromium, needs_browser
from playwright.sync_api import Browser

from wallet_service.domain.letters import Button, Letter, Mail
from wallet_service.mail.message import draw

TOKEN = "https://cards.example/unsubscribe/" + "t" * 150
LETTER = Letter(
    "campaign",
    "cs",
    "Jaro",
    ("Dobrý den!\nMáte 42 bodů.", "x" * 200),
    Button("Otevřít kartu", "https://cards.example/l/" + "a" * 200),
    "Obchod",
)
CAMPAIGN = Mail("let_1", "ann@home.example", LETTER, TOKEN)
SIGN_IN = replace(CAMPAIGN, letter=replace(LETTER, kind="sign_in", language="en"), unsubscribe_url=None)
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}

pytestmark = [pytest.mark.xdist_group("browser"), needs_browser]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    with chromium() as browser:
        yield browser


@pytest.mark.parametrize("mail", [CAMPAIGN, SIGN_IN], ids=["campaign", "sign-in"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_a_reader_out(browser: Browser, mail: Mail, scheme: str) -> None:
    """Axe finds no fault, all of the letter fits a narrow phone, and nothing is fetched."""
    body = draw(mail, sender="cards@shop.example", at=START).get_body(("html",))
    assert body is not None
    context = browser.new_context(viewport={"width": 360, "height": 640}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_content(str(body.get_content()))
    found = Axe().run(page, options=RULES).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert asked == []
    context.close()
