"""One link for every phone: what each is offered, what enrols and what only looks, and what becomes of bad links."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
import zxingcpp
from actors import START, Clock, Shop, connected_shop
from flask.testing import FlaskClient
from link_actors import (
    ANDROID,
    CHROME_ON_IPHONE,
    INSTAGRAM,
    INSTAGRAM_ON_ANDROID,
    IPAD,
    IPHONE,
    WHATSAPP,
    WINDOWS,
    Browser,
    Marketer,
    marketer,
)
from page_actors import painted
from sqlalchemy import event
from werkzeug.test import TestResponse

from wallet_service.domain.errors import UnknownLink
from wallet_service.domain.links import Utm
from wallet_service.links import CampaignLinks, mark
from wallet_service.sandbox.chain import Chain
from wallet_service.sandbox.verify import open_pass
from wallet_service.storage import merchants
from wallet_service.usecases.campaign import revoke_campaign, revoke_link, revoke_short
from wallet_service.usecases.revoke import revoke
from wallet_service.usecases.serve import card_by_serial
from wallet_service.web import create_app
from wallet_service.wiring import Service

OVER = "This link does not work."
JOINED = "SELECT count(*) FROM members WHERE external_id = 'bob'"


@pytest.fixture
def spring(service: Service, shop: Shop) -> Marketer:
    """A marketer with a campaign, of a shop with one member."""
    shop.enrol("ann", name="Ann")
    return marketer(service)


@pytest.fixture
def iphone(client: FlaskClient) -> Browser:
    """Safari on an iPhone."""
    return Browser(client)


def buttons(page: TestResponse) -> list[str]:
    """Return the wallets that a page offers, in its order."""
    return re.findall(r'id="add-(apple|google)"', page.text)


@contextmanager
def counted_statements(service: Service) -> Iterator[list[str]]:
    """Note every statement that is sent to the database meanwhile."""
    sent: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        sent.append(statement)

    event.listen(service.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(service.engine, "before_cursor_execute", note)


@pytest.mark.parametrize(
    ("agent", "offered", "code"),
    [
        (IPHONE, ["apple"], False),
        (CHROME_ON_IPHONE, ["apple"], False),
        (ANDROID, ["google"], False),
        (WINDOWS, ["apple", "google"], True),
        (IPAD, ["apple", "google"], True),
        (INSTAGRAM, ["apple"], False),
        (INSTAGRAM_ON_ANDROID, ["google"], False),
        (WHATSAPP, ["apple", "google"], True),
    ],
)
def test_each_phone_gets_its_own_button(
    client: FlaskClient, spring: Marketer, agent: str, offered: list[str], code: bool
) -> None:
    """A phone gets one button, a computer both and a QR code; what calls itself a Mac may be an iPad."""
    page = Browser(client, agent).get(spring.link(member="ann"))
    assert page.status_code == 200
    assert buttons(page) == offered
    assert ("<svg" in page.text) is code
    assert page.headers["Cache-Control"] == "private, no-store"
    assert "noindex" in page.headers["X-Robots-Tag"]
    assert "Set-Cookie" not in page.headers
    assert "<script" not in page.text


@pytest.mark.parametrize("agent", [IPHONE, ANDROID])
def test_every_button_can_be_asked_for(client: FlaskClient, spring: Marketer, agent: str) -> None:
    """Whoever opens the link on one phone for another one finds the other button, too."""
    browser, link = Browser(client, agent), spring.link(member="ann")
    other = re.search(r'href="([^"]+all=1)"', browser.get(link).text)
    assert other
    assert sorted(buttons(browser.get(other[1]))) == ["apple", "google"]


def test_a_computer_shows_a_code_of_the_very_link(client: FlaskClient, spring: Marketer) -> None:
    """A phone that scans the screen opens the same link."""
    link = spring.link(member="ann")
    page = Browser(client, WINDOWS).get(link)
    drawing = re.search(r"<svg.*?</svg>", page.text)
    assert drawing
    (found,) = zxingcpp.read_barcodes(painted(drawing[0]))
    assert found.text == f"https://cards.example{link}"


def test_an_apps_browser_is_led_out(client: FlaskClient, spring: Marketer) -> None:
    """In the browser of an app one is told how to open the page in a real one, and finds its address."""
    link = spring.link(member="ann")
    on_iphone, on_android = (
        Browser(client, INSTAGRAM).get(link).text,
        Browser(client, INSTAGRAM_ON_ANDROID).get(link).text,
    )
    for page in (on_iphone, on_android):
        assert "Instagram" in page
        assert f'readonly value="https://cards.example{link}"' in page
    assert "Open in Safari" in on_iphone
    assert "intent:" not in on_iphone
    assert f'href="intent://cards.example{link}#Intent;scheme=https;package=com.android.chrome;' in on_android
    assert "Instagram" not in Browser(client).get(link).text


@pytest.mark.parametrize("agent", [IPHONE, CHROME_ON_IPHONE])
def test_the_pass_comes_as_phones_want_it(client: FlaskClient, spring: Marketer, chain: Chain, agent: str) -> None:
    """With the right type, length and name, and as often as the browser and Wallet ask for it."""
    browser, link = Browser(client, agent), f"{spring.link(member='ann')}/card.pkpass"
    first, again, head = browser.get(link), browser.get(link), browser.get(link, method="HEAD")
    assert first.headers["Content-Type"] == "application/vnd.apple.pkpass"
    assert first.headers["Content-Length"] == str(len(first.data)) == head.headers["Content-Length"]
    assert first.headers["Content-Disposition"] == 'inline; filename="card.pkpass"'
    assert first.data == again.data
    assert head.data == b""
    assert open_pass(first.data, root_pem=chain.root, now=START).serial_number


def test_a_prospect_is_enrolled_by_pressing_a_button(client: FlaskClient, spring: Marketer) -> None:
    """The form enrols with what the link carries, and leads straight to the pass; pressed again it does nothing."""
    browser, link = Browser(client), spring.prospect(locale="ro")
    page = browser.get(link)
    assert spring.one(JOINED) == 0
    assert f'<form method="post" action="{link}/join/apple">' in page.text
    assert '<html lang="ro">' in page.text
    for _ in range(2):
        pressed = browser.post(f"{link}/join/apple")
        assert (pressed.status_code, pressed.headers["Location"]) == (303, f"{link}/card.pkpass")
        assert browser.get(pressed.headers["Location"]).mimetype == "application/vnd.apple.pkpass"
    assert spring.rows(
        "SELECT name, locale FROM profiles JOIN members ON id = member_id WHERE external_id = 'bob'"
    ) == [("Bob", "ro")]
    assert spring.rows("SELECT member_id, kind FROM links") == [(spring.member("bob"), "prospect")]


def test_a_prospect_gets_the_same_page_as_a_member(client: FlaskClient, spring: Marketer) -> None:
    """Whether somebody is a member by now cannot be read from the page of a prospect's link."""
    browser = Browser(client)
    known, unknown = spring.prospect("ann", "Ann"), spring.prospect("xyz", "Ann")
    pages = [browser.get(each).text.replace(each, "…") for each in (known, unknown)]
    nonce = re.compile(r'nonce="[^"]+"')
    assert nonce.sub("", pages[0]) == nonce.sub("", pages[1])


