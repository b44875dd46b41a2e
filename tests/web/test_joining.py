"""Where one joins: a form makes one new member and tells nothing of others, and floods are held up by ourselves."""

import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from actors import Clock, Shop, connected_shop
from books import faults
from flask.testing import FlaskClient
from link_actors import ANDROID, PAGE, Browser, Marketer, marketer
from sqlalchemy import text
from werkzeug.test import TestResponse

from wallet_service import demo
from wallet_service.domain.event import Customer
from wallet_service.domain.join_form import text_version
from wallet_service.storage import consents, typed_addresses
from wallet_service.usecases.erase import erase
from wallet_service.usecases.join_by_form import program_of
from wallet_service.usecases.merge import merge
from wallet_service.usecases.operate import OpenProgram, Operation, operate
from wallet_service.usecases.portray import portray
from wallet_service.usecases.serve import card_by_serial
from wallet_service.web import create_app
from wallet_service.web.join_words import MONTHS, WORDS
from wallet_service.web.words import LANGUAGES
from wallet_service.wiring import Service

Contents = dict[str, tuple[int, str]]
ANN = {"name": "Ann Example", "email": "ann@home.example", "terms": "1"}
AGENT = {"User-Agent": ANDROID, "Accept": PAGE}


@pytest.fixture(autouse=True)
def _opened(shop: Shop) -> None:
    """The programme is open, as it is as soon as there is a shop."""


@pytest.fixture
def browser(client: FlaskClient) -> Browser:
    """A phone."""
    return Browser(client, ANDROID)


def token_of(page: TestResponse) -> str:
    """Return the form's own token, as it stands on the page."""
    return re.findall(r'name="form" value="([^"]+)"', page.text)[0]


def sent(
    client: FlaskClient, clock: Clock, path: str = "/join/points", *, lang: str = "en", wait: int = 10, **said: str
) -> TestResponse:
    """Open the form, take a while, and send it."""
    headers = {**AGENT, "Accept-Language": lang}
    form = said.pop("form", None) or token_of(client.get(path, headers=headers))
    clock.on(seconds=wait)
    return client.post(path, data=ANN | said | {"form": form}, headers=headers)


def rows(service: Service, query: str, **values: Any) -> list[Any]:
    """Return what a query finds."""
    with service.read() as tx:
        return [tuple(row) for row in tx.execute(text(query), values)]


def count(service: Service, table: str = "members") -> int:
    """Return how many rows there are."""
    return int(rows(service, f"SELECT count(*) FROM {table}")[0][0])


def serial_of(service: Service) -> str:
    """Return the newest card."""
    return str(rows(service, "SELECT serial_number FROM cards ORDER BY id DESC LIMIT 1")[0][0])


def test_a_form_brings_a_card(client: FlaskClient, service: Service, clock: Clock) -> None:
    """Whoever sends it comes to the page of a card, in the language of the form; name, birthday, language are kept."""
    birthday = {"birthday_day": "7", "birthday_month": "6"}
    answer = sent(client, clock, lang="cs-CZ", **birthday)
    assert answer.status_code == 303
    assert answer.headers["Cache-Control"] == "no-store"
    card = client.get(answer.headers["Location"], headers=AGENT)
    assert card.status_code == 200
    assert '<html lang="cs">' in card.text
    with service.read() as tx:
        member = card_by_serial(tx, serial_of(service)).member
    assert (member.profile.name, member.profile.locale, member.profile.birthday) == ("Ann Example", "cs", (6, 7))
    assert faults(service) == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_text_of_a_consent_is_kept_by_its_version(
    client: FlaskClient, service: Service, clock: Clock, lang: str
) -> None:
    """The version is that of the words which the page showed in that language; nothing is ticked beforehand."""
    page = client.get("/join/points", headers={**AGENT, "Accept-Language": lang})
    assert "checked" not in page.text
    words = service.template("points").words[lang]
    for key in ("@join_terms", "@join_news_email", "@join_news_sms"):
        assert words.text(key) in page.text
    sent(client, clock, lang=lang, **{"consent-0": "1"})
    with service.read() as tx:
        kept = consents.history(tx, card_by_serial(tx, serial_of(service)).member.id)
    assert [(each.consent.purpose, each.consent.channel, each.consent.granted) for each in kept] == [
        ("terms", None, True),
        ("marketing", "email", True),
    ]
    shown = [words.text("@join_terms"), words.text("@join_news_email")]
    assert [each.consent.text_version for each in kept] == [text_version(each) for each in shown]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_programme_that_says_nothing_asks_for_little(
    client: FlaskClient, service: Service, clock: Clock, lang: str
) -> None:
    """Without a [join] it is name and e-mail, and whether news may come, in each language."""
    connected_shop(service, client, "bakery", template="stamp_card")
    path = f"/join/{service.template('stamp_card').program.program.code}"
    page = client.get(path, headers={**AGENT, "Accept-Language": lang})
    assert re.findall(r'<input[^>]* name="([^"]+)"', page.text) == ["form", "name", "email", "website", "consent-0"]
    assert sent(client, clock, path, lang=lang, name="", **{"consent-0": "1"}).status_code == 303
    with service.read() as tx:
        (kept,) = consents.history(tx, card_by_serial(tx, serial_of(service)).member.id)
    organization = service.template("stamp_card").blank(lang).organization
    assert kept.consent.text_version == text_version(WORDS[lang]["consent"].format(organization=organization))


