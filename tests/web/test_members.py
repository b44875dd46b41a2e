"""Members' own pages: a link by letter signs in, once and to one programme; nobody learns who is a member."""

import io
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

import pytest
from actors import Clock, Shop, connected_shop
from api_actors import World
from books import faults
from flask.testing import FlaskClient
from link_actors import IPHONE
from member_actors import Mailbox, Visitor, path_in
from sqlalchemy import text
from werkzeug.test import TestResponse

from wallet_service.domain.drawing import Case
from wallet_service.domain.event import Consent
from wallet_service.domain.join_form import text_version
from wallet_service.domain.redeeming import Reason
from wallet_service.domain.standing import Standing
from wallet_service.storage import consents
from wallet_service.usecases.redeem import Listed
from wallet_service.usecases.serve import card_by_serial
from wallet_service.web import create_app
from wallet_service.web.api import samples
from wallet_service.web.member_words import WORDS
from wallet_service.web.rewards import Shelf
from wallet_service.web.words import LANGUAGES
from wallet_service.wiring import Service

ANN = "ann@home.example"
BOB = "bob@home.example"
Contents = dict[str, tuple[int, str]]


@pytest.fixture
def ann(shop: Shop) -> dict[str, object]:
    """A member whose address the shop has told."""
    return shop.answer("member.enrolled", {"customer": {"id": "ann", "email": ANN, "name": "Ann Example"}})


@pytest.fixture
def inside(ann: object, visitor: Visitor, mailbox: Mailbox) -> Visitor:
    """Ann, who is signed in."""
    visitor.ask(ANN)
    assert visitor.post(mailbox.link()).status_code == 303
    return visitor


def elsewhere(service: Service) -> Visitor:
    """Somebody with another browser."""
    return Visitor(create_app(service).test_client())


def one(service: Service, query: str, **values: object) -> object:
    """Return the one value that a query finds."""
    with service.read() as tx:
        return tx.execute(text(query), values).scalar_one()


def seen(answer: TestResponse) -> tuple[int, str, dict[str, str]]:
    """Return all of an answer that its reader can tell from another, but for the page's own nonce."""
    headers = {name: re.sub(r"nonce-[^']+", "nonce", value) for name, value in answer.headers}
    return answer.status_code, re.sub(r'nonce="[^"]+"', "nonce", answer.text), headers


def test_a_link_signs_in_once(ann: object, visitor: Visitor, mailbox: Mailbox) -> None:
    """The letter's link opens a page with a button; the button signs in, and is used up by it."""
    asked = visitor.ask(ANN)
    assert (asked.status_code, asked.headers["Location"]) == (303, "/members/points/sent")
    (letter,) = mailbox.read()
    assert letter["To"] == ANN
    path = path_in(letter)
    for _ in range(2):  # a program of the mail server has followed it
        assert visitor.get(path).status_code == 200
    answer = visitor.post(path)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/members/points/me")
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/members/points"} <= set(cookie.split("; "))
    page = visitor.me()
    assert page.status_code == 200
    assert "Ann Example" in page.text
    assert page.headers["Cache-Control"] == "private, no-store"
    assert visitor.get("/members/points").headers["Location"] == "/members/points/me"
    assert visitor.post(path).status_code == 404


def test_nobody_learns_who_is_a_member(ann: object, visitor: Visitor, service: Service, mailbox: Mailbox) -> None:
    """A member's address and one of nobody's get the same answer by the same work; only one of them gets a letter."""
    asks = []
    for address in (ANN, "nobody@home.example"):
        asks.append((seen(visitor.ask(address)), one(service, "SELECT count(*) FROM asked_letters")))
    assert asks[0][0] == asks[1][0]
    assert [rows for _, rows in asks] == [1, 2]
    assert [letter["To"] for letter in mailbox.read()] == [ANN]
    assert one(service, "SELECT count(*) FROM asked_letters") == 0