def test_a_prospects_link_never_changes_who_is_there(client: FlaskClient, spring: Marketer) -> None:
    """A member who gets a prospect's link keeps name and language, and gets the card there is."""
    link = spring.prospect("ann", "Somebody Else", locale="ru")
    assert Browser(client).post(f"{link}/join/apple").status_code == 303
    assert Browser(client).get(f"{link}/card.pkpass").status_code == 200
    assert spring.rows("SELECT name, locale FROM profiles") == [("Ann", None)]


@pytest.mark.parametrize(
    ("agent", "more"),
    [
        (WHATSAPP, {}),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", {}),
        ("Mozilla/4.0 (compatible; ms-office; MSOffice 16)", {}),
        (IPHONE, {"Sec-Purpose": "prefetch"}),
        (IPHONE, {"Accept-Language": ""}),
        ("curl/8.5.0", {}),
        ("", {}),
    ],
)
def test_programs_change_nothing(
    client: FlaskClient,
    spring: Marketer,
    contents: Callable[[], dict[str, Any]],
    agent: str,
    more: dict[str, str],
) -> None:
    """Whatever a program follows, and were it the form, nobody is enrolled, nothing is used, and it is only counted."""
    program, link = Browser(client, agent, more=more), spring.prospect()
    members = f"{spring.link(member='ann')}/card.pkpass"
    before = contents()
    page = program.get(link)
    assert page.status_code == 200
    answers = [program.get(f"{link}/card.pkpass"), program.get(f"{link}/google"), program.get(members)]
    answers += [program.post(f"{link}/join/apple"), program.get(link, method="HEAD")]
    assert all(each.status_code in (200, 303, 503) for each in answers)
    assert all(each.mimetype != "application/vnd.apple.pkpass" for each in answers)
    changed = {name for name, now in contents().items() if now != before[name]}
    assert changed == {"link_counts"}


