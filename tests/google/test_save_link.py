"""The save link: a short signed claim that Google's own library can read."""

import base64
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from actors import START
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from google.auth import crypt, jwt

from wallet_service.google.save_link import LONGEST, LinkRefused, save_link

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OBJECT = "3388000000022141777.card-6b4cbd15-0de7-4fe8-95f6-995a51b4595e"
SITE = "https://pay.google.com/gp/v/save"
USUAL: dict[str, Any] = {
    "service_account_email": "wallet-issuer@example-project.iam.gserviceaccount.com",
    "key": KEY,
    "key_id": "a" * 40,
    "origins": ["https://cards.example"],
    "save_url": SITE,
    "now": START,
}


def token(**changes: Any) -> str:
    """Return the signed part of a link."""
    return save_link(OBJECT, **USUAL | changes).rpartition("/")[2]


def header(signed: str) -> dict[str, str]:
    """Return the header of a signed claim."""
    head: dict[str, str] = json.loads(base64.urlsafe_b64decode(signed.partition(".")[0] + "=="))
    return head


def test_a_link_names_the_object_and_carries_nothing_else() -> None:
    """The claims are the six that Google asks for, about an object that is already there."""
    assert jwt.decode(token(), verify=False) == {
        "iss": "wallet-issuer@example-project.iam.gserviceaccount.com",
        "aud": "google",
        "typ": "savetowallet",
        "iat": int(START.timestamp()),
        "origins": ["https://cards.example"],
        "payload": {"loyaltyObjects": [{"id": OBJECT}]},
    }


def test_a_link_is_signed_by_the_service_account() -> None:
    """Google's library finds the signature good with this key, and with no other."""
    signed, _, signature = token().rpartition(".")
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for key, good in ((KEY, True), (other, False)):
        pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        verifier = crypt.RSAVerifier.from_string(pem)
        assert verifier.verify(signed.encode(), base64.urlsafe_b64decode(signature + "==")) is good


def test_the_header_names_the_key_if_it_has_a_name() -> None:
    """Google finds the key by its id; where there is none, none is claimed."""
    assert header(token()) == {"alg": "RS256", "typ": "JWT", "kid": "a" * 40}
    assert header(token(key_id=None)) == {"alg": "RS256", "typ": "JWT"}


def test_a_link_is_shorter_than_the_librarys() -> None:
    """The same claims, encoded by Google's library, are longer."""
    ours = token(origins=["https://käse.example"])
    theirs = jwt.encode(crypt.RSASigner(KEY, "a" * 40), jwt.decode(ours, verify=False))
    assert len(ours) < len(theirs)


def test_a_link_stands_in_any_text() -> None:
    """A link has only characters that need no escape in a URL, whatever is in it."""
    assert re.fullmatch(r"https://pay\.google\.com/gp/v/save/[\w-]+\.[\w-]+\.[\w-]+", SITE + "/" + token())
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", token(origins=["https://käse.example", "☕"]))


def test_the_address_may_end_in_a_slash() -> None:
    """The address of a sandbox is taken with and without a slash at its end."""
    link = save_link(OBJECT, **USUAL | {"save_url": "http://127.0.0.1:8000/save/"})
    assert link.startswith("http://127.0.0.1:8000/save/ey")


def test_a_link_says_when_it_was_made() -> None:
    """The time of issue is in whole seconds."""
    later = START + timedelta(seconds=1, milliseconds=900)
    assert jwt.decode(token(now=later), verify=False)["iat"] == int(START.timestamp()) + 1


def test_a_long_link_is_refused() -> None:
    """No link has more than 1,800 characters; one that would is refused in words, the next shorter one is made."""
    lengths = []
    for size in range(690, 780):
        try:
            lengths.append(len(save_link(OBJECT, **USUAL | {"origins": ["o" * size]})))
        except LinkRefused as refusal:
            assert re.search(r"1,8\d\d characters and may have 1,800", str(refusal))  # noqa: PT017
            break
    else:
        pytest.fail("no link was too long")
    assert lengths
    assert LONGEST - 2 <= lengths[-1] <= LONGEST
