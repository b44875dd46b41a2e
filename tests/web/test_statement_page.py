"""What a member reads by the link to the card: where it stands, every point explained, and the terms."""

import csv
import io
import json
import re
from dataclasses import replace
from html import unescape

import pytest
from actors import Clock, Shop, connected_shop
from click.testing import CliRunner
from flask.testing import FlaskClient
from history import LIMITED, RULES, with_rules
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from wallet_service.cli import main
from wallet_service.domain.entry_words import ENTRY_WORDS
from wallet_service.domain.grounds import Reason
from wallet_service.links import card_links
from wallet_service.terms import explain, telling_of, uncounted
from wallet_service.usecases.export import cell
from wallet_service.usecases.revoke import revoke
from wallet_service.usecases.serve import card_by_serial
from wallet_service.web import create_app
from wallet_service.web.words import LANGUAGES, WORDS
from wallet_service.wiring import Service

BROWSER = {"Accept": "text/html"}
PATHS = ["/statement", "/statement.json", "/statement.csv", "/terms"]
FILES = PATHS[1:3]
PENDING_DAYS = 14
WITHHELD = ("actor", "reason", "operation")


@pytest.fixture
def service(built: Service, engine: Engine, clock: Clock) -> Service:
    """A service whose points wait two weeks and die at the end of the third month."""
    return with_rules(replace(built, clock=clock), RULES | {"unit": {"code": "points"}})


@pytest.fixture
def page(service: Service, shop: Shop) -> str:
    """The address of Ann's card."""
    return address(service, shop.enrol("ann", name="Ann")["serial_number"])


def address(service: Service, serial: str) -> str:
    """Return the address of a card."""
    return f"/cards/{card_links(service.secret_key).dumps(serial)}"


def serial_of(service: Service, page: str) -> str:
    """Return whose card an address is."""
    serial: str = card_links(service.secret_key).loads(page.split("/")[2])
    return serial


def got(client: FlaskClient, address: str) -> TestResponse:
    """Return an answer that is one."""
    answer = client.get(address, headers=BROWSER)
    assert answer.status_code == 200, answer.text
    return answer


