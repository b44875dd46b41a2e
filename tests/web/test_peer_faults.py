"""Faults that pass services are known to ship with, one test each, so that this one never has them."""

import contextlib
import hashlib
import io
import json
import logging
import random
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from actors import START, Clock, Device, Shop, card_of, connected_shop
from asn1crypto import cms
from flask.testing import FlaskClient
from sqlalchemy import Engine, Row, event
from structlog.processors import format_exc_info
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from wallet_service.apple.package import SignedPass
from wallet_service.domain.card import Card
from wallet_service.domain.push import Gone, Later, Outcome, Push, Sent
from wallet_service.inbound import standard
from wallet_service.links import card_url
from wallet_service.sandbox.chain import Chain
from wallet_service.sandbox.verify import open_pass
from wallet_service.storage import device_logs
from wallet_service.usecases.deliver import Delivery
from wallet_service.web import create_app
from wallet_service.wiring import Service

Wallets = Callable[[], dict[tuple[str, str], Row[Any]]]


@pytest.fixture
def card(service: Service, shop: Shop) -> Card:
    """Ann's card."""
    return card_of(service, shop.enrol("ann", name="Zora Quill")["serial_number"])


@pytest.fixture
def other(service: Service, shop: Shop) -> Card:
    """Bob's card."""
    return card_of(service, shop.enrol("bob")["serial_number"])


# Registrations


def test_stale_push_token_kept(device: Device, card: Card, service: Service) -> None:
    """A device that registers again with a new push token is pushed at the new one."""
    device.register(card)
    replace(device, push_token="cd34" * 16).register(card)
    push_service = PushService()
    push_service.delivery(service).deliver()
    assert [each.target for each in push_service.asked] == ["cd34" * 16]


def test_second_device_row_for_a_new_push_token(device: Device, card: Card, wallets: Wallets) -> None:
    """A new push token makes no second wallet of the same phone."""
    device.register(card)
    replace(device, push_token="cd34" * 16).register(card)
    assert len(wallets()) == 1


def test_registering_twice_looks_new_twice(device: Device, card: Card) -> None:
    """The first registration is answered with 201 and the second with 200."""
    assert [device.register(card).status_code, device.register(card).status_code] == [201, 200]


def test_unregister_matches_the_wrong_rows(device: Device, card: Card, other: Card, wallets: Wallets) -> None:
    """Unregistering one phone from one card removes exactly that wallet."""
    second = replace(device, library="tablet")
    for each in (card, other):
        device.register(each)
        second.register(each)
    device.unregister(card)
    assert len(wallets()) == 3
    assert (device.library, card.serial_number) not in wallets()


# The list of changes


def test_only_the_newest_change_is_listed(device: Device, service: Service, shop: Shop, clock: Clock) -> None:
    """Cards that changed at different times since the tag are all in one list."""
    cards = [card_of(service, shop.enrol(name)["serial_number"]) for name in ("c1", "c2", "c3")]
    for each in cards:
        device.register(each)
    tag = device.list().json["lastUpdated"]
    for name in ("c1", "c2", "c3"):
        clock.on(minutes=7)
        shop.adjust(1, customer=name)
    assert sorted(device.list(tag).json["serialNumbers"]) == sorted(each.serial_number for each in cards)


def test_changes_of_one_second_are_lost_from_the_list(
    device: Device, card: Card, other: Card, shop: Shop, quiet: Callable[[], None]
) -> None:
    """A card that changes within the second in which the list was read is in the next list."""
    device.register(card)
    device.register(other)
    quiet()
    tag = device.list().json["lastUpdated"]
    for customer, changed in (("ann", card), ("bob", other), ("ann", card)):
        shop.adjust(1, customer=customer)
        quiet()
        listing = device.list(tag)
        assert listing.json["serialNumbers"] == [changed.serial_number]
        tag = listing.json["lastUpdated"]


def test_unknown_device_is_a_bad_request(device: Device) -> None:
    """A device that is not known has nothing new; it is not told that it did something wrong."""
    assert device.list().status_code == 204


