"""How requests are read and answers sent: refusals, versions, pages, limits, methods."""

from dataclasses import replace
from typing import Any

import pytest
from actors import Clock
from api_actors import UNKNOWN, Program, World
from flask.testing import FlaskClient

from wallet_service.usecases.admit import keys
from wallet_service.web import LARGEST_BODY, create_app
from wallet_service.web.api import samples


@pytest.fixture
def program(world: World) -> Program:
    """A program with every scope."""
    return world.mine.program()


def problem(answer: Any) -> tuple[int, str]:
    """Return the status and the type of a problem document."""
    assert answer.mimetype == "application/problem+json"
    return answer.status_code, answer.get_json()["type"].removeprefix("urn:wallet-service:problem:")


BODIES: list[tuple[bytes, str, tuple[int, str]]] = [
    (b"", "application/json", (400, "bad-request")),
    (b"{", "application/json", (400, "bad-request")),
    (b'{"points": NaN}', "application/json", (422, "request-refused")),
    (b'"\xff"', "application/json", (400, "bad-request")),
    (b'{"reference": "\\ud800"}', "application/json", (400, "bad-request")),
    (b"[" * 100_000, "application/json", (400, "bad-request")),
    (b"[]", "application/json", (422, "request-refused")),
    (b"null", "application/json", (422, "request-refused")),
    (b"points=1", "application/x-www-form-urlencoded", (415, "unsupported-media-type")),
    (b"{}", "text/plain", (415, "unsupported-media-type")),
    (b"{}", "", (415, "unsupported-media-type")),
    (b" " * (LARGEST_BODY + 1), "application/json", (413, "request-entity-too-large")),
]
WRONG: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["member", "points"]),
    ({"member": {}, "points": 0}, ["member", "points"]),
    ({"member": {"id": "x", "external_id": "y"}, "points": "1"}, ["member.id", "points"]),
    ({"member": {"external_id": "y"}, "points": True}, ["points"]),
    ({"member": {"external_id": "y"}, "points": 1.5}, ["points"]),
    ({"member": {"external_id": "y", "card_code": "0" * 16}, "points": 1}, ["member"]),
    ({"member": {"external_id": None}, "points": 1}, ["member"]),
    ({"member": {"external_id": "y\u0000"}, "points": 1}, ["member.external_id"]),
    ({"member": {"external_id": "y"}, "points": 1, "note": "?"}, ["note"]),
    ({"member": {"external_id": "y"}, "points": 10**12 + 1, "minutes": 0}, ["minutes", "points"]),
]
QUERIES = [
    ("limit=0", "limit"),
    ("limit=201", "limit"),
    ("limit=1_0", "limit"),
    ("limit=%D9%A7", "limit"),
    (f"limit={'9' * 5000}", "limit"),
    ("limit=1&limit=2", "limit"),
    ("colour=red", "colour"),
    ("cursor=letmein", "cursor"),
    ("external_id=", "external_id"),
    ("external_id=%00", "external_id"),
]


def test_a_body_is_json(program: Program) -> None:
    """What is no JSON, is not said to be, or is too large, is refused by its own status."""
    for data, mimetype, expected in BODIES:
        answer = program.send("POST", "/holds", data=data, content_type=mimetype)
        assert problem(answer) == expected, (data[:40], mimetype)


def test_every_field_that_is_wrong_is_named(program: Program) -> None:
    """A refusal names all that is wrong, with what to do about each."""
    for body, fields in WRONG:
        answer = program.send("POST", "/holds", json=body)
        assert problem(answer) == (422, "request-refused"), body
        assert [each["field"] for each in answer.get_json()["errors"]] == fields
        assert all(each["message"] for each in answer.get_json()["errors"])


def test_a_query_is_read_as_strictly(program: Program) -> None:
    """An unknown, repeated or impossible value of a query is refused by its name."""
    for query, field in QUERIES:
        answer = program.send("GET", f"/members?{query}")
        assert problem(answer) == (422, "request-refused"), query
        assert [each["field"] for each in answer.get_json()["errors"]] == [field]


