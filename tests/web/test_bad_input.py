"""At every door: whatever comes in, the answer is a clear refusal, and nothing of it is kept."""

import contextlib
import io
import json
import shutil
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_from_bytes

import pytest
from actors import START, Clock, Device, Shop, card_of, connected_shop
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from wallet_service.apple import artwork
from wallet_service.domain.card import Card
from wallet_service.inbound import standard
from wallet_service.links import card_links
from wallet_service.sandbox.chain import Chain
from wallet_service.sandbox.verify import open_pass
from wallet_service.storage import templates
from wallet_service.usecases.connect import connect
from wallet_service.web import create_app
from wallet_service.wiring import Service

Contents = Callable[[], dict[str, tuple[int, str]]]

NOW = START.isoformat()
TEN_MEGABYTES = 10 * 1024 * 1024
INSIDE = ("Traceback", "sqlalchemy", "psycopg", "werkzeug", "pydantic", "site-packages", 'File "')
fuzz = settings(
    max_examples=50,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@dataclass
class House:
    """All doors of a service in which somebody already lives."""

    client: FlaskClient
    service: Service
    shop: Shop
    device: Device
    card: Card
    contents: Contents

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        printer.text("house")  # Hypothesis would show everything that lives in it

    @property
    def auth(self) -> dict[str, str]:
        """The header that opens the card."""
        return {"Authorization": f"ApplePass {self.card.authentication_token}"}

    def path(self, door: str, **parts: str) -> str:
        """Return a door's path; parts are given as they stand in the address."""
        known = {
            "device": self.device.library,
            "pass_type": self.device.pass_type,
            "serial": self.card.serial_number,
            "source": self.shop.name,
            "link": card_links(self.service.secret_key).dumps(self.card.serial_number),
        }
        return DOORS[door][1].format(**known | parts)

    def ask(
        self, door: str, body: bytes | None = None, headers: dict[str, str] | None = None, **parts: str
    ) -> TestResponse:
        """Knock with the card's token, or a signature where the door wants one; headers given here win."""
        method, _ = DOORS[door]
        body = GOOD.get(door, b"") if body is None else body
        given = self.signed(body) if door == "webhook" else self.auth
        return self.client.open(
            self.path(door, **parts), method=method, data=body, headers=merged(given, headers or {})
        )

    def signed(self, body: bytes) -> dict[str, str]:
        """Return headers that sign the body now."""
        event_id = f"evt_bad_{next(self.shop.ids)}"
        return standard.sign(self.shop.secret, event_id=event_id, timestamp=self.shop.clock(), body=body)

    @contextlib.contextmanager
    def unchanged(self) -> Iterator[None]:
        """See to it that no row of any table is other than before."""
        before = self.contents()
        yield
        assert self.contents() == before


DOORS = {
    "webhook": ("POST", "/webhooks/standard/{source}"),
    "register": ("POST", "/apple/v1/devices/{device}/registrations/{pass_type}/{serial}"),
    "unregister": ("DELETE", "/apple/v1/devices/{device}/registrations/{pass_type}/{serial}"),
    "list": ("GET", "/apple/v1/devices/{device}/registrations/{pass_type}"),
    "pass": ("GET", "/apple/v1/passes/{pass_type}/{serial}"),
    "log": ("POST", "/apple/v1/log"),
    "link": ("GET", "/cards/{link}/card.pkpass"),
}
PARTS = [
    ("webhook", "source"),
    ("register", "device"),
    ("register", "pass_type"),
    ("register", "serial"),
    ("unregister", "device"),
    ("unregister", "pass_type"),
    ("unregister", "serial"),
    ("list", "device"),
    ("list", "pass_type"),
    ("pass", "pass_type"),
    ("pass", "serial"),
    ("link", "link"),
]
GOOD = {"register": b'{"pushToken": "abcd"}', "log": b'{"logs": ["fine"]}', "webhook": b"{}"}
READING = ["webhook", "register", "log"]


@pytest.fixture
def house(client: FlaskClient, service: Service, shop: Shop, device: Device, contents: Contents) -> House:
    """A house with Ann in it, who has bought something and follows her card."""
    card = card_of(service, shop.enrol("ann")["serial_number"])
    shop.buy(2500, order="o1")
    device.register(card)
    return House(client, service, shop, device, card, contents)


def merged(given: dict[str, str], more: dict[str, str]) -> dict[str, str]:
    """Return headers of both, by their names without regard to case; `more` wins."""
    names = {name.lower() for name in more}
    return {name: value for name, value in given.items() if name.lower() not in names} | more


def refused(answer: TestResponse, *statuses: int) -> None:
    """Check that an answer is a clear refusal in the form of a problem document."""
    assert 400 <= answer.status_code < 500, answer.text[:300]
    assert not statuses or answer.status_code in statuses, answer.text[:300]
    assert answer.mimetype == "application/problem+json"
    said = answer.json
    assert said["status"] == answer.status_code
    assert said["type"].startswith("urn:wallet-service:problem:")
    assert said["title"]
    assert not [word for word in INSIDE if word in answer.text]


@contextlib.contextmanager
def case(value: object) -> Iterator[None]:
    """Name the case in the failure of a check inside."""
    try:
        yield
    except AssertionError as error:
        error.add_note(f"in the case {value!r}")
        raise


def shut(answer: TestResponse) -> None:
    """Check that an address of any characters opens nothing; one with doubled slashes is led to that without."""
    if answer.status_code != 308:
        refused(answer, 400, 401, 404, 405)


def bearable(answer: TestResponse) -> None:
    """Check that an answer is no failure of ours, and where it refuses, that it does so clearly."""
    assert answer.status_code < 500, answer.text[:300]
    if answer.status_code >= 400:
        refused(answer)


# Addresses

CHARACTERS = [
    "%00",
    "a%00b",
    "%0A",
    "%0D%0A",
    "%1B%5B31m",
    "%7F",
    "%C2%85",
    "%E2%80%AE",
    "%ED%A0%80",
    "%FF%FE",
    "%F0%9F%90%88",
]


@pytest.mark.parametrize(("door", "part"), PARTS)
def test_odd_characters_in_an_address_are_refused(house: House, door: str, part: str) -> None:
    """Control characters, broken UTF-8 and what no phone sends are refused in every part of every address."""
    with house.unchanged():
        for each in CHARACTERS:
            with case(each):
                refused(house.ask(door, **{part: each}), 401, 404)


@pytest.mark.parametrize(("door", "part"), PARTS)
def test_endless_addresses_are_refused(house: House, door: str, part: str) -> None:
    """A part of an address that is far too long is refused."""
    with house.unchanged():
        for length in (401, 5000, 200_000):
            with case(length):
                refused(house.ask(door, **{part: "a" * length}), 401, 404)


@pytest.mark.parametrize("door", DOORS)
def test_wrong_methods_are_refused(house: House, door: str) -> None:
    """A method that a door does not know is 405 and does nothing."""
    right = {DOORS[door][0], "HEAD", "OPTIONS"}
    if door in ("register", "unregister"):
        right |= {"POST", "DELETE"}
    with house.unchanged():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "BREW"} - right:
            with case(method):
                answer = house.client.open(house.path(door), method=method, headers=house.auth, data=GOOD.get(door))
                refused(answer, 405)
                assert DOORS[door][0] in answer.headers["Allow"]