def test_malformed_tag_crashes(device: Device, card: Card) -> None:
    """A tag that cannot be read lists everything."""
    device.register(card)
    for tag in ("yesterday", "2026-13-45T99:99:99", "-", "\x00", "1e400"):
        assert device.list(tag).json["serialNumbers"] == [card.serial_number]


def test_nothing_new_is_answered_with_an_empty_list(device: Device, card: Card, quiet: Callable[[], None]) -> None:
    """Nothing new is 204, for a phone takes 200 as a change."""
    device.register(card)
    quiet()
    assert device.list(device.list().json["lastUpdated"]).status_code == 204


def test_tag_is_a_number(device: Device, card: Card) -> None:
    """The tag is a JSON string, which is all that phones accept."""
    device.register(card)
    assert isinstance(device.list().json["lastUpdated"], str)


def test_list_asks_the_database_once_per_card(device: Device, service: Service, shop: Shop, engine: Engine) -> None:
    """A phone with twelve cards costs as many statements as one with a single card."""
    counts = []
    for wanted in (1, 12):
        for number in range(wanted):
            device.register(card_of(service, shop.enrol(f"w{wanted}_{number}")["serial_number"]))
        with statements(engine) as seen:
            device.list()
        counts.append(len(seen))
    assert counts[0] == counts[1]


# Dates


def test_last_modified_is_always_now(device: Device, card: Card, clock: Clock) -> None:
    """The date belongs to the card's revision, whenever it is asked for, and is written as HTTP wants it."""
    first = device.fetch(card).headers["Last-Modified"]
    clock.on(hours=3)
    assert device.fetch(card).headers["Last-Modified"] == first == "Mon, 01 Jun 2026 10:00:00 GMT"


def test_unchanged_pass_is_sent_again_and_again(device: Device, card: Card) -> None:
    """A phone that repeats the date it was given is answered with 304, not with the pass."""
    date = device.fetch(card).headers["Last-Modified"]
    assert device.fetch(card, since=date).status_code == 304


def test_if_modified_since_is_read_as_a_number(device: Device, card: Card) -> None:
    """Seconds since 1970 are no HTTP date, and do not stand for one."""
    seconds = str(int(START.timestamp()))
    assert device.fetch(card, since=seconds).status_code == 200
    assert device.fetch(card, since=f"{seconds}.0").status_code == 200


def test_second_change_within_a_second_is_answered_with_304(device: Device, card: Card, shop: Shop) -> None:
    """A phone that fetched between two changes of one second gets the second one as well."""
    shop.adjust(1)
    date = device.fetch(card).headers["Last-Modified"]
    shop.adjust(1)
    assert device.fetch(card, since=date).status_code == 200


# Secrets


def test_one_token_for_all_passes(device: Device, card: Card, other: Card) -> None:
    """Every card has a token of its own, and one card's token opens no other card."""
    assert card.authentication_token != other.authentication_token
    assert device.fetch(other, token=card.authentication_token).status_code == 401


@pytest.mark.parametrize("spoil", ["last", "first", "longer", "shorter", "non_ascii", "empty", "spaced"])
def test_token_is_compared_carelessly(device: Device, card: Card, client: FlaskClient, spoil: str) -> None:
    """Anything but the exact token is refused in the same way, also when it is not ASCII."""
    token = card.authentication_token
    wrong = {
        "last": token[:-1] + ("A" if token[-1] != "A" else "B"),
        "first": ("A" if token[0] != "A" else "B") + token[1:],
        "longer": token + "A",
        "shorter": token[:-1],
        "non_ascii": "ü" * len(token),
        "empty": "",
        "spaced": f"{token[:10]} {token[10:]}",
    }[spoil]
    headers = {"Authorization": f"ApplePass {wrong}"}
    answer = client.get(f"/apple/v1/passes/{device.pass_type}/{card.serial_number}", headers=headers)
    assert answer.status_code == 401
    assert token not in answer.text


@pytest.mark.parametrize(
    "header",
    ["", "ApplePass", "ApplePass ", " ", "Bearer x", "ApplePass\ttoken", ":", "Basic %%%", "ü ü", "\x00", "=" * 9],
)
def test_malformed_authorization_crashes(device: Device, card: Card, client: FlaskClient, header: str) -> None:
    """An Authorization header that says nothing is refused like a wrong token."""
    url = f"/apple/v1/passes/{device.pass_type}/{card.serial_number}"
    assert client.get(url, headers={"Authorization": header}).status_code == 401
    assert client.get(url, headers={"Authorization": f"Bearer {card.authentication_token}"}).status_code == 401


