"""The page of a receipt: whoever bought without a card gets one with the points, or adds them to theirs; once."""

import hashlib
import hmac
import re
from typing import Any

import pytest
from actors import Shop
from books import faults
from flask.testing import FlaskClient
from sqlalchemy import text

from wallet_service.links import claim_key, claim_url
from wallet_service.storage import members
from wallet_service.usecases.receive import source_of
from wallet_service.web.claim_words import WORDS
from wallet_service.web.words import LANGUAGES
from wallet_service.wiring import Service

GUEST = {"order_id": "o/1 é", "customer": {"email": "guest@home.example"}, "currency": "EUR", "eligible_minor": 10_000}


@pytest.fixture
def address(shop: Shop, service: Service) -> str:
    """The path of the receipt of a guest's order, as the shop was told it."""
    told = shop.answer("order.paid", GUEST)
    assert told["status"] == "unmatched"
    url: str = told["claim_url"]
    return url.removeprefix(service.settings.base_url)


def balance_of(service: Service, customer: str) -> int:
    """Return what a member can spend."""
    with service.read() as tx:
        source = source_of(tx, dialect="standard", name="shop")
        found = members.find(tx, source.program_id, customer)
    assert found
    return found.position.available


def everything(service: Service) -> list[Any]:
    """Return how many members, cards and transactions there are."""
    with service.read() as tx:
        query = "SELECT (SELECT count(*) FROM members), (SELECT count(*) FROM ledger_transactions)"
        return list(tx.execute(text(query)).one())


def test_a_receipt_brings_a_card_with_its_points(client: FlaskClient, service: Service, address: str) -> None:
    """One press on one button: the next page is that of a card, which shows the points of the order."""
    page = client.get(address)
    assert (page.status_code, page.headers["Cache-Control"]) == (200, "private, no-store")
    assert WORDS["en"]["join"] in page.text
    form = re.findall(r'name="form" value="(\w+)"', page.text)[0]
    onward = client.post(address, data={"form": form})
    assert onward.status_code == 303
    card = client.get(onward.headers["Location"])
    assert "100" in card.text
    assert faults(service) == []


def test_the_same_form_sent_twice_makes_one_card(client: FlaskClient, service: Service, address: str) -> None:
    """A second press, or a browser that tries again, enrols nobody anew."""
    first = client.post(address, data={"form": "f1"})
    before = everything(service)
    second = client.post(address, data={"form": "f1"})
    assert first.status_code == 303
    assert (second.status_code, everything(service)) == (200, before)
    assert WORDS["en"]["claimed"] in second.text


def test_a_receipt_is_claimed_once(client: FlaskClient, service: Service, address: str) -> None:
    """Whoever comes later is told so, and nothing more about whose card it is."""
    client.post(address, data={"form": "f1"})
    before = everything(service)
    for later in (client.get(address), client.post(address, data={"form": "f2"})):
        assert WORDS["en"]["claimed"] in later.text
        assert "/cards/" not in later.text
    assert everything(service) == before


def test_points_are_added_to_a_card_that_is_there(
    client: FlaskClient, shop: Shop, service: Service, address: str
) -> None:
    """The code is read as it is printed, with spaces or small letters; no page leads on to the card."""
    shop.enrol("ann")
    with service.read() as tx:
        source = source_of(tx, dialect="standard", name="shop")
        ann = members.find(tx, source.program_id, "ann")
    assert ann
    code = f" {ann.card_code[:8].lower()} {ann.card_code[8:]} "
    done = client.post(address, data={"card_code": code})
    assert done.status_code == 200
    assert WORDS["en"]["added"] in done.text
    assert "/cards/" not in done.text
    assert balance_of(service, "ann") == 100


def test_a_wrong_code_changes_nothing(client: FlaskClient, service: Service, address: str) -> None:
    """It says so beside the field, which keeps its description for who cannot see it."""
    before = everything(service)
    page = client.post(address, data={"card_code": "0000"})
    assert (page.status_code, everything(service)) == (422, before)
    assert 'aria-describedby="wrong"' in page.text


@pytest.mark.parametrize("junk", ["\x00", "a\x00b", "\u202e", "\n", "x" * 300])
def test_junk_in_a_form_is_no_fault_of_ours(client: FlaskClient, service: Service, address: str, junk: str) -> None:
    """A code that cannot be one is a wrong code, and a form's id that cannot be one is replaced."""
    wrong = client.post(address, data={"card_code": f"K7QM{junk}"})
    assert (wrong.status_code, everything(service)) == (422, [0, 0])
    assert client.post(address, data={"form": junk}).status_code == 303


def test_an_order_that_has_not_come_yet_is_awaited(client: FlaskClient, shop: Shop, service: Service) -> None:
    """A mail may be faster than the webhook: the page says when to come back, and enrols nobody."""
    url = claim_url("", service.secret_key, "standard", "shop", "later")
    for page in (client.get(url), client.post(url, data={"form": "f"})):
        assert (page.status_code, WORDS["en"]["unknown"] in page.text) == (200, True)
    assert everything(service) == [0, 0]


@pytest.mark.parametrize("change", ["signature", "order", "source", "dialect", "short"])
def test_a_changed_link_opens_nothing(client: FlaskClient, address: str, change: str) -> None:
    """Whatever is wrong with a link, the answer is the same, and says nothing about orders or sources."""
    last = address[-1]
    changed = {
        "signature": address[:-1] + ("0" if last != "0" else "1"),
        "order": address.replace("order=o", "order=p"),
        "source": address.replace("/shop?", "/other?"),
        "dialect": address.replace("/standard/", "/shopify/"),
        "short": address[:-32],
    }[change]
    assert changed != address
    nobodys = f"/receipts/standard/nobody?order=o9&signature={'0' * 64}"
    answers = [client.get(changed), client.get(nobodys)]
    assert {each.status_code for each in answers} == {404}
    assert answers[0].get_data() == answers[1].get_data()


def test_a_shop_signs_its_receipts_itself(service: Service, address: str) -> None:
    """The signature is the HMAC-SHA256 of the order's id in hex, which shop systems' templates can make."""
    key = claim_key(service.secret_key, "standard", "shop")
    own = hmac.new(key.encode(), GUEST["order_id"].encode(), hashlib.sha256).hexdigest()  # type: ignore[attr-defined]
    assert address.endswith(own)


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_speaks_the_readers_language(client: FlaskClient, address: str, language: str) -> None:
    """All that is said to customers is said in each language that we speak."""
    page = client.get(address, headers={"Accept-Language": language})
    assert f'lang="{language}"' in page.text
    assert WORDS[language]["free"] in page.text
    assert WORDS.keys() == set(LANGUAGES)
    assert WORDS[language].keys() == WORDS["en"].keys()
