"""The Standard Webhooks dialect: what is not signed is refused, what is signed is read strictly, nothing crashes."""

import base64
import json
import string
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from actors import START
from changing import ABSENT, changed
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from wallet_service.domain.delivery import Arrangement, Delivery, event_of
from wallet_service.domain.errors import EventRefused, SignatureRefused
from wallet_service.domain.event import (
    Customer,
    Event,
    Fact,
    MemberEnrolled,
    OrderPaid,
    OrderRefunded,
    PointsAdjusted,
    content_hash,
)
from wallet_service.inbound import standard

SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 24).decode()
BODY = b'{"type":"order.paid"}'
PAID: dict[str, Any] = {
    "type": "order.paid",
    "timestamp": "2026-06-01T09:59:00Z",
    "data": {"order_id": "o1", "customer": {"id": "ann"}, "currency": "EUR", "eligible_minor": 8040},
}
ENROLLED: dict[str, Any] = PAID | {"type": "member.enrolled", "data": {"customer": {"id": "ann", "name": "Ann"}}}
REFUNDED: dict[str, Any] = PAID | {"type": "order.refunded", "data": {"order_id": "o1", "refunded_minor": 8040}}
ADJUSTED: dict[str, Any] = PAID | {
    "type": "points.adjusted",
    "data": {"customer": {"id": "ann"}, "points": -5, "actor": "till 3", "reason": "complaint"},
}
SHOP = Arrangement("shop", "https://cards.example/webhooks/standard/shop")


def signed(
    body: bytes = BODY, *, secret: str = SECRET, at: datetime = START, event_id: str = "evt_1"
) -> dict[str, str]:
    """Return the headers of a body that is signed as it should be."""
    return standard.sign(secret, event_id=event_id, timestamp=at, body=body)


def verify(
    headers: dict[str, str], body: bytes = BODY, *, now: datetime = START, secrets: tuple[str, ...] = (SECRET,)
) -> str | None:
    """Verify against our secret at the start of the clock, and return the id."""
    return standard.verify(headers, body, secrets=secrets, arrangement=SHOP, now=now).delivery_id


def refused(headers: dict[str, str], body: bytes = BODY, **more: Any) -> None:
    """Check that the signature is refused."""
    with pytest.raises(SignatureRefused):
        verify(headers, body, **more)


def normalise(said: Any) -> Event | None:
    """Sign, verify and normalise a body that is given as bytes or as what they say."""
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    delivery = standard.verify(signed(body), body, secrets=(SECRET,), arrangement=SHOP, now=START)
    normalised = standard.normalise(delivery, body, arrangement=SHOP, now=START)
    assert bool(normalised.said) == (normalised.ignored is None)
    return event_of(normalised.said[0], event_id=str(delivery.delivery_id), body=body) if normalised.said else None


def faults(said: Any) -> dict[str, str]:
    """Return every fault of a body, by key."""
    with pytest.raises(EventRefused) as error:
        normalise(said)
    assert {each.place for each in error.value.faults} == {"body"}
    return {each.key: each.message for each in error.value.faults}


# Signatures


