"""What comes back of letters: unsubscribing, by a page or one click, and notices of bounces and complaints."""

import base64
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from actors import Clock, Shop, connected_shop
from flask.testing import FlaskClient
from sqlalchemy import text
from standardwebhooks import Webhook
from werkzeug.test import TestResponse

from wallet_service.storage import suppressed
from wallet_service.web.mail_words import WORDS
from wallet_service.web.words import LANGUAGES
from wallet_service.wiring import Service

ANN = "ann@home.example"


@dataclass
class Reader:
    """Somebody with an address, and what is kept of it."""

    service: Service
    client: FlaskClient
    shop: Shop
    clock: Clock

    def path(self, *, member: bool = True, to: str = ANN) -> str:
        """Return the path of the link in a letter to the address."""
        with self.service.read() as tx:
            row = tx.execute(
                text("SELECT members.id, program_id FROM members WHERE external_id = 'ann' OR NOT :member LIMIT 1"),
                {"member": member},
            ).one()
        mark = suppressed.marks_of(self.service.vault, to)[0]
        url = self.service.unsubscribe_link(row.program_id, row.id if member else None, mark)
        return url.removeprefix(self.service.settings.base_url)

    def kept(self) -> list[tuple[str, str]]:
        """Return whose mark is kept, and for which reason."""
        known = {suppressed.marks_of(self.service.vault, each)[0]: each for each in (ANN, "bob@home.example")}
        with self.service.read() as tx:
            rows = tx.execute(text("SELECT mark, reason FROM suppressed ORDER BY reason"))
            return [(known[bytes(row.mark)], row.reason) for row in rows]

    def consents(self, customer: str = "ann") -> list[tuple[str, str | None, bool]]:
        """Return what the member has said, in its order."""
        query = """
            SELECT purpose, channel, granted FROM consents JOIN members ON members.id = member_id
            WHERE external_id = :customer ORDER BY consents.id
        """
        with self.service.read() as tx:
            return [tuple(row) for row in tx.execute(text(query), {"customer": customer})]

    def agree(self, *channels: str | None) -> None:
        """Have the member agree to news."""
        told = [{"purpose": "marketing", "granted": True} | ({"channel": each} if each else {}) for each in channels]
        self.shop.answer("member.updated", {"customer": {"id": "ann"}, "consents": told})


@pytest.fixture
def reader(service: Service, client: FlaskClient, shop: Shop, clock: Clock) -> Reader:
    """A member who is known by an address and has agreed to news."""
    shop.answer("member.enrolled", {"customer": {"id": "ann", "email": ANN}})
    found = Reader(service, client, shop, clock)
    found.agree("email", "sms")
    return found


def test_the_page_does_nothing_by_itself(reader: Reader) -> None:
    """Programs follow the links of letters; nothing happens before a button is pressed."""
    page = reader.client.get(reader.path())
    assert (page.status_code, page.headers["Cache-Control"]) == (200, "private, no-store")
    assert page.text.count("<button") == 1
    assert "Set-Cookie" not in page.headers
    assert reader.kept() == []


def test_pressing_the_button(reader: Reader) -> None:
    """The address gets no more news, and the member's consent to news by e-mail is withdrawn; that to others stays."""
    done = reader.client.post(reader.path())
    assert done.status_code == 200
    assert WORDS["en"]["done_title"] in done.text
    assert reader.kept() == [(ANN, "unsubscribed")]
    assert reader.consents()[2:] == [("marketing", "email", False)]


