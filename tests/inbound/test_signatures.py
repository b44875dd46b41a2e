"""All dialects: what a source has signed is taken, and nothing else, whatever headers and bytes are sent."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook
from vendor_actors import (
    NOW,
    OTHER,
    SECRET,
    SHOP,
    SIGN,
    SIGNATURE,
    sign_shopify,
    sign_square,
    sign_standard,
    sign_stripe,
    sign_woocommerce,
    verify,
)

from wallet_service.domain.delivery import Arrangement, Delivery
from wallet_service.domain.errors import SignatureRefused
from wallet_service.inbound import DIALECTS

BODY = json.dumps({"id": "evt_1", "event_id": "evt_1", "type": "order.paid"}).encode()
each_dialect = pytest.mark.parametrize("dialect", sorted(DIALECTS))


def refused(dialect: str, headers: dict[str, str], body: bytes = BODY, **more: Any) -> None:
    """Check that a signature is refused."""
    with pytest.raises(SignatureRefused):
        verify(dialect, headers, body, **more)


# Known signatures


@pytest.mark.parametrize(
    ("dialect", "secret", "body", "headers", "delivery"),
    [
        (
            "shopify",
            "hush",
            b'{"id":820982911946154508,"financial_status":"paid"}',
            {"X-Shopify-Hmac-Sha256": "tFxPLaYcjW98phZIEd1LNAoZIlL8QfyG38KXviptOKQ=", "X-Shopify-Topic": "orders/paid"},
            Delivery("orders/paid"),
        ),
        (
            "woocommerce",
            "hush",
            b'{"id":820982911946154508,"financial_status":"paid"}',
            {"X-WC-Webhook-Signature": "tFxPLaYcjW98phZIEd1LNAoZIlL8QfyG38KXviptOKQ=", "X-WC-Webhook-Topic": "a.b"},
            Delivery("a.b"),
        ),
        (
            "square",
            "Ibxx_5AKakO-3qeNVR61Dw",
            b'{"merchant_id":"MLEFBHHSJGVHD","type":"webhooks.test_notification","event_id":"ac3ac95b-f97d-458c-a6e6-'
            b'18981597e05f","created_at":"2022-07-13T20:30:59.037339943Z","data":{"type":"webhooks","id":"bc368e64-01aa-'
            b'407e-b46e-3231809b1129"}}',
            {"x-square-hmacsha256-signature": "GF4YkrJgGBDZ9NIYbNXBnMzqb2HoL4RW/S6vkZ9/2N4="},
            Delivery("webhooks.test_notification", "ac3ac95b-f97d-458c-a6e6-18981597e05f"),
        ),
        (
            "stripe",
            "whsec_test_secret",
            b'{"id":"evt_test_webhook","object":"event"}',
            {"Stripe-Signature": "t=1614556800,v1=96943a0ceebda8d3913e8b90697d39bbe16342f950890d77a41a248e4fb22794"},
            Delivery(""),
        ),
        (
            "standard",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            b'{"test": 2432232314}',
            {
                "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
                "webhook-timestamp": "1614265330",
                "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            },
            Delivery("", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ),
    ],
)
def test_known_signatures_verify(
    dialect: str, secret: str, body: bytes, headers: dict[str, str], delivery: Delivery
) -> None:
    """Signatures that the vendors publish, or that were made by hand, are theirs."""
    at = {"stripe": 1614556800, "standard": 1614265330}.get(dialect, 0)
    address = Arrangement("shop", "https://webhook.site/679a4f3a-dcfa-49ee-bac5-9d0edad886b9")
    taken = verify(dialect, headers, body, secrets=(secret,), now=datetime.fromtimestamp(at, UTC), arrangement=address)
    assert taken == delivery
    refused(dialect, headers, body + b" ", secrets=(secret,), now=datetime.fromtimestamp(at, UTC), arrangement=address)


def test_stripe_s_own_library_and_we_understand_each_other() -> None:
    """What one side signs the other verifies, also in letters that are no ASCII; what one refuses the other does."""
    body = '{"id":"evt_1","object":"event","type":"charge.refunded","note":"žluťoučký кот"}'
    seconds = int(time.time())
    now = datetime.fromtimestamp(seconds, UTC)

    theirs = stripe.WebhookSignature.generate_signature_header(body, SECRET, seconds)
    assert verify("stripe", {"Stripe-Signature": theirs}, body.encode(), now=now) == Delivery(
        "charge.refunded", "evt_1"
    )
    ours = sign_stripe(body.encode(), at=now)["Stripe-Signature"]
    assert stripe.Webhook.construct_event(body, ours, SECRET).id == "evt_1"

    refused("stripe", {"Stripe-Signature": theirs}, body.encode(), now=now, secrets=(OTHER,))
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, ours, OTHER)


def test_the_authors_of_standard_webhooks_and_we_understand_each_other() -> None:
    """What their library signs we verify, through the same door as all dialects."""
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(NOW.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("evt_1", NOW, BODY.decode()),
    }
    assert verify("standard", headers, BODY) == Delivery("order.paid", "evt_1")


# What is taken


@each_dialect
def test_a_delivery_says_what_it_is(dialect: str) -> None:
    """Its topic is the header's or the body's, and its id is told where every try has the same."""
    delivery = verify(dialect, SIGN[dialect](BODY, topic="orders/paid"), BODY)
    in_body = dialect in ("standard", "square", "stripe")
    assert delivery.topic == ("order.paid" if in_body else "orders/paid")
    stable = {"woocommerce": None, "shopify": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"}
    assert delivery.delivery_id == stable.get(dialect, "evt_1")


@each_dialect
def test_two_secrets_are_live_while_they_rotate(dialect: str) -> None:
    """A source may use the new secret or the one before; a third opens nothing, and no secret neither."""
    for secret in (SECRET, OTHER):
        assert verify(dialect, SIGN[dialect](BODY, secret), BODY, secrets=(SECRET, OTHER))
    refused(dialect, SIGN[dialect](BODY, "third"), secrets=(SECRET, OTHER))
    refused(dialect, SIGN[dialect](BODY), secrets=())
    refused(dialect, SIGN[dialect](BODY, ""), secrets=("", SECRET))


@each_dialect
def test_header_names_have_no_case(dialect: str) -> None:
    """However a proxy spells the headers, they are found."""
    headers = SIGN[dialect](BODY)
    for spelled in (str.lower, str.upper, str.title):
        assert verify(dialect, {spelled(name): value for name, value in headers.items()}, BODY)


@each_dialect
@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"null", b'{"type":7}', b'{"type":"\\u0000"}', b"[" * 100_000])
def test_a_body_is_verified_before_it_is_read(dialect: str, body: bytes) -> None:
    """Bytes that say nothing are their source's all the same if they are signed; unsigned, they are refused."""
    assert verify(dialect, SIGN[dialect](body, topic=""), body).topic == ""
    refused(dialect, SIGN[dialect](body + b"!"), body)


