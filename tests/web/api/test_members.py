"""Members by the API: how they join, change, become one and are forgotten, by the rules that webhooks go by."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import books
import pytest
from actors import Clock
from api_actors import NOWHERE, Program, World

from wallet_service.web.api import samples


@pytest.fixture
def program(world: World) -> Program:
    """A program with every scope."""
    return world.mine.program()


def problem(answer: Any) -> tuple[int, str]:
    """Return the status and the type of a problem document."""
    return answer.status_code, answer.get_json()["type"].removeprefix("urn:wallet-service:problem:")


def joined(program: Program, **body: Any) -> str:
    """Have somebody join, and return our id."""
    answer = program.send("POST", "/members", json=body)
    assert answer.status_code == 201, answer.get_json()
    return str(answer.get_json()["member_id"])


def test_nothing_has_to_be_told(program: Program) -> None:
    """Somebody of whom nothing is known gets a card, and our id stands for the merchant's own."""
    member = joined(program)
    shown = program.send("GET", f"/members/{member}").get_json()
    assert (shown["external_id"], shown["name"], len(shown["cards"])) == (member, None, 1)


def test_everything_that_is_told_is_kept(program: Program) -> None:
    """Profile, addresses and consents are there, and the member is found by each of them, in any spelling."""
    told = {"external_id": "ann", "name": "Ann Example", "locale": "cs", "birthday": "1990-02-28"}
    addresses = {"email": "Ann@Home.example", "phone": "00420 601-000-001"}
    member = joined(program, **told, **addresses, consents=[{"purpose": "news", "granted": False, "channel": "email"}])
    shown = program.send("GET", f"/members/{member}").get_json()
    assert (shown["name"], shown["locale"], shown["birthday"]) == ("Ann Example", "cs", "02-28")
    for query in ("email=ann@home.example", "email=ANN@HOME.EXAMPLE", "phone=%2B420601000001", "external_id=ann"):
        assert program.send("GET", f"/members?{query}").get_json()["data"] == [shown], query
    for query in ("email=ann@home.example&phone=%2B420601000009", "email=nonsense", "phone=601"):
        assert program.send("GET", f"/members?{query}").get_json()["data"] == [], query
    kept = program.send("GET", f"/members/{member}/export").get_json()
    assert {each["value"] for each in kept["identities"]} == {"ann@home.example", "+420601000001"}
    assert [(each["purpose"], each["granted"]) for each in kept["consents"]] == [("news", False)]


def test_what_is_impossible_is_named(program: Program) -> None:
    """A body that no member can be made of is refused by its fields, and nobody joins."""
    for body, field in (
        ({"birthday": "02-30"}, "birthday"),
        ({"birthday": "tomorrow"}, "birthday"),
        ({"email": "nonsense"}, "email"),
        ({"phone": "601"}, "phone"),
        ({"name": " "}, "name"),
        ({"locale": "?"}, "locale"),
        ({"colour": "red"}, "colour"),
    ):
        answer = program.send("POST", "/members", json=body)
        assert problem(answer) == (422, "request-refused"), body
        assert [each["field"] for each in answer.get_json()["errors"]] == [field]
    assert len(program.send("GET", "/members").get_json()["data"]) == 1


def test_who_is_known_is_found(program: Program) -> None:
    """Who joins again by the own id, or without one by an address, is the same member, and gets nothing twice."""
    member = joined(program, external_id="ann", email="ann@home.example")
    for body in ({"external_id": "ann", "name": "Ann"}, {"email": "ann@home.example", "locale": "ro"}):
        again = program.send("POST", "/members", json=body)
        assert (again.status_code, again.get_json()["member_id"]) == (200, member)
    shown = program.send("GET", f"/members/{member}").get_json()
    assert (shown["name"], shown["locale"], len(shown["cards"])) == ("Ann", "ro", 1)


def test_two_tills_enrol_one_person(program: Program) -> None:
    """Two tills that enrol one address at the same moment make one member."""
    with ThreadPoolExecutor(4) as pool:
        body = {"email": "ann@home.example"}
        answers = list(pool.map(lambda _: program.send("POST", "/members", json=body), range(4)))
    assert sorted(each.status_code for each in answers) == [200, 200, 200, 201]
    assert len({each.get_json()["member_id"] for each in answers}) == 1


