"""Campaigns and their links by the API: made once for a key, as files of any length, drawn, counted, and ended."""

import csv
import io
import json
import tracemalloc
from datetime import date
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from actors import Clock
from api_actors import Program, World
from link_actors import IPHONE, Browser
from page_actors import painted
from PIL import Image
from sqlalchemy import Engine, text

from wallet_service.domain.links import Link

CSV, NDJSON = "text/csv", "application/x-ndjson"
SPRING = {"program": "lumipetal", "code": "spring", "channel": "email", "until": "2027-05-31", "limit": 2}
BASE = "https://cards.example"


@pytest.fixture
def program(world: World) -> Program:
    """A program with every scope, of a merchant with a campaign."""
    program = world.mine.program()
    assert program.send("POST", "/campaigns", json=SPRING).status_code == 201
    return program


@pytest.fixture
def phone(world: World) -> Browser:
    """A phone that opens links."""
    return Browser(world.client, IPHONE)


def problem(answer: Any) -> tuple[int, str]:
    """Return the status and the type of a problem document."""
    assert answer.mimetype == "application/problem+json"
    return answer.status_code, answer.get_json()["type"].removeprefix("urn:wallet-service:problem:")


def mint(program: Program, **more: Any) -> Any:
    """Have a link made for a member or a prospect."""
    key = more.pop("key", None)
    return program.send("POST", "/campaigns/spring/links", key=key, json=more)


def rows_of(answer: Any) -> list[dict[str, str]]:
    """Return the rows of a file of CSV."""
    assert (answer.status_code, answer.mimetype) == (200, CSV), answer.get_json()
    return list(csv.DictReader(io.StringIO(answer.text)))


def sent(engine: Engine) -> int:
    """Return how many links were counted as sent."""
    with engine.connect() as tx:
        return int(tx.execute(text("SELECT coalesce(sum(times), 0) FROM link_counts WHERE what = 'sent'")).scalar_one())


def token_of(url: str) -> str:
    """Return the token that stands in a link."""
    return url.rpartition("/")[2]


def test_campaigns_begin_once_and_are_listed_page_by_page(program: Program) -> None:
    """A repeat is answered the same; a code is taken once; pages hold all, oldest first."""
    new = {"program": "lumipetal", "code": "summer", "utm": {"source": "letter"}}
    answers = [program.send("POST", "/campaigns", key="k1", json=new) for _ in range(2)]
    assert (answers[0].data, answers[1].headers["Idempotent-Replayed"]) == (answers[1].data, "true")
    assert problem(program.send("POST", "/campaigns", key="k1", json=new | {"name": "x"})) == (
        409,
        "idempotency-conflict",
    )
    assert problem(program.send("POST", "/campaigns", json=new)) == (409, "campaign-taken")
    program.send("POST", "/campaigns", json=new | {"code": "autumn"})
    first = program.send("GET", "/campaigns?limit=2").get_json()
    rest = program.send("GET", f"/campaigns?cursor={first['next']}").get_json()
    assert [each["code"] for each in first["data"] + rest["data"]] == ["spring", "summer", "autumn"]
    assert rest["next"] is None
    assert first["data"][1]["utm"]["source"] == "letter"


def test_a_merchant_sees_only_its_own(world: World, program: Program) -> None:
    """Codes are each merchant's own; another's campaign, link or short code is none."""
    url = mint(program, prospect={"name": "Alex"}).get_json()["url"]
    code = program.send("POST", "/campaigns/spring/short-links", json={}).get_json()["code"]
    rival = world.other.program()
    assert rival.send("GET", "/campaigns").get_json() == {"data": [], "next": None}
    assert rival.send("POST", "/campaigns", json=SPRING | {"program": "dillybasket"}).status_code == 201
    assert rival.send("GET", "/funnel").get_json()["data"] == []
    for link in (url, code):
        for path in ("/links/revoke", "/links/picture"):
            assert problem(rival.send("POST", path, json={"link": link})) == (404, "link-does-not-work")
    assert len(rows_of(rival.send("POST", "/campaigns/spring/member-links"))) == 1
    member = world.do("GET", "/members?external_id=somebody-else")["data"][0]["id"]
    assert problem(mint(rival, member={"id": member})) == (404, "member-not-found")


def test_a_link_for_a_member(world: World, program: Program, phone: Browser, engine: Engine) -> None:
    """It opens that member's card, says its terms, is the same when made again, and counts once for a key."""
    who = {"member": {"external_id": "somebody-else"}, "channel": "sms", "content": "b", "limit": 5}
    first, again = (mint(program, key="k1", **who) for _ in range(2))
    assert (first.status_code, again.data, again.headers["Idempotent-Replayed"]) == (201, first.data, "true")
    assert sent(engine) == 1
    said = first.get_json()
    assert (said["channel"], said["until"], said["limit"], said["member_id"][:4]) == ("sms", "2027-05-31", 5, "mem_")
    assert mint(program, **who).get_json()["url"] == said["url"]
    assert phone.get(f"{said['url']}/card.pkpass").status_code == 200
    link = world.service.links.open(token_of(said["url"]))
    assert (link.kind, link.content, link.until) == ("member", "b", None)


