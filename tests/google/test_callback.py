"""Google's callbacks: what Google signed for us is taken, everything else is refused in the same way."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from actors import START, Clock
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from wallet_service.domain.errors import CallbackRefused, CallbackUndecided
from wallet_service.google.callback import MOST_BYTES, Callback, verify
from wallet_service.google.callback_keys import KeyRing
from wallet_service.sandbox.google_callbacks import PROTOCOL, SENDER, CallbackKeys

ISSUER = "3388000000022000001"
CLASS, OBJECT = f"{ISSUER}.points", f"{ISSUER}.card-7"
NONCE = "0cfe3927-7ce2-4471-bc27-c819c2910901"
SOON = START + timedelta(hours=1)
KEYS = CallbackKeys.make(START)
MESSAGE: dict[str, Any] = {
    "classId": CLASS,
    "objectId": OBJECT,
    "eventType": "save",
    "expTimeMillis": int(SOON.timestamp() * 1000),
    "count": 1,
    "nonce": NONCE,
}

Envelope = dict[str, Any]


def save(keys: CallbackKeys = KEYS, **changes: Any) -> bytes:
    """Return the callback of a saved card."""
    usual = {"class_id": CLASS, "object_id": OBJECT, "issuer_id": ISSUER, "nonce": NONCE, "expires": SOON}
    return keys.sign("save", **usual | changes)


def sealed(message: str, keys: CallbackKeys = KEYS) -> bytes:
    """Return a properly signed envelope around any message."""
    return keys.seal(message, issuer_id=ISSUER)


def with_key(signed_key: str) -> bytes:
    """Return an envelope whose intermediate key is written so, and properly signed by the root."""
    envelope = json.loads(save())
    signatures = [KEYS.roots[0].sign(SENDER, PROTOCOL, signed_key)]
    return json.dumps(
        envelope | {"intermediateSigningKey": {"signedKey": signed_key, "signatures": signatures}}
    ).encode()


def changed(change: Callable[[Envelope], Any]) -> bytes:
    """Return the callback of a saved card after a change to its envelope."""
    envelope = json.loads(save())
    change(envelope)
    return json.dumps(envelope).encode()


def checked(envelope: bytes, *, keys: CallbackKeys = KEYS, issuer_id: str = ISSUER, now: datetime = START) -> Callback:
    """Verify with a key ring that finds these keys published."""
    return verify(envelope, keys=KeyRing(keys.published, Clock(now)), issuer_id=issuer_id, now=now)


def spki(key: PublicKeyTypes) -> str:
    """Return a public key as it is written in a signed key."""
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@pytest.mark.parametrize("event", ["save", "del"])
def test_a_callback_is_read(event: Any) -> None:
    """A callback that Google signed for us says which card was saved or removed."""
    envelope = KEYS.sign(event, class_id=CLASS, object_id=OBJECT, issuer_id=ISSUER, nonce=NONCE, expires=SOON)
    assert checked(envelope) == Callback(CLASS, OBJECT, event, NONCE, SOON)


def test_lengths_are_counted_in_bytes() -> None:
    """An id outside ASCII, whose bytes outnumber its characters, verifies."""
    name = f"{ISSUER}.кафе-☕"
    assert checked(save(object_id=name, class_id=name)).object_id == name
    envelope = json.loads(save(object_id=name))
    message = envelope["signedMessage"]
    by_characters = b"".join(
        len(each).to_bytes(4, "little") + each.encode() for each in (SENDER, ISSUER, PROTOCOL, message)
    )
    signature = KEYS.intermediate.key.sign(by_characters, ec.ECDSA(hashes.SHA256()))
    with pytest.raises(CallbackRefused, match="not signed by the intermediate key"):
        checked(json.dumps(envelope | {"signature": base64.b64encode(signature).decode()}).encode())


def test_the_outer_json_may_be_written_in_any_way() -> None:
    """The signatures cover the texts inside the envelope, not the way in which the envelope is written."""
    envelope = json.loads(save(object_id=f"{ISSUER}.кафе"))
    assert checked(json.dumps(dict(reversed(envelope.items())), indent=4).encode()).event == "save"


def test_a_message_may_say_more() -> None:
    """Members of the message that we do not know are left alone."""
    assert checked(sealed(json.dumps(MESSAGE | {"more": [1, {}]}, indent=1))).nonce == NONCE


def test_times_may_be_text_or_numbers() -> None:
    """Google writes one of its times as text and the other as a number; each may be either."""
    key = KEYS.intermediate.public()
    envelope = json.loads(with_key(json.dumps(key | {"keyExpiration": int(key["keyExpiration"])})))
    message = json.loads(sealed(json.dumps(MESSAGE | {"expTimeMillis": str(MESSAGE["expTimeMillis"])})))
    parts = {each: message[each] for each in ("signedMessage", "signature")}
    assert checked(json.dumps(envelope | parts).encode()).expires_at == SOON


def test_one_good_signature_of_the_key_is_enough() -> None:
    """While roots rotate, the intermediate key has a signature by each of them."""

    def add(envelope: Envelope) -> None:
        envelope["intermediateSigningKey"]["signatures"].insert(0, CallbackKeys.make(START).roots[0].sign("x"))

    assert checked(changed(add)).event == "save"


def test_a_callback_is_good_until_it_expires() -> None:
    """The last moment before it expires is in time, the one after is not."""
    assert checked(save(), now=SOON - timedelta(milliseconds=1)).expires_at == SOON
    with pytest.raises(CallbackRefused, match="message has expired"):
        checked(save(), now=SOON)


def test_the_intermediate_key_is_good_until_it_expires() -> None:
    """The last moment before it expires is in time, the one after is not."""
    keys = CallbackKeys.make(START, intermediate_lifetime=timedelta(minutes=1))
    assert checked(save(keys), keys=keys, now=START + timedelta(seconds=59)).event == "save"
    with pytest.raises(CallbackRefused, match="intermediate key has expired"):
        checked(save(keys), keys=keys, now=START + timedelta(minutes=1))


def test_a_message_to_another_issuer_is_refused() -> None:
    """What Google signed for somebody else, even about our class, is not for us."""
    with pytest.raises(CallbackRefused, match="for another issuer"):
        checked(save(issuer_id="3388000000022000002"))


@pytest.mark.parametrize("class_id", ["3388000000022000002.points", f"{ISSUER}0.points", ISSUER, f"x{CLASS}"])
def test_a_class_of_another_issuer_is_refused(class_id: str) -> None:
    """A message that is signed for us may only speak of our classes."""
    with pytest.raises(CallbackRefused, match="class is of another issuer"):
        checked(save(class_id=class_id))


@pytest.mark.parametrize("sender", ["GoogleWalletPasses", "Google", ""])
def test_another_sender_is_refused(sender: str) -> None:
    """Keys and messages that Google signs as another service of its own do not count."""
    with pytest.raises(CallbackRefused, match="not signed by a root key"):
        checked(save(replace(KEYS, sender=sender)))
    signature = json.loads(save(replace(KEYS, sender=sender)))["signature"]
    with pytest.raises(CallbackRefused, match="not signed by the intermediate key"):
        checked(changed(lambda envelope: envelope.update(signature=signature)))


def test_a_tampered_message_is_refused() -> None:
    """A message in which one character differs is not the one that was signed."""
    with pytest.raises(CallbackRefused, match="not signed by the intermediate key"):
        checked(save().replace(b"card-7", b"card-8"))


def test_a_tampered_key_is_refused() -> None:
    """An intermediate key of somebody else's is not the one that the root signed."""
    key = json.dumps(CallbackKeys.make(START).intermediate.public())
    with pytest.raises(CallbackRefused, match="not signed by a root key"):
        checked(changed(lambda envelope: envelope["intermediateSigningKey"].update(signedKey=key)))


