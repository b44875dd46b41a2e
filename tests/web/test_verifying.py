"""An address that somebody typed becomes theirs by a letter; who has a card already keeps that one, and only that."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from actors import Clock, Shop
from books import faults
from member_actors import Mailbox, Visitor, path_in
from sqlalchemy import text
from werkzeug.test import TestResponse

from wallet_service.domain.event import Customer
from wallet_service.domain.identity import Identity
from wallet_service.domain.sign_in_words import WORDS as LETTERS
from wallet_service.storage import identities
from wallet_service.usecases.erase import erase
from wallet_service.usecases.join_by_form import program_of
from wallet_service.usecases.operate import OpenProgram, operate
from wallet_service.usecases.serve import card_by_serial
from wallet_service.web import create_app
from wallet_service.web.member_words import WORDS
from wallet_service.web.words import LANGUAGES
from wallet_service.wiring import Service

ANN = "ann@home.example"
TYPED = {"name": "Ann Example", "email": ANN, "terms": "1"}
Contents = dict[str, tuple[int, str]]


@pytest.fixture(autouse=True)
def _opened(shop: Shop) -> None:
    """The programme is open, as it is as soon as there is a shop."""


@pytest.fixture
def strict(service: Service) -> Service:
    """The service with a programme that shows a card only to whoever has opened the letter."""
    template = service.template("points")
    assert template.look.join is not None
    look = template.look.model_copy(update={"join": template.look.join.model_copy(update={"verify": "email"})})
    return replace(service, templates={**service.templates, "points": replace(template, look=look)})


def joined(visitor: Visitor, clock: Clock, **said: str) -> TestResponse:
    """Join by the form."""
    form = re.findall(r'name="form" value="([^"]+)"', visitor.get("/join/points").text)[0]
    clock.on(seconds=10)
    return visitor.post("/join/points", **(TYPED | said | {"form": form}))


def elsewhere(service: Service) -> Visitor:
    """Somebody with another browser."""
    return Visitor(create_app(service).test_client())


def rows(service: Service, query: str) -> list[tuple[object, ...]]:
    """Return what a query finds."""
    with service.read() as tx:
        return [tuple(row) for row in tx.execute(text(query))]


def known(service: Service) -> dict[str, list[tuple[Identity, bool]]]:
    """Return what each member who is left is known by, and whether that is verified, by the merchant's own id."""
    with service.read() as tx:
        found = tx.execute(text("SELECT id, external_id FROM members WHERE merged_into IS NULL ORDER BY id"))
        return {
            row.external_id: [(each, at is not None) for each, at in identities.of_member(tx, service.vault, row.id)]
            for row in found
        }


def test_a_typed_address_becomes_the_members(
    visitor: Visitor, service: Service, clock: Clock, mailbox: Mailbox
) -> None:
    """The card is there at once; the letter's button makes the address the member's, and opens their page."""
    card = joined(visitor, clock)
    assert card.headers["Location"].startswith("/cards/")
    assert 'id="letter"' in visitor.get(card.headers["Location"]).text
    assert 'id="letter"' not in visitor.get(card.headers["Location"].split("?")[0]).text
    (letter,) = mailbox.read()
    assert letter["To"] == ANN
    assert letter["Subject"] == LETTERS["en"]["verify"][0].format(program="Papermoth Rewards")
    assert set(map(str, known(service).values())) == {"[]"}
    path = path_in(letter)
    for _ in range(2):  # a program of the mail server has followed it
        page = visitor.get(path)
        assert WORDS["en"]["verify"] in page.text
        assert ANN in page.text
    answer = visitor.post(path, answer="yes")
    assert answer.headers["Location"] == "/members/points/me"
    assert "Ann Example" in visitor.me().text
    assert list(known(service).values()) == [[(Identity("email", ANN), True)]]
    assert rows(service, "SELECT count(*) FROM typed_addresses") == [(0,)]
    assert visitor.post(path, answer="yes").status_code == 404
    assert faults(service) == []