NOWHERE = [
    "/nowhere",
    "/apple",
    "/apple/v1",
    "/apple/v1/v1/log",
    "/apple/v2/log",
    "/apple/v1/log/",
    "/apple/v1/passes/only-one",
    "/apple/v1/devices//registrations/p",
    "/apple/v1/passes/p/s/personalize",
    "/webhooks/standard",
    "/webhooks/standard/",
    "/webhooks/unheard-of/shop",
    "/cards/x/card.pkpass/more",
    "/cards/x/huawei",
    "/art/points/1/logo.png",
    "/art/nothing/1/programLogo.png",
    "/google/elsewhere",
    "/static/style.css",
    "/static/..%2f..%2fwiring.py",
    "/static/%00",
    "/..%2f..%2fetc%2fpasswd",
    "/%00",
    "/%FF",
    "/" + "a/" * 5000,
    "/" + "%2e%2e%2f" * 500,
]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_unknown_addresses_are_refused(house: House, method: str) -> None:
    """What is nowhere is 404, whatever is asked of it."""
    with house.unchanged():
        for path in NOWHERE:
            with case(path[:60]):
                refused(house.client.open(path, method=method, headers=house.auth), 404, 405)


# Headers

JUNK_HEADERS = [
    {"Authorization": "\x00"},
    {"Authorization": "ApplePass " + "x" * 60_000},
    {"Authorization": "Digest username=,"},
    {"webhook-id": ""},
    {"webhook-id": "ü"},
    {"webhook-id": "x" * 201},
    {"webhook-id": "a b"},
    {"webhook-timestamp": ""},
    {"webhook-timestamp": "-1"},
    {"webhook-timestamp": "1e9"},
    {"webhook-timestamp": "٣"},
    {"webhook-timestamp": "9" * 11},
    {"webhook-timestamp": "9" * 5000},
    {"webhook-signature": ""},
    {"webhook-signature": "v1,"},
    {"webhook-signature": "v1,ü"},
    {"webhook-signature": "v2,AAAA"},
    {"webhook-signature": "v1," * 20_000},
    {"webhook-signature": "v1,AAAA " * 20_000},
]
IGNORED_HEADERS = [
    {"Accept": "\x00;q=x"},
    {"Accept-Language": "ü" * 500},
    {"Content-Type": "junk; charset=utf-99"},
    {"Content-Type": "multipart/form-data"},
    {"Content-Encoding": "gzip"},
    {"Cookie": "session=\x00; ;;=ü"},
    {"Range": "bytes=99999999999999999999-"},
    {"If-None-Match": '"'},
    {"If-Range": "\x00"},
    {"Expect": "200-maybe"},
    {"X-Forwarded-For": "\x00"},
    {"X-Forwarded-Host": "evil.example"},
    {"X-HTTP-Method-Override": "DELETE"},
    {"Upgrade": "h2c"},
]