def test_whether_an_address_is_known_is_nowhere_told(
    client: FlaskClient, service: Service, shop: Shop, clock: Clock
) -> None:
    """A known address and one of nobody get the same answer: a new card, and never that of somebody else."""
    shop.answer("member.enrolled", {"customer": {"id": "ann", "email": ANN["email"], "name": "The real Ann"}})
    known, unknown = sent(client, clock), sent(client, clock, email="new@home.example")
    assert known.status_code == unknown.status_code == 303
    assert count(service) == 3
    # No page repeats the address or tells of another member.
    for answer in (known, unknown):
        page = client.get(answer.headers["Location"], headers=AGENT)
        assert "The real Ann" not in page.text
    shapes = {re.sub("/cards/.*", "/cards/", each.headers["Location"]) for each in (known, unknown)}
    assert len(shapes) == 1


def test_a_typed_address_takes_nothing_that_waits_for_it(
    client: FlaskClient, service: Service, shop: Shop, clock: Clock
) -> None:
    """An order that waits for an address stays there, whoever types the address; its owner still gets it."""
    order = {"order_id": "o1", "customer": {"email": ANN["email"]}, "currency": "EUR", "eligible_minor": 10_000}
    assert shop.answer("order.paid", order)["status"] == "unmatched"
    sent(client, clock)
    with service.read() as tx:
        found = card_by_serial(tx, serial_of(service)).member
    assert found.position.available == 0
    later = shop.answer("order.paid", order | {"order_id": "o2"})
    assert later["status"] == "unmatched"
    owner = shop.answer("member.enrolled", {"customer": {"id": "ann", "email": ANN["email"]}})
    assert owner["balance"] == 200


def test_one_form_sent_twice_is_one_member(client: FlaskClient, service: Service, clock: Clock) -> None:
    """A second press leads to the same card; with other content the form is shown again, and makes nothing."""
    form = token_of(client.get("/join/points", headers=AGENT))
    first, second = sent(client, clock, form=form), sent(client, clock, form=form)
    assert first.headers["Location"] == second.headers["Location"]
    assert (count(service), count(service, "typed_addresses")) == (1, 1)
    third = sent(client, clock, form=form, name="Somebody Else")
    assert (third.status_code, count(service)) == (409, 1)
    assert WORDS["en"]["sent"] in third.text
    assert token_of(third) != form


