"""Members go out as a file that comes in again: elsewhere as the same members, and here as nothing new."""

import csv
import io
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from actors import Clock
from books import faults
from bulk_actors import Clerk
from flask.testing import FlaskClient
from sqlalchemy import text
from town import Town, rules, settled_town

from wallet_service.domain.event import Customer, MemberEnrolled
from wallet_service.domain.identity import Identity
from wallet_service.domain.sheet import Kind
from wallet_service.usecases.connect import connect
from wallet_service.usecases.erase import erase
from wallet_service.usecases.export_members import export_members
from wallet_service.usecases.merge import merge
from wallet_service.usecases.operate import operate
from wallet_service.usecases.revoke import revoke
from wallet_service.usecases.serve import card_by_serial
from wallet_service.wiring import Service

PEOPLE = (
    "external_id,name,locale,birthday,cause,email,phone,balance,expires_at,tier,tier_until,enrolled_at\n"
    'a,"Ann ""A"", Example",cs,06-01,,ann@mail.example,+420601234567,500,,novel,2027-01-31,2019-05-06\n'
    "b,=SUM(A1),,,forest,,,7,,,,\n"
    "c,,,,,,,,,,,2020-02-29T12:34:56+01:00\n"
)


@pytest.fixture
def shop(service: Service, clock: Clock) -> Town:
    """A shop of the starter `points`, and some members."""
    shop = settled_town(service, clock)
    Clerk(service).bring(PEOPLE)
    return shop


def rows(exported: str, kind: Kind = "csv") -> list[dict[str, Any]]:
    """Return the rows of an export as whoever gets it reads them."""
    if kind == "jsonl":
        return [json.loads(line) for line in exported.splitlines()]
    return list(csv.DictReader(io.StringIO(exported)))


def test_an_export_tells_member_balance_tier_and_card(shop: Town, service: Service, client: FlaskClient) -> None:
    """In the columns of an import, and the link leads to the page of the card."""
    first, second, third = rows(Clerk(service).export())
    card = shop.member("a").card.serial_number
    assert first == {
        "external_id": "a", "name": 'Ann "A", Example', "locale": "cs", "birthday": "06-01", "cause": "",
        "email": "ann@mail.example", "phone": "'+420601234567", "balance": "500", "expires_at": "",
        "tier": "novel", "tier_until": "2027-01-31", "enrolled_at": "2019-05-05T22:00:00+00:00",
        "member_id": shop.member("a").public_id, "pending": "0", "held": "0", "serial_number": card,
        "link": service.link(card),
    }  # fmt: skip
    assert second["name"] == "'=SUM(A1)"
    assert third["enrolled_at"] == "2020-02-29T11:34:56+00:00"
    page = client.get(first["link"].removeprefix(service.settings.base_url))
    assert page.status_code == 200


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_an_export_comes_in_again_elsewhere(shop: Town, service: Service, kind: Kind) -> None:
    """In another programme the same people have the same balances and tiers, and cards of their own."""
    exported = Clerk(service).export(kind)
    with service.begin() as tx:
        connect(tx, vault=service.vault, template=service.template("sephora_like"), name="x", now=service.clock())
    other = Clerk(service, "sephora_like")
    tiers = [each.code for each in service.template("sephora_like").program.tier]
    body = exported.replace("novel", tiers[1]).replace("page", tiers[0])
    job = other.bring(body)
    assert (job.refused, job.result) == (0, {"added": 3, "opened": 2, "points": 507})
    same = (
        "external_id",
        "name",
        "locale",
        "birthday",
        "cause",
        "email",
        "phone",
        "balance",
        "tier_until",
        "enrolled_at",
    )
    before, after = rows(exported, kind), rows(other.export(kind), kind)
    assert [[each.get(name) for name in same] for each in after] == [
        [each.get(name) for name in same] for each in before
    ]
    assert [each["tier"] for each in after] == [tiers[1], tiers[0], tiers[0]]
    assert not {each["serial_number"] for each in after} & {each["serial_number"] for each in before}
    assert faults(service) == []


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_an_export_comes_in_again_here_as_nothing_new(shop: Town, service: Service, kind: Kind) -> None:
    """What we told of points and tiers is not told back, also where a balance was earned; what is edited is taken."""
    shop.enrol("earner")
    shop.buy(40_000, order="o1", customer="earner")
    shop.say("member.enrolled", MemberEnrolled(Customer(identities=(Identity("email", "x@mail.example"),)), None, None))
    clerk = Clerk(service)
    exported = clerk.export(kind)
    job = clerk.bring(exported)
    assert (job.refused, job.result) == (0, {"same": 5})
    assert clerk.export(kind) == exported
    job = clerk.bring(exported.replace("'=SUM(A1)", "Bob").replace("=SUM(A1)", "Bob"))
    assert job.result == {"same": 4, "changed": 1}
    assert shop.member("b").profile.name == "Bob"
    assert shop.balances("earner") == (400, 0)