def test_the_published_example_verifies() -> None:
    """The example of the specification has the signature that the specification gives."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    at = datetime.fromtimestamp(1614265330, UTC)
    for secret in ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"):
        body = b'{"test": 2432232314}'
        assert verify(headers, body, now=at, secrets=(secret,)) == "msg_p5jXN8AQM9LWM0D4loKWxJek"
        assert standard.sign(secret, event_id=headers["webhook-id"], timestamp=at, body=body) == headers


@pytest.mark.parametrize("length", range(16, 25))
@pytest.mark.parametrize("padded", [True, False])
def test_the_reference_library_and_we_understand_each_other(length: int, padded: bool) -> None:
    """What the standardwebhooks package signs we verify, and the other way round, also with unpadded secrets."""
    now = datetime.now(UTC)
    text = base64.b64encode(bytes(range(length))).decode()
    secret = "whsec_" + (text if padded else text.rstrip("="))
    body = '{"type": "order.paid", "note": "žluťoučký кот"}'
    library = Webhook(secret)

    theirs = {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": library.sign("msg_1", now, body),
    }
    assert verify(theirs, body.encode(), now=now, secrets=(secret,)) == "msg_1"
    assert library.verify(body.encode(), signed(body.encode(), secret=secret, at=now)) == json.loads(body)


def test_two_secrets_are_live_while_they_rotate() -> None:
    """A sender may use the new secret or the one before; a third opens nothing, and no secret at all neither."""
    for secret in (SECRET, OTHER):
        assert verify(signed(secret=secret), secrets=(SECRET, OTHER)) == "evt_1"
    refused(signed(secret="whsec_AAAA"), secrets=(SECRET, OTHER))
    refused(signed(), secrets=())


def test_one_good_signature_among_several_is_enough() -> None:
    """A sender that rotates signs twice; order, other versions and junk between do not matter."""
    good = signed()["webhook-signature"]
    bad = signed(secret=OTHER)["webhook-signature"]
    for several in (f"{bad} {good}", f"{good} {bad}", f"v1a,abc v2,abc {good}", f"garbage v1 v1, {good}"):
        assert verify(signed() | {"webhook-signature": several}) == "evt_1"


def test_only_the_first_signatures_are_looked_at() -> None:
    """The eighth counts, the ninth does not: a list without end costs us no work."""
    good = signed()["webhook-signature"]
    assert verify(signed() | {"webhook-signature": "v1,x " * 7 + good}) == "evt_1"
    refused(signed() | {"webhook-signature": "v1,x " * 8 + good})
    refused(signed() | {"webhook-signature": "v1,x " * 10_000})


@pytest.mark.parametrize(("seconds", "taken"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
def test_a_signature_is_good_for_five_minutes_both_ways(seconds: int, taken: bool) -> None:
    """An old delivery cannot be played again, and one from the future is not believed either."""
    headers = signed(at=START + timedelta(seconds=seconds))
    if taken:
        assert verify(headers) == "evt_1"
    else:
        refused(headers)


def test_header_names_have_no_case() -> None:
    """However a proxy spells the headers, they are found."""
    assert verify({name.title(): value for name, value in signed().items()}) == "evt_1"
    assert verify({name.upper(): value for name, value in signed().items()}) == "evt_1"


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_every_header_is_needed_and_signed(name: str) -> None:
    """Without one of the three, or with it changed, nothing is taken."""
    refused({each: value for each, value in signed().items() if each != name})
    refused(signed() | {name: ""})
    refused(signed() | {name: signed()[name] + "1"})
    refused(signed() | {name: " " + signed()[name] + "\n"})


@pytest.mark.parametrize(
    "timestamp",
    [
        "-1",
        "+1780308000",
        "1780308000.0",
        "1e9",
        "١٧٨٠٣٠٨٠٠٠",
        "٣",
        "0x6A1D5D20",
        "nan",
        "inf",
        "9" * 12,
        "9" * 10_000,
        "\0",
    ],
)
def test_a_timestamp_is_plain_digits(timestamp: str) -> None:
    """Other ways to write a number are refused, also those that Python would read."""
    refused(signed() | {"webhook-timestamp": timestamp})


@pytest.mark.parametrize("event_id", ["", " ", "a b", "é", "a\nb", "\0", "\x7f", "x" * 201])
def test_an_event_id_is_plain(event_id: str) -> None:
    """An id is 1 to 200 visible ASCII characters, even if it is signed."""
    refused(signed(event_id=event_id))


@pytest.mark.parametrize(
    "signature",
    [
        "garbage",
        "v1",
        "v1,",
        "v1,,",
        ",",
        " ",
        "v1,é",
        "v1,\ud800",
        "v1,a,b",
        "v1,====",
        "v1,YQ==",
        "\0",
        "v1,\U0001f600",
    ],
)
def test_junk_is_no_signature(signature: str) -> None:
    """Headers that trip other verifiers up are refused like any wrong signature."""
    refused(signed() | {"webhook-signature": signature})


def test_a_signature_is_not_for_another_version() -> None:
    """The right digest under another version, or without one, is not a signature."""
    digest = signed()["webhook-signature"].removeprefix("v1,")
    for each in (digest, f"v2,{digest}", f"v1a,{digest}", f"V1,{digest}", f"v1;{digest}", f"v1, {digest}"):
        refused(signed() | {"webhook-signature": each})


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
@settings(max_examples=50, deadline=None)
def test_every_byte_of_the_body_is_signed(index: int, flip: int) -> None:
    """Changing any one byte is noticed."""
    altered = bytearray(BODY)
    altered[index] ^= flip
    refused(signed(), bytes(altered))


@pytest.mark.parametrize("secret", ["whsec_", "!!!!", "é", "whsec_é", "A", "not base64 at all"])
def test_odd_secrets_do_not_crash(secret: str) -> None:
    """Whatever stands for a secret, verifying ends in a word, and a signature of another secret is not taken."""
    refused(signed(), secrets=(secret,))
    assert verify(signed(secret=secret), secrets=(secret,)) == "evt_1"


def test_no_secret_signs_nothing() -> None:
    """What is signed with an empty secret is signed by anybody, and refused."""
    refused(signed(secret=""), secrets=("", SECRET))


def test_refusals_tell_nothing_that_was_secret() -> None:
    """Neither the secret nor the expected signature stands in the reason."""
    with pytest.raises(SignatureRefused) as error:
        verify(signed(secret=OTHER))
    assert SECRET[6:] not in str(error.value)
    assert signed()["webhook-signature"][3:] not in str(error.value)


NAMES = st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature", "Webhook-Id", "WEBHOOK-SIGNATURE"])
SCRAPS = st.sampled_from(["v1,", "v1", " ", ",", "evt_1", "=", str(int(START.timestamp())), "AAAA", "whsec_"])
ANYTHING = st.one_of(
    st.text(alphabet=st.characters(), max_size=60), st.lists(SCRAPS, max_size=8).map("".join), st.just("v1,A " * 5000)
)


@given(st.dictionaries(NAMES | ANYTHING, ANYTHING, max_size=6), st.binary(max_size=60), st.booleans())
@settings(max_examples=300, deadline=None)
def test_no_headers_get_in_unsigned(junk: dict[str, str], body: bytes, beside: bool) -> None:
    """Any headers, alone or in place of good ones for another body, are refused and raise nothing else."""
    headers = signed(body + b"!") | junk if beside else junk
    refused(headers, body)


@given(st.binary(max_size=200), st.text(string.ascii_letters + string.digits + "_-.", min_size=1, max_size=30))
@settings(max_examples=50, deadline=None)
def test_any_bytes_can_be_signed(body: bytes, event_id: str) -> None:
    """A signature covers raw bytes, whether they are text or not."""
    assert verify(signed(body, event_id=event_id), body) == event_id


# Bodies


def test_a_topic_is_the_type_that_the_body_names() -> None:
    """What is verified has its type as topic, and none where the body names none; reading it says what is wrong."""
    body = json.dumps(PAID).encode()
    assert standard.verify(signed(body), body, secrets=(SECRET,), arrangement=SHOP, now=START) == Delivery(
        "order.paid", "evt_1"
    )
    assert standard.verify(signed(b"{"), b"{", secrets=(SECRET,), arrangement=SHOP, now=START) == Delivery("", "evt_1")


def test_what_merchants_say_becomes_four_facts() -> None:
    """Each type of event has its noun, with our types and nothing of the dialect's."""
    ann = Customer(id="ann")
    facts: dict[str, tuple[dict[str, Any], Fact]] = {
        "member.enrolled": (ENROLLED, MemberEnrolled(ann, "Ann", None)),
        "order.paid": (PAID, OrderPaid(ann, "o1", "EUR", 8040)),
        "order.refunded": (REFUNDED, OrderRefunded("o1", 8040, None)),
        "points.adjusted": (ADJUSTED, PointsAdjusted(ann, -5, "till 3", "complaint")),
    }
    for kind, (said, fact) in facts.items():
        event = normalise(said)
        assert event
        assert (event.event_id, event.type, event.fact) == ("evt_1", kind, fact)
        assert event.occurred_at == datetime(2026, 6, 1, 9, 59, tzinfo=UTC)
        assert event.content_hash == content_hash(kind, fact)
        assert json.loads(event.body) == said