@pytest.mark.parametrize(
    ("change", "field", "how"),
    [
        ({"name": ""}, "name", "missing"),
        ({"email": "nonsense"}, "email", "email"),
        ({"phone": "123"}, "phone", "phone"),
        ({"birthday_day": "31", "birthday_month": "2"}, "birthday", "birthday"),
        ({"terms": ""}, "terms", "tick"),
    ],
)
def test_a_fault_is_told_beside_its_field(
    client: FlaskClient, service: Service, clock: Clock, change: dict[str, str], field: str, how: str
) -> None:
    """The field names its fault for screen readers, what was written stays, and nothing is stored."""
    page = sent(client, clock, lang="ro", **({"email": "kept@home.example"} | change))
    assert (page.status_code, count(service), count(service, "rates")) == (422, 0, 0)
    assert f'id="{field}-wrong">{WORDS["ro"][f"wrong_{how}"]}' in page.text
    assert f'aria-describedby="{field}-wrong' in page.text
    assert 'aria-invalid="true"' in page.text
    assert ('value="kept@home.example"' in page.text) is (field != "email")


@pytest.mark.parametrize(("said", "wait"), [({"website": "https://spam.example"}, 10), ({}, 1)])
def test_programs_are_held_up(
    client: FlaskClient, service: Service, clock: Clock, said: dict[str, str], wait: int
) -> None:
    """A field that people do not see, and a form filled in at once, make no member; a person only sends it again."""
    form = token_of(client.get("/join/points", headers=AGENT))
    page = sent(client, clock, form=form, wait=wait, **said)
    assert (page.status_code, count(service)) == (422, 0)
    assert WORDS["en"]["again"] in page.text
    assert token_of(page) == form
    assert sent(client, clock, form=form).status_code == 303


@pytest.mark.parametrize("form", ["", "nonsense", "other programme", "old"])
def test_a_form_that_was_not_made_here_today_is_made_anew(
    client: FlaskClient, service: Service, clock: Clock, form: str
) -> None:
    """What is no form of this programme, or a day old, is shown once more with what was written."""
    wait = 10
    if form == "other programme":
        connected_shop(service, client, "bakery", template="stamp_card")
        form = token_of(client.get(f"/join/{service.template('stamp_card').program.program.code}", headers=AGENT))
    elif form == "old":
        form, wait = token_of(client.get("/join/points", headers=AGENT)), 86_401
    page = client.post("/join/points", data=ANN | {"form": form}, headers=AGENT) if wait == 10 else None
    page = page or sent(client, clock, form=form, wait=wait)
    assert (page.status_code, count(service)) == (422, 0)
    assert WORDS["en"]["stale"] in page.text
    assert 'value="Ann Example"' in page.text


def limited(service: Service, **limits: int) -> FlaskClient:
    """Return a client of the service with other limits, which trusts one proxy."""
    settings = service.settings.model_copy(update={"trusted_proxies": 1, **limits})
    return create_app(replace(service, settings=settings)).test_client()


def from_(client: FlaskClient, clock: Clock, address: str, path: str = "/join/points") -> TestResponse:
    """Join from a network address, as the proxy tells it."""
    headers = {**AGENT, "X-Forwarded-For": address}
    form = token_of(client.get(path, headers=headers))
    clock.on(seconds=3)
    return client.post(path, data=ANN | {"form": form}, headers=headers)