def test_a_preview_says_whose_card_it_is(client: FlaskClient, spring: Marketer) -> None:
    """Messengers show the programme under the link, and nothing of its reader."""
    page = Browser(client, WHATSAPP).get(spring.link(member="ann")).text
    assert '<meta property="og:title" content="Papermoth Rewards">' in page
    assert '<meta property="og:site_name" content="Papermoth">' in page
    assert not re.search(r"\bAnn\b", page)


def test_whoever_has_to_be_asked_for_more_is_led_on(client: FlaskClient, spring: Marketer) -> None:
    """A prospect without an id, and anyone, come to where one joins; that page reads the link."""
    anyone = spring.link()
    browser, nameless = Browser(client), spring.prospect(None, "Bob")
    for link in (anyone, nameless):
        answer = browser.get(link)
        assert answer.status_code == 303
        told = f"?via={link.removeprefix('/l/')}&utm_medium=email&utm_campaign=spring"
        assert answer.headers["Location"] == f"https://cards.example/join/points{told}"
        assert browser.post(f"{link}/join/apple").headers["Location"] == answer.headers["Location"]
    page = Browser(client, WHATSAPP).get(anyone)
    assert page.status_code == 200
    assert "Get your card" in page.text


def test_where_visitors_come_from_is_handed_on(client: FlaskClient, service: Service, shop: Shop) -> None:
    """The page where one joins is told what the campaign says for shops' statistics, and the language."""
    summer = marketer(service, "summer", utm=Utm("flyer", None, None, None, "blue"))
    code = summer.short(content="window")
    answer = Browser(client).get(f"/s/{code}?lang=cs")
    assert answer.headers["Location"] == (
        f"https://cards.example/join/points?via={code}&utm_source=flyer&utm_medium=print&utm_campaign=summer"
        "&utm_content=window&lang=cs"
    )


def test_a_short_code_is_found_however_it_is_typed(client: FlaskClient, spring: Marketer) -> None:
    """In small letters, with or without its dash, with I for 1."""
    code = spring.short()
    for typed in (code, code.replace("-", ""), code.lower(), code.replace("1", "I")):
        assert Browser(client).get(f"/s/{typed}").status_code == 303
        assert Browser(client).get(f"/S/{typed}").status_code == 303


@pytest.mark.parametrize(
    ("asked", "accepted", "lang"),
    [
        ("", "de,cs;q=0.9,en;q=0.8", "cs"),
        ("", "ro-MD", "ro"),
        ("", "xx", "en"),
        ("?lang=ru", "cs", "ru"),
        ("?lang=xx", "cs", "cs"),
    ],
)
def test_a_page_speaks_the_readers_language(
    client: FlaskClient, spring: Marketer, asked: str, accepted: str, lang: str
) -> None:
    """What the browser prefers, unless somebody has switched; and the switch is kept on the way."""
    page = Browser(client, IPHONE, accepted).get(spring.link(member="ann") + asked)
    assert f'<html lang="{lang}">' in page.text
    assert len(re.findall(r'hreflang="', page.text)) == 3
    assert ("terms?lang=ru" in page.text) is (asked == "?lang=ru")


def test_the_terms_can_be_read_before_joining(client: FlaskClient, spring: Marketer) -> None:
    """A prospect reads what the programme promises, in the language asked for."""
    link = spring.prospect()
    page = Browser(client).get(f"{link}/terms?lang=cs")
    assert page.status_code == 200
    assert '<html lang="cs">' in page.text
    assert f'href="{link}?lang=cs"' in page.text
    assert spring.visits() == []


# What does not work.