def test_a_link_for_somebody_who_is_no_member(world: World, program: Program, phone: Browser, engine: Engine) -> None:
    """Pressing its button enrols them; nothing of them is stored before, not even with the key of the request."""
    first, again = (mint(program, key="k1", prospect={"external_id": "p1", "name": "Alex Example"}) for _ in range(2))
    assert first.data == again.data
    with engine.connect() as tx:
        kept = " ".join(tx.execute(text("SELECT answer::text FROM api_operations")).scalars())
    url = first.get_json()["url"]
    assert token_of(url) not in kept
    assert "Alex" not in kept
    assert phone.post(f"{url}/join/apple").status_code == 303
    (member,) = world.do("GET", "/members?external_id=p1")["data"]
    assert member["name"] == "Alex Example"


def test_what_no_link_can_be_made_for_is_refused(world: World, program: Program, contents: Any) -> None:
    """Neither or both, nobody, a void card, an id of ours, letters that nobody can read, and a day too late."""
    card = world.do("GET", "/members?external_id=somebody-else")["data"][0]["cards"][0]["serial_number"]
    world.do("POST", f"/cards/{card}/revoke")
    before = contents()
    for body, expected in (
        ({}, (422, "request-refused")),
        ({"member": {"external_id": "a"}, "prospect": {"name": "A"}}, (422, "request-refused")),
        ({"member": {"external_id": "nobody"}}, (404, "member-not-found")),
        ({"member": {"external_id": "somebody-else"}}, (422, "link-refused")),
        ({"prospect": {"external_id": "mem_7k3z"}}, (422, "link-refused")),
        ({"prospect": {"name": "\u200e"}}, (422, "link-refused")),
        ({"prospect": {"name": "ж" * 200}}, (422, "link-refused")),
        ({"prospect": {"name": "A"}, "until": "2999-01-01"}, (422, "link-refused")),
        ({"prospect": {"name": "A"}, "channel": "pigeon"}, (422, "request-refused")),
    ):
        assert problem(mint(program, **body)) == expected, body
    assert {each: told for each, told in contents().items() if each not in ("api_keys", "rates")} == {
        each: told for each, told in before.items() if each not in ("api_keys", "rates")
    }


def test_a_campaign_that_ends_takes_its_links_along(program: Program, phone: Browser) -> None:
    """None of its links works any more, and no more are made; what had been asked for is answered as it was."""
    who = {"external_id": "p1", "name": "Alex"}
    url = mint(program, key="k1", prospect=who).get_json()["url"]
    assert phone.get(url).status_code == 200
    ended = program.send("POST", "/campaigns/spring/revoke").get_json()
    assert ended["revoked_at"]
    assert program.send("POST", "/campaigns/spring/revoke").get_json() == ended
    assert phone.get(url).status_code == 410
    assert problem(mint(program, prospect={"name": "Alex"})) == (410, "link-over")
    for path, more in (
        ("short-links", {"json": {}}),
        ("member-links", {}),
        ("prospect-links", {"data": "name\nA\n", "content_type": CSV}),
    ):
        answer = program.send("POST", f"/campaigns/spring/{path}", **more)
        assert problem(answer) == (410, "link-over"), path
    assert mint(program, key="k1", prospect=who).get_json()["url"] == url


def test_one_link_ends(program: Program, phone: Browser) -> None:
    """By its address or its short code, however that is typed; twice is no error, and what is no link is told."""
    url = mint(program, prospect={"name": "Alex"}).get_json()["url"]
    short = program.send("POST", "/campaigns/spring/short-links", json={"content": "window"}).get_json()
    assert short["url"] == f"{BASE}/s/{short['code'].replace('-', '')}"
    for link, kind in ((f"{url}?lang=cs", "prospect"), (short["code"].lower(), "anyone"), (short["url"], "anyone")):
        answer = program.send("POST", "/links/revoke", json={"link": link})
        assert answer.get_json() == {"campaign": "spring", "kind": kind}
    assert [phone.get(each).status_code for each in (url, short["url"])] == [410, 410]
    for wrong in ("3VD8-Q5RK", f"{BASE}/l/nothing", "?"):
        assert problem(program.send("POST", "/links/revoke", json={"link": wrong})) == (404, "link-does-not-work")


