"""What Google publishes of its root keys for callbacks, and how it writes keys and times.

https://developers.google.com/pay/api/web/guides/resources/payment-data-cryptography
"""

import base64
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

PROTOCOL = "ECv2SigningOnly"
MOST_KEYS = 16

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MILLISECOND = 253_402_300_799_999  # of the year 9999, the last that a datetime can say

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RootKey:
    """A key that may sign intermediate keys until it expires."""

    key: ec.EllipticCurvePublicKey
    expires_at: datetime


RootKeys = tuple[RootKey, ...]


def read_keys(published: bytes, now: datetime) -> RootKeys:
    """Return the keys of our protocol that expire after `now`; those that cannot be read are left out.

    A key without an end is left out too, as Google's own verifier does.

    Raises:
        ValueError: when none is left, or the document is not one of keys.
    """
    document = orjson.loads(published)
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("the document has no list of keys")
    keys = tuple(each for each in _readable(listed) if each.expires_at > now)[:MOST_KEYS]
    if not keys:
        raise ValueError(f"the document has no valid key for {PROTOCOL}")
    return keys


def _readable(listed: list[Any]) -> Iterator[RootKey]:
    for each in listed:
        if isinstance(each, dict) and each.get("protocolVersion") == PROTOCOL:
            try:
                yield RootKey(read_key(each.get("keyValue")), read_instant(each.get("keyExpiration")))
            except ValueError:
                log.warning("A root key for Google's callbacks is left out, because it cannot be read.")


def read_key(text: object) -> ec.EllipticCurvePublicKey:
    """Return the P-256 key that is written as base64 of its SubjectPublicKeyInfo.

    Raises:
        ValueError: when it is anything else.
    """
    if not isinstance(text, str):
        raise ValueError("a key is not text")
    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except UnsupportedAlgorithm as error:
        raise ValueError("a key is of an unknown kind") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("a key is not on the curve P-256")
    return key


def read_instant(value: object) -> datetime:
    """Return the time that is written in milliseconds since 1970, as a number or, as Google writes some, as text.

    Raises:
        ValueError: when it is anything else.
    """
    written = str(value) if isinstance(value, str | int) else ""
    if not (written.isascii() and written.isdecimal() and len(written) < 20):
        raise ValueError("a time is not written in milliseconds")
    return _EPOCH + timedelta(milliseconds=min(int(written), _LAST_MILLISECOND))
