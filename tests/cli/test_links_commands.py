"""`wallet-service campaign`, `link`, `poster` and `funnel`: what they do, write, print and refuse."""

import csv
import io
import json
from pathlib import Path

import pypdfium2
import pytest
import zxingcpp
from actors import connected_shop
from command_actors import Command, at, commands
from flask.testing import FlaskClient
from link_actors import IPHONE, Browser
from page_actors import painted
from PIL import Image
from sqlalchemy import Engine

from wallet_service.apple.identity import Identity
from wallet_service.config import Settings
from wallet_service.domain.links import Link
from wallet_service.domain.template import Template
from wallet_service.web import create_app
from wallet_service.wiring import Service, build

ROOT = Path(__file__).parent.parent.parent
BASE = "https://cards.example"


@pytest.fixture
def opened(settings: Settings, engine: Engine, identity: Identity, starters: dict[str, Template]) -> Service:
    """A service with three members, one of them with a language."""
    service = build(settings, engine=engine, identity=identity, loaded=starters)
    shop = connected_shop(service, create_app(service).test_client(), "shop")
    for name in ("ann", "bob", "cyn"):
        shop.enrol(name, **({"locale": "cs"} if name == "ann" else {}))
    return service


@pytest.fixture
def client(opened: Service) -> FlaskClient:
    """A client of the service's web application."""
    return create_app(opened).test_client()


@pytest.fixture
def command(opened: Service) -> Command:
    """Type a command, and return what it prints; `ends` is the exit code that is expected."""
    return commands(at(opened, WALLET_BASE_URL=BASE))


def table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_links_for_all_members(command: Command, client: FlaskClient, opened: Service, tmp_path: Path) -> None:
    """A file has a link for each member, which opens that member's card; made again it is the same file."""
    command("campaign", "add", "spring", "--channel", "email", "--until", "2099-12-31")
    files = [tmp_path / "links.csv", tmp_path / "again.csv"]
    for file in files:
        assert "3 links" in command("link", "mint", "spring", "--members", "-o", file)
    assert files[0].read_text() == files[1].read_text()
    assert files[0].stat().st_mode & 0o077 == 0
    rows = table(files[0])
    assert [(each["external_id"], each["locale"]) for each in rows] == [("ann", "cs"), ("bob", ""), ("cyn", "")]
    assert all(each["member_id"].startswith("mem_") for each in rows)
    assert Browser(client, IPHONE).get(f"{rows[0]['link']}/card.pkpass").status_code == 200
    with opened.read() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM links").scalar_one() == 1
        assert tx.exec_driver_sql("SELECT member_id FROM links JOIN members ON members.id = member_id "
                                  "WHERE external_id = 'ann'").first()  # fmt: skip
        assert tx.exec_driver_sql("SELECT sum(times) FROM link_counts").scalar_one() == 6


def test_links_for_the_lines_of_a_file(command: Command, client: FlaskClient, opened: Service, tmp_path: Path) -> None:
    """Each line keeps its columns and gets a link, which enrols that person and nobody before."""
    given, made = tmp_path / "given.csv", tmp_path / "made.csv"
    given.write_text(
        '\ufeffemail,external_id,name,phone\r\na@x.example,p1,"Ann, the first",+420 1\r\nb@x.example,p2,,=2\r\n'
    )
    command("campaign", "add", "spring")
    words = ("link", "mint", "spring", "--file", given, "--channel", "sms", "--limit", 1, "--content", "a", "-o", made)
    assert "2 links" in command(*words)
    rows = table(made)
    assert list(rows[0]) == ["email", "external_id", "name", "phone", "link"]
    assert [each["phone"] for each in rows] == ["+420 1", "=2"]
    link = opened.links.open(rows[0]["link"].rpartition("/")[2])
    assert link.prospect
    assert (link.channel, link.limit, link.content, link.prospect.name) == ("sms", 1, "a", "Ann, the first")
    browser = Browser(client, IPHONE)
    assert browser.post(f"{rows[0]['link']}/join/apple").status_code == 303
    with opened.read() as tx:
        joined = tx.exec_driver_sql("SELECT external_id FROM members ORDER BY id").scalars().all()
    assert joined == ["ann", "bob", "cyn", "p1"]


BAD_FILES = [
    ("", "needs a first line"),
    ("email\na@x.example\n", "needs a first line"),
    ("name,name\nA,B\n", "no name twice"),
    ("external_id,name\np1\n", "line 2: has 1 columns"),
    ("external_id\np1\nmem_7k3z\n", "line 3: external_id: looks like an id of ours"),
    (f"external_id\n{'x' * 201}\n", "line 2: a text of 201 bytes is too long"),
    ("external_id\na\x07b\n", "line 2: external_id: has letters that cannot be printed"),
]


def test_a_bad_file_makes_no_links(command: Command, opened: Service, tmp_path: Path) -> None:
    """The place and the fault are named, no file is left, not even a part, and nothing counts as sent."""
    given, made = tmp_path / "given.csv", tmp_path / "made.csv"
    command("campaign", "add", "spring")
    for content, told in BAD_FILES:
        given.write_text(content)
        assert told in command("link", "mint", "spring", "--file", given, "-o", made, ends=1)
        assert not list(tmp_path.glob("made*"))
    with opened.read() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM link_counts").scalar_one() == 0