@pytest.mark.parametrize(
    "said", [{"type": "invoice.paid"}, {"type": "Order.Paid", "data": 7}, PAID | {"type": "order"}]
)
def test_a_type_that_we_do_not_know_is_nobody_s_fault(said: dict[str, Any]) -> None:
    """Other events of the sender's are ignored, whatever else they carry or lack."""
    assert normalise(said) is None


def test_keys_that_we_do_not_need_are_left_alone() -> None:
    """A sender may say more than we read, at every level, also what JSON has no words for."""
    said = changed(changed(PAID, "extra", [1]), "data.customer.shoe_size", 43)
    event, plain = normalise(json.dumps(said).encode().replace(b"[1]", b"[NaN, 1e999]")), normalise(PAID)
    assert event
    assert plain
    assert (event.fact, event.content_hash) == (plain.fact, plain.content_hash)


@pytest.mark.parametrize("kind", [PAID, ENROLLED, REFUNDED, ADJUSTED], ids=lambda each: each["type"])
def test_every_key_that_is_missing_is_named(kind: dict[str, Any]) -> None:
    """An event without time and data is told both at once, and one with empty data each key of it."""
    bare = faults({"type": kind["type"]})
    empty = faults(changed(changed(kind, "data", {}), "timestamp", ABSENT))
    needed = {f"data.{key}" for key in kind["data"]}

    assert bare == {"timestamp": "is missing", "data": "is missing"}
    assert empty == dict.fromkeys({"timestamp", *needed}, "is missing")


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        (PAID, "type", ABSENT),
        (PAID, "type", None),
        (PAID, "type", ["order.paid"]),
        (PAID, "type", ""),
        (PAID, "type", "order\0paid"),
        (PAID, "data", None),
        (PAID, "data", [PAID["data"]]),
        (PAID, "data", "{}"),
        (PAID, "data.order_id", 1),
        (PAID, "data.order_id", None),
        (PAID, "data.order_id", ""),
        (PAID, "data.order_id", " \t "),
        (PAID, "data.order_id", "o\x001"),
        (PAID, "data.order_id", "o\n1"),
        (PAID, "data.order_id", "o\x1b[31m"),
        (PAID, "data.order_id", "o\u200b1"),
        (PAID, "data.order_id", "o\u202e1"),
        (PAID, "data.order_id", "x" * 201),
        (PAID, "data.order_id", "x" * 10**6),
        (PAID, "data.customer", None),
        (PAID, "data.customer", "ann"),
        (PAID, "data.customer", {}),
        (PAID, "data.customer", {"id": "ann", "card_code": "K7QM"}),
        (PAID, "data.customer", {"id": "ann", "member_id": "mem_1", "card_code": "K7QM"}),
        (PAID, "data.customer.id", 7),
        (PAID, "data.currency", "eur"),
        (PAID, "data.currency", "EURO"),
        (PAID, "data.currency", "EUR\n"),
        (PAID, "data.currency", "€"),
        (PAID, "data.eligible_minor", "8040"),
        (PAID, "data.eligible_minor", 80.4),
        (PAID, "data.eligible_minor", 8040.0),
        (PAID, "data.eligible_minor", True),
        (PAID, "data.eligible_minor", None),
        (PAID, "data.eligible_minor", -1),
        (PAID, "data.eligible_minor", 10**11 + 1),
        (PAID, "data.eligible_minor", 2**63),
        (PAID, "data.eligible_minor", 10**4000),
        (PAID, "data.eligible_minor", float("nan")),
        (PAID, "data.eligible_minor", float("inf")),
        (PAID, "data.eligible_minor", [8040]),
        (REFUNDED, "data.refunded_minor", -1),
        (REFUNDED, "data.refunded_minor", False),
        (REFUNDED, "data.customer", {}),
        (ADJUSTED, "data.points", 10**9 + 1),
        (ADJUSTED, "data.points", 1.0),
        (ADJUSTED, "data.actor", ""),
        (ADJUSTED, "data.actor", "\u200d"),
        (ADJUSTED, "data.reason", "two\nlines"),
        (ENROLLED, "data.customer", {"name": "Ann"}),
        (ENROLLED, "data.customer.email", "ann at home"),
        (ENROLLED, "data.customer.phone", "601 000 000"),
        (ENROLLED, "data.customer.name", ""),
        (ENROLLED, "data.customer.name", "x" * 201),
        (ENROLLED, "data.customer.name", "Ann\0"),
        (ENROLLED, "data.customer.locale", "english"),
        (ENROLLED, "data.customer.locale", "en-"),
        (ENROLLED, "data.customer.locale", "../../etc"),
        (ENROLLED, "data.customer.locale", ""),
        (PAID, "timestamp", None),
        (PAID, "timestamp", 1780308000),
        (PAID, "timestamp", "1780308000"),
        (PAID, "timestamp", "20260601"),
        (PAID, "timestamp", "-5"),
        (PAID, "timestamp", True),
        (PAID, "timestamp", "yesterday"),
        (PAID, "timestamp", "2026-06-01"),
        (PAID, "timestamp", "2026-06-01T10:00:00"),
        (PAID, "timestamp", "2026-02-30T10:00:00Z"),
        (PAID, "timestamp", "2026-06-01T10:05:01Z"),
        (PAID, "timestamp", "9999-12-31T23:59:59-14:00"),
        (PAID, "timestamp", "0001-01-01T00:00:00+14:00"),
        (PAID, "timestamp", "1969-12-31T23:59:59Z"),
    ],
)
def test_an_impossible_value_is_named_by_its_key(kind: dict[str, Any], path: str, value: Any) -> None:
    """One wrong value is one fault, at its key, in words without a stack or the value itself."""
    found = faults(changed(kind, path, value))
    assert list(found) == [path]
    assert len(found[path]) < 200