def test_orders_that_wait_are_taken(
    visitor: Visitor, shop: Shop, service: Service, clock: Clock, mailbox: Mailbox
) -> None:
    """What was bought with the address before counts from then on, and not a moment earlier."""
    bought = {"order_id": "o1", "customer": {"email": ANN}, "currency": "EUR", "eligible_minor": 8_040}
    assert shop.answer("order.paid", bought)["status"] == "unmatched"
    joined(visitor, clock)
    path = mailbox.link()
    assert rows(service, "SELECT available FROM balances") == [(0,)]
    visitor.post(path, answer="yes")
    assert rows(service, "SELECT available FROM balances") == [(80,)]
    assert faults(service) == []


def test_who_has_a_card_keeps_that_one(
    visitor: Visitor, shop: Shop, service: Service, clock: Clock, mailbox: Mailbox
) -> None:
    """A known address leads to the card that is there: the letter says so, and the new one goes into it and is void."""
    first = shop.answer("member.enrolled", {"customer": {"id": "ann", "email": ANN, "name": "The real Ann"}})
    shop.adjust(30)
    answer = joined(visitor, clock)
    new = str(rows(service, "SELECT serial_number FROM cards ORDER BY id DESC LIMIT 1")[0][0])
    (letter,) = mailbox.read()
    assert letter["Subject"] == LETTERS["en"]["known"][0].format(program="Papermoth Rewards")
    page = visitor.get(path_in(letter))
    assert WORDS["en"]["known"] in page.text
    assert "The real Ann" not in page.text
    visitor.post(path_in(letter), answer="yes")
    assert "The real Ann" in visitor.me().text
    with service.read() as tx:
        one, two = card_by_serial(tx, first["serial_number"]).member, card_by_serial(tx, new).member
    assert (one.voided, two.voided) == (False, True)
    assert (one.position.available, two.merged_into) == (30, "ann")
    assert known(service) == {"ann": [(Identity("email", ANN), True)]}
    assert rows(service, "SELECT count(*) FROM typed_addresses") == [(0,)]
    assert visitor.get(answer.headers["Location"]).status_code == 200
    assert faults(service) == []


def test_the_form_tells_nobody_who_is_a_member(visitor: Visitor, shop: Shop, clock: Clock, service: Service) -> None:
    """Whether a typed address is known or not, the form is answered alike, and the same rows are written."""
    shop.answer("member.enrolled", {"customer": {"id": "ann", "email": ANN}})
    answers, asked = [], []
    for address in (ANN, "new@home.example"):
        answer = joined(visitor, clock, email=address)
        answers.append((answer.status_code, re.sub("/cards/.*", "", answer.headers["Location"])))
        asked += rows(service, "SELECT count(*) FROM asked_letters")
    assert answers[0] == answers[1]
    assert asked == [(1,), (2,)]


def test_the_card_waits_for_the_letter(strict: Service, clock: Clock, mailbox: Mailbox) -> None:
    """Where the programme wants it, the form leads to no card: only the letter does."""
    visitor = elsewhere(strict)
    answer = joined(visitor, clock)
    assert answer.headers["Location"] == "/members/points/joined"
    assert WORDS["en"]["joined_hint"] in visitor.get("/members/points/joined").text
    assert visitor.post(mailbox.link(), answer="yes").status_code == 303
    assert re.search(r'id="add-\w+" href="/cards/', visitor.me().text)


def test_nobody_joins_where_no_letter_can_be_sent(strict: Service) -> None:
    """A programme that wants an address verified takes nobody in where that cannot be done, and says so."""
    live = strict.settings.model_copy(update={"apple_certificate": "a.pem"})
    visitor = elsewhere(replace(strict, settings=live))
    assert visitor.get("/join/points").status_code == 404
    assert 'id="join"' not in visitor.get("/programs/points").text


def test_without_letters_people_join_as_before(service: Service, clock: Clock) -> None:
    """The card is there at once, and no letter waits to be written."""
    live = service.settings.model_copy(update={"apple_certificate": "a.pem"})
    answer = joined(elsewhere(replace(service, settings=live)), clock)
    assert answer.headers["Location"].startswith("/cards/")
    assert rows(service, "SELECT count(*) FROM asked_letters") == [(0,)]