def test_a_key_written_anew_is_refused() -> None:
    """The signed key counts to the byte: the same key without Google's escapes is another text."""

    def rewrite(envelope: Envelope) -> None:
        key = envelope["intermediateSigningKey"]
        assert "\\u003d" in key["signedKey"]
        key["signedKey"] = json.dumps(json.loads(key["signedKey"]), separators=(",", ":"))

    with pytest.raises(CallbackRefused, match="not signed by a root key"):
        checked(changed(rewrite))


def test_a_root_is_good_until_it_expires() -> None:
    """A callback under a root that has expired is refused; where no other is published, none can decide."""
    keys = CallbackKeys.make(START, root_lifetime=timedelta(minutes=1))
    envelope, later = save(keys), START + timedelta(minutes=1)
    assert checked(envelope, keys=keys, now=later - timedelta(milliseconds=1)).event == "save"
    with pytest.raises(CallbackUndecided, match="no root key"):
        checked(envelope, keys=keys, now=later)
    both = replace(keys, roots=(*keys.roots, *KEYS.roots))
    assert checked(envelope, keys=both, now=later - timedelta(milliseconds=1)).event == "save"
    with pytest.raises(CallbackRefused, match="not signed by a root key"):
        checked(envelope, keys=both, now=later)


def test_an_unknown_root_is_refused() -> None:
    """A chain that is sound in itself but starts at a root that is not published is nobody's."""
    with pytest.raises(CallbackRefused, match="not signed by a root key"):
        checked(save(CallbackKeys.make(START)))


@pytest.mark.parametrize("protocol", ["ECv1", "ECv2", "", None, 2, [PROTOCOL]])
def test_another_protocol_is_refused(protocol: object) -> None:
    """Google Pay's other protocols, which mean other things by the same members, are refused."""
    with pytest.raises(CallbackRefused, match="protocol is not"):
        checked(changed(lambda envelope: envelope.update(protocolVersion=protocol)))