@each_dialect
@pytest.mark.parametrize("index", range(0, len(BODY), 7))
def test_every_byte_is_signed(dialect: str, index: int) -> None:
    """Changing any byte is noticed."""
    altered = bytearray(BODY)
    altered[index] ^= 1
    refused(dialect, SIGN[dialect](BODY), bytes(altered))


# What is refused


@each_dialect
@pytest.mark.parametrize(
    "value", [None, "", " ", "garbage", "é", "\udcff", "\0", "=" * 44, "A" * 100_000, "v1,", "t=1,v1=", "t=1,v1=é", ","]
)
def test_a_signature_that_is_none_is_refused(dialect: str, value: str | None) -> None:
    """A header that is missing or holds anything else is refused alike."""
    headers = {name: each for name, each in SIGN[dialect](BODY).items() if name.lower() != SIGNATURE[dialect].lower()}
    refused(dialect, headers | ({} if value is None else {SIGNATURE[dialect]: value}))


@each_dialect
def test_a_good_signature_does_not_open_beside_a_second_one(dialect: str) -> None:
    """Two headers of one name, which a server joins by a comma, are no signature; Stripe's own list is one."""
    headers = SIGN[dialect](BODY)
    doubled = headers | {SIGNATURE[dialect]: f"{headers[SIGNATURE[dialect]]},{headers[SIGNATURE[dialect]]}"}
    if dialect == "stripe":
        assert verify(dialect, doubled, BODY)
    else:
        refused(dialect, doubled)