def test_an_adjustment_of_nothing_is_refused() -> None:
    """Zero points are no correction."""
    assert faults(changed(ADJUSTED, "data.points", 0)) == {"data": "points should not be 0"}


def test_all_faults_of_a_body_are_told_at_once() -> None:
    """Faults of the envelope and of the data stand side by side."""
    said = changed(changed(changed(PAID, "timestamp", "now"), "data.currency", 1), "data.eligible_minor", ABSENT)
    assert set(faults(said)) == {"timestamp", "data.currency", "data.eligible_minor"}


@pytest.mark.parametrize(
    ("path", "value", "read"),
    [
        ("data.order_id", "  o1 ", "o1"),
        ("data.order_id", "#1001/é", "#1001/é"),
        ("data.order_id", "x" * 200, "x" * 200),
        ("data.eligible_minor", 0, 0),
        ("data.eligible_minor", 10**11, 10**11),
        ("data.customer", {"card_code": " k7qm 2xtd "}, Customer(card_code="K7QM2XTD")),
        ("data.customer", {"id": None, "member_id": "mem_1"}, Customer(member_id="mem_1")),
    ],
)
def test_values_are_read_as_they_are_meant(path: str, value: Any, read: Any) -> None:
    """Spaces around ids go, a card code is read however it was typed, and the limits themselves are allowed."""
    event = normalise(changed(PAID, path, value))
    assert event
    assert getattr(event.fact, path.removeprefix("data.")) == read