@pytest.mark.parametrize("token", ["x", ".", "..", "a.b", "%00", "%FF", "IiI.x", "é", "=" * 40, "A" * 5000])
def test_bad_link_token_crashes(client: FlaskClient, token: str) -> None:
    """A download link that we did not sign is refused."""
    assert client.get(f"/cards/{token}/card.pkpass").status_code in (401, 404)


def test_one_webhook_secret_for_everybody(service: Service, client: FlaskClient, shop: Shop) -> None:
    """Each source signs with a secret of its own, which opens no other source's door."""
    second = connected_shop(service, client, "second")
    assert second.secret != shop.secret
    assert replace(shop, name="second").post("member.enrolled", {"customer": {"id": "eve"}}).status_code == 401


def test_webhook_can_be_replayed_for_ever(shop: Shop, client: FlaskClient, clock: Clock) -> None:
    """A recorded delivery is refused once it is more than five minutes old."""
    recorded = recording(shop, "member.enrolled", {"customer": {"id": "eve"}})
    clock.on(minutes=5, seconds=1)
    assert client.post(**recorded).status_code == 401


def test_secrets_in_logs(
    device: Device, card: Card, shop: Shop, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """A whole walk through all doors, with refusals and a crash on the way, logs no secret and no name."""
    client = device.client
    caplog.set_level(logging.DEBUG)
    link = card_url("", service.secret_key, card.serial_number)
    recorded = recording(shop, "order.paid", paid("ann", "o1", 2500))
    crashing = create_app(replace(service, passes=Crashing())).test_client()  # type: ignore[arg-type]
    with capture_logs(processors=[format_exc_info]) as captured:
        client.post(**recorded)
        client.post(**recorded)
        shop.post("points.adjusted", {"customer": {"id": "ann"}, "points": -(10**6), "actor": "a", "reason": "r"})
        shop.send(b"{}", headers={"webhook-signature": "v1,Zm9yZ2Vk"})
        device.register(card)
        device.register(card, token="wrong")
        device.list()
        device.list("junk")
        date = device.fetch(card).headers["Last-Modified"]
        device.fetch(card, since=date)
        replace(device, client=crashing).fetch(card)
        crashing.get(link)
        client.get(link)
        client.get(f"{link}x")
        client.post("/apple/v1/log", json={"logs": [f"Authorization: ApplePass {card.authentication_token}"]})
        PushService(default=Gone("Unregistered", START)).delivery(service).deliver()
        device.unregister(card)
        for path in ("/", "/healthz", "/readyz", "/metrics", f"/nope/{card.authentication_token}"):
            client.get(path)
    assert {"request", "request.refused", "request.crashed", "wallet.gone"} <= {each["event"] for each in captured}
    said = "\n".join([*map(repr, captured), caplog.text])
    with service.read() as tx:
        said += "\n".join(line for _, line in device_logs.latest(tx, 100))
    secrets = {
        "token": card.authentication_token,
        "push token": device.push_token,
        "device": device.library,
        "webhook secret": shop.secret,
        "signature": recorded["headers"]["webhook-signature"].removeprefix("v1,"),
        "link": link.split("/")[2],
        "name": "Zora",
        "what crashed": "Quill",
    }
    assert [name for name, value in secrets.items() if value in said] == []


def test_authorization_header_in_the_refusal(device: Device, card: Card, client: FlaskClient) -> None:
    """A refusal repeats nothing of what was sent."""
    answer = client.get(
        f"/apple/v1/passes/{device.pass_type}/{card.serial_number}", headers={"Authorization": "ApplePass s3cr3t-guess"}
    )
    assert "s3cr3t-guess" not in answer.text + str(answer.headers)


# Push


def test_push_outage_breaks_the_event(device: Device, card: Card, shop: Shop, service: Service) -> None:
    """While the push service is out of reach events are taken as ever, and the push is made up for afterwards."""
    device.register(card)
    outage = PushService(default=Later("unreachable")).delivery(service)
    for balance in (1, 2, 3):
        assert shop.adjust(1)["balance"] == balance
        outage.deliver()
    service.clock.on(hours=1)  # type: ignore[attr-defined]
    healthy = PushService()
    healthy.delivery(service).deliver()
    assert [each.revision for each in healthy.asked] == [4]


def test_push_is_sent_inside_the_request(device: Device, card: Card, shop: Shop, service: Service) -> None:
    """The webhook's answer does not wait for the push service: nothing is sent before a worker delivers."""
    device.register(card)
    assert shop.adjust(1)["status"] == "processed"
    assert "apns" not in vars(service)


def test_sent_is_written_before_delivery(device: Device, card: Card, service: Service, wallets: Wallets) -> None:
    """While a push is under way the wallet does not count as told; it does once the push service took it."""
    device.register(card)
    push_service = PushService(watch=lambda: [row.sent for row in wallets().values()])
    push_service.delivery(service).deliver()
    assert push_service.watched == [[0]]
    assert [row.sent for row in wallets().values()] == [1]


def test_transaction_is_open_while_pushing(device: Device, card: Card, service: Service, engine: Engine) -> None:
    """While the push service is waited for, no connection to the database is in use."""
    device.register(card)
    push_service = PushService(watch=lambda: in_use(engine))
    push_service.delivery(service).deliver()
    assert push_service.watched == [0]


def test_dead_token_with_two_passes_breaks_the_cleanup(
    device: Device, other: Card, shop: Shop, service: Service, wallets: Wallets
) -> None:
    """A push token that is gone drops the wallet that was pushed, and leaves the phone's other card alone."""
    device.register(card_of(service, shop.enrol("ann")["serial_number"]))
    device.register(other)
    PushService().delivery(service).deliver()
    service.clock.on(minutes=1)  # type: ignore[attr-defined]
    shop.adjust(1, customer="ann")
    done = PushService(default=Gone("Unregistered", service.clock())).delivery(service).deliver()
    assert (done.gone, done.stopped) == (1, None)
    assert set(wallets()) == {(device.library, other.serial_number)}
    shop.adjust(1, customer="bob")
    service.clock.on(minutes=1)  # type: ignore[attr-defined]
    assert PushService(default=Gone("Unregistered", service.clock())).delivery(service).deliver().gone == 1
    assert wallets() == {}


def test_both_passes_of_a_dead_token_break_the_cleanup(
    device: Device, card: Card, other: Card, service: Service, wallets: Wallets
) -> None:
    """A phone that is reported gone for two cards in one batch loses both."""
    device.register(card)
    device.register(other)
    done = PushService(default=Gone("Unregistered", service.clock())).delivery(service).deliver()
    assert (done.gone, wallets()) == (2, {})


def test_more_than_three_updates_a_day_are_refused(device: Device, card: Card, shop: Shop, chain: Chain) -> None:
    """A card may change as often as its member buys; the twentieth change of the day is shown like the first."""
    for number in range(20):
        shop.buy(100, order=f"o{number}")
    assert shown(device.fetch(card), chain, "balance") == 20


# The pass


def test_wrong_content_type_and_file_name(device: Device, card: Card, service: Service, client: FlaskClient) -> None:
    """Browsers and phones get the pass with Apple's type, without a charset, and under a name that ends in .pkpass."""
    link = card_url("", service.secret_key, card.serial_number)
    assert link.endswith(".pkpass")
    for answer in (device.fetch(card), client.get(link)):
        assert answer.headers["Content-Type"] == "application/vnd.apple.pkpass"
        assert answer.headers["Content-Disposition"] == 'inline; filename="card.pkpass"'
        assert int(answer.headers["Content-Length"]) == len(answer.data)


def test_passes_are_cached_on_the_way(device: Device, card: Card, service: Service, client: FlaskClient) -> None:
    """No cache between us and the phone keeps a pass or a list."""
    device.register(card)
    link = card_url("", service.secret_key, card.serial_number)
    tag = device.list().json["lastUpdated"]
    date = device.fetch(card).headers["Last-Modified"]
    answers = [device.fetch(card), device.fetch(card, since=date), device.list(), device.list(tag), client.get(link)]
    assert {each.headers["Cache-Control"] for each in answers} == {"no-store"}


def test_pass_is_made_inside_a_transaction(device: Device, card: Card, service: Service, client: FlaskClient) -> None:
    """While a pass is drawn and signed no connection to the database is in use."""
    watching = Watching(service)
    watched = create_app(replace(service, passes=watching)).test_client()  # type: ignore[arg-type]
    assert replace(device, client=watched).fetch(card).status_code == 200
    assert watched.get(card_url("", service.secret_key, card.serial_number)).status_code == 200
    assert watching.in_use == [0, 0]


def test_empty_lists_and_nulls_in_pass_json(device: Device, card: Card, other: Card, chain: Chain) -> None:
    """Neither a member with a name nor one without gives a pass.json with anything empty in it."""
    for each in (card, other):
        content = opened(device.fetch(each), chain).content
        assert [path for path, value in leaves("", content) if value in (None, "", [], {})] == []


def test_web_service_url_has_a_version_or_a_slash_at_its_end(device: Device, card: Card, chain: Chain) -> None:
    """Phones add /v1 themselves, so the address in the pass ends before it and without a slash."""
    assert opened(device.fetch(card), chain).content["webServiceURL"] == "https://cards.example/apple"


def test_byte_order_mark_in_pass_json(device: Device, card: Card) -> None:
    """The JSON files are plain UTF-8."""
    with unpacked(device.fetch(card)) as files:
        for name in ("pass.json", "manifest.json"):
            assert files.read(name).startswith(b"{")
            json.loads(files.read(name).decode())


def test_files_are_missing_from_the_manifest(device: Device, card: Card) -> None:
    """The manifest names every file of the package, folders of languages too, with its right digest."""
    with unpacked(device.fetch(card)) as files:
        manifest = json.loads(files.read("manifest.json"))
        names = {each for each in files.namelist() if each not in ("manifest.json", "signature")}
        assert manifest == {name: hashlib.sha1(files.read(name)).hexdigest() for name in names}


def test_attached_or_line_converted_signature(device: Device, card: Card) -> None:
    """The signature carries no content, and its digest is that of the very bytes of the manifest."""
    with unpacked(device.fetch(card)) as files:
        manifest, signature = files.read("manifest.json"), files.read("signature")
    signed = cms.ContentInfo.load(signature, strict=True)["content"]
    assert signed["encap_content_info"]["content"].native is None
    (signer,) = signed["signer_infos"]
    attributes = {each["type"].native: each["values"].native[0] for each in signer["signed_attrs"]}
    assert attributes["message_digest"] == hashlib.sha256(manifest).digest()
    assert attributes["signing_time"] == START
    assert len(signed["certificates"]) == 2


@pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl command here")
def test_signature_that_openssl_refuses(device: Device, card: Card, chain: Chain, tmp_path: Path) -> None:
    """The openssl command verifies the detached signature up to the root, and refuses a changed manifest."""
    with unpacked(device.fetch(card)) as files:
        files.extractall(tmp_path)
    (tmp_path / "root.pem").write_bytes(chain.root)
    assert openssl_verifies(tmp_path)
    manifest = tmp_path / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"pass.json"', b'"pass.jsom"'))
    assert not openssl_verifies(tmp_path)


def test_state_shared_between_passes(device: Device, card: Card, other: Card, shop: Shop, chain: Chain) -> None:
    """Passes that are made in turns show each member's own points and name."""
    for points in (3, 4):
        shop.adjust(points, customer="ann")
        shop.adjust(10 * points, customer="bob")
        ann, bob = device.fetch(card), device.fetch(other)
    assert (shown(ann, chain, "balance"), shown(bob, chain, "balance")) == (7, 70)
    assert shown(ann, chain, "member") == "Zora Quill"
    assert "member" not in {each["key"] for _, each in opened(bob, chain).fields()}


def test_many_phones_fetching_at_once_fail(device: Device, service: Service, shop: Shop, chain: Chain) -> None:
    """After a campaign many phones fetch in the same moment, and each gets its own card."""
    cards = [card_of(service, shop.enrol(f"m{number}")["serial_number"]) for number in range(24)]

    def fetch(each: Card) -> str:
        own = replace(device, client=device.client.application.test_client())
        return str(opened(own.fetch(each), chain).serial_number)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(fetch, cards)) == [each.serial_number for each in cards]