def test_nothing_of_a_link_can_be_read_from_the_database(
    ann: object, visitor: Visitor, service: Service, mailbox: Mailbox
) -> None:
    """Neither the address that was typed, nor the link, nor the session stands anywhere in clear."""
    visitor.ask(ANN)
    token = mailbox.link().rsplit("/", 1)[1]
    visitor.post(f"/members/points/sign-in/{token}")
    tables = ("asked_letters", "sign_ins", "member_sessions", "letters", "rates")
    for table in tables:
        held = str(one(service, f"SELECT coalesce(string_agg(t::text, '|'), '') FROM {table} AS t"))
        assert ANN not in held
        assert token not in held


@pytest.mark.parametrize("how", ["expired", "used", "tampered", "foreign", "of the other kind"])
def test_a_link_that_does_not_work(
    ann: object, visitor: Visitor, service: Service, client: FlaskClient, clock: Clock, mailbox: Mailbox, how: str
) -> None:
    """Whatever is the matter with a link, its reader gets one plain page, and is signed in nowhere."""
    connected_shop(service, client, "bakery", template="stamp_card")
    other = service.template("stamp_card").program.program.code
    visitor.ask(ANN)
    path = mailbox.link()
    match how:
        case "expired":
            clock.on(minutes=15)
        case "used":
            elsewhere(service).post(path)
        case "tampered":
            path = path[:-1] + ("A" if path[-1] != "A" else "B")
        case "foreign":
            path = path.replace("points", other)
        case _:
            path = path.replace("sign-in", "verify")
    answer = visitor.post(path)
    assert answer.status_code == 404
    assert WORDS["en"]["over"] in answer.text
    assert "Set-Cookie" not in answer.headers
    assert visitor.me().headers["Location"].endswith("/members/points")


def test_held_points_that_would_die_are_told(world: World, clock: Clock, visitor: Visitor, mailbox: Mailbox) -> None:
    """Where points die as soon as they come back the page says how many, in each language, and nothing of it before."""
    names = world.names("")
    clock.on(days=10)
    body = {"member": {"id": names[samples.MEMBER]}, "points": 500, "minutes": 525_600}
    assert world.mine.program().send("POST", "/holds", json=body).status_code == 201
    visitor.program = world.service.template("sephora_like").program.program.code
    told = {
        "en": "500 points; would expire at once if given back: 500 points",
        "ru": "500 баллов; при возврате сразу сгорит: 500 баллов",
        "cs": "500 bodů; při vrácení hned propadne: 500 bodů",
        "ro": "500 de puncte; la restituire expiră imediat: 500 de puncte",
    }
    for days, dying in ((0, False), (360, True)):
        clock.on(days=days)
        visitor.ask(f"{names[samples.EXTERNAL]}@home.example")
        visitor.post(mailbox.link())
        for language in LANGUAGES:
            visitor.language = language
            assert (told[language] in visitor.me().text) is dying, language


def test_a_session_is_one_programmes(inside: Visitor, service: Service, client: FlaskClient) -> None:
    """The cookie of one programme opens nothing of another one, even where it is sent there."""
    connected_shop(service, client, "bakery", template="stamp_card")
    other = service.template("stamp_card").program.program.code
    cookie = client.get_cookie("member", path="/members/points")
    assert cookie is not None
    client.set_cookie("member", cookie.value, path=f"/members/{other}")
    assert replace(inside, program=other).me().status_code == 303
    assert inside.me().status_code == 200


def test_a_session_ends_by_rest(inside: Visitor, clock: Clock) -> None:
    """It goes on while somebody is there, ends after half an hour of rest, and after half a day in any case."""
    for _ in range(3):
        clock.on(minutes=29)
        assert inside.me().status_code == 200
    clock.on(minutes=30)
    assert inside.me().status_code == 303


def test_a_session_ends_after_half_a_day(inside: Visitor, clock: Clock) -> None:
    """However busy somebody is."""
    for _ in range(24):
        assert inside.me().status_code == 200
        clock.on(minutes=29)
    clock.on(minutes=25)
    assert inside.me().status_code == 303


def test_whoever_signs_out_is_out(inside: Visitor, client: FlaskClient) -> None:
    """The cookie is taken away, and would open nothing any more."""
    cookie = client.get_cookie("member", path="/members/points")
    assert cookie is not None
    answer = inside.press("/members/points/sign-out")
    assert answer.status_code == 303
    assert client.get_cookie("member", path="/members/points") is None
    client.set_cookie("member", cookie.value, path="/members/points")
    assert inside.me().status_code == 303