@pytest.mark.parametrize(
    "name",
    [
        "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
        "क्\u200dष",
        "Jean\u00a0Pierre",
        "Ann 👩\u200d🚀",
        "O'Neill-Žižka",
        "李",
    ],
)
def test_names_are_people_s_own(name: str) -> None:
    """Joiners and no-break spaces, which Persian, Hindi and French names are written with, are part of a name."""
    event = normalise(changed(ENROLLED, "data.customer.name", name))
    assert event
    assert event.fact == MemberEnrolled(Customer(id="ann"), name, None)


@pytest.mark.parametrize("timestamp", ["2026-06-01T10:05:00Z", "2026-06-01T14:04:59+04:00", "1970-01-01T00:00:00Z"])
def test_times_are_moments(timestamp: str) -> None:
    """A time in any zone is the moment it names, up to five minutes ahead of our clock."""
    event = normalise(PAID | {"timestamp": timestamp})
    assert event
    assert event.occurred_at == datetime.fromisoformat(timestamp)


def test_of_a_key_that_comes_twice_the_last_one_counts() -> None:
    """A repeated key is read as JSON parsers agree to, and alike wherever it is read."""
    body = json.dumps(PAID).replace('"eligible_minor": 8040', '"eligible_minor": "x", "eligible_minor": 5')
    event = normalise(body.encode())
    assert event
    assert event.fact == OrderPaid(Customer(id="ann"), "o1", "EUR", 5)
    assert normalise((body[:-1] + ', "type": "other"}').encode()) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'"order.paid"',
        b"1",
        b"NaN",
        b"{",
        b"{}",
        b'{"type"}',
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"\0",
        json.dumps(PAID).encode("utf-16"),
        json.dumps(PAID).encode() + b"x",
        json.dumps(PAID).replace('"o1"', '"\\ud800"').encode(),
        json.dumps(PAID).replace('"o1"', '"\\ud83d"').encode(),
        json.dumps(PAID).encode().replace(b'"o1"', b'"\xff"'),
        json.dumps(PAID).encode().replace(b'"o1"', b'"\xed\xa0\x80"'),
        json.dumps(PAID).encode().replace(b"8040", b"9" * 100_000),
        json.dumps(PAID).encode().replace(b"8040", b"[" * 100_000),
        b"[" * 1_000_000,
        b'{"type":' * 100_000,
        b'{"type":"order.paid","data":' * 5000,
    ],
    ids=lambda body: repr(body[:30]),
)
def test_what_is_no_event_is_refused(body: bytes) -> None:
    """Bytes that are no JSON, or JSON that is no event, are the sender's fault and told so."""
    assert faults(body)