def test_an_address_of_somebody_else_is_forgotten(
    visitor: Visitor, service: Service, clock: Clock, mailbox: Mailbox
) -> None:
    """Whoever gets the letter and has not joined says so: the address is dropped, and nobody is signed in."""
    joined(visitor, clock)
    path = mailbox.link()
    other = elsewhere(service)
    answer = other.post(path, answer="no")
    assert answer.headers["Location"] == "/members/points/disowned"
    assert "Set-Cookie" not in answer.headers
    assert WORDS["en"]["disowned_hint"] in other.get("/members/points/disowned").text
    assert rows(service, "SELECT count(*) FROM typed_addresses") == [(0,)]
    assert list(known(service).values()) == [[]]
    assert visitor.post(path, answer="yes").status_code == 404


@pytest.mark.parametrize("how", ["expired", "used", "tampered", "foreign", "of the other kind"])
def test_a_link_that_does_not_work(
    visitor: Visitor, service: Service, clock: Clock, mailbox: Mailbox, contents: Callable[[], Contents], how: str
) -> None:
    """Whatever is the matter with a link, its reader gets one plain page, looking or pressing, and nothing changes."""
    joined(visitor, clock)
    path = mailbox.link()
    match how:
        case "expired":
            clock.on(days=3)
        case "used":
            visitor.post(path, answer="yes")
        case "tampered":
            path = path[:-1] + ("A" if path[-1] != "A" else "B")
        case "foreign":
            with service.begin() as tx:
                tx.execute(
                    text(
                        "INSERT INTO programs (code, template, merchant_id, created_at) "
                        "SELECT 'other', template, merchant_id, created_at FROM programs"
                    )
                )
                tx.execute(text("UPDATE sign_ins SET program_id = (SELECT max(id) FROM programs)"))
        case _:
            path = path.replace("verify", "sign-in")
    before, other = contents(), elsewhere(service)
    answers = [other.post(path, answer="yes"), other.post(path, answer="no")]
    answers += [other.get(path)] if how != "of the other kind" else []
    for answer in answers:
        assert answer.status_code == 404
        assert WORDS["en"]["over"] in answer.text
        assert "Set-Cookie" not in answer.headers
    assert contents() == before


def test_whoever_has_left_is_not_asked(visitor: Visitor, service: Service, clock: Clock, mailbox: Mailbox) -> None:
    """A member who is erased before the letter is written gets none, and of one on its way the link is over."""
    joined(visitor, clock)
    erase_newest(service)
    assert mailbox.read() == []
    joined(visitor, clock)
    path = mailbox.link()
    erase_newest(service)
    assert visitor.post(path, answer="yes").status_code == 404


def erase_newest(service: Service) -> None:
    """Erase the member who has joined last."""
    with service.read() as tx:
        opened = program_of(tx, "points")
    ((public_id,),) = rows(service, "SELECT public_id FROM members ORDER BY id DESC LIMIT 1")
    operate(
        service.begin,
        program=OpenProgram(opened.id, service.in_force.of_program(opened), service.vault),
        key=f"erase {public_id}",
        kind="member.erase",
        content={},
        actor="a test",
        now=service.clock(),
        act=lambda operation: erase(operation, customer=Customer(member_id=str(public_id))),
    )


@pytest.mark.parametrize("lang", LANGUAGES)
def test_letters_speak_the_language_of_the_form(
    visitor: Visitor, service: Service, clock: Clock, mailbox: Mailbox, lang: str
) -> None:
    """Subject, words and button are those of the page on which somebody joined."""
    joined(replace(visitor, language=lang), clock)
    (letter,) = mailbox.read()
    subject, paragraphs, button = LETTERS[lang]["verify"]
    program = service.template("points").blank(lang).program
    assert letter["Subject"] == subject.format(program=program)
    body = letter.get_body(("plain",))
    assert body is not None
    said = " ".join(body.get_content().split())
    for each in (*paragraphs, button):
        assert " ".join(each.format(program=program).split()) in said


def test_an_address_gets_only_so_many_letters(
    visitor: Visitor, clock: Clock, mailbox: Mailbox, service: Service
) -> None:
    """Whoever joins again and again with one address gets cards as before, and the address five letters in an hour."""
    for _ in range(7):
        assert joined(visitor, clock).status_code == 303
    assert len(mailbox.read()) == service.settings.letters_per_address