def test_junk_where_a_proof_should_stand_is_refused(house: House) -> None:
    """A header that should prove who asks, and holds junk, is refused with 401 and nothing else."""
    with house.unchanged():
        for header in JUNK_HEADERS:
            doors = ("webhook",) if "webhook" in next(iter(header)) else ("register", "unregister", "pass")
            for door in doors:
                with case((door, header)):
                    refused(house.ask(door, headers=header), 401)


@pytest.mark.parametrize("door", ["register", "list", "pass", "log", "link"])
def test_junk_where_nothing_is_read_changes_nothing(house: House, door: str) -> None:
    """A header that no door reads, however odd, stops nobody who has a right to enter."""
    for header in IGNORED_HEADERS:
        with case(header):
            assert house.ask(door, headers=header).status_code == 200


def test_junk_hosts_are_bearable(house: House) -> None:
    """A host that nobody has leads to no failure."""
    for host in ("", "a b", "a:b:c", "[::1", "\x00", "ü", "x" * 3000, "a" * 64 + ".example", "../.."):
        for path in ("/", "/healthz", "/nowhere", house.path("pass"), "/apple//v1/log"):
            with case((host, path)):
                bearable(house.client.get(path, headers={"Host": host}))


@pytest.mark.parametrize("door", READING)
def test_junk_lengths_are_refused(house: House, door: str) -> None:
    """A length that is none leads to a refusal and never to a failure."""
    method, path = DOORS[door][0], house.path(door)
    with house.unchanged():
        for length in ("-1", "abc", "", "99999999999999999999", "1e3", "+5", "\x00"):
            with case(length):
                junk = {"CONTENT_LENGTH": length}
                refused(house.client.open(path, method=method, data=b"", headers=house.auth, environ_overrides=junk))


# Bodies