def test_the_hash_is_of_what_is_said() -> None:
    """Spacing, order of keys, time of sending and other keys do not change it; every value that we read does."""
    event = normalise(PAID)
    assert event
    same = [
        json.dumps(PAID, indent=4, sort_keys=True).encode(),
        PAID | {"timestamp": "2026-06-01T09:00:00Z"},
        PAID | {"id": "other"},
        changed(PAID, "data.order_id", " o1 "),
    ]
    other = [
        changed(PAID, "data.order_id", "o2"),
        changed(PAID, "data.eligible_minor", 8041),
        changed(PAID, "data.currency", "USD"),
        changed(PAID, "data.customer", {"member_id": "ann"}),
        REFUNDED,
        changed(REFUNDED, "data.customer", {"id": "ann"}),
    ]
    for said in same:
        again = normalise(said)
        assert again
        assert again.content_hash == event.content_hash
    hashes = {each.content_hash for each in map(normalise, other) if each} | {event.content_hash}
    assert len(hashes) == len(other) + 1


SAID = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**30), 10**30),
        st.floats(),
        st.text(alphabet=st.characters(), max_size=10),
        st.sampled_from([PAID["timestamp"], "ann", "EUR"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["id", "customer", "order_id", "currency", "eligible_minor", "refunded_minor", "points"]),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=12,
)
BODIES = st.one_of(
    st.binary(max_size=300),
    SAID.map(lambda said: json.dumps(said).encode()),
    st.builds(
        lambda kind, time, data: json.dumps({"type": kind, "timestamp": time, "data": data}).encode(),
        st.sampled_from(["order.paid", "order.refunded", "points.adjusted", "member.enrolled"]),
        st.one_of(SAID, st.just(PAID["timestamp"]), st.datetimes().map(lambda each: each.isoformat() + "+00:00")),
        SAID,
    ),
    st.builds(
        lambda kind, path, value: json.dumps(changed(kind, path, value)).encode(),
        st.sampled_from([PAID]),
        st.sampled_from(["type", "timestamp", "data", *(f"data.{key}" for key in PAID["data"]), "data.customer.id"]),
        SAID,
    ),
)


@given(BODIES)
@settings(max_examples=400, deadline=None)
def test_no_body_breaks_the_reader(body: bytes) -> None:
    """Any bytes come out as an event of ours, as nothing, or as a refusal that names its faults."""
    read = read_or_refused(body)
    if isinstance(read, EventRefused):
        assert read.faults
        assert str(read).encode()
    else:
        assert read is None or (read.fact and read.occurred_at.tzinfo and len(read.content_hash) == 32)


def read_or_refused(body: bytes) -> Event | EventRefused | None:
    """Return what comes out of the reader, be it a refusal."""
    try:
        return normalise(body)
    except EventRefused as refusal:
        return refusal