def test_links_for_all_members_as_a_file(world: World, program: Program, phone: Browser, engine: Engine) -> None:
    """Each opens its member's card; as CSV or JSON Lines; a repeat is the same file and counts nothing again."""
    world.mine.shop.enrol("ann", locale="cs")
    world.mine.shop.enrol("=cyn")
    path = "/campaigns/spring/member-links?channel=sms&limit=3"
    first, again = (program.send("POST", path, key="k1", buffered=True) for _ in range(2))
    assert (first.data, again.headers.get("Idempotent-Replayed")) == (again.data, "true")
    assert first.headers["Content-Disposition"] == "attachment; filename=links.csv"
    rows = rows_of(first)
    assert [(each["external_id"], each["locale"]) for each in rows] == [
        ("somebody-else", ""),
        ("ann", "cs"),
        ("=cyn", ""),
    ]
    assert sent(engine) == 3
    assert phone.get(f"{rows[1]['link']}/card.pkpass").status_code == 200
    link = world.service.links.open(token_of(rows[1]["link"]))
    assert (link.channel, link.limit) == ("sms", 3)
    lines = program.send("POST", path, headers={"Accept": NDJSON}).text.splitlines()
    assert [json.loads(each)["link"] for each in lines] == [each["link"] for each in rows]
    assert problem(program.send("POST", "/campaigns/spring/member-links?channel=email", key="k1")) == (
        409,
        "idempotency-conflict",
    )


def prospects(program: Program, body: Any, mimetype: str = CSV, **more: Any) -> Any:
    """Send a file of people who are no members yet."""
    path = f"/campaigns/spring/prospect-links{more.pop('query', '')}"
    return program.send("POST", path, data=body, content_type=mimetype, **more)


def test_links_for_the_rows_of_a_file(world: World, program: Program, engine: Engine) -> None:
    """Each row keeps its columns as they are and gets a link; the file again under its key counts nothing."""
    body = '\ufeffemail;external_id;Name;phone\r\na@x.example;p1;"Ann; the first";+420 1\r\nb@x.example;p2;;=2\r\n'
    first, again = (prospects(program, body, key="k1", query="?channel=sms&content=a") for _ in range(2))
    assert (first.data, again.headers.get("Idempotent-Replayed")) == (again.data, "true")
    rows = rows_of(first)
    assert list(rows[0]) == ["email", "external_id", "name", "phone", "link"]
    assert [each["phone"] for each in rows] == ["+420 1", "=2"]
    assert sent(engine) == 2
    link = world.service.links.open(token_of(rows[0]["link"]))
    assert link.prospect
    assert (link.channel, link.content, link.prospect.name) == ("sms", "a", "Ann; the first")
    other = prospects(program, body.replace("p2", "p3"), key="k1", query="?channel=sms&content=a")
    assert problem(other) == (409, "idempotency-conflict")
    assert sent(engine) == 2
    line = '{"external_id": "p1", "crm": {"id": 7}}\n'
    told = json.loads(prospects(program, line, NDJSON, headers={"Accept": NDJSON}).text)
    assert (told["crm"], token_of(told["link"])[:1]) == ({"id": 7}, "A")


BAD_FILES = [
    ("", "file-refused", "is empty"),
    ("email\na@x.example\n", "link-refused", "needs a first line"),
    ("name,name\nA,B\n", "file-refused", "twice"),
    ("external_id,name\np1\n", "link-refused", "row 2"),
    ("external_id\np1\nmem_7k3z\n", "link-refused", "looks like an id of ours"),
    (f"external_id\n{'x' * 201}\n", "link-refused", "too long"),
    ("external_id\na\x07b\n", "link-refused", "cannot be printed"),
]


@pytest.mark.parametrize(("body", "kind", "told"), BAD_FILES, ids=[told for _, _, told in BAD_FILES])
def test_a_file_with_a_bad_row_makes_no_links(
    program: Program, engine: Engine, body: str, kind: str, told: str
) -> None:
    """It is refused as a whole, with the place and the reason; nothing counts as sent."""
    answer = prospects(program, body)
    assert problem(answer) == (422, kind)
    assert told in json.dumps(answer.get_json())
    assert sent(engine) == 0


def test_what_is_too_large_is_refused_before_it_is_answered(world: World, program: Program, engine: Engine) -> None:
    """Whether its length is said before or found out, no link is sent."""
    most = world.service.settings.import_megabytes * 2**20
    said = program.send(
        "POST",
        "/campaigns/spring/prospect-links",
        content_type=CSV,
        environ_overrides={"CONTENT_LENGTH": str(most + 1)},
    )
    assert problem(said) == (413, "file-too-large")
    assert problem(prospects(program, '{"name": 7}\n', NDJSON)) == (422, "link-refused")
    assert sent(engine) == 0