@pytest.mark.parametrize("door", READING)
def test_a_body_of_ten_megabytes_is_refused(house: House, door: str) -> None:
    """A body that says it is too large is 413; one that does not say its length is cut off, and then refused."""
    body = b'{"logs": ["' + b"x" * TEN_MEGABYTES + b'"]}'
    with house.unchanged():
        refused(house.ask(door, body), 413)
        endless = Endless()
        streamed = {"wsgi.input": endless, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
        refused(house.client.post(house.path(door), headers=house.auth, environ_overrides=streamed))
        assert endless.given < TEN_MEGABYTES


NOT_UTF8 = [
    b"\xff\xfe",
    b'{"pushToken": "\xff"}',
    b'{"logs": ["\xc3\x28"]}',
    b"\x80" * 100,
    b"\xed\xa0\x80",
    b"\x1f\x8b\x08\x00",
]
NOT_JSON = [
    b"",
    b" ",
    b"{",
    b'{"a"}',
    b"nul",
    b"NaN",
    b"'x'",
    b"{}{}",
    b"\x00",
    b'{"a": 1,}',
    b'{"logs": [',
    b"1" * 10_000,
]
NOT_OBJECTS = [b"[]", b"null", b"true", b"1", b'"x"', b'[{"pushToken": "abcd"}]', b'["logs"]']
DEEP = [
    b"[" * 200_000,
    b'{"a":' * 100_000,
    b'{"logs":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    b'{"data":' * 500 + b"1" + b"}" * 500,
]


@pytest.mark.parametrize("door", READING)
def test_a_body_that_is_no_json_object_is_refused(house: House, door: str) -> None:
    """Broken UTF-8, broken JSON and JSON of another kind are refused, and the refusal says what is expected."""
    with house.unchanged():
        for body in NOT_UTF8 + NOT_JSON + NOT_OBJECTS:
            with case(body[:40]):
                answer = house.ask(door, body)
                refused(answer, 400, 422)
                assert "JSON" in answer.text or answer.json["errors"]


@pytest.mark.parametrize("door", READING)
def test_a_body_nested_without_end_is_refused(house: House, door: str) -> None:
    """Nesting that would exhaust a parser is refused, or ignored where it is not read, and never a failure."""
    with house.unchanged():
        for body in DEEP:
            with case(body[:40]):
                answer = house.ask(door, body)
                bearable(answer)
                assert answer.status_code in (400, 422) or (door, answer.status_code) == ("log", 200)


NO_TOKENS = [None, 1, 1.5, True, [], {}, ["ab"], "", " ", "a b", "a\x00", "a\n", "ü", "x" * 401, "'; --", "../x", "a/b"]


def test_a_push_token_that_is_none_is_refused(house: House) -> None:
    """Only what can be a push token is taken, and the one that was there stays."""
    with house.unchanged():
        for body in [{}, {"pushtoken": "abcd"}, *({"pushToken": each} for each in NO_TOKENS)]:
            with case(body):
                refused(house.ask("register", json.dumps(body).encode()), 400)


def test_logs_that_are_no_list_are_refused(house: House) -> None:
    """A report whose lines are no list is refused."""
    with house.unchanged():
        for body in [{}, {"log": []}, *({"logs": each} for each in (None, 1, "line", {}, {"0": "x"}, True))]:
            with case(body):
                refused(house.ask("log", json.dumps(body).encode()), 400)


# Events

ID = ["", " ", "x" * 201, 1, 1.0, None, True, [], {}, "a\x00b", "a\nb", "\x7f", "\ud800", "\u202e"]
MONEY = [-1, 1.5, 100.0, True, "100", None, [], 10**11 + 1, 10**30, -(10**30), float("nan"), float("inf"), 10**400]
NOUN = [None, "ann", 1, [], {}, {"id": None}, {"id": "a", "member_id": "b"}, {"email": "a at b"}, {"id": ""}]
TIMES = [None, "", "yesterday", 0, 1780308000, "2026-06-01T10:00:00", "2026-06-01", "9999-12-31T23:59:59Z", [], True]
TIMES += [(START + timedelta(minutes=5, seconds=1)).isoformat(), "0000-00-00T00:00:00Z", "2026-06-01T10:00:00+99:00"]
EVENTS: dict[str, tuple[dict[str, Any], dict[str, list[Any]]]] = {
    "member.enrolled": (
        {"customer": {"id": "eve", "name": "Eve", "locale": "en"}},
        {
            "customer": [None, "eve", 1, [], {}, {"name": "Eve"}, {"member_id": "mem_x"}],
            "customer.id": ID,
            "customer.name": ["", " ", 1, True, [], "x" * 201, "a\x00b", "a\nb", "\ud800", "\u202eevil"],
            "customer.locale": ["", "e", "english", "en_", "../..", "ü", 1, [], "en\n", "en-" + "x" * 9],
        },
    ),
    "order.paid": (
        {"order_id": "new", "customer": {"id": "ann"}, "currency": "EUR", "eligible_minor": 100},
        {
            "order_id": ID,
            "customer": NOUN,
            "customer.id": ID,
            "currency": ["", "eur", "EU", "EURO", "EUR\n", "\u0415UR", 978, None, "USD", "XXX"],
            "eligible_minor": MONEY,
        },
    ),
    "order.refunded": (
        {"order_id": "o1", "refunded_minor": 100},
        {"order_id": ID, "refunded_minor": MONEY, "customer": [each for each in NOUN if each is not None]},
    ),
    "points.adjusted": (
        {"customer": {"id": "ann"}, "points": 5, "actor": "till 3", "reason": "complaint"},
        {
            "customer": [*NOUN, {"id": "nobody"}, {"member_id": "mem_x"}, {"card_code": "0000"}, {"card_code": " "}],
            "points": [0, 1.5, 5.0, True, "5", None, 10**9 + 1, -(10**9) - 1, 10**400, -26],
            "actor": ID,
            "reason": ID,
        },
    ),
}
MUTATIONS = [(kind, place) for kind, (_, places) in EVENTS.items() for place in places]


@pytest.mark.parametrize(("kind", "place"), MUTATIONS)
def test_events_that_say_something_impossible_are_refused(house: House, kind: str, place: str) -> None:
    """Wrong types, amounts, currencies, names and customers are refused one by one, each with its place."""
    good, places = EVENTS[kind]
    with house.unchanged():
        for value in places[place]:
            with case(value):
                answer = house.ask("webhook", event(kind, placed(good, place.split("."), value)))
                refused(answer, 422)
                said = answer.json.get("errors") or [{"field": "data", "message": answer.json["detail"]}]
                assert all(each["message"] for each in said)
                assert any(each["field"].startswith("data") or not each["field"] for each in said)


@pytest.mark.parametrize("kind", EVENTS)
def test_events_without_a_credible_time_are_refused(house: House, kind: str) -> None:
    """The time at which it happened has a zone and does not lie in the future."""
    with house.unchanged():
        for time in TIMES:
            with case(time):
                answer = house.ask("webhook", event(kind, EVENTS[kind][0], timestamp=time))
                refused(answer, 422)
                assert [each["field"] for each in answer.json["errors"]] == ["timestamp"]


def test_events_without_a_type_are_refused(house: House) -> None:
    """An event says what it is."""
    with house.unchanged():
        for kind in (None, 1, True, [], {}, "", " ", "x" * 201, "a\x00"):
            with case(kind):
                refused(house.ask("webhook", event(kind, {})), 422)


@pytest.mark.parametrize("kind", EVENTS)
def test_events_without_their_data_are_refused(house: House, kind: str) -> None:
    """An event of a known type says what that type says."""
    with house.unchanged():
        for data in (None, [], "x", 1, {}):
            with case(data):
                refused(house.ask("webhook", event(kind, data)), 422)


def test_old_and_early_deliveries_are_refused(house: House, clock: Clock) -> None:
    """A recorded delivery, and one that is signed for a time to come, are refused for good."""
    body = event("points.adjusted", EVENTS["points.adjusted"][0])
    early = standard.sign(house.shop.secret, event_id="e", timestamp=START + timedelta(minutes=9), body=body)
    recorded = standard.sign(house.shop.secret, event_id="e", timestamp=START, body=body)
    path = house.path("webhook")
    with house.unchanged():
        refused(house.client.post(path, data=body, headers=early), 401)
        clock.on(minutes=5, seconds=1)
        refused(house.client.post(path, data=body, headers=recorded), 401)
        clock.on(days=400)
        refused(house.client.post(path, data=body, headers=recorded), 401)


def test_a_delivery_that_was_changed_on_its_way_is_refused(house: House) -> None:
    """The signature covers id, time and every byte of the body."""
    body = event("points.adjusted", EVENTS["points.adjusted"][0])
    good = house.signed(body)
    later = {"webhook-timestamp": str(int(good["webhook-timestamp"]) + 1)}
    path = house.path("webhook")
    with house.unchanged():
        refused(house.client.post(path, data=body + b" ", headers=good), 401)
        refused(house.client.post(path, data=body.replace(b"5", b"6"), headers=good), 401)
        refused(house.client.post(path, data=body, headers=good | {"webhook-id": "other"}), 401)
        refused(house.client.post(path, data=body, headers=good | later), 401)


def test_an_event_id_used_for_other_content_is_refused(house: House) -> None:
    """The second content under an event id is 409, also where it would have been refused anyway."""
    first = event("points.adjusted", EVENTS["points.adjusted"][0])
    assert house.shop.send(first, event_id="evt_once").status_code == 200
    with house.unchanged():
        for points in (6, -25_000):
            other = event("points.adjusted", EVENTS["points.adjusted"][0] | {"points": points})
            refused(house.shop.send(other, event_id="evt_once"), 409)
        for customer in ({"id": "nobody"}, {"member_id": "mem_nobody"}):
            other = event("points.adjusted", EVENTS["points.adjusted"][0] | {"customer": customer})
            refused(house.shop.send(other, event_id="evt_once"), 409, 422)


# Somebody else's


def test_another_shops_secret_opens_nothing(house: House) -> None:
    """A shop signs for itself alone."""
    second = connected_shop(house.service, house.client, "second")
    body = event("points.adjusted", EVENTS["points.adjusted"][0])
    with house.unchanged():
        refused(replace(second, name=house.shop.name).send(body), 401)
        refused(replace(house.shop, name=second.name).send(body), 401)


def test_another_programmes_members_cannot_be_named(house: House, tmp_path: Path) -> None:
    """A shop of one programme reaches no member of another, whether by id, by card or by order."""
    stranger = other_programme(house.service, tmp_path)
    member = house.shop.enrol("ann")
    with house.service.read() as tx:
        code = tx.exec_driver_sql("SELECT code FROM cards").scalar_one()
    good = EVENTS["points.adjusted"][0]
    with house.unchanged():
        for customer in ({"id": "ann"}, {"member_id": member["member_id"]}, {"card_code": code}):
            refused(stranger.send(event("points.adjusted", good | {"customer": customer})), 422)
            paid = EVENTS["order.paid"][0] | {"customer": customer}
            if "id" not in customer:
                refused(stranger.send(event("order.paid", paid)), 422)
    own = stranger.enrol("ann")
    assert own["member_id"] != member["member_id"]
    assert stranger.buy(100, order="o1")["balance"] == 1
    assert house.shop.enrol("ann")["balance"] == 25


def test_another_members_card_is_closed(house: House, tmp_path: Path) -> None:
    """A card's token opens no other card, neither of the same programme nor of another."""
    bob = card_of(house.service, house.shop.enrol("bob")["serial_number"])
    zoe = card_of(house.service, other_programme(house.service, tmp_path).enrol("zoe")["serial_number"])
    with house.unchanged():
        for theirs in (bob, zoe):
            for door in ("register", "unregister", "pass"):
                refused(house.ask(door, serial=theirs.serial_number), 401)


# Whatever comes in

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**11, 10**11 + 1, -(10**12), 2**63, 10**400, 0, 1])
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["ann", "o1", "EUR", "en", "2026-06-01T10:00:00Z", "\x00", "x" * 300]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
PATH_PARTS = st.one_of(
    st.text(min_size=1, max_size=40).map(lambda each: quote(each, safe="")),
    st.binary(min_size=1, max_size=40).map(lambda each: quote_from_bytes(each, safe="")),
    st.text(string.printable, min_size=1, max_size=40).map(lambda each: quote(each, safe="")),
)
HEADER_TEXT = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=40)
DATES = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Mon", "Sunday", "", "Xyz", "Mon,"]),
    st.integers(-5, 99),
    st.sampled_from(["Jun", "Feb", "Foo", "", "jan", "06"]),
    st.integers(-1, 120_000),
    st.integers(-5, 99),
    st.integers(-5, 99),
    st.integers(-5, 99) | HEADER_TEXT,
    st.sampled_from(["GMT", "+0200", "-9999", "+99999999999999999999", "EST", "", "A", "-0000", "+", "\x00"])
    | HEADER_TEXT,
)
HEADERS = st.dictionaries(
    st.sampled_from(["Accept", "Content-Type", "Authorization", "If-None-Match", "Cookie", "Range", "Host", "Expect"]),
    HEADER_TEXT,
    max_size=3,
)
BODIES = st.binary(max_size=60) | JSON_VALUES.map(lambda each: json.dumps(each).encode())