def test_what_takes_nothing_is_sent_nothing(program: Program) -> None:
    """A query or a body where none is known is refused, and not left unread."""
    assert problem(program.send("GET", "/programs?x=1")) == (422, "request-refused")
    assert problem(program.send("POST", f"/holds/{UNKNOWN['hld_']}/void", json={})) == (422, "request-refused")


def test_answers_are_json(program: Program) -> None:
    """Who takes no JSON is told so; a browser gets a problem document like everybody else."""
    for accept in ("text/html", "application/xml", "application/problem+json"):
        assert problem(program.send("GET", "/programs", headers={"Accept": accept})) == (406, "not-acceptable")
    for accept in ("*/*", "application/*", "text/html, application/json;q=0.1"):
        assert program.send("GET", "/programs", headers={"Accept": accept}).status_code == 200
    assert problem(program.send("GET", "/nowhere", headers={"Accept": "text/html"})) == (404, "not-found")


def test_methods_that_a_path_does_not_have(program: Program) -> None:
    """405 names those that it has; HEAD is a GET without its body, and OPTIONS needs no key."""
    answer = program.send("DELETE", "/programs")
    assert problem(answer) == (405, "method-not-allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    head = program.client.head("/api/v1/programs", headers={"Authorization": f"Bearer {program.token}"})
    assert (head.status_code, head.data) == (200, b"")
    assert int(head.headers["Content-Length"]) > 0
    options = program.client.options("/api/v1/programs")
    assert (options.status_code, set(options.headers["Allow"].split(", "))) == (200, {"GET", "HEAD", "OPTIONS"})


@pytest.mark.parametrize(
    "path", ["/members/x", "/members/mem_UPPER", "/holds/mem_1", "/programs/Points", "/members/%00"]
)
def test_a_path_that_names_nothing_is_not_found(program: Program, path: str) -> None:
    """What cannot be an id is nowhere."""
    assert problem(program.send("GET", path)) == (404, "not-found")


def test_a_version_is_not_sent_again(world: World, program: Program) -> None:
    """An answer with a version is not sent to whoever has it, until something in it changes."""
    names = world.names("")
    path = f"/members/{names[samples.MEMBER]}"
    first = program.send("GET", path)
    assert first.headers["Cache-Control"] == "private, no-cache"
    known = {"If-None-Match": first.headers["ETag"]}
    again = program.send("GET", path, headers=known)
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    world.mine.shop.adjust(1, customer=names[samples.EXTERNAL])
    changed = program.send("GET", path, headers=known)
    assert (changed.status_code, changed.get_json()["balance"]["available"]) == (200, 1_251)


def test_what_has_no_version_is_not_kept(program: Program) -> None:
    """Lists and refusals are kept by no cache, and no answer is given to another caller."""
    for answer in (program.send("GET", "/members"), program.send("GET", f"/members/{UNKNOWN['mem_']}")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Authorization" in answer.headers["Vary"]


def test_pages_follow_one_another(world: World, program: Program) -> None:
    """Page after page every member comes once, in the order of joining, also when one joins meanwhile."""
    wanted = [world.names("")[samples.EXTERNAL] for _ in range(4)]
    seen, cursor = [], ""
    for _ in range(10):
        page = program.send("GET", f"/members?limit=2{cursor}").get_json()
        seen += [each["external_id"] for each in page["data"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
        if len(wanted) == 4:
            wanted.append(world.names("")[samples.EXTERNAL])
    assert seen == ["somebody-else", *wanted]


def test_a_statement_comes_newest_first(world: World, program: Program) -> None:
    """Pages of a statement go back in time without a gap, whatever is posted meanwhile."""
    names = world.names("")
    path, customer = f"/members/{names[samples.MEMBER]}/statement", names[samples.EXTERNAL]
    for points in (1, 2, 3):
        world.mine.shop.adjust(points, customer=customer)
    first = program.send("GET", f"{path}?limit=2").get_json()
    world.mine.shop.adjust(4, customer=customer)
    rest = program.send("GET", f"{path}?limit=2&cursor={first['next']}").get_json()
    lines = [*first["data"], *rest["data"]]
    assert [(each["points"], each["balance"]) for each in lines] == [(3, 1256), (2, 1253), (1, 1251), (1250, 1250)]
    assert rest["next"] is None


def test_a_cursor_belongs_to_one_list(world: World, program: Program) -> None:
    """A cursor of another list, of another merchant's, or one that was touched, is refused."""
    names = world.names(samples.HOLD)
    cursor = program.send("GET", "/members?limit=1").get_json()["next"]
    statement = f"/members/{names[samples.MEMBER]}/statement"
    other = program.send("GET", f"{statement}?limit=1").get_json()["next"]
    for caller, path, given in (
        (program, statement, cursor),
        (program, "/members", other),
        (program, "/members", "A" + cursor),
        (program, "/members", cursor.swapcase()),
        (world.other.program(), "/members", cursor),
    ):
        assert problem(caller.send("GET", f"{path}?cursor={given}")) == (422, "request-refused")


def test_found_by_every_name(world: World, program: Program) -> None:
    """A member is found by the merchant's own id and by the card, alone or both; what names nobody finds nobody."""
    names = world.names("")
    shown = program.send("GET", f"/members/{names[samples.MEMBER]}").get_json()
    external, code = shown["external_id"], shown["cards"][0]["code"]
    for query in (f"external_id={external}", f"card_code={code}", f"external_id={external}&card_code={code}"):
        assert program.send("GET", f"/members?{query}").get_json() == {"data": [shown], "next": None}
    for query in ("external_id=x", f"card_code={'0' * 16}", f"external_id=somebody-else&card_code={code}"):
        assert program.send("GET", f"/members?{query}").get_json() == {"data": [], "next": None}


def test_a_hold_that_timed_out_is_shown_so(world: World, program: Program, clock: Clock) -> None:
    """A hold whose time is over is expired, and its points are back, though no worker has come by."""
    names = world.names(samples.HOLD)
    clock.on(minutes=31)
    shown = program.send("GET", f"/holds/{names[samples.HOLD]}").get_json()
    assert (shown["status"], shown["captured"], shown["balance"], shown["held"]) == ("expired", None, 1_250, 0)


def test_a_key_may_send_so_many_requests(world: World, clock: Clock) -> None:
    """Ten seconds' requests may come at once; then one after the other, at every process together."""
    settings = world.service.settings.model_copy(update={"api_requests_per_second": 2})
    service = replace(world.service, settings=settings)
    program = world.mine.program()
    clients = [create_app(service).test_client() for _ in range(2)]

    def ask(turn: int) -> Any:
        return replace(program, client=clients[turn % 2]).send("GET", "/programs")

    answers = [ask(turn) for turn in range(20)]
    assert {each.status_code for each in answers} == {200}
    assert answers[0].headers["RateLimit-Policy"] == '"key";q=20;w=10'
    assert [each.headers["RateLimit"] for each in (answers[0], answers[-1])] == ['"key";r=19;t=1', '"key";r=0;t=10']
    refused = ask(0)
    assert problem(refused) == (429, "too-many-requests")
    assert (refused.headers["Retry-After"], refused.headers["RateLimit"]) == ("1", '"key";r=0;t=10')
    assert replace(world.mine.program(), client=clients[0]).send("GET", "/programs").status_code == 200
    clock.on(milliseconds=500)
    assert [ask(0).status_code for _ in range(2)] == [200, 429]
    clock.on(seconds=60)
    assert ask(0).headers["RateLimit"] == '"key";r=19;t=1'


def test_the_last_use_is_noted_once_a_minute(world: World, clock: Clock) -> None:
    """A key's last use is known to the minute, also where the request itself was refused."""
    program, used = world.mine.program(), []
    for step in (0, 59, 1):
        clock.on(seconds=step)
        program.send("GET", "/members/x")
        with world.service.read() as tx:
            used.append(keys(tx)[-1].last_used_at)
    start = used[0]
    assert start is not None
    assert [(each - start).total_seconds() for each in used if each] == [0, 0, 60]


def test_the_page_says_what_the_description_says(client: FlaskClient) -> None:
    """The page names every route, loads nothing, and runs no script."""
    page = client.get("/api/docs")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    described = client.get("/api/openapi.json").get_json()
    for path, methods in described["paths"].items():
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in page.text
            assert path in page.text
    assert "<script" not in page.text
    assert "src=" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