def test_a_long_file_takes_little_memory(program: Program, engine: Engine) -> None:
    """Of many rows neither those that come nor those that go are held at once."""
    rows = 20_000
    body = io.BytesIO(b"external_id,name\n" + b"".join(b"p%08d,%s\n" % (row, b"n" * 100) for row in range(rows)))
    tracemalloc.start()
    try:
        with prospects(program, body, buffered=False) as answer:
            number = sum(piece.count(b"\n") for piece in answer.response)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert number == rows + 1
    assert sent(engine) == rows
    assert peak < len(body.getvalue()) // 2


def test_codes_are_drawn(program: Program) -> None:
    """Of a short code or an address, as PNG, SVG or a page, whichever is accepted; what is too light is refused."""
    short = program.send("POST", "/campaigns/spring/short-links", json={}).get_json()
    url = mint(program, prospect={"name": "Alex"}).get_json()["url"]

    def drawn(link: str, mimetype: str, **more: Any) -> bytes:
        answer = program.send("POST", "/links/picture", json={"link": link, **more}, headers={"Accept": mimetype})
        assert (answer.status_code, answer.mimetype) == (200, mimetype)
        return bytes(answer.data)

    for link, address in ((short["code"], short["url"]), (url, url)):
        document = pypdfium2.PdfDocument(drawn(link, "application/pdf", size="A6", language="cs"))
        pictures = [
            Image.open(io.BytesIO(drawn(link, "image/png", width=300))),
            painted(drawn(link, "image/svg+xml", color="#123456").decode()),
            document[0].render(scale=2).to_pil(),
        ]
        found = [[each.text for each in zxingcpp.read_barcodes(each.convert("RGB"))] for each in pictures]
        assert found == [[address]] * 3
        assert "Vaše karta" in document[0].get_textpage().get_text_range()
        document.close()
    light = program.send("POST", "/links/picture", json={"link": url, "color": "#ffd400"})
    assert problem(light) == (422, "poster-refused")
    refused = program.send("POST", "/links/picture", json={"link": url}, headers={"Accept": "image/gif"})
    assert problem(refused) == (406, "not-acceptable")


def test_the_funnel_in_pages_and_as_a_file(program: Program, phone: Browser, clock: Clock) -> None:
    """As JSON it comes in pages, whatever is told apart; as a file whole; of one campaign, or of all."""
    program.send("POST", "/campaigns", json=SPRING | {"code": "summer"})
    urls = [
        program.send("POST", f"/campaigns/{campaign}/links", json={"prospect": {"name": name}, "channel": channel})
        for campaign, name, channel in (("spring", "A", "email"), ("spring", "B", "sms"), ("summer", "C", "email"))
    ]
    code = program.send("POST", "/campaigns/spring/short-links", json={}).get_json()
    for url in (*(each.get_json()["url"] for each in urls), code["url"], code["url"]):
        assert phone.get(url).status_code in (200, 303)

    def pages(query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        more = ""
        while True:
            page = program.send("GET", f"/funnel?{query}&limit=1{more}").get_json()
            found += page["data"]
            if page["next"] is None:
                return found
            more = f"&cursor={page['next']}"

    assert [(each["key"], each["sent"], each["opened"]) for each in pages("by=campaign")] == [
        ("spring", 2, 4),
        ("summer", 1, 1),
    ]
    assert [(each["key"], each["opened"]) for each in pages("by=channel")] == [("email", 2), ("print", 2), ("sms", 1)]
    links = pages("by=link&campaign=spring")
    assert sorted((each["kind"], each["opened"]) for each in links) == [("anyone", 2), ("prospect", 1), ("prospect", 1)]
    assert code["code"] in [each["key"] for each in links]
    whole = program.send("GET", "/funnel?by=link&limit=1", headers={"Accept": CSV})
    assert len(rows_of(whole)) == 4
    lines = program.send("GET", "/funnel?by=wallet", headers={"Accept": NDJSON})
    assert [json.loads(each)["key"] for each in lines.text.splitlines()] == ["apple"]
    assert pages(f"since={date.max.isoformat()}") == []
    assert problem(program.send("GET", "/funnel?campaign=none")) == (404, "unknown-campaign")
    first = program.send("GET", "/funnel?by=link&limit=1").get_json()
    assert problem(program.send("GET", f"/funnel?cursor={first['next']}")) == (422, "request-refused")


def test_a_link_of_the_command_and_of_the_api_are_one(world: World, program: Program) -> None:
    """Whoever makes it, the same terms make the same link."""
    url = mint(program, prospect={"external_id": "p1"}, channel="sms").get_json()["url"]
    made = world.service.links.open(token_of(url))
    again = Link(made.campaign, "sms", prospect=made.prospect)
    assert token_of(url) == world.service.links.token(again)