# Who acts, and how the tests look at things


@dataclass
class PushService:
    """Takes pushes and ends all of them alike; `watch` looks around while one is under way."""

    default: Outcome = field(default_factory=Sent)
    watch: Callable[[], object] = lambda: None
    asked: list[Push] = field(default_factory=list)
    watched: list[object] = field(default_factory=list)

    def send(self, pushes: Iterable[Push]) -> Iterator[tuple[Push, Outcome]]:
        """Take the pushes."""
        for push in pushes:
            self.asked.append(push)
            self.watched.append(self.watch())
            yield push, self.default

    def delivery(self, service: Service) -> Delivery:
        """Return a delivery that sends here."""
        lease = timedelta(seconds=60)
        return Delivery("apple", self, service.begin, service.clock, lease=lease, batch=100, chance=random.Random(1))


@dataclass
class Watching:
    """Makes passes like the service's own, and notes how many connections are in use meanwhile."""

    service: Service
    in_use: list[int] = field(default_factory=list)

    def make(self, *args: Any, **kwargs: Any) -> SignedPass:
        """Make a pass."""
        self.in_use.append(in_use(self.service.engine))
        return self.service.passes.make(*args, **kwargs)


class Crashing:
    """Fails at every pass, with a message that quotes the member."""

    def make(self, face: Any, card: Card, **_: Any) -> SignedPass:
        """Fail."""
        shown_name = next(each.value for each in face.fields() if each.key == "member")
        raise RuntimeError(f"{shown_name} {card.authentication_token}")