@pytest.mark.parametrize("member", ["protocolVersion", "signature", "intermediateSigningKey", "signedMessage"])
def test_the_four_members_are_all_there(member: str) -> None:
    """An envelope that lacks a member is refused."""
    with pytest.raises(CallbackRefused, match="other members"):
        checked(changed(lambda envelope: envelope.pop(member)))


@pytest.mark.parametrize("member", ["signedKey", "signatures"])
def test_both_members_of_the_key_are_there(member: str) -> None:
    """An intermediate key that lacks a member is refused."""
    with pytest.raises(CallbackRefused, match="other members"):
        checked(changed(lambda envelope: envelope["intermediateSigningKey"].pop(member)))


def test_no_other_member_is_there() -> None:
    """An envelope or a key with a member more is refused."""
    with pytest.raises(CallbackRefused, match="other members"):
        checked(changed(lambda envelope: envelope.update(extra=1)))
    with pytest.raises(CallbackRefused, match="other members"):
        checked(changed(lambda envelope: envelope["intermediateSigningKey"].update(extra=1)))


@pytest.mark.parametrize("value", [None, 1, 1.5, True, [], {}, "", "no base64!", "é"])
@pytest.mark.parametrize("member", ["signature", "intermediateSigningKey", "signedMessage"])
def test_members_of_a_wrong_kind_are_refused(member: str, value: object) -> None:
    """Each member has its kind, and any other is refused."""
    with pytest.raises(CallbackRefused):
        checked(changed(lambda envelope: envelope.update({member: value})))


@pytest.mark.parametrize("signatures", [None, "", {}, [], [1], [None], ["é"]])
def test_signatures_of_the_key_of_a_wrong_kind_are_refused(signatures: object) -> None:
    """The intermediate key has a short list of signatures."""
    with pytest.raises(CallbackRefused):
        checked(changed(lambda envelope: envelope["intermediateSigningKey"].update(signatures=signatures)))


def test_a_long_list_of_signatures_is_refused() -> None:
    """A list that only costs us work is refused, even if a good signature is in it."""

    def lengthen(envelope: Envelope) -> None:
        envelope["intermediateSigningKey"]["signatures"] *= 9

    with pytest.raises(CallbackRefused, match="too many"):
        checked(changed(lengthen))


def test_base64_is_read_strictly() -> None:
    """A signature with other characters between the good ones is refused."""
    with pytest.raises(CallbackRefused, match="not base64"):
        checked(changed(lambda envelope: envelope.update(signature=f"\n{envelope['signature']}")))


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": None},
        {"nonce": 7},
        {"nonce": ""},
        {"nonce": "n" * 301},
        {"nonce": "a\u0000b"},
        {"objectId": None},
        {"objectId": ["a"]},
        {"objectIds": [OBJECT], "objectId": None},
        {"classId": None},
        {"classId": 7},
        {"eventType": None},
        {"eventType": "activate"},
        {"eventType": "SAVE"},
        {"eventType": ["save"]},
        {"expTimeMillis": None},
        {"expTimeMillis": True},
        {"expTimeMillis": 1.5},
        {"expTimeMillis": -1},
        {"expTimeMillis": 0},
        {"expTimeMillis": "soon"},
        {"expTimeMillis": "²"},
        {"expTimeMillis": "٢٠٠٠٠٠٠٠٠٠٠٠٠"},
        {"expTimeMillis": {}},
    ],
)
def test_a_signed_message_that_says_something_else_is_refused(change: dict[str, Any]) -> None:
    """What Google signed is still read strictly; a member set to None here is left out."""
    message = {name: value for name, value in (MESSAGE | change).items() if value is not None}
    with pytest.raises(CallbackRefused):
        checked(sealed(json.dumps(message)))


@pytest.mark.parametrize("message", ["", "null", "[]", "{", "save", "{}", '"{}"', "[" * 9000])
def test_a_signed_message_that_is_no_table_is_refused(message: str) -> None:
    """A message is a table in JSON."""
    with pytest.raises(CallbackRefused):
        checked(sealed(message))


def test_a_time_beyond_the_calendar_is_the_end_of_the_calendar() -> None:
    """A time too far away for our calendar does not crash the reader."""
    assert checked(sealed(json.dumps(MESSAGE | {"expTimeMillis": 2**63 - 1}))).expires_at.year == 9999