def test_an_address_is_one_members(program: Program) -> None:
    """An address of somebody else's is refused with their id, whoever joins or changes; nothing of it is kept."""
    ann = joined(program, external_id="ann", email="ann@home.example")
    bob = joined(program, external_id="bob")
    refused = [
        program.send("POST", "/members", json={"external_id": "cyd", "email": "ann@home.example"}),
        program.send("PATCH", f"/members/{bob}", json={"email": "ann@home.example", "name": "Bob"}),
    ]
    for each in refused:
        assert problem(each) == (409, "identity-taken")
        assert (each.get_json()["identity"], each.get_json()["member_id"]) == ("email", ann)
    assert program.send("GET", "/members?external_id=cyd").get_json()["data"] == []
    assert program.send("GET", f"/members/{bob}").get_json()["name"] is None
    assert program.send("PATCH", f"/members/{ann}", json={"email": "ann@home.example"}).status_code == 200


def test_what_a_member_is_known_by_can_be_forgotten(program: Program) -> None:
    """An address that is forgotten finds nobody, and may be somebody else's."""
    ann, bob = joined(program, email="ann@home.example"), joined(program, external_id="bob")
    forget = [{"kind": "email", "value": "ANN@home.example"}, {"kind": "phone", "value": "nonsense"}]
    changed = program.send("PATCH", f"/members/{ann}", json={"email": "ann@work.example", "forget": forget})
    assert changed.status_code == 200
    assert program.send("GET", "/members?email=ann@home.example").get_json()["data"] == []
    assert program.send("GET", "/members?email=ann@work.example").get_json()["data"][0]["id"] == ann
    assert program.send("PATCH", f"/members/{bob}", json={"email": "ann@home.example"}).status_code == 200


def test_a_change_can_be_of_one_version(world: World, program: Program) -> None:
    """With `If-Match` nothing is changed that somebody has changed meanwhile; a repeat is answered all the same."""
    names = world.names("")
    path = f"/members/{names[samples.MEMBER]}"
    seen = program.send("GET", path).headers["ETag"]
    for given in ('"other"', f"W/{seen}"):
        answer = program.send("PATCH", path, json={"name": "Bo"}, headers={"If-Match": given})
        assert problem(answer) == (412, "version-changed")
    first = program.send("PATCH", path, key="k1", json={"name": "Bo"}, headers={"If-Match": f'"other", {seen}'})
    assert first.status_code == 200
    again = program.send("PATCH", path, key="k1", json={"name": "Bo"}, headers={"If-Match": seen})
    assert (again.data, again.headers["Idempotent-Replayed"]) == (first.data, "true")
    late = program.send("PATCH", path, json={"name": "Cy"}, headers={"If-Match": seen})
    assert problem(late) == (412, "version-changed")
    assert program.send("GET", path).get_json()["name"] == "Bo"
    assert program.send("PATCH", path, json={"name": "Cy"}, headers={"If-Match": "*"}).status_code == 200


def test_null_takes_away_and_nothing_leaves(world: World, program: Program) -> None:
    """What is left out stays as it was; under one key the two are not the same request; the card follows."""
    member = joined(program, name="Ann", locale="cs", birthday="06-01")
    path = f"/members/{member}"
    assert program.send("PATCH", path, json={"locale": "ro"}).status_code == 200
    shown = program.send("GET", path).get_json()
    assert (shown["name"], shown["locale"], shown["birthday"]) == ("Ann", "ro", "06-01")
    first = program.send("PATCH", path, key="k1", json={"name": None, "birthday": None})
    again = program.send("PATCH", path, key="k1", json={"birthday": None, "name": None})
    assert (again.data, again.headers["Idempotent-Replayed"]) == (first.data, "true")
    assert first.get_json()["revision"] > shown["cards"][0]["revision"]
    assert problem(program.send("PATCH", path, key="k1", json={"name": None})) == (409, "idempotency-conflict")
    shown = program.send("GET", path).get_json()
    assert (shown["name"], shown["locale"], shown["birthday"]) == (None, "ro", None)
    assert books.faults(world.service) == []


def test_of_two_changes_of_one_version_one_is_done(world: World, program: Program) -> None:
    """Two who have looked at the same and change it at once do not undo each other."""
    path = f"/members/{world.names('')[samples.MEMBER]}"
    seen = program.send("GET", path).headers["ETag"]

    def change(turn: int) -> int:
        body = {"name": f"Name {turn}"}
        return program.send("PATCH", path, json=body, headers={"If-Match": seen}).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(change, range(4))) == [200, 412, 412, 412]


