"""The phone against a device service on a real socket: it registers, is woken, fetches, verifies and notifies."""

import io
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

import pytest
import requests
from flask import Flask, Response, request
from PIL import Image
from signed_passes import signed_pass
from werkzeug.serving import make_server

from wallet_service.sandbox.alerts import notify
from wallet_service.sandbox.chain import Chain, make_chain
from wallet_service.sandbox.phone import NoSuchCard, Phone
from wallet_service.sandbox.values import shown
from wallet_service.sandbox.verify import OpenedPass, PassNotInstallable

PASS_TYPE = "pass.sandbox.wallet-service.loyalty"
TOKEN = "a-token-of-the-card"
PATIENCE = 10.0


def now() -> datetime:
    """The tests' clock."""
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def chain() -> Chain:
    """A chain whose root the phone trusts."""
    return make_chain(now(), pass_type_identifier=PASS_TYPE)


@dataclass
class Member:
    """What the service knows of one card."""

    fields: dict[str, Any]
    revision: int = 1
    modified_at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Service:
    """A web service for devices with faults on request; `seen` counts what devices asked."""

    chain: Chain
    url: str = ""
    members: dict[str, Member] = field(default_factory=dict)
    registered: dict[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    tags: list[str | None] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    failures: dict[str, list[int]] = field(default_factory=dict)
    signer: Chain | None = None
    hold: threading.Event = field(default_factory=threading.Event)
    held: threading.Event = field(default_factory=threading.Event)
    changed: int = 1

    def enrol(self, serial: str, **fields: Any) -> None:
        """Have a card."""
        self.members[serial] = Member({"balance": 100} | fields)

    def change(self, serial: str, **fields: Any) -> None:
        """Give a card a new revision whose Last-Modified is a second later than the last one's."""
        member = self.members[serial]
        member.fields |= fields
        self.changed += 1
        member.revision = self.changed
        member.modified_at += timedelta(seconds=1)

    def count(self, what: str) -> int:
        """Return how often devices asked this."""
        return Counter(self.seen)[what]

    def pkpass(self, serial: str) -> bytes:
        """The signed pass of a card."""
        member, signer = self.members[serial], self.signer or self.chain
        messages = {"balance": "You now have %@ points", "tier": "You are %@ now"}
        content = {
            "formatVersion": 1,
            "passTypeIdentifier": PASS_TYPE,
            "serialNumber": serial,
            "teamIdentifier": "SANDBOX123",
            "organizationName": "Corner Roasters",
            "description": "Loyalty card",
            "webServiceURL": self.url,
            "authenticationToken": TOKEN,
            "storeCard": {
                "headerFields": [
                    {"key": key, "label": key, "value": value, "numberStyle": "PKNumberStyleDecimal"}
                    | ({"changeMessage": messages[key]} if key in messages else {})
                    for key, value in member.fields.items()
                ]
            },
        } | member.extra
        return build(signer, content)


def build(chain: Chain, content: dict[str, Any]) -> bytes:
    """A signed pass with that pass.json."""
    icon = io.BytesIO()
    Image.new("RGB", (29, 29), "teal").save(icon, "PNG")
    return signed_pass(chain, content, {"icon.png": icon.getvalue()})


def create_service(service: Service) -> Flask:
    """The service's doors as https://developer.apple.com/documentation/walletpasses describes them."""
    app = Flask(__name__)

    @app.before_request
    def before() -> tuple[str, int] | None:
        endpoint = request.endpoint or ""
        service.seen.append(endpoint)
        if failures := service.failures.get(endpoint):
            return "", failures.pop(0)
        if endpoint in ("register", "unregister", "fetch"):
            assert request.headers["Authorization"].startswith("ApplePass ")
            if request.headers["Authorization"] != f"ApplePass {TOKEN}":
                return "", 401
        return None

    path = f"/v1/devices/<device>/registrations/{PASS_TYPE}"

    @app.post(f"{path}/<serial>")
    def register(device: str, serial: str) -> tuple[str, int]:
        fresh = serial not in service.registered
        service.registered[serial] = request.get_json()["pushToken"]
        return "", 201 if fresh else 200

    @app.delete(f"{path}/<serial>")
    def unregister(device: str, serial: str) -> tuple[str, int]:
        del service.registered[serial]
        return "", 200

    @app.get(path)
    def listing(device: str) -> tuple[Any, int]:
        tag = request.args.get("passesUpdatedSince")
        service.tags.append(tag)
        since = int(tag.removeprefix("t+")) if tag else -1
        serials = [each for each, member in service.members.items() if member.revision > since]
        listed = [each for each in serials if each in service.registered]
        return ({"serialNumbers": listed, "lastUpdated": f"t+{service.changed}"}, 200) if listed else ("", 204)

    @app.get(f"/v1/passes/{PASS_TYPE}/<serial>")
    def fetch(serial: str) -> Response:
        if service.hold.is_set():
            service.held.set()
            service.hold.clear()
            assert RELEASE.wait(PATIENCE)
        stamp = format_datetime(service.members[serial].modified_at, usegmt=True)
        if request.headers.get("If-Modified-Since") == stamp:
            return Response(status=304)
        return Response(service.pkpass(serial), headers={"Last-Modified": stamp})

    @app.post("/v1/log")
    def log() -> str:
        service.logs.extend(request.get_json()["logs"])
        return ""

    return app


RELEASE = threading.Event()


@pytest.fixture
def service(chain: Chain) -> Iterator[Service]:
    """A running service."""
    RELEASE.clear()
    service = Service(chain)
    server = make_server("127.0.0.1", 0, create_service(service), threaded=True)
    service.url = f"http://127.0.0.1:{server.port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield service
    RELEASE.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def phone(chain: Chain) -> Iterator[Phone]:
    """A phone that retries almost at once."""
    with requests.Session() as http:
        http.trust_env = False
        phone = Phone("Test", root_pem=chain.root, http=http, clock=now, retry_waits=(0.01, 0.02))
        yield phone
        phone.stop()


def kinds(phone: Phone) -> list[str]:
    """What the phone did, in order."""
    return [moment.kind for moment in phone.timeline()]


def value(phone: Phone, key: str, serial: str = "m-1") -> Any:
    """A field's value as the phone holds it."""
    card = next(card for card in phone.cards() if card.opened.serial_number == serial)
    return next(each["value"] for _, each in card.opened.fields() if each["key"] == key)


def pushed(phone: Phone) -> None:
    """Wake the phone and wait until it has done what that asks for."""
    phone.wake(PASS_TYPE)
    assert phone.settle(PATIENCE)


def test_an_added_card_registers(service: Service, phone: Phone) -> None:
    """Adding a card verifies it and registers the phone's push token for it."""
    service.enrol("m-1")
    card = phone.add(service.pkpass("m-1"))
    assert service.registered == {"m-1": phone.push_token}
    assert card.registered
    assert kinds(phone) == ["verified", "added", "registered"]


def test_a_push_brings_the_new_value_and_a_notification(service: Service, phone: Phone) -> None:
    """A push makes the phone list, fetch, verify and show the new value, and say it in the field's own words."""
    service.enrol("m-1")
    phone.add(service.pkpass("m-1"))
    service.change("m-1", balance=1250)
    pushed(phone)
    notification = phone.notification()
    assert value(phone, "balance") == 1250
    assert notification is not None
    assert (notification.organization, notification.text) == ("Corner Roasters", "You now have 1,250 points")
    assert kinds(phone)[3:] == ["pushed", "listed", "fetched", "verified", "notified"]
    assert service.logs == []


def test_a_notification_is_in_the_phones_own_language(service: Service, chain: Chain) -> None:
    """The value in a notification is written as the phone's language writes it."""
    service.enrol("m-1")
    with requests.Session() as http:
        phone = Phone("German", root_pem=chain.root, http=http, clock=now, language="de-DE")
        phone.add(service.pkpass("m-1"))
        service.change("m-1", balance=1250)
        pushed(phone)
        phone.stop()
    notification = phone.notification()
    assert notification is not None
    assert notification.body == "You now have 1.250 points"


def test_the_tag_is_replayed_as_it_came(service: Service, phone: Phone) -> None:
    """The first question carries no tag; the next carries the last tag unchanged, plus sign and all."""
    service.enrol("m-1")
    phone.add(service.pkpass("m-1"))
    for balance in (200, 300):
        service.change("m-1", balance=balance)
        pushed(phone)
    pushed(phone)
    assert service.tags == [None, "t+2", "t+3"]
    assert kinds(phone)[-1] == "listed"
    assert service.count("fetch") == 2


def test_an_unchanged_card_is_not_replaced(service: Service, phone: Phone) -> None:
    """A card that is listed but answered with 304 stays, and the service is told."""
    service.enrol("m-1")
    phone.add(service.pkpass("m-1"))
    service.change("m-1", balance=200)
    pushed(phone)
    service.members["m-1"].revision = service.changed = 9
    pushed(phone)
    assert kinds(phone)[-1] == "unchanged"
    assert service.logs == ["Server requested update to serial number 'm-1', but the pass was unchanged."]


def test_two_revisions_of_one_second_both_arrive(service: Service, phone: Phone) -> None:
    """Revisions made at the same moment have later and later dates, so that none is taken for an old one."""
    service.enrol("m-1")
    phone.add(service.pkpass("m-1"))
    stamps = []
    for balance in (200, 300, 400):
        service.change("m-1", balance=balance)
        pushed(phone)
        stamps.append(phone.cards()[0].last_modified)
        assert value(phone, "balance") == balance
    assert len(set(stamps)) == 3


def test_of_two_cards_only_the_changed_one_is_fetched(service: Service, phone: Phone) -> None:
    """A push for a type asks about all its cards and fetches those that changed."""
    for serial in ("m-1", "m-2"):
        service.enrol(serial)
        phone.add(service.pkpass(serial))
    pushed(phone)
    fetched = service.count("fetch")
    service.change("m-2", balance=7)
    pushed(phone)
    assert (value(phone, "balance", "m-1"), value(phone, "balance", "m-2")) == (100, 7)
    assert service.count("fetch") == fetched + 1


def test_pushes_during_a_fetch_cause_one_more_round(service: Service, phone: Phone) -> None:
    """However many pushes come while the phone fetches, it looks exactly once more and ends with the newest value."""
    service.enrol("m-1")
    phone.add(service.pkpass("m-1"))
    service.change("m-1", balance=200)
    service.hold.set()
    phone.wake(PASS_TYPE)
    assert service.held.wait(PATIENCE)
    service.change("m-1", balance=300)
    for _ in range(5):
        phone.wake(PASS_TYPE)
    RELEASE.set()
    assert phone.settle(PATIENCE)
    assert service.count("listing") == 2
    assert value(phone, "balance") == 300


def test_a_badly_signed_update_is_refused_and_logged(service: Service, phone: Phone) -> None:
    """An update under another root changes nothing on the phone, and the service reads why in its log."""
    service.enrol("m-1")
    phone.add(service.pkpass("m-1"))
    service.signer = make_chain(now(), pass_type_identifier=PASS_TYPE)
    service.change("m-1", balance=999)
    pushed(phone)
    assert value(phone, "balance") == 100
    assert phone.notification() is None
    assert len(service.logs) == 1
    assert "not issued by the trusted root" in service.logs[0]


@pytest.mark.parametrize("key", ["serialNumber", "authenticationToken"])
def test_an_update_that_is_another_card_is_refused(service: Service, phone: Phone, key: str) -> None:
    """An update may change everything but the serial number and the token."""
    service.enrol("m-1")
    phone.add(service.pkpass("m-1"))
    service.members["m-1"].extra = {key: "quite-another-text"}
    service.change("m-1", balance=999)
    pushed(phone)
    assert value(phone, "balance") == 100
    assert f"another {key}" in service.logs[0]


def test_a_refused_pass_is_not_added(service: Service, phone: Phone) -> None:
    """A pass that does not verify is not kept, and the timeline says why."""
    with pytest.raises(PassNotInstallable):
        phone.add(b"junk")
    assert phone.cards() == ()
    assert "not a zip archive" in phone.timeline()[-1].text


@pytest.mark.parametrize("door", ["listing", "fetch"])
def test_a_failing_service_is_asked_again(service: Service, phone: Phone, door: str) -> None:
    """Two answers of the 5xx kind put an update off, they do not lose it."""
    service.enrol("m-1")
    phone.add(service.pkpass("m-1"))
    service.failures[door] = [503, 500]
    service.change("m-1", balance=200)
    pushed(phone)
    assert value(phone, "balance") == 200
    assert kinds(phone).count("retrying") == 2


def test_a_fetch_that_was_given_up_is_made_good_by_the_next_push(service: Service, phone: Phone) -> None:
    """A card that was listed but never fetched is fetched in the next round though it is not listed again."""
    service.enrol("m-1")
    phone.add(service.pkpass("m-1"))
    service.failures["fetch"] = [500, 500, 500]
    service.change("m-1", balance=200)
    pushed(phone)
    assert value(phone, "balance") == 100
    service.enrol("m-2")
    phone.add(service.pkpass("m-2"))
    service.change("m-2", balance=5)
    pushed(phone)
    assert value(phone, "balance") == 200


def test_a_registration_that_failed_is_made_later(service: Service, phone: Phone) -> None:
    """A card that could not register at once registers when the service is back, and catches up."""
    service.enrol("m-1")
    service.failures["register"] = [503, 503]
    pkpass = service.pkpass("m-1")
    service.change("m-1", balance=200)
    phone.add(pkpass)
    assert phone.settle(PATIENCE)
    assert service.registered == {"m-1": phone.push_token}
    assert value(phone, "balance") == 200


@pytest.mark.parametrize(
    ("door", "words"),
    [("fetch", "Get pass task"), ("listing", "Get serial numbers task"), ("register", "Register task")],
)
def test_a_refusal_is_logged_and_not_repeated(service: Service, phone: Phone, door: str, words: str) -> None:
    """An answer of 401 is told to the log at once and not tried again."""
    service.enrol("m-1")
    service.failures[door] = [401]
    phone.add(service.pkpass("m-1"))
    service.change("m-1", balance=200)
    pushed(phone)
    assert len(service.logs) == 1
    assert words in service.logs[0]
    assert "Authentication failure" in service.logs[0]
    assert "retrying" not in kinds(phone)


def test_an_unreachable_service_leaves_the_card(service: Service, phone: Phone) -> None:
    """A card whose service is nowhere stays on the phone and can be removed."""
    service.enrol("m-1")
    service.url = "http://127.0.0.1:9"
    phone.add(service.pkpass("m-1"))
    assert phone.settle(PATIENCE)
    assert [card.registered for card in phone.cards()] == [False]
    phone.remove("m-1")
    assert phone.cards() == ()


def test_a_removed_card_unregisters(service: Service, phone: Phone) -> None:
    """Removing a card tells the service, forgets the tag, and a later push finds nothing to do."""
    service.enrol("m-1")
    phone.add(service.pkpass("m-1"))
    pushed(phone)
    phone.remove("m-1")
    assert service.registered == {}
    pushed(phone)
    assert service.count("listing") == 1
    phone.add(service.pkpass("m-1"))
    pushed(phone)
    assert service.tags == [None, None]
    with pytest.raises(NoSuchCard, match="does not hold card m-7"):
        phone.remove("m-7")


def test_pulling_down_fetches_without_a_notification(service: Service, phone: Phone) -> None:
    """A refresh shows the new value and sends no notification."""
    service.enrol("m-1")
    phone.add(service.pkpass("m-1"))
    service.change("m-1", balance=200)
    phone.refresh()
    assert value(phone, "balance") == 200
    assert phone.notification() is None
    phone.refresh()
    assert kinds(phone)[-1] == "unchanged"
    assert service.logs == []


def test_automatic_updates_can_be_switched_off_and_on(service: Service, phone: Phone) -> None:
    """Switched off, the card unregisters and ignores pushes; switched on, it registers and catches up."""
    service.enrol("m-1")
    phone.add(service.pkpass("m-1"))
    phone.switch_automatic_updates("m-1", on=False)
    service.change("m-1", balance=200)
    pushed(phone)
    assert service.registered == {}
    assert value(phone, "balance") == 100
    phone.switch_automatic_updates("m-1", on=True)
    assert service.registered == {"m-1": phone.push_token}
    assert value(phone, "balance") == 200


def test_a_card_without_a_web_service_never_updates(chain: Chain, phone: Phone) -> None:
    """A card that names no web service is kept, and nothing is asked of anybody."""
    content = {
        "formatVersion": 1,
        "passTypeIdentifier": PASS_TYPE,
        "serialNumber": "m-1",
        "teamIdentifier": "SANDBOX123",
        "organizationName": "Corner Roasters",
        "description": "Loyalty card",
        "coupon": {},
    }
    phone.add(build(chain, content))
    pushed(phone)
    phone.refresh()
    phone.switch_automatic_updates("m-1", on=False)
    phone.switch_automatic_updates("m-1", on=True)
    assert "never updates" in phone.timeline()[2].text
    phone.remove("m-1")


def test_no_token_is_ever_shown(service: Service, phone: Phone) -> None:
    """Neither the timeline nor the service's log holds the card's token, the push token or the device's name."""
    service.enrol("m-1")
    phone.add(service.pkpass("m-1"))
    service.failures["fetch"] = [404]
    service.change("m-1", balance=200)
    pushed(phone)
    written = " ".join([moment.text for moment in phone.timeline()] + service.logs)
    assert TOKEN not in written
    assert phone.push_token not in written


def opened(**content: Any) -> OpenedPass:
    """A pass that has been verified, with one header field "balance" unless told otherwise."""
    card = {"organizationName": "Corner Roasters", "serialNumber": "m-1", "storeCard": {"headerFields": []}} | content
    return OpenedPass(card, {}, now())


def said(old: OpenedPass, new: OpenedPass) -> str | None:
    """What the phone says about a change."""
    notification = notify(old, new, number=1, language="en", now=now())
    return notification.text if notification else None


def card_of(*fields: dict[str, Any], **content: Any) -> OpenedPass:
    """A store card with those header fields."""
    return opened(storeCard={"headerFields": list(fields)}, **content)


BALANCE = {"key": "balance", "value": 1, "changeMessage": "Now %@"}
TIER = {"key": "tier", "value": "Silver", "changeMessage": "Welcome to %@"}


def test_one_speaking_change_is_said_in_its_own_words() -> None:
    """Of several changes only the one with a change message speaks."""
    quiet = {"key": "next", "value": "10"}
    old = card_of(BALANCE, TIER, quiet)
    assert said(old, card_of(BALANCE, TIER | {"value": "Gold"}, quiet | {"value": "9"})) == "Welcome to Gold"


def test_several_speaking_changes_give_the_generic_sentence() -> None:
    """Two changes with change messages become one sentence that names neither."""
    new = card_of(BALANCE | {"value": 2}, TIER | {"value": "Gold"})
    assert said(card_of(BALANCE, TIER), new) == "Corner Roasters: store card changed"


def test_a_message_without_a_place_for_the_value_gives_the_generic_sentence() -> None:
    """A change message must say where the value goes."""
    new = card_of(BALANCE | {"value": 2, "changeMessage": "Your balance changed"})
    assert said(card_of(BALANCE), new) == "Corner Roasters: store card changed"


@pytest.mark.parametrize(
    "new",
    [
        card_of(BALANCE | {"label": "Beans", "changeMessage": "New words for %@"}),
        card_of(BALANCE, TIER),
        card_of(),
        card_of(BALANCE | {"value": 2, "changeMessage": ""}),
        card_of(BALANCE | {"value": 2}, voided=True),
        card_of(BALANCE | {"value": 2}, expirationDate="2020-01-01T00:00Z"),
    ],
)
def test_what_is_no_news_is_not_said(new: OpenedPass) -> None:
    """New labels, added or removed fields, quiet fields, voided and expired cards send no notification."""
    assert said(card_of(BALANCE), new) is None


@pytest.mark.parametrize(
    ("language", "content", "text"),
    [
        ("en", {"value": 1250}, "1250"),
        ("en", {"value": 1250, "numberStyle": "PKNumberStyleDecimal"}, "1,250"),
        ("de", {"value": 1250, "numberStyle": "PKNumberStyleDecimal"}, "1.250"),
        ("en", {"value": 1250, "numberStyle": "PKNumberStyleSpellOut"}, "1,250"),
        ("en", {"value": Decimal("0.25"), "numberStyle": "PKNumberStylePercent"}, "25%"),
        ("en", {"value": 1250, "numberStyle": "PKNumberStyleScientific"}, "1.25E3"),
        ("en", {"value": Decimal("12.3"), "currencyCode": "EUR"}, "€12.30"),
        ("de", {"value": Decimal("12.3"), "currencyCode": "EUR"}, "12,30\xa0€"),
        ("en", {"value": 1200, "currencyCode": "JPY"}, "¥1,200"),
        ("en", {"value": Decimal("1e999"), "currencyCode": "EUR"}, "1E+999"),
        ("en", {"value": "Gold"}, "Gold"),
        ("en", {"value": "2026-05-31T18:00Z"}, "2026-05-31T18:00Z"),
        ("en", {"value": "2026-05-31T18:00Z", "dateStyle": "PKDateStyleLong"}, "May 31, 2026"),
        ("de", {"value": "2026-05-31T18:00Z", "dateStyle": "PKDateStyleMedium"}, "31.05.2026"),
        (
            "de",
            {"value": "2026-05-31T18:00Z", "dateStyle": "PKDateStyleShort", "timeStyle": "PKDateStyleShort"},
            "31.05.26, 18:00",
        ),
        ("de", {"value": "2026-05-31T18:00+03:00", "timeStyle": "PKDateStyleShort"}, "15:00"),
        ("de", {"value": "2026-05-31T18:00+03:00", "timeStyle": "PKDateStyleShort", "ignoresTimeZone": True}, "18:00"),
        ("en", {"value": "2026-06-03T12:00Z", "dateStyle": "PKDateStyleShort", "isRelative": True}, "in 2 days"),
        ("en", {"value": "0001-01-01T00:00+23:00", "dateStyle": "PKDateStyleShort"}, "0001-01-01T00:00+23:00"),
        ("en", {"value": "soon", "dateStyle": "PKDateStyleShort"}, "soon"),
    ],
)
def test_values_are_written_as_the_phone_writes_them(language: str, content: dict[str, Any], text: str) -> None:
    """Numbers, money and dates follow the phone's language and the field's style."""
    moment = datetime(2026, 6, 1, 12, tzinfo=UTC)
    assert shown({"key": "x"} | content, language=language, now=moment) == text