def test_one_click(reader: Reader) -> None:
    """A mail program posts what RFC 8058 says, with no cookie and no page before."""
    answer = reader.client.post(reader.path(), data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert reader.kept() == [(ANN, "unsubscribed")]
    assert reader.consents()[-1] == ("marketing", "email", False)


def test_unsubscribing_twice(reader: Reader) -> None:
    """A second time changes nothing that is not so already; after a new consent, it counts again."""
    for _ in range(2):
        reader.client.post(reader.path())
    assert len(reader.consents()) == 3
    reader.clock.on(days=1)
    reader.agree("email")
    reader.client.post(reader.path())
    assert reader.consents()[-1] == ("marketing", "email", False)


def test_consent_to_all_channels(reader: Reader) -> None:
    """Whoever has agreed to news by any way, and unsubscribes from letters, gets no more letters."""
    reader.agree(None)
    reader.client.post(reader.path())
    assert reader.consents()[-1] == ("marketing", "email", False)


def test_somebody_who_is_no_member(reader: Reader) -> None:
    """The address alone is put on the list."""
    reader.client.post(reader.path(member=False, to="bob@home.example"))
    assert reader.kept() == [("bob@home.example", "unsubscribed")]
    assert len(reader.consents()) == 2


def test_a_member_who_has_become_one_with_another(reader: Reader) -> None:
    """The link of a letter from before withdraws the consent of whoever stands for both."""
    path = reader.path()
    reader.shop.answer("member.enrolled", {"customer": {"id": "eve"}})
    reader.shop.answer(
        "member.updated",
        {"customer": {"id": "eve"}, "consents": [{"purpose": "marketing", "channel": "email", "granted": True}]},
    )
    with reader.service.begin() as tx:
        tx.execute(
            text("""
            UPDATE members SET merged_into = (SELECT id FROM members WHERE external_id = 'eve')
            WHERE external_id = 'ann'
        """)
        )
    reader.client.post(path)
    assert reader.consents("eve")[-1] == ("marketing", "email", False)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_in_each_language(reader: Reader, lang: str) -> None:
    """The page speaks the languages of all others, before and after."""
    words = WORDS[lang]
    assert words["button"] in reader.client.get(f"{reader.path()}?lang={lang}").text
    assert words["done_title"] in reader.client.post(f"{reader.path()}?lang={lang}").text


@pytest.mark.parametrize("change", [lambda path: path + "x", lambda path: path[:-3], lambda _: "/unsubscribe/junk"])
def test_a_link_that_nobody_made(reader: Reader, change: Any) -> None:
    """A link that is not, letter by letter, one of ours does nothing."""
    path = change(reader.path())
    assert reader.client.get(path).status_code == reader.client.post(path).status_code == 404
    assert reader.kept() == []


def told(reader: Reader, body: Any, *, secret: str | None = None, source: str = "shop") -> TestResponse:
    """Post a notice as a mail provider does, signed."""
    raw = body if isinstance(body, str) else json.dumps(body)
    now = reader.clock.now
    signature = Webhook(secret or reader.shop.secret).sign("notice-1", now, raw)
    headers = {"webhook-id": "notice-1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}
    return reader.client.post(f"/mail/bounces/{source}", data=raw, headers=headers)


def test_a_bounce(reader: Reader) -> None:
    """An address that is told not to exist is not written to any more; its member has withdrawn nothing."""
    assert told(reader, {"type": "bounced", "email": "Ann@Home.example"}).status_code == 204
    assert reader.kept() == [(ANN, "bounced")]
    assert len(reader.consents()) == 2


def test_a_bounce_for_now(reader: Reader) -> None:
    """An address that did not work once is still written to."""
    assert told(reader, {"type": "bounced", "email": ANN, "hard": False}).status_code == 204
    assert reader.kept() == []


def test_a_complaint(reader: Reader) -> None:
    """Whoever calls news spam has agreed to them no longer, in each programme of the merchant."""
    assert told(reader, {"type": "complained", "email": ANN}).status_code == 204
    assert reader.kept() == [(ANN, "complained")]
    assert reader.consents()[-1] == ("marketing", "email", False)


def test_a_complaint_about_an_unknown_address(reader: Reader) -> None:
    """An address of nobody's is put on the list all the same, and the answer does not tell."""
    assert told(reader, {"type": "complained", "email": "bob@home.example"}).status_code == 204
    assert reader.kept() == [("bob@home.example", "complained")]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"type": "opened", "email": ANN}, "type"),
        ({"type": "bounced"}, "email"),
        ({"type": "bounced", "email": "nobody"}, "email"),
        ({"type": "bounced", "email": 5}, "email"),
        ({"type": "bounced", "email": ANN, "hard": "yes"}, "hard"),
        ([], ""),
        ("not json", ""),
    ],
)
def test_a_notice_that_says_something_else(reader: Reader, body: Any, field: str) -> None:
    """A notice that cannot be read is refused by name, and changes nothing."""
    answer = told(reader, body)
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json["errors"]] == [field]  # type: ignore[index]
    assert reader.kept() == []


def test_a_notice_that_nobody_signed(reader: Reader) -> None:
    """Only whoever has a secret of the source may tell; unknown sources and wrong secrets are answered alike."""
    other = "whsec_" + base64.b64encode(b"x" * 24).decode()
    wrong = told(reader, {"type": "bounced", "email": ANN}, secret=other)
    nobody = told(reader, {"type": "bounced", "email": ANN}, source="nobody")
    late = reader.clock.now
    reader.clock.on(seconds=timedelta(hours=1).total_seconds())
    assert wrong.status_code == nobody.status_code == 401
    assert wrong.json == nobody.json
    assert late < reader.clock.now
    assert reader.kept() == []


def test_the_source_of_another_merchant(reader: Reader) -> None:
    """What is told by one merchant's source says nothing of another's letters."""
    shop = connected_shop(reader.service, reader.client, "other", template="small_shop")
    with reader.service.begin() as tx:
        tx.execute(text("INSERT INTO merchants (code, name, created_at) VALUES ('other', 'Other', now())"))
        tx.execute(
            text("""
            UPDATE programs SET merchant_id = (SELECT id FROM merchants WHERE code = 'other')
            WHERE template = 'small_shop'
        """)
        )
    told(reader, {"type": "complained", "email": ANN}, secret=shop.secret, source="other")
    assert len(reader.consents()) == 2
    with reader.service.read() as tx:
        assert tx.execute(text("SELECT code FROM suppressed JOIN merchants ON id = merchant_id")).scalar() == "other"