def test_two_who_are_one(world: World, program: Program) -> None:
    """The one that is left has the points, the orders and the names of both; the other's card is void."""
    ann, bob = joined(program, email="ann@home.example"), joined(program, external_id="bob", phone="+420601000002")
    for member in (ann, bob):
        program.send("POST", f"/members/{member}/adjustments", json={"points": 100, "reason": "a present"})
    merge = {"merged": {"external_id": "bob"}, "reason": "one person"}
    merged = program.send("POST", f"/members/{ann}/merge", json=merge).get_json()
    assert (merged["merged"], merged["survivor"]["balance"]) == (bob, 200)
    assert program.send("GET", "/members?phone=%2B420601000002").get_json()["data"][0]["id"] == ann
    assert not program.send("GET", f"/cards/{merged['voided_serial_number']}").get_json()["valid"]
    changed = program.send("PATCH", f"/members/{bob}", json={"name": "Ann", "email": "bob@home.example"}).get_json()
    assert changed["member_id"] == ann
    assert program.send("GET", "/members?email=bob@home.example").get_json()["data"][0]["id"] == ann
    assert problem(program.send("POST", f"/members/{ann}/merge", json=merge)) == (409, "same-member")
    assert books.faults(world.service) == []


def test_who_is_forgotten_is_nowhere(world: World, program: Program) -> None:
    """Nothing of the person is left in any table, each address is free, and the repeat of the request is answered."""
    member = joined(program, external_id="ann-of-the-shop", name="Annabel", email="annabel@home.example")
    paid = {"order_id": "o-1", "customer": {"id": "ann-of-the-shop"}, "currency": "USD", "eligible_minor": 4_200}
    event = {"type": "order.paid", "timestamp": "2026-06-01T10:00:00Z", "data": paid}
    entered = program.send("POST", "/events", key="e1", json=event)
    assert entered.get_json()["customer_id"] == "ann-of-the-shop"
    serial_number = entered.get_json()["serial_number"]
    first, again = (program.send("DELETE", f"/members/{member}", key="k1") for _ in range(2))
    assert (first.status_code, first.get_json()["points"], again.data) == (200, 42, first.data)
    for method, path in (
        ("GET", f"/members/{member}"),
        ("GET", f"/members/{member}/export"),
        ("DELETE", f"/members/{member}"),
    ):
        assert problem(program.send(method, path)) == (404, "member-not-found")
    assert problem(program.send("GET", f"/cards/{serial_number}")) == (404, "card-not-found")
    assert program.send("POST", "/events", key="e1", json=event).get_json() == entered.get_json() | {
        "customer_id": None
    }
    assert program.send("GET", "/orders/o-1/earned").get_json()["data"][0]["member_id"] is None
    with world.service.read() as tx:
        names = tx.exec_driver_sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").scalars().all()
        found = [
            name
            for name in names
            if tx.exec_driver_sql(
                f"SELECT EXISTS (SELECT FROM {name} AS t WHERE t::text ~* 'annabel|ann-of-the-shop')"
            ).scalar_one()
        ]
    assert found == []
    assert joined(program, email="annabel@home.example") != member


def test_points_by_hand(world: World, program: Program, clock: Clock) -> None:
    """A correction, a tier and a present do what they say, and what cannot be is refused."""
    names = world.names(samples.OTHER_MEMBER)
    path, other = f"/members/{names[samples.MEMBER]}", names[samples.OTHER_MEMBER]
    account = program.send("POST", f"{path}/adjustments", json={"points": -50, "reason": "a mistake"}).get_json()
    assert account["balance"] == 1_200
    for points, kind in ((-1_201, "insufficient-balance"), (0, "operation-refused")):
        answer = program.send("POST", f"{path}/adjustments", json={"points": points, "reason": "x"})
        assert problem(answer) == (409, kind)
    assert program.send("PUT", f"{path}/tier", json={"tier": "lotus", "reason": "x"}).get_json()["tier"] == "lotus"
    for body, kind in (
        ({"tier": "gold"}, "unknown-tier"),
        ({"tier": "bud", "until": "2026-05-31"}, "operation-refused"),
    ):
        assert problem(program.send("PUT", f"{path}/tier", json=body | {"reason": "x"})) == (409, kind)
    given = {"to": {"id": other}, "points": 1_000, "reason": "a present"}
    moved = program.send("POST", f"{path}/transfers", json=given).get_json()
    assert (moved["giver"]["balance"], moved["taker"]["balance"]) == (200, 1_250)
    assert problem(program.send("POST", f"{path}/transfers", json=given)) == (409, "insufficient-balance")
    line = program.send("GET", f"{path}/statement").get_json()["data"][0]
    assert (line["operation_kind"], line["reason"], line["actor"][:4]) == ("points.transfer", "a present", "key_")
    assert books.faults(world.service) == []


def test_who_is_nobody_is_nobody_on_every_path(program: Program) -> None:
    """An id of nobody's is answered with 404 by each thing that can be asked of a member."""
    nobody = NOWHERE[samples.MEMBER]
    for path in ("", "/balance", "/statement", "/rewards", "/entitlements", "/redemptions", "/export"):
        assert problem(program.send("GET", f"/members/{nobody}{path}")) == (404, "member-not-found")