def read(markup: str) -> str:
    """Return what a person reads of a piece of a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def rows(text: str, table: str = "lines") -> list[list[str]]:
    """Return what stands in the cells of a table of the page, without what only a phone shows."""
    found = re.search(rf'<table class="{table}".*?</table>', text, re.S)
    if found is None:
        return []
    shown = re.sub(r'<span class="label".*?</span>', "", found[0])
    body = shown.split("<tbody", 1)[1]
    cells = [re.findall(r"<(t[hd])\b[^>]*>(.*?)</\1>", row, re.S) for row in body.split("<tr")[1:]]
    return [[read(markup) for _, markup in row] for row in cells]


def command(service: Service, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    """Return what the command says."""
    monkeypatch.setenv("WALLET_DATABASE_URL", service.engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("WALLET_DATA_FOLDER", str(service.settings.data_folder))
    monkeypatch.setenv("WALLET_TEMPLATES", str(service.settings.templates))
    done = CliRunner().invoke(main, ["statement", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_every_line_says_when_what_why_and_how_much(client: FlaskClient, shop: Shop, clock: Clock, page: str) -> None:
    """Newest first: the day, what happened, its rule, order and lot, and the balance after it."""
    shop.buy(8_000, order="o1")
    clock.on(days=PENDING_DAYS)
    shop.refund(3_000, order="o1")
    shop.adjust(5)

    assert rows(got(client, f"{page}/statement").text) == [
        ["Jun 15, 2026", "Correction +5, valid until Sep 30, 2026", "+5", "55"],
        ["Jun 15, 2026", "Purchase returned purchase Order o1 -30, valid until Sep 30, 2026", "-30", "50"],
        ["Jun 15, 2026", "Now available +80, valid until Sep 30, 2026", "+80 Pending: -80", "80"],
        ["Jun 1, 2026", "Earned purchase Order o1 +80, valid until Sep 30, 2026", "0 Pending: +80", "0"],
    ]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_did_not_count_says_why(
    built: Service, engine: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch, lang: str
) -> None:
    """A limit, a budget and a cap that kept points from somebody are told on the page, as in the files."""
    service = with_rules(replace(built, clock=clock), LIMITED | {"unit": {"code": "points"}})
    client = create_app(service).test_client()
    shop = connected_shop(service, client, "limited")
    page = address(service, shop.enrol("ann", name="Ann", locale=lang)["serial_number"])
    shop.buy(2_000, order="o1")
    shop.buy(20_000, order="o2")

    newest = rows(got(client, f"{page}/statement").text)[0][1]
    telling = telling_of(service.template("points").program, None, lang)
    lost: list[tuple[str, Reason]] = [("cap", "capped"), ("double", "limit_reached"), ("spring", "budget_spent")]
    assert all(each in newest for each in uncounted(telling, lost)), newest
    line = json.loads(got(client, f"{page}/statement.json").text)["lines"][-1]
    assert line["refused"] == [{"code": code, "reason": reason} for code, reason in lost]
    told = list(csv.DictReader(io.StringIO(got(client, f"{page}/statement.csv").text)))[-1]
    assert told["refused"] == "cap capped; double limit_reached; spring budget_spent"
    assert "-  of spring: budget spent" in command(service, monkeypatch, serial_of(service, page))


def test_what_is_left_is_told_by_its_last_day(client: FlaskClient, shop: Shop, clock: Clock, page: str) -> None:
    """Lots of which all is alike are one line, what dies first stands first, and what waits says until when."""
    shop.buy(8_000, order="o1")
    shop.buy(2_000, order="o2")
    clock.on(days=45)
    shop.buy(3_000, order="o3")

    assert rows(got(client, f"{page}/statement").text, "left") == [
        ["100 points", "now", "Sep 30, 2026"],
        ["30 points", "from Jul 30, 2026", "Oct 31, 2026"],
    ]


@pytest.mark.parametrize("spoken", LANGUAGES)
def test_pages_speak_the_members_language(client: FlaskClient, service: Service, shop: Shop, spoken: str) -> None:
    """Card, statement and terms are in the language of the member, whatever the browser prefers."""
    mine = address(service, shop.enrol("bob", locale=spoken)["serial_number"])
    shop.buy(8_000, order="o1", customer="bob")
    words = WORDS[spoken]
    card, statement, terms = (got(client, f"{mine}{path}").text for path in ("", "/statement", "/terms"))

    for each in (card, statement, terms):
        assert f'<html lang="{spoken}">' in each
    for link, label in (("statement", words["statement"]), ("terms", words["terms"])):
        assert f'<a href="{mine}/{link}">{label}</a>' in card
    template = service.template("points")
    (line,) = rows(statement)
    assert line[1].startswith(ENTRY_WORDS[spoken]["earn"])  # type: ignore[index]
    assert line[1].count(words["order"]) == 1
    assert line[0] == template.words[spoken].short_date(shop.clock().date())
    for section in explain(template.program, template.words[spoken], spoken):
        assert section.title in terms
        for rule in section.lines:
            assert " ".join(rule.split()) in read(terms)


def test_languages_have_the_same_words() -> None:
    """No language lacks a word that another has, and each puts the same parts into it."""
    parts = {
        language: {key: set(re.findall(r"{\w+}", said)) for key, said in words.items()}
        for language, words in WORDS.items()
    }
    assert parts == dict.fromkeys(LANGUAGES, parts["en"])


def test_card_page_says_where_the_member_stands(client: FlaskClient, shop: Shop, clock: Clock, page: str) -> None:
    """Balance, what waits, what dies next, the tier with its last day, what is missing to the next, and rewards."""
    shop.buy(20_000, order="o1")
    clock.on(days=PENDING_DAYS)
    shop.buy(4_000, order="o2")
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", got(client, page).text)

    assert found == [
        ("Balance", "200 points"),
        ("Pending", "40 points"),
        ("Expires next", "200 points, valid until September 30, 2026"),
        ("Tier", "Chapter, until November 30, 2026"),
        ("Next tier", "Novel: €260 to go"),
        ("You can take now", "mug"),
    ]


def test_due_member_is_settled_first(client: FlaskClient, shop: Shop, clock: Clock, page: str) -> None:
    """What the calendar has brought meanwhile stands on each page, though no worker has been there."""
    shop.buy(8_000, order="o1")
    clock.on(days=PENDING_DAYS)
    assert rows(got(client, f"{page}/statement").text)[0][2:] == ["+80 Pending: -80", "80"]
    clock.on(days=120)
    assert "80" not in re.findall(r"<dd>(.*?)</dd>", got(client, page).text)[0]
    newest = json.loads(got(client, f"{page}/statement.json").text)["lines"][-1]
    assert (newest["type"], newest["points"], newest["balance"]) == ("expire", -80, 0)
    assert rows(got(client, f"{page}/statement").text, "left") == []


def test_lines_come_fifty_to_a_page(client: FlaskClient, shop: Shop, page: str) -> None:
    """Plain links lead to older and newer lines; every line stands on one page, and balances go on across pages."""
    for number in range(1, 54):
        shop.adjust(number)
    first, second = (got(client, f"{page}/statement{query}").text for query in ("", "?page=2"))
    balances = [int(row[3].replace(",", "")) for text in (first, second) for row in rows(text)]

    assert (len(rows(first)), len(rows(second))) == (50, 3)
    assert balances == [number * (number + 1) // 2 for number in range(53, 0, -1)]
    assert re.findall(r'<a href="([^"]+)" rel="(\w+)"', first) == [(f"{page}/statement?page=2", "next")]
    assert re.findall(r'<a href="([^"]+)" rel="(\w+)"', second) == [(f"{page}/statement?page=1", "prev")]
    assert "Page 2 of 2" in second
    assert rows(first, "left")
    assert not rows(second, "left")
    for wrong in ("0", "3", "-1", "x", "", "1.0", "²", "9" * 7, "9" * 400):
        assert client.get(f"{page}/statement", query_string={"page": wrong}).status_code == 404


def test_empty_statement_is_a_page(client: FlaskClient, page: str) -> None:
    """A member to whom nothing has happened is told so."""
    text = got(client, f"{page}/statement").text
    assert WORDS["en"]["nothing"] in text
    assert "<table" not in text


def test_file_is_what_the_command_says(
    client: FlaskClient, service: Service, shop: Shop, clock: Clock, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON and CSV are the command's to the letter, but for who of the staff corrected something, and why."""
    shop.buy(8_000, order="o1")
    clock.on(days=PENDING_DAYS)
    shop.refund(3_000, order="o1")
    shop.adjust(5)
    serial = serial_of(service, page)
    # The commands go first: their clock is the machine's, by which the calendar may have work.
    said, sheet = (command(service, monkeypatch, serial, "--format", form) for form in ("json", "csv"))
    ours, theirs = json.loads(said), list(csv.DictReader(io.StringIO(sheet)))
    assert [(each["actor"], each["reason"]) for each in ours["lines"]][3] == ("till 3", "complaint")

    ours["lines"] = [each | dict.fromkeys(WITHHELD) for each in ours["lines"]]
    assert got(client, f"{page}/statement.json").json == ours
    table = list(csv.DictReader(io.StringIO(got(client, f"{page}/statement.csv").text)))
    assert table == [each | dict.fromkeys(WITHHELD, "") for each in theirs]