def test_a_new_secret_ends_every_session(inside: Visitor, client: FlaskClient, service: Service) -> None:
    """Also where the key before it still opens links to cards."""
    cookie = client.get_cookie("member", path="/members/points")
    assert cookie is not None
    later = replace(service, secret_key="k" * 40, previous_key=service.secret_key)
    other = elsewhere(later)
    other.client.set_cookie("member", cookie.value, path="/members/points")
    assert other.me().status_code == 303


@pytest.mark.parametrize(
    "path", ["sign-out", "me/consents", "me/new-card", "me/leave", "me/rewards/red_00000000000000000000"]
)
@pytest.mark.parametrize("how", ["no mark", "another's mark", "another site"])
def test_no_other_site_sends_a_form(
    inside: Visitor, service: Service, contents: Callable[[], Contents], path: str, how: str
) -> None:
    """A form without the session's own mark, or one of which the browser says that another site sent it, is refused."""
    mark = re.findall(r'name="mark" value="([^"]+)"', inside.me().text)[0]
    if how == "another site":
        inside = replace(inside, more={"Sec-Fetch-Site": "cross-site"})
    else:
        mark = "" if how == "no mark" else "0" * len(mark)
    before = {name: rows for name, rows in contents().items() if name != "member_sessions"}
    answer = inside.post(f"/members/points/{path}", mark=mark, **{"consent-1": "1"})
    assert answer.status_code == 403
    assert {name: rows for name, rows in contents().items() if name != "member_sessions"} == before


def test_a_changed_text_is_said_to_be_newer(inside: Visitor, service: Service) -> None:
    """Whoever agreed to another wording is told so; what was agreed by a purpose without a text can be withdrawn."""
    with service.begin() as tx:
        member_id = tx.execute(text("SELECT id FROM members")).scalar_one()
        given = [Consent("marketing", True, "email", "0" * 64), Consent("name_at_till", True)]
        consents.add(tx, member_id, given, source="a test", now=service.clock())
    page = inside.me().text
    assert page.count(WORDS["en"]["newer"]) == 1
    assert "name_at_till" in page
    inside.press("/members/points/me/consents", **{"consent-1": "1"})
    with service.read() as tx:
        now = {each.consent.purpose: each.consent.granted for each in consents.standing(tx, member_id)}
    assert now == {"marketing": True, "name_at_till": False}


def test_no_other_site_signs_anybody_in(ann: object, visitor: Visitor, mailbox: Mailbox) -> None:
    """Nobody's browser is signed in as somebody else by a page that sends the form of a link of theirs."""
    visitor.ask(ANN)
    path = mailbox.link()
    assert replace(visitor, more={"Sec-Fetch-Site": "cross-site"}).post(path).status_code == 403
    assert visitor.post(path).status_code == 303


def test_too_many_from_one_block(ann: object, visitor: Visitor, service: Service) -> None:
    """After thirty in an hour whoever asks from there is told when to come again, member or not."""
    for number in range(service.settings.sign_in_per_block):
        assert visitor.ask(f"somebody{number}@home.example").status_code == 303
    for address in (ANN, "nobody@home.example"):
        answer = visitor.ask(address)
        assert answer.status_code == 429
        assert answer.headers["Retry-After"] == "120"


def test_an_address_is_not_flooded(ann: object, visitor: Visitor, service: Service, mailbox: Mailbox) -> None:
    """Whoever asks again and again for an address gets the same answer, and the address five letters in an hour."""
    answers = {visitor.ask(ANN).headers["Location"] for _ in range(8)}
    assert answers == {"/members/points/sent"}
    assert len(mailbox.read()) == service.settings.letters_per_address


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_form_is_told_what_is_wrong(shop: Shop, visitor: Visitor, lang: str) -> None:
    """What is no address is said to be none, beside the field, in each language; nothing is asked for."""
    answer = replace(visitor, language=lang).ask("ann@home")
    assert answer.status_code == 422
    assert WORDS[lang]["wrong_email"] in answer.text
    assert 'value="ann@home"' in answer.text