@pytest.mark.parametrize(
    "change",
    [
        {"keyValue": None},
        {"keyValue": 7},
        {"keyValue": ""},
        {"keyValue": "AAAA"},
        {"keyValue": "é"},
        {"keyValue": spki(ec.generate_private_key(ec.SECP384R1()).public_key())},
        {"keyValue": spki(rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key())},
        {"keyExpiration": None},
        {"keyExpiration": "never"},
        {"keyExpiration": True},
        {"keyExpiration": 1.5},
        {"keyExpiration": "9" * 20},
    ],
)
def test_a_signed_key_that_is_none_is_refused(change: dict[str, Any]) -> None:
    """A root may sign what it likes: an intermediate key is on P-256 and has an end."""
    key = {name: value for name, value in (KEYS.intermediate.public() | change).items() if value is not None}
    with pytest.raises(CallbackRefused, match="signedKey cannot be read"):
        checked(with_key(json.dumps(key)))


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"null", b"{}", b'"', b"[" * MOST_BYTES, b"{}" * MOST_BYTES])
def test_a_body_that_is_no_envelope_is_refused(body: bytes) -> None:
    """Bodies that are empty, huge, deep or not JSON are refused."""
    with pytest.raises(CallbackRefused):
        checked(body)


def test_a_huge_envelope_is_refused_unread() -> None:
    """A body beyond sixteen kibibytes is not even parsed, however good it is."""
    with pytest.raises(CallbackRefused, match="bytes"):
        checked(save() + b" " * MOST_BYTES)


def test_junk_causes_no_fetch() -> None:
    """Root keys are not fetched for what is refused without them."""
    fetched = []

    def fetch() -> bytes:
        fetched.append(START)
        return KEYS.published()

    ring = KeyRing(fetch, Clock())
    for body in (
        b"{}",
        save(class_id="other.points"),
        save(expires=START),
        changed(lambda each: each.pop("signature")),
    ):
        with pytest.raises(CallbackRefused):
            verify(body, keys=ring, issuer_id=ISSUER, now=START)
    assert fetched == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
GOOD = save()
RING = KeyRing(KEYS.published, Clock())


def only_refuses(envelope: bytes) -> None:
    """Assert that an envelope is refused, or says exactly what Google signed."""
    try:
        callback = verify(envelope, keys=RING, issuer_id=ISSUER, now=START)
    except CallbackRefused:
        return
    assert callback == Callback(CLASS, OBJECT, "save", NONCE, SOON)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_junk_is_only_refused(body: bytes) -> None:
    """No body at all raises anything but a refusal."""
    only_refuses(body)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(json.loads(GOOD))), JSON)
def test_any_junk_in_a_member_is_only_refused(member: str, value: object) -> None:
    """No value of a member raises anything but a refusal."""
    only_refuses(changed(lambda envelope: envelope.update({member: value})))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["signedKey", "signatures", "more"]), JSON | st.lists(st.text() | JSON, max_size=9))
def test_any_junk_in_the_intermediate_key_is_only_refused(member: str, value: object) -> None:
    """No value of a member of the key raises anything but a refusal."""
    only_refuses(changed(lambda envelope: envelope["intermediateSigningKey"].update({member: value})))


PLACES = st.integers(0, len(GOOD))
CUTS = st.tuples(
    PLACES, PLACES, st.binary(max_size=12) | st.sampled_from([GOOD, GOOD[:200], b'"', b"\\u0000", b"\xff"])
)


@settings(max_examples=300, deadline=None)
@given(st.lists(CUTS, min_size=1, max_size=4))
def test_any_mutilated_envelope_is_only_refused(cuts: list[tuple[int, int, bytes]]) -> None:
    """Parts that are cut out, repeated or replaced lead to a refusal, or change nothing of what is said."""
    envelope = GOOD
    for start, end, junk in cuts:
        envelope = envelope[:start] + junk + envelope[end:]
    only_refuses(envelope)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_any_changed_byte_is_only_refused(place: int, byte: int) -> None:
    """A changed byte leads to a refusal, or changes nothing of what is said."""
    only_refuses(GOOD[:place] + bytes([byte]) + GOOD[place + 1 :])


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(MESSAGE)), JSON)
def test_any_junk_that_is_signed_is_only_refused(member: str, value: object) -> None:
    """A properly signed message with any value in it is read or refused."""
    try:
        checked_message = verify(sealed(json.dumps(MESSAGE | {member: value})), keys=RING, issuer_id=ISSUER, now=START)
    except CallbackRefused:
        return
    assert checked_message.class_id.startswith(ISSUER)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=120), st.integers(0, 90))
def test_any_junk_as_a_signed_key_is_only_refused(junk: bytes, place: int) -> None:
    """No bytes in the place of a key's DER, or in the middle of it, raise anything but a refusal."""
    der = base64.b64decode(KEYS.intermediate.public()["keyValue"])
    for value in (junk, der[:place] + junk[:2] + der[place + 2 :]):
        key = KEYS.intermediate.public() | {"keyValue": base64.b64encode(value).decode()}
        only_refuses(with_key(json.dumps(key)))
