"""Google's callback about a card that was saved or removed: who sent it, and what it says.

https://developers.google.com/wallet/generic/use-cases/use-callbacks-for-saves-and-deletions
It is signed as Google Pay's tokens are, by an intermediate key that a root key signed, and not encrypted:
https://developers.google.com/pay/api/web/guides/resources/payment-data-cryptography
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from wallet_service.domain.errors import CallbackRefused, CallbackUndecided
from wallet_service.google.callback_keys import KeyRing
from wallet_service.google.callback_roots import PROTOCOL, read_instant, read_key

SENDER = "GooglePayPasses"
MEMBERS = {"protocolVersion", "signature", "intermediateSigningKey", "signedMessage"}
KEY_MEMBERS = {"signedKey", "signatures"}
MOST_BYTES = 16_384  # a genuine envelope has about 900
MOST_SIGNATURES = 8  # a genuine envelope has one; each costs a check with every root key
LONGEST_NAME = 300  # an id or a nonce, in characters
ALGORITHM = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True, slots=True)
class Callback:
    """A customer saved a card (`save`) or removed it (`del`).

    The same one may come again: until `expires_at` its `nonce` must be remembered, afterwards it is refused.
    """

    class_id: str
    object_id: str
    event: Literal["save", "del"]
    nonce: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class _Envelope:
    """The parts of an envelope; the texts are those that were signed, to the byte."""

    signed_key: str
    key_signatures: list[bytes]
    signed_message: str
    message_signature: bytes


def verify(envelope: bytes, *, keys: KeyRing, issuer_id: str, now: datetime) -> Callback:
    """Return what the body of a callback says, once it is shown to come from Google, for this issuer and in time.

    Everything that is free is checked before any signature, so that junk costs neither time nor a fetch of keys;
    nothing of it is believed before both signatures are checked.

    Raises:
        CallbackRefused: for every fault alike.
        CallbackUndecided: one of them, when no root key can be had to check with.
    """
    parts = _open(envelope)
    key = _intermediate(parts.signed_key, now)
    callback = _read(parts.signed_message, issuer_id, now)
    _check_key(parts, keys)
    signed = _length_value(SENDER, issuer_id, PROTOCOL, parts.signed_message)
    if not _verifies(key, [parts.message_signature], signed):
        raise CallbackRefused("the message is not signed by the intermediate key, or for another issuer")
    return callback


def _open(envelope: bytes) -> _Envelope:
    if len(envelope) > MOST_BYTES:
        raise CallbackRefused(f"the envelope has {len(envelope)} bytes")
    outer = _table(envelope, "the envelope")
    inner = outer.get("intermediateSigningKey")
    if outer.keys() != MEMBERS or not isinstance(inner, dict) or inner.keys() != KEY_MEMBERS:
        raise CallbackRefused("the envelope has other members than it should")
    if outer["protocolVersion"] != PROTOCOL:
        raise CallbackRefused(f"the protocol is not {PROTOCOL}")
    signatures = inner["signatures"]
    if not isinstance(signatures, list) or not 1 <= len(signatures) <= MOST_SIGNATURES:
        raise CallbackRefused("the intermediate key has no signature, or too many")
    return _Envelope(
        signed_key=_text(inner["signedKey"], "signedKey"),
        key_signatures=[_signature(each) for each in signatures],
        signed_message=_text(outer["signedMessage"], "signedMessage"),
        message_signature=_signature(outer["signature"]),
    )


def _intermediate(signed_key: str, now: datetime) -> ec.EllipticCurvePublicKey:
    table = _table(signed_key, "signedKey")
    try:
        key, expires_at = read_key(table.get("keyValue")), read_instant(table.get("keyExpiration"))
    except ValueError as error:
        raise CallbackRefused(f"signedKey cannot be read: {error}") from error
    if expires_at <= now:
        raise CallbackRefused("the intermediate key has expired")
    return key


def _read(signed_message: str, issuer_id: str, now: datetime) -> Callback:
    """Return what the message says; it has further members, such as `count`, and may get more."""
    table = _table(signed_message, "signedMessage")
    event = table.get("eventType")
    if event not in ("save", "del"):
        raise CallbackRefused("eventType is neither save nor del")
    class_id = _name(table, "classId")
    if not class_id.startswith(f"{issuer_id}."):
        raise CallbackRefused("the class is of another issuer")
    try:
        expires_at = read_instant(table.get("expTimeMillis"))
    except ValueError as error:
        raise CallbackRefused(f"expTimeMillis cannot be read: {error}") from error
    if expires_at <= now:
        raise CallbackRefused("the message has expired")
    return Callback(class_id, _name(table, "objectId"), event, _name(table, "nonce"), expires_at)


def _check_key(parts: _Envelope, keys: KeyRing) -> None:
    """Return if a root key signed the intermediate one; if none did, ask once whether there are newer ones."""
    signed = _length_value(SENDER, PROTOCOL, parts.signed_key)
    roots = keys.current()
    if any(_verifies(root.key, parts.key_signatures, signed) for root in roots):
        return
    newer = keys.newer(roots)
    if any(_verifies(root.key, parts.key_signatures, signed) for root in newer):
        return
    if not roots and not newer:
        raise CallbackUndecided("there is no root key to check with")
    raise CallbackRefused("the intermediate key is not signed by a root key")


def _verifies(key: ec.EllipticCurvePublicKey, signatures: Iterable[bytes], signed: bytes) -> bool:
    for signature in signatures:
        try:
            key.verify(signature, signed, ALGORITHM)
        except InvalidSignature:
            continue
        return True
    return False


def _length_value(*texts: str) -> bytes:
    """Return the texts, each behind its length in bytes (not characters) as four bytes, the lowest first."""
    encoded = [text.encode() for text in texts]
    return b"".join(len(each).to_bytes(4, "little") + each for each in encoded)


def _table(document: bytes | str, what: str) -> dict[str, Any]:
    try:
        table = orjson.loads(document)
    except ValueError as error:
        raise CallbackRefused(f"{what} is not JSON") from error
    if not isinstance(table, dict):
        raise CallbackRefused(f"{what} is not a table")
    return table


def _name(table: dict[str, Any], member: str) -> str:
    name = _text(table.get(member), member)
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise CallbackRefused(f"{member} is empty, too long or not printable")
    return name


def _signature(value: object) -> bytes:
    try:
        return base64.b64decode(_text(value, "a signature"), validate=True)
    except ValueError as error:
        raise CallbackRefused("a signature is not base64") from error


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise CallbackRefused(f"{what} is missing or not text")
    return value