@contextlib.contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """Collect the statements that are sent to the database."""
    seen: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def in_use(engine: Engine) -> int:
    """Return how many connections are in use."""
    return int(engine.pool.checkedout())  # type: ignore[attr-defined]


def paid(customer: str, order: str, minor: int) -> dict[str, Any]:
    """Return what an order says."""
    return {"order_id": order, "customer": {"id": customer}, "currency": "EUR", "eligible_minor": minor}


def recording(shop: Shop, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return a signed delivery as arguments of a client's post, to send it once or again."""
    now: datetime = shop.clock()
    body = json.dumps({"type": kind, "timestamp": (now - timedelta(seconds=1)).isoformat(), "data": data}).encode()
    headers = standard.sign(shop.secret, event_id=f"evt_recorded_{kind}", timestamp=now, body=body)
    return {"path": f"/webhooks/standard/{shop.name}", "data": body, "headers": headers}


def opened(answer: TestResponse, chain: Chain) -> Any:
    """Open a pass as a phone does."""
    assert answer.status_code == 200
    return open_pass(answer.data, root_pem=chain.root, now=START)


def unpacked(answer: TestResponse) -> zipfile.ZipFile:
    """Open a pass as a ZIP file."""
    assert answer.status_code == 200
    return zipfile.ZipFile(io.BytesIO(answer.data))


def shown(answer: TestResponse, chain: Chain, key: str) -> object:
    """Return the value of a field on the card."""
    return next(each["value"] for _, each in opened(answer, chain).fields() if each["key"] == key)


def leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every value with its path; tables and lists only where they are empty."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not inner:
        yield path, value
    for key, each in inner:
        yield from leaves(f"{path}/{key}", each)


def openssl_verifies(folder: Path) -> bool:
    """Whether the openssl command verifies the signature over the manifest in the folder."""
    command = [
        "openssl",
        "cms",
        "-verify",
        "-binary",
        "-inform",
        "DER",
        "-in",
        "signature",
        "-content",
        "manifest.json",
    ]
    trust = ["-CAfile", "root.pem", "-purpose", "any", "-attime", str(int(START.timestamp())), "-out", "verified"]
    return subprocess.run([*command, *trust], cwd=folder, capture_output=True, check=False).returncode == 0