@fuzz
@given(source=PATH_PARTS, headers=HEADERS, body=BODIES, signature=HEADER_TEXT)
def test_no_unsigned_delivery_gets_in(
    house: House, source: str, headers: dict[str, str], body: bytes, signature: str
) -> None:
    """Whatever is posted to the webhook without a secret is refused and leaves nothing."""
    with house.unchanged():
        junk = headers | {"webhook-signature": f"v1,{signature}"}
        refused(house.client.post(house.path("webhook"), data=body, headers=house.signed(body) | junk), 400, 401)
        shut(house.client.post(house.path("webhook", source=source), data=body, headers=headers))


@fuzz
@given(data=st.data(), kind=st.sampled_from(sorted(EVENTS)), value=JSON_VALUES)
def test_no_signed_delivery_breaks_anything(house: House, data: st.DataObject, kind: str, value: Any) -> None:
    """A signed event with any value at any place is entered whole, ignored, or refused without a trace."""
    good = {"type": kind, "timestamp": START.isoformat(), "data": EVENTS[kind][0]}
    places = [place for place, _ in inner_places((), good)]
    body = json.dumps(placed(good, data.draw(st.sampled_from(places)), value)).encode()
    before = house.contents()
    answer = house.ask("webhook", body)
    if answer.status_code != 200:
        refused(answer, 422)
    if answer.status_code != 200 or answer.json["status"] == "ignored":
        assert house.contents() == before