def test_what_cannot_be_minted_is_refused(command: Command, tmp_path: Path) -> None:
    """An unknown campaign, one that has ended, neither members nor file or both, and a folder that is not there."""
    made = tmp_path / "made.csv"
    assert "There is no campaign 'spring'" in command("link", "mint", "spring", "--members", "-o", made, ends=1)
    command("campaign", "add", "spring")
    assert "Give either" in command("link", "mint", "spring", "-o", made, ends=2)
    assert "already" in command("campaign", "add", "spring", ends=1)
    assert "small letters" in command("campaign", "add", "Spring!", "--limit", 0, ends=1)
    nowhere = tmp_path / "nowhere" / "made.csv"
    assert "No such file" in command("link", "mint", "spring", "--members", "-o", nowhere, ends=1)
    command("campaign", "revoke", "spring")
    assert "revoked" in command("link", "mint", "spring", "--members", "-o", made, ends=1)
    assert not made.exists()


def test_campaigns_are_listed_and_end(command: Command, client: FlaskClient, opened: Service) -> None:
    """What was said of each stands in the list; one that has ended takes its links with it."""
    command("campaign", "add", "spring", "--name", "Spring letter", "--until", "2099-05-31", "--limit", 2)
    command("campaign", "add", "summer", "--channel", "social", "--utm-source", "posts")
    listed = json.loads(command("campaign", "list", "--json"))
    assert [(each["code"], each["channel"], each["until"], each["limit"]) for each in listed] == [
        ("spring", "other", "2099-05-31", 2),
        ("summer", "social", None, None),
    ]
    assert listed[1]["utm"] == {"utm_source": "posts"}
    token = opened.links.token(Link(1, "email", member=1))
    assert Browser(client, IPHONE).get(f"/l/{token}").status_code == 200
    command("campaign", "revoke", "spring")
    assert Browser(client, IPHONE).get(f"/l/{token}").status_code == 410
    assert "revoked" in command("campaign", "list").splitlines()[0]


def test_one_link_ends(command: Command, client: FlaskClient, opened: Service) -> None:
    """By its address or a short code; what is no link is told."""
    command("campaign", "add", "spring")
    token, browser = opened.links.token(Link(1, "email", member=1)), Browser(client, IPHONE)
    code, url = command("link", "short", "spring").split()
    assert browser.get(url).status_code == 303
    command("link", "revoke", f"{BASE}/l/{token}?lang=cs")
    command("link", "revoke", code.lower())
    assert browser.get(f"/l/{token}").status_code == 410
    assert browser.get(url).status_code == 410
    for wrong in ("7KQ2M9XX", "https://cards.example/l/nothing"):
        assert "no link" in command("link", "revoke", wrong, ends=1)


def test_codes_are_drawn_for_print(command: Command, tmp_path: Path) -> None:
    """Of a short code or an address, in each form and the brand's colours; what is no link is not drawn."""
    command("campaign", "add", "spring")
    code, url = command("link", "short", "spring").split()
    files = {end: tmp_path / f"window.{end}" for end in ("png", "svg", "pdf")}
    for file in files.values():
        assert url in command("poster", code, "-o", file)
    document = pypdfium2.PdfDocument(files["pdf"])
    pictures = [
        Image.open(io.BytesIO(files["png"].read_bytes())),
        painted(files["svg"].read_text()),
        document[0].render(scale=2).to_pil(),
    ]
    assert [[each.text for each in zxingcpp.read_barcodes(picture.convert("RGB"))] for picture in pictures] == [
        [url]
    ] * 3
    assert f"cards.example/s/{code}" in document[0].get_textpage().get_text_range()
    document.close()
    file = tmp_path / "other.png"
    assert "darker" in command("poster", url, "-o", file, "--color", "#ffd400", ends=1)
    assert "no link" in command("poster", "nothing", "-o", file, ends=1)
    assert "ends in" in command("poster", code, "-o", tmp_path / "other.gif", ends=2)
    assert not file.exists()


def test_the_funnel_is_printed(command: Command, client: FlaskClient, opened: Service, tmp_path: Path) -> None:
    """As a table, JSON, CSV, and the address of a page that opens."""
    command("campaign", "add", "spring", "--channel", "email")
    file = tmp_path / "links.csv"
    command("link", "mint", "spring", "--members", "-o", file)
    Browser(client, IPHONE).get(table(file)[0]["link"])
    Browser(client, "Slackbot 1.0").get(table(file)[0]["link"])
    line = command("funnel").splitlines()[1]
    assert line.split()[:3] == ["spring", "3", "1"]
    assert line.endswith("preview 1")
    (told,) = json.loads(command("funnel", "--by", "channel", "--format", "json"))
    assert (told["key"], told["sent"], told["opened"], told["preview"]) == ("email", 3, 1, 1)
    (row,) = csv.DictReader(io.StringIO(command("funnel", "--by", "link", "--format", "csv", "--campaign", "spring")))
    assert (row["kind"], row["opened"], row["sent"]) == ("member", "1", "0")
    assert json.loads(command("funnel", "--since", "2099-01-01", "--format", "json")) == []
    assert "no campaign" in command("funnel", "--campaign", "none", ends=1)
    url = command("funnel", "--page", 7).strip()
    assert client.get(url.removeprefix(BASE)).status_code == 200


def test_a_member_may_object_at_the_desk(command: Command, opened: Service) -> None:
    """Whoever asks the shop is counted no more, until they say otherwise."""
    with opened.read() as tx:
        member = tx.exec_driver_sql("SELECT public_id FROM members WHERE external_id = 'ann'").scalar_one()
    query = "SELECT count(*) FROM objections"
    assert "not counted" in command("member", "object", member)
    with opened.read() as tx:
        assert tx.exec_driver_sql(query).scalar_one() == 1
    assert "counted again" in command("member", "object", member, "--withdraw")
    with opened.read() as tx:
        assert tx.exec_driver_sql(query).scalar_one() == 0
