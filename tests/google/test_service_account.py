"""A service account's JSON key is read once, and refused with every fault named."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from google_actors import account_json

from wallet_service.google.service_account import ServiceAccountRefused, load_service_account


def refused(data: bytes) -> dict[str, str]:
    """What is wrong with it, by member."""
    with pytest.raises(ServiceAccountRefused) as caught:
        load_service_account(data)
    return {fault.key: fault.message for fault in caught.value.faults}


def test_an_account_is_read() -> None:
    """E-mail address, key, key id and token address come from the file, and the key does not show in logs."""
    data = account_json("http://127.0.0.1:9/token")
    account = load_service_account(data)
    info = json.loads(data)
    assert account.email == info["client_email"]
    assert account.key_id == info["private_key_id"]
    assert account.token_uri == "http://127.0.0.1:9/token"
    assert account.key.key_size == 2048
    assert "key=" not in repr(account)


def test_a_key_id_is_not_needed() -> None:
    """Google finds the key by its signature where the file names none."""
    assert load_service_account(account_json(private_key_id=None)).key_id is None


def test_every_fault_is_named_at_once() -> None:
    """One refusal names all that is missing or wrong."""
    found = refused(json.dumps({"type": "authorized_user", "token_uri": "oauth2"}).encode())
    assert set(found) == {"type", "client_email", "private_key", "token_uri"}
    assert "JSON key" in found["client_email"]
    assert "https://oauth2.googleapis.com/token" in found["token_uri"]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff\xfe\x00", b"[" * 100_000, b'"text"'])
def test_junk_is_refused(data: bytes) -> None:
    """What is no JSON object is refused and breaks nothing."""
    assert "is no JSON" in refused(data)[""]


@pytest.mark.parametrize("address", ["ftp://x/token", "https://", "http://[", "https://x:0/t", "token", 7])
def test_a_token_address_must_be_one(address: object) -> None:
    """The token address is a web address."""
    assert "token_uri" in refused(account_json(token_uri=address))


def test_an_address_must_be_one() -> None:
    """The account's name is an e-mail address."""
    assert "e-mail" in refused(account_json(client_email="cards"))["client_email"]


@pytest.mark.parametrize(
    ("pem", "words"),
    [
        ("junk", "PEM"),
        ("-----BEGIN PRIVATE KEY-----\\nAAAA\\n-----END PRIVATE KEY-----\\n", "escaped twice"),
    ],
)
def test_a_key_must_be_readable(pem: str, words: str) -> None:
    """A key that cannot be read is refused with the likely reason."""
    assert words in refused(account_json(private_key=pem))["private_key"]


def test_a_key_must_be_rsa_strong_and_open() -> None:
    """Only an unencrypted RSA key of 2048 bits or more signs what Google takes."""
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    curve = ec.generate_private_key(ec.SECP256R1())
    for key in (weak, curve):
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        assert "2048" in refused(account_json(private_key=pem))["private_key"]
    locked = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")).decode()
    assert "unencrypted" in refused(account_json(private_key=locked))["private_key"]