@fuzz
@given(device=PATH_PARTS, headers=HEADERS, body=BODIES, since=st.text(max_size=60))
@example(device="%00", headers={}, body=b"", since="\x00")
def test_no_request_of_a_device_without_a_token_changes_anything(
    house: House, device: str, headers: dict[str, str], body: bytes, since: str
) -> None:
    """Whatever a stranger sends to the doors of devices, nothing is stored and nothing fails."""
    headers = headers | {"Authorization": headers.get("Authorization", "")}
    with house.unchanged():
        for door in ("register", "unregister", "pass"):
            bearable(house.ask(door, body, headers, device=device) if door != "pass" else house.ask(door, b"", headers))
        path = house.path("list", device=device)
        bearable(house.client.get(path, query_string={"passesUpdatedSince": since}, headers=headers))


@fuzz
@given(
    device=PATH_PARTS, token=st.text(max_size=30) | st.text("0123456789abcdef", min_size=1, max_size=30), body=BODIES
)
def test_no_registration_of_a_holder_fails(house: House, device: str, token: str, body: bytes) -> None:
    """Whoever holds the card registers, or is refused clearly, under any name and with any push token."""
    for each in (json.dumps({"pushToken": token}).encode(), body):
        before = house.contents()
        answer = house.ask("register", each, device=device)
        bearable(answer)
        if answer.status_code >= 400:
            assert house.contents() == before
    bearable(house.ask("unregister", device=device))