@each_dialect
def test_no_dialect_opens_another_s_door(dialect: str) -> None:
    """Headers that are good elsewhere are none here."""
    for other in DIALECTS.keys() - {dialect}:
        refused(dialect, SIGN[other](BODY))


@each_dialect
def test_refusals_tell_nothing_that_was_secret(dialect: str) -> None:
    """Neither secret nor signature stands in the reason."""
    with pytest.raises(SignatureRefused) as error:
        verify(dialect, SIGN[dialect](BODY, OTHER), BODY)
    signature = SIGN[dialect](BODY)[SIGNATURE[dialect]]
    assert SECRET not in str(error.value)
    assert signature[-40:-30] not in str(error.value)


@pytest.mark.parametrize("dialect", ["stripe", "standard"])
@pytest.mark.parametrize(("seconds", "taken"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_a_signed_time_is_good_for_five_minutes_both_ways(dialect: str, seconds: int, taken: bool) -> None:
    """An old delivery cannot be played again, and one from the future is not believed either."""
    headers = SIGN[dialect](BODY, at=NOW + timedelta(seconds=seconds))
    if taken:
        assert verify(dialect, headers, BODY)
    else:
        refused(dialect, headers)


def test_square_signs_the_address_too() -> None:
    """A delivery is good at the very address that was arranged, and at no other."""
    for url in ("", SHOP.url + "/", SHOP.url.upper(), "http://cards.example/webhooks/vendor/shop"):
        refused("square", sign_square(BODY, url=url))


@pytest.mark.parametrize("timestamp", ["", "0", "007", "-1", "+5", "1e9", "1.5", "٣", "9" * 12, "\0"])
def test_stripe_s_time_is_plain_digits(timestamp: str) -> None:
    """Other ways to write a number are refused, also those that Python would read."""
    good = sign_stripe(BODY)["Stripe-Signature"]
    refused("stripe", {"Stripe-Signature": f"t={timestamp}," + good.partition(",")[2]})


def test_one_good_signature_of_stripe_s_is_enough() -> None:
    """While a secret is rolled there are two; of an endless list only the first eight are looked at."""
    stamp, good, _ = sign_stripe(BODY)["Stripe-Signature"].split(",")
    for several in (
        [stamp, "v1=00", good],
        [stamp, good, "v1=00"],
        ["v0=00", good, stamp],
        [stamp, *["v1=0"] * 7, good],
    ):
        assert verify("stripe", {"Stripe-Signature": ",".join(several)}, BODY)
    refused("stripe", {"Stripe-Signature": ",".join([stamp, *["v1=0"] * 8, good])})
    refused("stripe", {"Stripe-Signature": good})
    refused("stripe", {"Stripe-Signature": stamp})


@pytest.mark.parametrize("name", ["X-Shopify-Topic", "X-Shopify-Webhook-Id"])
@pytest.mark.parametrize("value", ["", "é", "a b", "x" * 201, "\0", "\udcff"])
def test_headers_that_are_not_signed_are_believed_if_they_are_plain(name: str, value: str) -> None:
    """A topic or an id that cannot be one is none; the delivery stays its source's."""
    delivery = verify("shopify", sign_shopify(BODY) | {name: value}, BODY)
    assert (delivery.topic == "") == (name == "X-Shopify-Topic")
    assert (delivery.delivery_id is None) == (name == "X-Shopify-Webhook-Id")


# WooCommerce's greeting

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("kind", [FORM["Content-Type"], "Application/X-WWW-Form-Urlencoded; charset=UTF-8"])
def test_a_new_webhook_s_greeting_is_taken_and_says_nothing(kind: str) -> None:
    """The unsigned form that WooCommerce sends once is a topic of its own, and is ignored."""
    delivery = verify("woocommerce", {"content-type": kind}, b"webhook_id=7")
    assert delivery == Delivery("ping")
    said = DIALECTS["woocommerce"].normalise(delivery, b"webhook_id=7", arrangement=SHOP, now=NOW)
    assert said.said == ()
    assert said.ignored


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (FORM, b"webhook_id=7&a=b"),
        (FORM, b"webhook_id=7\n"),
        (FORM, b"webhook_id="),
        (FORM, b"webhook_id=-7"),
        (FORM, b"webhook_id=" + "٣".encode()),
        (FORM, b"webhook_id=" + b"7" * 21),
        (FORM, b" webhook_id=7"),
        (FORM, BODY),
        ({}, b"webhook_id=7"),
        ({"Content-Type": "application/json"}, b"webhook_id=7"),
        (FORM | {"X-WC-Webhook-Signature": ""}, b"webhook_id=7"),
        (FORM | {"X-WC-Webhook-Signature": "AAAA"}, b"webhook_id=7"),
    ],
)
def test_nothing_else_is_a_greeting(headers: dict[str, str], body: bytes) -> None:
    """Any other unsigned body is refused, and so is this one with a signature that is none."""
    refused("woocommerce", headers, body)


