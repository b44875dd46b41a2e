"""What customers see: the card behind its link, and plain pages."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from actors import START, Clock, Device, Shop, card_of
from flask.testing import FlaskClient
from itsdangerous import URLSafeSerializer

from wallet_service.config import Settings
from wallet_service.domain.card import Card
from wallet_service.links import card_links, card_url
from wallet_service.sandbox.chain import Chain
from wallet_service.sandbox.verify import open_pass
from wallet_service.web import create_app
from wallet_service.wiring import Service

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}
LOST = ["/nowhere", "/cards/forged/card.pkpass", "/apple/v1/passes/p/s"]


@pytest.fixture
def card(service: Service, shop: Shop) -> Card:
    """Ann's card."""
    return card_of(service, shop.enrol("ann")["serial_number"])


@pytest.fixture
def link(service: Service, card: Card) -> str:
    """The path of the link to Ann's card."""
    url = card_url(service.settings.base_url, service.secret_key, card.serial_number)
    assert url.startswith("https://cards.example/cards/")
    return url.removeprefix("https://cards.example")


def test_a_link_downloads_the_pass(client: FlaskClient, card: Card, link: str, chain: Chain) -> None:
    """Whoever holds the link gets the card, in a form that a phone opens at once."""
    answer = client.get(link, headers=BROWSER)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/vnd.apple.pkpass"
    assert answer.headers["Content-Length"] == str(len(answer.data))
    assert answer.headers["Last-Modified"] == "Mon, 01 Jun 2026 10:00:00 GMT"
    assert open_pass(answer.data, root_pem=chain.root, now=START).serial_number == card.serial_number


def test_a_page_offers_both_wallets(client: FlaskClient, link: str) -> None:
    """Above the link to the pass is a page with a button for each wallet; it is kept nowhere and runs no script."""
    page = client.get(link.removesuffix("/card.pkpass"), headers=BROWSER)
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "private, no-store"
    assert re.findall(r'href="([^"]+)" rel="nofollow">([^<]+)<', page.text) == [
        (link, "Add to Apple Wallet"),
        (link.replace("/card.pkpass", "/google"), "Add to Google Wallet"),
    ]
    assert "<script" not in page.text


def test_a_link_may_be_asked_for_again(client: FlaskClient, link: str, clock: Clock) -> None:
    """Browsers hand the address to Wallet, which asks anew: without a cookie, and a day later as well."""
    first = client.get(link)
    clock.on(days=1)
    again = client.get(link)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.data == again.data
    assert "Set-Cookie" not in first.headers


def test_a_link_can_be_asked_for_its_headers_alone(client: FlaskClient, link: str) -> None:
    """HEAD tells type and length without sending the pass."""
    head, got = client.head(link), client.get(link)
    assert (head.status_code, head.data) == (200, b"")
    for name in ("Content-Type", "Content-Length", "Last-Modified"):
        assert head.headers[name] == got.headers[name]


def test_a_link_shows_the_newest_card(client: FlaskClient, link: str, shop: Shop) -> None:
    """The link belongs to the card, not to one of its revisions."""
    before = client.get(link)
    shop.adjust(5)
    after = client.get(link)
    assert after.data != before.data
    assert after.headers["Last-Modified"] == "Mon, 01 Jun 2026 10:00:01 GMT"


def test_a_download_alone_says_nothing_about_any_phone(
    client: FlaskClient, link: str, card: Card, device: Device, service: Service
) -> None:
    """A download by link marks no registered phone as up to date."""
    device.register(card)
    device.list()
    client.get(link)
    with service.read() as tx:
        assert tx.exec_driver_sql("SELECT fetched FROM wallets").scalar_one() == 0


def test_a_forged_link_is_refused(client: FlaskClient, card: Card, link: str, service: Service) -> None:
    """A link that another key, another purpose or nobody signed opens nothing, and all are refused alike."""
    token = link.split("/")[2]
    payload, _, signature = token.rpartition(".")
    forged = [
        card.serial_number,
        payload,
        f"{payload}.",
        f".{signature}",
        f"{payload}.{signature[::-1]}",
        f"{payload}.{signature}A",
        f"{token}.{signature}",
        f"x{token}",
        token.swapcase(),
        card_links("another key " * 4).dumps(card.serial_number),
        URLSafeSerializer(service.secret_key, salt="another purpose").dumps(card.serial_number),
        URLSafeSerializer(service.secret_key).dumps(card.serial_number),
        card_links(service.secret_key).dumps("a card that does not exist"),
    ]
    answers = [client.get(f"/cards/{each}/card.pkpass") for each in forged]
    assert {each.status_code for each in answers} == {401}
    assert len({each.data for each in answers}) == 1