def test_a_block_of_addresses_has_its_measure(service: Service, clock: Clock) -> None:
    """Neighbours share one; whoever comes too often is told when to come again, and then may."""
    client = limited(service, join_per_block=2)
    answers = [from_(client, clock, f"203.0.113.{number}") for number in (1, 2, 3)]
    assert [each.status_code for each in answers] == [303, 303, 429]
    wait = int(answers[-1].headers["Retry-After"])
    assert 0 < wait <= 1800
    assert WORDS["en"]["busy"].format(minutes=-(-wait // 60)) in answers[-1].text
    assert 'value="Ann Example"' in answers[-1].text  # nobody writes it all again
    assert from_(client, clock, "198.51.100.1").status_code == 303
    assert count(service) == 3
    clock.on(seconds=wait)
    assert from_(client, clock, "203.0.113.3").status_code == 303


def test_a_programme_has_its_measure(service: Service, clock: Clock) -> None:
    """However many addresses a flood has, no more than so many join in an hour."""
    client = limited(service, join_per_program=2)
    answers = [from_(client, clock, f"203.0.{number}.1").status_code for number in range(4)]
    assert answers == [303, 303, 429, 429]


def test_only_a_trusted_proxy_tells_addresses(client: FlaskClient, service: Service, clock: Clock) -> None:
    """Where none is set, what a visitor claims of an address changes nothing."""
    client = limited(service, join_per_block=1, trusted_proxies=0)
    assert [from_(client, clock, f"203.0.{number}.1").status_code for number in (1, 2)] == [303, 429]


def test_what_is_counted_is_forgotten(service: Service, clock: Clock) -> None:
    """No address can be read from what is counted; an hour later the worker drops it."""
    from_(limited(service), clock, "203.0.113.9")
    kept = rows(service, "SELECT encode(bucket, 'escape') FROM rates")
    assert len(kept) == 3  # the block, the programme, and letters to the address
    assert not any("203.0" in each for (each,) in kept)
    assert service.prune_counts() == 0
    clock.on(hours=1)
    assert service.prune_counts() == 3
    assert rows(service, "SELECT bucket FROM rates") == []


def test_looking_leaves_nothing(client: FlaskClient, contents: Callable[[], Contents]) -> None:
    """Programs that follow every address of a page change nothing; joining takes a form that is sent."""
    before = contents()
    for path in ("/join/points", "/programs/points", "/join/points?lang=cs"):
        for method in ("GET", "HEAD"):
            assert client.open(path, method=method).status_code == 200
    assert client.post("/join/points").status_code == 422
    assert contents() == before


@pytest.fixture
def spring(service: Service) -> Marketer:
    """A marketer with a campaign."""
    return marketer(service)


def test_a_link_is_told_who_joined_by_it(
    client: FlaskClient, service: Service, clock: Clock, spring: Marketer, browser: Browser
) -> None:
    """The link for anyone leads to the form, and is used by the enrolment, once though the form comes twice."""
    onward = browser.get(spring.link()).headers["Location"].removeprefix("https://cards.example")
    form = token_of(browser.get(onward))
    assert re.findall(r'hreflang="cs".*', browser.get(onward).text)
    for _ in range(2):
        assert sent(client, clock, onward, form=form).status_code == 303
    assert spring.rows("SELECT uses FROM links") == [(1,)]
    assert spring.rows("SELECT count(*) FROM link_joins") == [(1,)]


def test_a_used_up_link_enrols_nobody(client: FlaskClient, service: Service, clock: Clock, spring: Marketer) -> None:
    """Of two who hold a link for one, the second is told that it is over, and is no member."""
    path = f"/join/points?via={spring.short(limit=1)}"
    forms = [token_of(client.get(path, headers=AGENT)) for _ in range(2)]
    answers = [sent(client, clock, path, form=form).status_code for form in forms]
    assert answers == [303, 410]
    assert (count(service), count(service, "typed_addresses")) == (1, 1)


def test_a_prospects_name_is_there_already(client: FlaskClient, spring: Marketer, browser: Browser) -> None:
    """What the link knows is written into the form, in the language that the link says."""
    onward = browser.get(spring.prospect(None, "Bob", locale="ru")).headers["Location"]
    page = browser.get(onward)
    assert 'value="Bob"' in page.text
    assert '<html lang="ru">' in page.text
    assert "via=" in page.text  # the switch of language keeps the link


def test_a_link_of_another_programme_is_none(
    client: FlaskClient, service: Service, spring: Marketer, browser: Browser
) -> None:
    """A link that does not work, or leads elsewhere, is told so, as on its own page."""
    connected_shop(service, client, "bakery", template="stamp_card")
    other = service.template("stamp_card").program.program.code
    assert browser.get(f"/join/points?via={spring.token()}").status_code == 200
    assert browser.get(f"/join/{other}?via={spring.token()}").status_code == 404
    assert browser.get("/join/points?via=nonsense").status_code == 404


def test_a_programme_may_take_nobody_in(client: FlaskClient, service: Service, clock: Clock) -> None:
    """Where the template says so there is no form, nothing that is sent enrols, and no button leads there."""
    connected_shop(service, client, "club", template="paid_vip")
    code = service.template("paid_vip").program.program.code
    form = token_of(client.get("/join/points", headers=AGENT))
    page, answer = client.get(f"/join/{code}", headers=AGENT), sent(client, clock, f"/join/{code}", form=form)
    assert (page.status_code, answer.status_code, count(service)) == (404, 404, 0)
    assert 'id="join"' not in client.get(f"/programs/{code}", headers=AGENT).text


@pytest.mark.parametrize("path", ["/join/nowhere", "/programs/nowhere", "/join/%00", "/programs/%0a"])
def test_an_unknown_programme_is_told_so(client: FlaskClient, path: str) -> None:
    """What is no programme has no page."""
    assert client.get(path, headers=AGENT).status_code == 404


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_of_a_programme_tells_its_terms(client: FlaskClient, service: Service, lang: str) -> None:
    """Whoever comes reads in their language how one earns and which tiers there are; caches keep it for minutes."""
    page = client.get("/programs/points", headers={**AGENT, "Accept-Language": lang})
    assert (page.status_code, page.headers["Cache-Control"]) == (200, "public, max-age=300")
    assert "Accept-Language" in page.headers["Vary"]
    assert "Set-Cookie" not in page.headers
    assert f'<html lang="{lang}">' in page.text
    assert "noindex" not in page.text
    for tier in ("page", "chapter", "novel"):
        assert service.template("points").words[lang].name("tier", tier) in page.text
    assert 'href="/join/points"' in page.text
    switched = client.get("/programs/points?lang=ro", headers={**AGENT, "Accept-Language": lang})
    assert '<html lang="ro">' in switched.text
    assert 'href="/join/points?lang=ro"' in switched.text


def operated(service: Service, act: Callable[[Operation], Any]) -> None:
    """Do an operation."""
    with service.read() as tx:
        opened = program_of(tx, "points")
    operate(
        service.begin,
        program=OpenProgram(opened.id, service.in_force.of_program(opened), service.vault),
        key=secrets.token_hex(8),
        kind="test",
        content={},
        actor="a test",
        now=service.clock(),
        act=act,
    )


def test_what_was_typed_follows_the_member(client: FlaskClient, service: Service, clock: Clock) -> None:
    """It is told to the member who asks for all that is kept, goes over with a merge, and is erased with the person."""
    sent(client, clock)
    sent(client, clock, email="two@home.example", phone="+420 000 000 001")
    serials = [each for (each,) in rows(service, "SELECT serial_number FROM cards ORDER BY id")]
    with service.read() as tx:
        one, two = (card_by_serial(tx, each) for each in serials)
        told = portray(tx, service.vault, one, service.template("points").program)["typed_addresses"]
    assert [(each["kind"], each["value"]) for each in told] == [("email", ANN["email"])]
    ids = [Customer(member_id=each.member.public_id) for each in (one, two)]
    operated(service, lambda operation: merge(operation, merged=ids[1], survivor=ids[0], reason="the same"))
    with service.read() as tx:
        kept = [each.value for each, _ in typed_addresses.of_member(tx, service.vault, one.member.id)]
        assert typed_addresses.of_member(tx, service.vault, two.member.id) == []
    assert kept == [ANN["email"], "+420000000001"]
    operated(service, lambda operation: erase(operation, customer=ids[0]))
    assert count(service, "typed_addresses") == 0


def test_the_demo_says_where_one_joins(client: FlaskClient, service: Service) -> None:
    """Whoever tries the demo finds its form."""
    told = demo.load(service).join_url
    assert client.get(told.removeprefix(service.settings.base_url), headers=AGENT).status_code == 200


def test_nothing_is_missing_in_any_language() -> None:
    """Every language says all that the pages say, with the same placeholders, and has twelve months."""
    for lang in LANGUAGES:
        assert WORDS[lang].keys() == WORDS["en"].keys()
        for key, said in WORDS[lang].items():
            assert re.findall(r"{\w+}", said) == re.findall(r"{\w+}", WORDS["en"][key])
        assert len(set(MONTHS[lang])) == 12