def test_without_a_way_to_send_letters(shop: Shop, service: Service) -> None:
    """Where no letter can be sent, no page leads to where one would ask for one."""
    live = service.settings.model_copy(update={"apple_certificate": "a.pem"})
    assert not live.mails
    visitor = elsewhere(replace(service, settings=live))
    assert visitor.get("/members/points").status_code == 404
    assert visitor.ask(ANN).status_code == 404
    assert "/members/" not in visitor.get("/programs/points").text


def test_pages_lead_to_the_members_own(ann: dict[str, str], visitor: Visitor, service: Service) -> None:
    """The page of the programme, its form, and that of a card lead to where members sign in."""
    card = service.link(ann["serial_number"]).removeprefix("https://cards.example")
    for path in ("/programs/points", "/join/points", card):
        assert 'href="/members/points"' in visitor.get(path).text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_tells_where_a_member_stands(inside: Visitor, shop: Shop, lang: str) -> None:
    """It shows the card, balance, tier, the last lines, and what was agreed to, in each language."""
    shop.buy(8_040, order="o1")
    page = inside.get(f"/members/points/me?lang={lang}")
    words = WORDS[lang]
    for part in ("my_page", "card", "history", "whole", "data", "leave_link", "lost_link"):
        assert words[part] in page.text
    assert "80" in page.text
    assert "o1" in page.text
    assert f'<html lang="{lang}">' in page.text


def test_the_card_is_added_again_from_the_page(inside: Visitor, ann: dict[str, str]) -> None:
    """A new phone gets the same card by the same buttons as the page of the card has."""
    iphone = replace(inside, more={"User-Agent": IPHONE})
    (path,) = re.findall(r'id="add-apple" href="([^"]+)"', iphone.me().text)
    with zipfile.ZipFile(io.BytesIO(iphone.get(path).data)) as archive:
        assert json.loads(archive.read("pass.json"))["serialNumber"] == ann["serial_number"]


def test_a_lost_phone_gets_a_new_card(inside: Visitor, ann: dict[str, str], service: Service, mailbox: Mailbox) -> None:
    """Once it is confirmed the page shows the new card, and nothing of the lost phone opens anything any more."""
    inside.ask(ANN)
    path, phone = mailbox.link(), elsewhere(service)
    inside.ask(ANN)
    phone.post(mailbox.link())
    assert phone.me().status_code == 200
    assert inside.get("/members/points/me/new-card").status_code == 200
    with service.read() as tx:
        assert not card_by_serial(tx, ann["serial_number"]).member.voided
    answer = inside.press("/members/points/me/new-card", on="/members/points/me/new-card")
    assert answer.status_code == 303
    assert phone.me().status_code == 303
    assert phone.post(path).status_code == 404
    with service.read() as tx:
        assert card_by_serial(tx, ann["serial_number"]).member.voided
    page = inside.get(answer.headers["Location"])
    assert WORDS["en"]["replaced"] in page.text
    new = str(one(service, "SELECT code FROM cards WHERE replaced_at IS NULL"))
    assert " ".join(new[i : i + 4] for i in range(0, 16, 4)) in page.text


def test_consents_are_given_and_withdrawn(inside: Visitor, service: Service) -> None:
    """Each change is kept beside those before, with the version of the text on the page; nothing else is written."""
    member_id = one(service, "SELECT id FROM members")
    inside.press("/members/points/me/consents", **{"consent-1": "1"})
    inside.press("/members/points/me/consents", **{"consent-1": "1"})
    inside.press("/members/points/me/consents")
    with service.read() as tx:
        kept = consents.history(tx, int(str(member_id)))
    version = text_version(service.template("points").words["en"].text("@join_news_email"))
    assert [(each.consent.purpose, each.consent.channel, each.consent.granted) for each in kept] == [
        ("marketing", "email", True),
        ("marketing", "email", False),
    ]
    assert {each.consent.text_version for each in kept} == {version}
    assert WORDS["en"]["not_agreed"].split("{")[0] in inside.me().text
    assert faults(service) == []


def test_a_member_gets_all_that_is_kept(inside: Visitor) -> None:
    """The file holds what an operator would export, and is the member's alone."""
    answer = inside.get("/members/points/me/data.json")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="my-data.json"'
    told = json.loads(answer.text)
    assert told["member"]["name"] == "Ann Example"
    assert told["identities"][0]["value"] == ANN