def test_every_truncated_link_is_refused(client: FlaskClient, link: str) -> None:
    """A link that lost its end in a message opens nothing."""
    token = link.split("/")[2]
    for length in range(1, len(token)):
        assert client.get(f"/cards/{token[:length]}/card.pkpass").status_code == 401


def test_a_card_that_is_gone_is_refused_like_a_forged_link(client: FlaskClient, service: Service) -> None:
    """A link that we signed for a card that is no more is refused without saying so."""
    token = card_links(service.secret_key).dumps("0" * 24)
    assert client.get(f"/cards/{token}/card.pkpass").data == client.get("/cards/x/card.pkpass").data


@pytest.mark.parametrize("path", ["/", *LOST])
def test_pages_are_made_for_phones_and_run_nothing(client: FlaskClient, path: str) -> None:
    """Every page names its language, fits a phone, and lets nothing load or run but its own style."""
    page = client.get(path, headers=BROWSER)
    assert page.mimetype == "text/html"
    assert page.text.lower().startswith("<!doctype html>")
    assert '<html lang="en">' in page.text
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page.text
    assert re.search(r"<title>[^<]+</title>", page.text)
    assert page.text.count("<h1>") == 1
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "<script" not in page.text
    assert 'style="' not in page.text


def test_the_style_of_a_page_has_the_nonce_of_its_policy(client: FlaskClient) -> None:
    """A page's style is allowed by a nonce that no other answer has."""
    nonces = set()
    for _ in range(3):
        page = client.get("/")
        (nonce,) = re.findall(r'<style nonce="([^"]+)">', page.text)
        assert f"style-src 'nonce-{nonce}'" in page.headers["Content-Security-Policy"]
        nonces.add(nonce)
    assert len(nonces) == 3


def test_the_index_leads_to_the_simulated_phone_only_in_the_sandbox(client: FlaskClient, service: Service) -> None:
    """With a certificate of Apple's the page does not speak of a simulated phone."""
    assert "simulated phone" in client.get("/").text
    live = Settings(
        data_folder=Path("unused"),
        base_url="https://cards.example",
        secret_key="k" * 32,
        apple_certificate="pass.pem",
        apple_wwdr="wwdr.pem",
    )
    page = create_app(replace(service, settings=live)).test_client().get("/")
    assert page.status_code == 200
    assert "phone</a>" not in page.text
    assert "<a " not in page.text


@pytest.mark.parametrize("path", LOST)
def test_a_person_gets_a_page_and_a_program_a_document(client: FlaskClient, path: str) -> None:
    """The same refusal is a page for a browser and a problem document for everything else."""
    page = client.get(path, headers=BROWSER)
    assert page.mimetype == "text/html"
    for accept in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}, {"Accept": "image/png"}, {"Accept": "junk"}):
        document = client.get(path, headers=accept)
        assert document.mimetype == "application/problem+json"
        assert document.status_code == page.status_code
        assert document.json["title"].replace("'", "&#39;") in page.text


def test_a_page_shows_what_was_asked_for_as_text(client: FlaskClient) -> None:
    """Nothing of an address comes back as markup."""
    page = client.get("/<script>alert(1)</script>?a=<b>", headers=BROWSER)
    assert page.status_code == 404
    assert "<script" not in page.text
    assert "<b>" not in page.text


def test_pages_have_an_icon(client: FlaskClient) -> None:
    """Each page names it, and browsers that ask for it by its usual name get the same one."""
    named = re.search(r'<link rel="icon" href="([^"]+)"', client.get("/nowhere", headers=BROWSER).text)
    assert named
    with client.get(named[1]) as icon, client.get("/favicon.ico") as asked:
        assert asked.data == icon.data
        assert {each.mimetype for each in (icon, asked)} == {"image/svg+xml"}
        assert "max-age" in asked.headers["Cache-Control"]