def test_no_other_dialect_is_greeted() -> None:
    """Only WooCommerce sends it."""
    for dialect in DIALECTS.keys() - {"woocommerce"}:
        refused(dialect, FORM, b"webhook_id=7")


# Anything at all

NAMES = st.sampled_from(
    sorted({name for sign in SIGN.values() for name in sign(BODY)} | {name.lower() for name in SIGNATURE.values()})
)
SCRAPS = st.sampled_from(
    ["v1,", "v1=", "t=", "t", ",", "=", " ", str(int(NOW.timestamp())), "AAAA", "whsec_", "é", "orders/paid", "evt_1"]
)
ANYTHING = st.one_of(
    st.text(alphabet=st.characters(), max_size=60),
    st.lists(SCRAPS, max_size=8).map("".join),
    st.sampled_from(["v1=A," * 5000, "x" * 100_000]),
)


@each_dialect
@given(st.dictionaries(NAMES | ANYTHING, ANYTHING, max_size=6), st.binary(max_size=60), st.booleans())
@settings(max_examples=100, deadline=None)
def test_no_headers_get_in_unsigned(dialect: str, junk: dict[str, str], body: bytes, beside: bool) -> None:
    """Any headers, alone or in place of good ones for another body, are refused and raise nothing else."""
    refused(dialect, SIGN[dialect](body + b"!") | junk if beside else junk, body)


@pytest.mark.parametrize("dialect", sorted(DIALECTS.keys() - {"standard"}))
@given(st.binary(max_size=200), st.text(alphabet=st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30))
@settings(max_examples=50, deadline=None)
def test_any_bytes_can_be_signed_with_any_secret(dialect: str, body: bytes, secret: str) -> None:
    """A signature covers raw bytes, whether they are text or not, and a secret may hold any letters."""
    assert verify(dialect, SIGN[dialect](body, secret), body, secrets=(secret,))


def test_who_signs_is_not_told_by_the_shape_of_a_secret() -> None:
    """A secret that looks like another scheme's is its text and nothing more, but for Standard Webhooks."""
    for sign in (sign_shopify, sign_woocommerce, sign_square, sign_stripe):
        dialect = next(name for name, each in SIGN.items() if each is sign)
        refused(dialect, sign(BODY, SECRET.removeprefix("whsec_")))
    assert verify("standard", sign_standard(BODY, SECRET.removeprefix("whsec_")), BODY)