def bad_links(spring: Marketer, service: Service, clock: Clock) -> dict[str, tuple[str, int]]:
    """Return links that do not work for one reason each, with the status of the answer."""
    good = spring.link(member="ann")
    used = spring.link(member="ann", limit=1)
    Browser(create_app(service).test_client()).get(f"{used}/card.pkpass")
    clock.on(minutes=11)
    revoked, revoked_unused = spring.link(member="ann", content="a"), spring.link(member="ann", content="b")
    code = spring.short()
    ended = marketer(service, "ended")
    with service.begin() as tx:
        for each in (revoked, revoked_unused):
            token = each.removeprefix("/l/")
            revoke_link(tx, spring.merchant_id, service.links.open(token), mark(token), now=clock())
        revoke_short(tx, spring.merchant_id, code, now=clock())
        revoke_campaign(tx, spring.merchant_id, "ended", now=clock())
    other_code = spring.short()
    wrong = other_code[:-1] + ("2" if other_code[-1] != "2" else "3")
    foreign = CampaignLinks("another key " * 4)
    return {
        "tampered": (good[:-4] + good[-4:].swapcase(), 404),
        "cut": (good[:-1], 404),
        "foreign": (f"/l/{foreign.token(service.links.open(good.removeprefix('/l/')))}", 404),
        "of no campaign": (f"/l/{service.links.token(replace(service.links.open(good[3:]), campaign=999))}", 404),
        "no code": ("/s/AAAAAAAA", 404),
        "mistyped code": (f"/s/{wrong}", 404),
        "expired": (spring.link(member="ann", until=date(2026, 5, 31)), 410),
        "used up": (used, 410),
        "revoked": (revoked, 410),
        "revoked code": (f"/s/{code}", 410),
        "of a campaign that has ended": (ended.link(member="ann"), 410),
        "of nobody": (spring.link(member=999), 410),
    }


def test_bad_links_are_answered_alike(client: FlaskClient, spring: Marketer, service: Service, clock: Clock) -> None:
    """One plain page for all of them, at each of a link's doors; the status says whether it was a link once."""
    bad, browser = bad_links(spring, service, clock), Browser(client)
    nonce = re.compile(r'nonce="[^"]+"')
    pages = set()
    for why, (link, status) in bad.items():
        doors = [("", "GET")]
        if link.startswith("/l/"):
            doors += [("/card.pkpass", "GET"), ("/google", "GET"), ("/terms", "GET")]
            doors += [("/join/apple", "POST"), ("/join/google", "POST"), ("/objection", "POST")]
        for door, method in doors:
            answer = browser.get(link + door, method=method)
            assert (why, door, answer.status_code) == (why, door, status)
            pages.add(
                nonce.sub(
                    "", answer.text.replace(link, "…").replace(door, "") if door else answer.text.replace(link, "…")
                )
            )
            program = browser.get(link + door, method=method, Accept="application/json")
            assert program.status_code == status
            assert program.get_json()["title"] == OVER
            assert program.get_json().keys() == {"type", "title", "status"}
    assert all(OVER in each for each in pages)
    assert len({re.sub(r"<nav.*</nav>", "", each, flags=re.DOTALL) for each in pages}) == 1


def test_bad_links_leave_nothing_behind(
    client: FlaskClient, spring: Marketer, service: Service, clock: Clock, contents: Callable[[], dict[str, Any]]
) -> None:
    """Whoever tries out links writes nothing into the database."""
    bad = bad_links(spring, service, clock)
    before = contents()
    for link, _ in bad.values():
        Browser(client).get(link)
        Browser(client).post(f"{link}/join/apple")
    assert contents() == before


def test_nothing_is_looked_up_for_what_nobody_made(
    client: FlaskClient, spring: Marketer, service: Service, clock: Clock
) -> None:
    """A guess costs the database nothing, and a code with a slip in it neither: so none can be told from another."""
    bad = bad_links(spring, service, clock)
    for why in ("tampered", "cut", "foreign", "mistyped code"):
        with counted_statements(service) as sent:
            Browser(client).get(bad[why][0])
        assert (why, sent) == (why, [])


