"""The sandbox's callbacks have the shape of Google's, and signatures that others find good."""

import base64
import json
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from actors import START

from wallet_service.sandbox.google_callbacks import CallbackKeys

ISSUER = "3388000000022000001"
NONCE = "0cfe3927-7ce2-4471-bc27-c819c2910901"
LATER = START + timedelta(hours=1, milliseconds=269)


@pytest.fixture(scope="module")
def keys() -> CallbackKeys:
    """Keys of this run."""
    return CallbackKeys.make(START)


def save(keys: CallbackKeys, object_id: str = f"{ISSUER}.card") -> bytes:
    """Return the callback of a saved card."""
    return keys.sign(
        "save", class_id=f"{ISSUER}.points", object_id=object_id, issuer_id=ISSUER, nonce=NONCE, expires=LATER
    )


def millis(keys: CallbackKeys) -> list[int]:
    """Return when the published keys expire."""
    return [int(each["keyExpiration"]) for each in json.loads(keys.published())["keys"]]


def openssl_finds_good(folder: Path, key: str, signature: str, *texts: str) -> bool:
    """Let the openssl command check a signature over texts behind their lengths."""
    signed = b"".join(len(each.encode()).to_bytes(4, "little") + each.encode() for each in texts)
    for name, content in (
        ("key", base64.b64decode(key)),
        ("signature", base64.b64decode(signature)),
        ("signed", signed),
    ):
        (folder / name).write_bytes(content)
    command = ["openssl", "dgst", "-sha256", "-verify", "key", "-keyform", "DER", "-signature", "signature", "signed"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


def test_a_callback_has_the_shape_of_googles(keys: CallbackKeys) -> None:
    """Members, their order, their kinds and the escapes of equals signs are those of Google's envelopes."""
    body = save(keys).decode()
    envelope = json.loads(body)
    assert list(envelope) == ["signature", "intermediateSigningKey", "protocolVersion", "signedMessage"]
    assert envelope["protocolVersion"] == "ECv2SigningOnly"
    assert "=" not in body
    assert envelope["intermediateSigningKey"]["signedKey"].endswith('"}')
    assert "\\u003d" in envelope["intermediateSigningKey"]["signedKey"]
    assert envelope["signedMessage"] == (
        f'{{"classId":"{ISSUER}.points","objectId":"{ISSUER}.card","eventType":"save",'
        f'"expTimeMillis":{int(START.timestamp()) * 1000 + 3_600_269},"count":1,"nonce":"{NONCE}"}}'
    )


@pytest.mark.parametrize("object_id", [f"{ISSUER}.card", f"{ISSUER}.кафе"])
def test_the_signatures_are_good(keys: CallbackKeys, object_id: str, tmp_path: Path) -> None:
    """The openssl command finds both signatures good: the root's over the key and the key's over the message."""
    envelope = json.loads(save(keys, object_id))
    inner, protocol = envelope["intermediateSigningKey"], "ECv2SigningOnly"
    (root,) = json.loads(keys.published())["keys"]
    (by_root,) = inner["signatures"]
    key, message = json.loads(inner["signedKey"])["keyValue"], envelope["signedMessage"]
    assert openssl_finds_good(tmp_path, root["keyValue"], by_root, "GooglePayPasses", protocol, inner["signedKey"])
    assert openssl_finds_good(tmp_path, key, envelope["signature"], "GooglePayPasses", ISSUER, protocol, message)
    assert not openssl_finds_good(tmp_path, key, envelope["signature"], "GooglePayPasses", "1", protocol, message)


def test_published_keys_have_the_shape_of_googles(keys: CallbackKeys) -> None:
    """A key is published with its protocol and its end in milliseconds as text."""
    document = json.loads(keys.published())
    assert list(document) == ["keys"]
    (key,) = document["keys"]
    assert set(key) == {"keyValue", "protocolVersion", "keyExpiration"}
    assert key["protocolVersion"] == "ECv2SigningOnly"
    assert key["keyExpiration"].isdecimal()


def test_keys_rotate_beside_the_old_ones(keys: CallbackKeys) -> None:
    """After a rotation the new root signs, and old ones are published until they expire."""
    fresh = keys.rotated(START + timedelta(days=1))
    assert len(millis(fresh)) == 2
    assert fresh.roots[1:] == keys.roots
    assert fresh.intermediate != keys.intermediate
    assert len(millis(keys.rotated(START + timedelta(days=366)))) == 1


def test_expired_keys_are_made_on_request() -> None:
    """A negative lifetime makes a root or an intermediate key that has expired."""
    now = START.timestamp() * 1000
    keys = CallbackKeys.make(START, root_lifetime=timedelta(days=-1), intermediate_lifetime=timedelta(days=-2))
    assert millis(keys) == [now - 86_400_000]
    assert keys.intermediate.public()["keyExpiration"] == str(int(now - 2 * 86_400_000))


def test_private_keys_are_not_shown(keys: CallbackKeys) -> None:
    """What is printed of the keys says when they expire and no more."""
    assert "PrivateKey" not in repr(keys)
    assert "expires" in repr(keys)