def test_whoever_leaves_is_forgotten(inside: Visitor, service: Service, shop: Shop) -> None:
    """Once it is confirmed nothing of the person is left, every session is over, and the cookie is taken away."""
    shop.adjust(5)
    page = inside.get("/members/points/me/leave")
    assert "5 points" in page.text
    answer = inside.press("/members/points/me/leave", on="/members/points/me/leave")
    assert answer.headers["Location"] == "/members/points/left"
    assert WORDS["en"]["left"] in inside.get("/members/points/left").text
    assert inside.me().status_code == 303
    for table in ("profiles", "member_identities", "member_sessions", "sign_ins"):
        assert one(service, f"SELECT count(*) FROM {table}") == 0
    assert faults(service) == []


def test_the_session_of_whom_a_desk_erases_ends(inside: Visitor, service: Service, mailbox: Mailbox) -> None:
    """Also in a browser that is open, and a letter on its way opens nothing any more."""
    inside.ask(ANN)
    path = mailbox.link()
    asleep = elsewhere(service)
    assert inside.press("/members/points/me/leave").status_code == 303
    assert asleep.post(path).status_code == 404


def test_a_ready_reward_tells_its_last_day(service: Service, clock: Clock) -> None:
    """What dies as a day begins where the programme is was good on the day before for the last time."""
    template = service.template("points")
    ready = Listed(
        "rdm_1", "mug", "product", "issued", 0, 0, None, clock(), datetime(2026, 6, 14, 22, tzinfo=UTC),
        None, None, None, None, None,
    )  # fmt: skip
    standing = Standing(0, 0, None, clock(), "K7QM2XTD9FGH1234")
    zone = template.program.program.model_copy(update={"timezone": "Europe/Prague"})
    case = Case(standing, template.program.model_copy(update={"program": zone}), template.words["en"])
    assert Shelf(case, {}).taken(ready).until == "June 14, 2026"
    later = replace(ready, valid_until=datetime(2026, 6, 14, 22, 1, tzinfo=UTC))
    assert Shelf(case, {}).taken(later).until == "June 15, 2026"


def test_ready_rewards_show_their_code(
    service: Service, client: FlaskClient, visitor: Visitor, mailbox: Mailbox
) -> None:
    """What lies ready is listed, its code is shown to the member alone who presses for it, and that is noted."""
    bakery = connected_shop(service, client, "bakery", template="stamp_card")
    program = service.template("stamp_card").program.program.code
    for name in ("ann", "bob"):
        bakery.answer("member.enrolled", {"customer": {"id": name, "email": f"{name}@home.example"}})
        for number in range(10):
            data = {"customer": {"id": name}, "activity": "visit", "properties": {}}
            bakery.post("activity.done", data)
            bakery.answer(
                "points.adjusted", {"customer": {"id": name}, "points": 1, "actor": "t", "reason": str(number)}
            )
    visitor = replace(visitor, program=program)
    visitor.ask(ANN)
    visitor.post(mailbox.link())
    page = visitor.me()
    paths = re.findall(r'action="(/members/[^"]+/me/rewards/[^"]+)"', page.text)
    assert paths, page.text
    shown = visitor.press(paths[0])
    assert shown.status_code == 200
    assert re.search(r'id="code">[^<]{6,}<', shown.text)
    other = str(
        one(
            service,
            """
        SELECT redemptions.public_id FROM redemptions JOIN members ON members.id = member_id WHERE external_id = 'bob'
        LIMIT 1
    """,
        )
    )
    assert visitor.press(f"/members/{program}/me/rewards/{other}").status_code == 404


def test_every_page_speaks_every_language() -> None:
    """All languages have the same texts, and each text the same gaps; every reason why not has its words."""
    gaps = {key: set(re.findall(r"\{\w+\}", said)) for key, said in WORDS["en"].items()}
    for lang in LANGUAGES:
        assert {key: set(re.findall(r"\{\w+\}", said)) for key, said in WORDS[lang].items()} == gaps
    assert {f"why_{each}" for each in get_args(Reason)} == {key for key in gaps if key.startswith("why_")}