def test_it_takes_as_long_whether_there_is_a_member_or_not(
    client: FlaskClient, spring: Marketer, service: Service
) -> None:
    """The same statements are sent for a prospect who is a member and for one who is not, and for one who has gone."""
    expired = {"until": date(2026, 5, 31)}
    sent = []
    for link in (
        spring.prospect("ann", **expired),
        spring.prospect("xyz", **expired),
        spring.link(member="ann", **expired),
        spring.link(member=999, **expired),
        spring.link(member=999),
    ):
        with counted_statements(service) as statements:
            assert Browser(client).get(link).status_code == 410
        sent.append(statements)
    assert len(sent[0]) == 1
    assert all(each == sent[0] for each in sent)


def test_a_void_card_is_as_no_card(client: FlaskClient, spring: Marketer, service: Service, shop: Shop) -> None:
    """The link of a member whose card was revoked does not work, as if it were revoked itself."""
    link, serial = spring.link(member="ann"), spring.one("SELECT serial_number FROM cards")
    with service.begin() as tx:
        found = card_by_serial(tx, serial)
        revoke(tx, found, service.in_force.of_card(found), now=service.clock())
    for door in ("", "/card.pkpass", "/google"):
        answer = Browser(client).get(link + door)
        assert answer.status_code == 410
        assert OVER in answer.text


@pytest.mark.parametrize("lang", ["en", "ru", "cs", "ro"])
def test_a_bad_link_is_told_of_in_the_readers_language(client: FlaskClient, lang: str) -> None:
    """Whoever brings a link that does not work is no less a customer."""
    page = Browser(client, IPHONE, lang).get("/l/nonsense")
    assert page.status_code == 404
    assert f'<html lang="{lang}">' in page.text


def test_another_merchants_links_cannot_be_revoked(
    service: Service, client: FlaskClient, spring: Marketer, clock: Clock
) -> None:
    """A link belongs to the merchant whose campaign it is of."""
    with service.begin() as tx:
        merchants.add(tx, code="other", name="Other", now=clock())
        other = merchants.find(tx, "other")
    assert other
    token, code = spring.token(member="ann"), spring.short()
    with service.begin() as tx:
        with pytest.raises(UnknownLink):
            revoke_link(tx, other.id, service.links.open(token), mark(token), now=clock())
        with pytest.raises(UnknownLink):
            revoke_short(tx, other.id, code, now=clock())
    assert Browser(client).get(f"/l/{token}").status_code == 200


# How often, and until when.


def test_a_use_lasts_ten_minutes(client: FlaskClient, spring: Marketer, clock: Clock) -> None:
    """Downloads within it are repeats, as browsers and Wallet make them; then the next use counts, if there is one."""
    browser, link = Browser(client), spring.link(member="ann", limit=2)
    for after in (0, 9):
        clock.on(minutes=after)
        assert browser.get(f"{link}/card.pkpass").status_code == 200
    assert spring.one("SELECT uses FROM links") == 1
    clock.on(minutes=1)
    assert browser.get(link).status_code == 200
    assert browser.get(f"{link}/card.pkpass").status_code == 200
    assert spring.one("SELECT uses FROM links") == 2
    clock.on(minutes=10)
    assert browser.get(f"{link}/card.pkpass").status_code == 410
    assert spring.one("SELECT uses FROM links") == 2


def test_looking_uses_nothing(client: FlaskClient, spring: Marketer, clock: Clock) -> None:
    """A page that is opened, read and switched is not used, nor is one whose headers alone are asked for."""
    browser, link = Browser(client), spring.link(member="ann", limit=1)
    for each in (link, f"{link}?lang=ru", f"{link}?all=1", f"{link}/terms"):
        assert browser.get(each).status_code == 200
        clock.on(hours=1)
    assert browser.get(f"{link}/card.pkpass", method="HEAD").status_code == 200
    assert spring.one("SELECT uses FROM links") == 0


def test_joining_is_the_one_use_of_a_prospects_link(client: FlaskClient, spring: Marketer, clock: Clock) -> None:
    """Enrolling and downloading are one use; later the link is used up, and the card lives on."""
    browser, link = Browser(client), spring.prospect(limit=1)
    assert browser.get(browser.post(f"{link}/join/apple").headers["Location"]).status_code == 200
    clock.on(minutes=11)
    for answer in (browser.get(link), browser.post(f"{link}/join/apple"), browser.get(f"{link}/card.pkpass")):
        assert answer.status_code == 410
    assert spring.one("SELECT uses FROM links") == 1