def test_files_are_kept_and_named_as_files(client: FlaskClient, shop: Shop, page: str) -> None:
    """Each has its type and a name to be saved under."""
    shop.buy(8_000, order="o1")
    types = {"json": "application/json", "csv": "text/csv; charset=utf-8"}
    for ending, kind in types.items():
        answer = got(client, f"{page}/statement.{ending}")
        assert answer.headers["Content-Type"] == kind
        assert answer.headers["Content-Disposition"] == f'attachment; filename="statement.{ending}"'
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r", "\n", "\N{FULLWIDTH EQUALS SIGN}"])
def test_no_cell_begins_like_a_formula(begins: str) -> None:
    """A text that a spreadsheet would calculate stays a text; numbers stay numbers."""
    assert cell(f"{begins}1+cmd") == f"'{begins}1+cmd"
    assert cell(f"o{begins}1") == f"o{begins}1"
    assert cell(-40) == -40


def test_order_that_looks_like_a_formula_or_markup_is_shown_as_text(client: FlaskClient, shop: Shop, page: str) -> None:
    """Neither a spreadsheet nor a browser acts on what an order is called."""
    for order in ("=HYPERLINK(1)", "<b>o2</b>"):
        shop.buy(8_000, order=order)
    table = list(csv.DictReader(io.StringIO(got(client, f"{page}/statement.csv").text)))
    text = got(client, f"{page}/statement").text

    assert [each["order_id"] for each in table] == ["'=HYPERLINK(1)", "<b>o2</b>"]
    assert "&lt;b&gt;o2&lt;/b&gt;" in text
    assert "<b>" not in text