def test_a_day_is_told_only_where_all_of_the_balance_dies_on_it(town: Callable[[str], Town], clock: Clock) -> None:
    """Of points with several days none is told, since none would be true of them all."""
    shop = town(rules(points='expiry = { mode = "rolling", period = "P1Y" }'))
    clerk = Clerk(shop.service)
    clerk.bring("external_id,balance,expires_at\na,5,2026-06-30\nb,5,\nc,0,\n")
    shop.buy(1_000, order="o1", customer="a")
    assert [each["expires_at"] for each in rows(clerk.export())] == ["", "2027-05-31", ""]


def test_who_is_no_member_any_more_is_left_out(shop: Town, service: Service) -> None:
    """Who has become one with another, or was erased; and a void card has no link."""
    clerk = Clerk(service)
    acts = (
        lambda each: merge(each, merged=Customer(id="a"), survivor=Customer(id="b"), reason="twice"),
        lambda each: erase(each, customer=Customer(id="c")),
    )
    for number, act in enumerate(acts):
        operate(
            service.begin, program=clerk.program(), key=f"k{number}", kind="x", content={}, actor="me",
            now=service.clock(), act=act,
        )  # fmt: skip
    with service.begin() as tx:
        found = card_by_serial(tx, shop.member("b").card.serial_number)
        revoke(tx, found, service.in_force.of_card(found), now=service.clock())
    (left,) = rows(clerk.export())
    assert (left["external_id"], left["balance"], left["link"]) == ("b", "507", "")


MANY = text("""
    WITH made AS (
        INSERT INTO members (program_id, public_id, external_id, enrolled_at)
        SELECT members.program_id, 'mem_many' || n, 'many ' || n, now() FROM generate_series(1, 2000) AS n
        JOIN members ON members.external_id = 'c'
        RETURNING id
    ), cards AS (
        INSERT INTO cards (member_id, serial_number, authentication_token, code, pass_type_identifier, revision,
                           modified_at, face_digest, template_version, created_at)
        SELECT id, 'serial' || id, '', 'code' || id, '', 1, now(), '', '', now() FROM made
    )
    INSERT INTO balances (member_id, available, qualifying) SELECT id, 0, 0 FROM made
""")


def test_any_number_of_members_takes_the_same_memory(shop: Town, service: Service) -> None:
    """Four pages take hardly more than one: each is let go before the next is read."""
    with service.begin() as tx:
        tx.execute(MANY)
    program = Clerk(service).program()

    def peak(most: int) -> int:
        lines = _lines(service, program)
        tracemalloc.start()
        size = sum(1 for _, _ in zip(lines, range(most), strict=False))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert size == min(most, 2004)
        return found

    peak(600)
    assert peak(10_000) < 1.3 * peak(900)


def _lines(service: Service, program: Any) -> Any:
    return export_members(
        service.read, vault=service.vault, program_id=program.id, template=program.template, kind="csv",
        link=service.link,
    )  # fmt: skip