def test_a_link_works_until_midnight_where_the_programme_is(
    client: FlaskClient, spring: Marketer, clock: Clock
) -> None:
    """The last day ends by the programme's clocks."""
    zone = spring.service.template("points").program.zone
    link = spring.link(member="ann", until=date(2026, 6, 3))
    midnight = START.astimezone(zone).replace(month=6, day=4, hour=0, minute=0)
    clock.now = midnight - timedelta(seconds=1)
    assert Browser(client).get(link).status_code == 200
    clock.now = midnight
    assert Browser(client).get(link).status_code == 410


# What is counted.


def test_steps_of_people_are_counted_day_by_day(client: FlaskClient, spring: Marketer, clock: Clock) -> None:
    """One row a link, step, device and day, however often; programs are counted apart, and without the link."""
    browser, link = Browser(client), spring.link(member="ann")
    for _ in range(3):
        browser.get(link)
    browser.get(f"{link}/card.pkpass")
    Browser(client, WHATSAPP).get(link)
    Browser(client, WHATSAPP).get(spring.link(member="ann", content="never opened"))
    clock.on(days=1)
    Browser(client, ANDROID).get(link)
    assert spring.visits() == [("downloaded", "ios", 1), ("opened", "ios", 3), ("opened", "android", 1)]
    assert spring.rows("SELECT what, times FROM link_counts") == [("preview", 2)]
    assert spring.one("SELECT count(*) FROM links") == 1


@pytest.mark.parametrize("said", ["Sec-GPC", "DNT"])
def test_a_browser_may_say_that_it_is_not_to_be_counted(client: FlaskClient, spring: Marketer, said: str) -> None:
    """Then the link works, and nothing is written down but that it was used."""
    browser, link = Browser(client, more={said: "1"}), spring.link(member="ann")
    assert browser.get(link).status_code == 200
    assert browser.get(f"{link}/card.pkpass").status_code == 200
    assert spring.visits() == []
    assert spring.one("SELECT uses FROM links") == 1


def test_a_member_who_objects_is_counted_no_more(client: FlaskClient, spring: Marketer) -> None:
    """One press forgets what was counted, of all the member's links, and nothing is counted from then on."""
    browser, link = Browser(client), spring.link(member="ann")
    browser.get(link)
    browser.get(f"{link}/card.pkpass")
    browser.get(spring.link(member="ann", content="other"))
    pressed = browser.post(f"{link}/objection")
    assert (pressed.status_code, pressed.headers["Location"]) == (303, link)
    assert spring.visits() == []
    page = browser.get(link)
    assert "You are not counted." in page.text
    assert "objection" not in page.text
    assert browser.get(f"{link}/card.pkpass").status_code == 200
    browser.get(spring.link(member="ann", content="other"))
    assert spring.visits() == []
    assert spring.rows("SELECT member_id FROM objections") == [(spring.member("ann"),)]


def test_a_prospect_who_objects_stays_uncounted_as_a_member(client: FlaskClient, spring: Marketer) -> None:
    """What was said before joining holds afterwards, for the wallet, too."""
    browser, link = Browser(client), spring.prospect()
    browser.get(link)
    browser.post(f"{link}/objection")
    browser.post(f"{link}/join/apple")
    assert browser.get(f"{link}/card.pkpass").status_code == 200
    assert spring.visits() == []
    assert spring.rows("SELECT member_id FROM objections") == [(spring.member("bob"),)]


def test_nobody_objects_for_all(client: FlaskClient, spring: Marketer) -> None:
    """A link that anyone may have tells of nobody, so there is nothing to object to."""
    assert Browser(client).post(f"{spring.link()}/objection").status_code == 404


def test_a_merged_members_link_opens_the_survivors_card(
    client: FlaskClient, spring: Marketer, service: Service, chain: Chain
) -> None:
    """Two members who became one have one card, whichever of their links is followed."""
    link = spring.link(member="ann")
    shop = connected_shop(service, client, "second")
    other = shop.enrol("bea")
    with service.begin() as tx:
        tx.exec_driver_sql("UPDATE members SET merged_into = (SELECT id FROM members WHERE external_id = 'bea') "
                           "WHERE external_id = 'ann'")  # fmt: skip
    got = Browser(client).get(f"{link}/card.pkpass")
    assert open_pass(got.data, root_pem=chain.root, now=START).serial_number == other["serial_number"]
