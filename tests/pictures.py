"""Takes the pictures in `docs/pages/` of a service that runs: `make run`, then `.venv/bin/python tests/pictures.py`.

For each page a phone of 360 pixels and a desk of 1440, in two languages. What they show is looked at by people.
"""

import email
import io
import json
import os
import re
import subprocess
import sys
import time
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import click
from browsers import chromium
from link_actors import ANDROID, IPHONE, WINDOWS
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page

from wallet_service.client import ApiRefused, Client

FOLDER = Path(__file__).parents[1] / "docs" / "pages"
CAMPAIGN = "pictures"
PATIENCE = 60.0
COLORS = 128  # of a picture; that keeps it small


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), default=Path("var"), show_default=True)
def take(data: Path) -> None:
    """Take all pictures; `data` is the folder of the service that runs."""
    demo = json.loads((data / "demo.json").read_text())
    FOLDER.mkdir(parents=True, exist_ok=True)
    _buy(demo)
    link, funnel = _campaign(demo), _funnel(demo, data)
    with chromium() as browser:
        for lang in ("en", "cs"):
            phone, desk = _phone(browser, lang), _desk(browser, lang)
            for context, where in ((phone, "phone"), (desk, "desk")):
                for name, url in (
                    ("link", link),
                    ("join", demo["join_url"]),
                    ("programme", demo["join_url"].replace("/join/", "/programs/")),
                    ("card", demo["add_url"]),
                    ("statement", f"{demo['add_url']}/statement"),
                    ("sign-in", demo["member_url"]),
                ):
                    _picture(_opened(context, url), f"{name}-{lang}-{where}")
            _member(phone, desk, demo, data / "mail", lang)
        _picture(_opened(_desk(browser, "en"), funnel), "funnel-en-desk")
        _picture(_opened(_phone(browser, "en", agent=ANDROID), link), "link-en-android")
    click.echo(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER}")


def _phone(browser: Browser, lang: str, *, agent: str = IPHONE) -> BrowserContext:
    return browser.new_context(viewport={"width": 360, "height": 740}, user_agent=agent, locale=lang)


def _desk(browser: Browser, lang: str) -> BrowserContext:
    return browser.new_context(viewport={"width": 1440, "height": 900}, user_agent=WINDOWS, locale=lang)


def _opened(context: BrowserContext, url: str) -> Page:
    page = context.new_page()
    page.goto(url)
    return page


def _picture(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    taken = Image.open(io.BytesIO(page.screenshot(full_page=True)))
    taken.convert("RGB").quantize(COLORS).save(FOLDER / f"{name}.png", optimize=True)
    click.echo(f"  {name}")


def _funnel(demo: dict[str, Any], data: Path) -> str:
    """Return the address of the page with charts."""
    environment = os.environ | {"WALLET_DATA_FOLDER": str(data), "WALLET_BASE_URL": demo["base_url"]}
    command = [sys.executable, "-m", "wallet_service", "funnel", "--page", "1"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()[-1]


def _buy(demo: dict[str, Any]) -> None:
    """Have the demo's member buy something, once."""
    client = Client(demo["api_url"], demo["api_key"])
    for number, minor in enumerate((4200, 1890, 6400), 1):
        data = {"order_id": f"picture {number}", "customer": {"id": demo["customer_id"]}, "currency": "EUR"}
        event = {"type": "order.paid", "timestamp": "2026-11-02T10:00:00Z", "data": data | {"eligible_minor": minor}}
        client.tell(event, key=f"picture {number}")


def _campaign(demo: dict[str, Any]) -> str:
    """Return a link of a campaign for the demo's member."""
    client = Client(demo["api_url"], demo["api_key"])
    try:
        client.call("POST", "/campaigns", {"code": CAMPAIGN, "name": "Spring letter", "channel": "email"})
    except ApiRefused as refused:
        if refused.status != 409:
            raise
    return client.link(CAMPAIGN, member_id=demo["member_id"], channel="email")["url"]


def _member(phone: BrowserContext, desk: BrowserContext, demo: dict[str, Any], mail: Path, lang: str) -> None:
    """Sign in by the letter, on the phone and at the desk, and take the pages behind it."""
    for context, where in ((phone, "phone"), (desk, "desk")):
        before = set(mail.glob("*.eml"))
        page = _opened(context, demo["member_url"])
        page.fill("input[type=email]", demo["email"])
        page.click("main button[type=submit]")
        _picture(page, f"asked-{lang}-{where}")
        letter = _letter(mail, before)
        page.goto(re.findall(r"https?://\S+", str(letter.get_body(("plain",)).get_content()))[0])  # type: ignore[union-attr]
        page.click("main button[type=submit]")
        page.click(f"footer a[lang={lang}], footer [aria-current][lang={lang}]")
        _picture(page, f"member-{lang}-{where}")
        shown = context.new_page()
        shown.set_content(str(letter.get_body(("html",)).get_content()))  # type: ignore[union-attr]
        _picture(shown, f"letter-{lang}-{where}")


def _letter(mail: Path, before: set[Path]) -> EmailMessage:
    end = time.monotonic() + PATIENCE
    while not (new := set(mail.glob("*.eml")) - before):
        if time.monotonic() > end:
            sys.exit("no letter came; does the worker run?")
        time.sleep(0.2)
    time.sleep(0.2)
    found = email.message_from_bytes(new.pop().read_bytes(), policy=default)
    assert isinstance(found, EmailMessage)
    return found


if __name__ == "__main__":
    take()
