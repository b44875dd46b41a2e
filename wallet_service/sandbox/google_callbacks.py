"""Signs callbacks as Google does, with root and intermediate keys of its own.

https://developers.google.com/wallet/generic/use-cases/use-callbacks-for-saves-and-deletions
"""

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SENDER = "GooglePayPasses"
PROTOCOL = "ECv2SigningOnly"
ROOT_LIFETIME = timedelta(days=365)
INTERMEDIATE_LIFETIME = timedelta(days=8)  # Google's outlive the messages that they sign by about a week
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the end of its public half's validity."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    expires: datetime

    def public(self) -> dict[str, str]:
        """Return the public half as Google writes it: base64 of its DER, and milliseconds as text."""
        der = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return {"keyValue": base64.b64encode(der).decode(), "keyExpiration": str(_milliseconds(self.expires))}

    def sign(self, *texts: str) -> str:
        """Return base64 of a signature over the texts, each behind its length in bytes."""
        encoded = [text.encode() for text in texts]
        signed = b"".join(len(each).to_bytes(4, "little") + each for each in encoded)
        return base64.b64encode(self.key.sign(signed, ec.ECDSA(hashes.SHA256()))).decode()


@dataclass(frozen=True, slots=True)
class CallbackKeys:
    """The keys of one moment: the first of the roots signs the intermediate, which signs the callbacks."""

    roots: tuple[SigningKey, ...]
    intermediate: SigningKey
    sender: str = SENDER

    @classmethod
    def make(
        cls,
        now: datetime,
        *,
        root_lifetime: timedelta = ROOT_LIFETIME,
        intermediate_lifetime: timedelta = INTERMEDIATE_LIFETIME,
        sender: str = SENDER,
    ) -> "CallbackKeys":
        """Return fresh keys that last so long from `now`; a negative lifetime makes keys that have expired."""
        root, intermediate = _fresh(now + root_lifetime), _fresh(now + intermediate_lifetime)
        return cls((root,), intermediate, sender)

    def rotated(self, now: datetime) -> "CallbackKeys":
        """Return fresh keys that sign from now on, published beside the roots that have not expired."""
        fresh = self.make(now, sender=self.sender)
        old = tuple(each for each in self.roots if each.expires > now)
        return CallbackKeys(fresh.roots + old, fresh.intermediate, self.sender)

    def published(self) -> bytes:
        """Return the JSON that Google's keys URL would serve."""
        return _gson({"keys": [each.public() | {"protocolVersion": PROTOCOL} for each in self.roots]}).encode()

    def sign(
        self,
        event: Literal["save", "del"],
        *,
        class_id: str,
        object_id: str,
        issuer_id: str,
        nonce: str,
        expires: datetime,
    ) -> bytes:
        """Return the body of the callback that tells an issuer of a saved or removed card."""
        message = {
            "classId": class_id,
            "objectId": object_id,
            "eventType": event,
            "expTimeMillis": _milliseconds(expires),
            "count": 1,
            "nonce": nonce,
        }
        return self.seal(_gson(message), issuer_id=issuer_id)

    def seal(self, message: str, *, issuer_id: str) -> bytes:
        """Return an envelope around any message at all, signed for an issuer."""
        signed_key = _gson(self.intermediate.public())
        envelope = {
            "signature": self.intermediate.sign(self.sender, issuer_id, PROTOCOL, message),
            "intermediateSigningKey": {
                "signedKey": signed_key,
                "signatures": [self.roots[0].sign(self.sender, PROTOCOL, signed_key)],
            },
            "protocolVersion": PROTOCOL,
            "signedMessage": message,
        }
        return _gson(envelope).encode()


def _fresh(expires: datetime) -> SigningKey:
    return SigningKey(ec.generate_private_key(ec.SECP256R1()), expires)


def _milliseconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)


def _gson(value: dict[str, Any]) -> str:
    """Return JSON as Google's library writes it, with the characters that mean something in HTML escaped.

    So the signed text of a key ends in `\\u003d` and not in `=`, and whoever writes it anew breaks its signature.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.translate({ord(each): f"\\u{ord(each):04x}" for each in "=<>&'"})