@fuzz
@given(pass_type=PATH_PARTS, serial=PATH_PARTS, date=DATES | HEADER_TEXT, tag=st.text(max_size=40))
def test_no_question_of_a_device_fails(house: House, pass_type: str, serial: str, date: str, tag: str) -> None:
    """Any date, tag, pass type and serial number gets a pass, a list, or a clear refusal."""
    assert house.ask("pass", headers={"If-Modified-Since": date}).status_code in (200, 304)
    assert house.client.get(house.path("list"), query_string={"passesUpdatedSince": tag}).status_code == 200
    before = house.contents()
    bearable(house.ask("list", pass_type=pass_type))
    shut(house.ask("pass", pass_type=pass_type))
    shut(house.ask("pass", serial=serial))
    assert house.contents() == before


@fuzz
@given(body=BODIES, lines=st.lists(JSON_VALUES, max_size=6))
def test_no_report_of_a_device_fails(house: House, body: bytes, lines: list[Any]) -> None:
    """Anything may be reported; what is no list of lines is refused, and leaves nothing."""
    before = house.contents()
    answer = house.ask("log", body)
    bearable(answer)
    if answer.status_code >= 400:
        assert house.contents() == before
    assert house.ask("log", json.dumps({"logs": lines}).encode()).status_code == 200