def test_nothing_is_kept_or_listed_on_the_way(client: FlaskClient, shop: Shop, page: str) -> None:
    """No cache keeps an answer, no search engine lists it, and a page runs nothing and fits its policy."""
    shop.buy(8_000, order="o1")
    for path in ["", *PATHS]:
        answer = got(client, page + path)
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
        assert client.head(page + path).status_code == 200
        if answer.mimetype == "text/html":
            assert '<meta name="robots" content="noindex, nofollow">' in answer.text
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert "<script" not in answer.text
            assert 'style="' not in answer.text
            assert [int(level) for level in re.findall(r"<h(\d)", answer.text)][:2] == [1, 2]


def test_nothing_personal_is_told(client: FlaskClient, shop: Shop, page: str) -> None:
    """Neither the member's name nor the merchant's id of it, nor a name or note of the staff, is in any answer."""
    told = shop.adjust(5)
    for path in PATHS:
        answer = got(client, page + path).text
        for secret in ("Ann", "till 3", "complaint", told["member_id"]):
            assert secret not in answer


@pytest.mark.parametrize("path", PATHS)
def test_link_that_is_not_ours_opens_nothing(client: FlaskClient, service: Service, page: str, path: str) -> None:
    """Forged, truncated and orphaned links are refused as on the card's page, and alike."""
    token = page.split("/")[2]
    wrong = ["x", token[:-1], f"{token}A", card_links("another key " * 4).dumps(serial_of(service, page))]
    wrong.append(card_links(service.secret_key).dumps("0" * 24))
    card = client.get("/cards/x")
    for each in wrong:
        answer = client.get(f"/cards/{each}{path}")
        assert (answer.status_code, answer.data) == (401, card.data)


def test_link_opens_only_its_own_card(client: FlaskClient, service: Service, shop: Shop, page: str) -> None:
    """What happened to one member stands in nobody else's statement."""
    other = address(service, shop.enrol("bob")["serial_number"])
    shop.buy(8_000, order="o1")
    assert len(got(client, f"{page}/statement.json").json["lines"]) == 1
    assert got(client, f"{other}/statement.json").json == {"lines": [], "lots": []}


def test_revoked_card_tells_nothing_more(client: FlaskClient, service: Service, shop: Shop, page: str) -> None:
    """Of a card that is void there is only the word that it is, and no file."""
    shop.buy(8_000, order="order one")
    revoked(service, page)
    card = got(client, page).text
    assert "<dl" not in card
    for path in PATHS:
        answer = client.get(page + path, headers={} if path in FILES else BROWSER)
        assert answer.status_code == 410
        assert "order one" not in answer.text
        if path not in FILES:
            assert answer.text.split("<body")[1] == card.split("<body")[1]


def revoked(service: Service, page: str) -> None:
    """Revoke a card."""
    with service.begin() as tx:
        found = card_by_serial(tx, serial_of(service, page))
        revoke(tx, found, service.in_force.of_card(found), now=service.clock())


def test_looking_changes_nothing(client: FlaskClient, service: Service, shop: Shop, page: str) -> None:
    """Who reads writes nothing to the books."""
    shop.buy(8_000, order="o1")
    for path in PATHS:
        got(client, page + path)
    with service.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM ledger_transactions")).scalar_one() == 1


def test_the_code_for_friends_is_answered_and_shown(built: Service, engine: Engine, clock: Clock) -> None:
    """Where members are thanked for bringing others, enrolment answers with the code, and the page shows it."""
    inviting = {"referral": {"referrer": {"points": 5}, "referee": {"points": 5}}}
    service = with_rules(replace(built, clock=clock), RULES | {"unit": {"code": "points"}} | inviting)
    client = create_app(service).test_client()
    enrolled = connected_shop(service, client, "friends").enrol("ann")
    for spoken in LANGUAGES:
        shown = client.get(
            address(service, enrolled["serial_number"]), headers=BROWSER | {"Accept-Language": spoken}
        ).get_data(as_text=True)
        assert re.search(f"{WORDS[spoken]['invitation']}.*?{enrolled['referral_code']}", shown, re.DOTALL)