@fuzz
@given(token=PATH_PARTS, cut=st.integers(1, 80), letter=st.sampled_from(string.ascii_letters + string.digits + "-_."))
def test_no_link_but_ours_opens_a_card(house: House, token: str, cut: int, letter: str) -> None:
    """A made-up link, and ours with a character changed, opens nothing and fails at nothing."""
    good = card_links(house.service.secret_key).dumps(house.card.serial_number)
    place = cut % (len(good) - 1)  # the last character holds bits that do not count
    changed = f"{good[:place]}{letter}{good[place + 1 :]}"
    with house.unchanged():
        shut(house.ask("link", link=token))
        if changed != good:
            refused(house.ask("link", link=changed), 401)


@fuzz
@given(
    path=st.lists(PATH_PARTS, max_size=5),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "X"]),
    headers=HEADERS,
)
def test_no_address_fails(house: House, path: list[str], method: str, headers: dict[str, str]) -> None:
    """Any method at any address, known or not, is answered without a failure, and changes nothing."""
    with house.unchanged():
        answer = house.client.open("/" + "/".join(path), method=method, headers=headers)
        assert answer.status_code < 500


@fuzz
@given(name=st.text(min_size=1, max_size=60), locale=st.sampled_from([None, "en", "cs", "ro-RO", "ru", "xx", "EN_us"]))
@example(name="%@", locale="en")
@example(name="{points} %s %(a)s {{0}}", locale="cs")
@example(name='"; \\ <b>&amp;', locale="ru")
@example(name="אבג \u0301 🐈", locale=None)
def test_no_name_makes_a_card_that_cannot_be_opened(house: House, chain: Chain, name: str, locale: str | None) -> None:
    """A member whose name is taken at the door gets a card that phones open and that shows this name."""
    customer = {"id": "fuzzed", "name": name, "locale": locale}
    answer = house.ask("webhook", event("member.enrolled", {"customer": customer}))
    if answer.status_code != 200:
        refused(answer, 422)
        return
    fetched = replace(house.device, library="new").fetch(card_of(house.service, answer.json["serial_number"]))
    assert fetched.status_code == 200
    opened = open_pass(fetched.data, root_pem=chain.root, now=START)
    assert [each["value"] for _, each in opened.fields() if each["key"] == "member"] == [name.strip()]


# How the tests make and look at things


class Endless(io.RawIOBase):
    """A body that never ends, and knows how much of it was read."""

    given = 0

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Give as much as is asked for."""
        if self.given > 3 * TEN_MEGABYTES:
            return 0
        buffer[:] = b"x" * len(buffer)
        self.given += len(buffer)
        return len(buffer)


def event(kind: Any, data: Any, *, timestamp: Any = NOW) -> bytes:
    """Return an event's body."""
    return json.dumps({"type": kind, "timestamp": timestamp, "data": data}).encode()


def placed(whole: Any, place: Any, value: Any) -> Any:
    """Return a copy of nested tables in which another value stands at one place."""
    if not place:
        return value
    first, *rest = place
    return {**whole, first: placed(whole[first] if rest else None, rest, value)}


def inner_places(place: tuple[str, ...], whole: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every place in nested tables, the whole among them."""
    yield place, whole
    if isinstance(whole, dict):
        for key, each in whole.items():
            yield from inner_places((*place, key), each)


def other_programme(service: Service, folder: Path) -> Shop:
    """Connect a shop to a programme of its own in the same database, and return it."""
    copy = folder / "templates" / "other"
    shutil.copytree(Path(service.settings.templates) / "points", copy)
    program = copy / "program.toml"
    program.write_text(program.read_text().replace('code = "points"\nname', 'code = "other"\nname'))
    loaded = templates.load_all(copy.parent, check_art=artwork.faults)
    extended = replace(service, templates=service.templates | loaded)
    with extended.begin() as tx:
        secret = connect(tx, vault=service.vault, template=loaded["other"], name="other", now=service.clock())
    assert secret
    return Shop(create_app(extended).test_client(), service.clock, secret, "other")
