"""The key that signs heads of the ledger: Ed25519, kept as PEM."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from wallet_service.domain.errors import Fault, SettingsRefused


class SigningKey:
    """Signs; its public half is 32 bytes, and may be given to anybody."""

    def __init__(self, pem: bytes) -> None:
        """Read the key.

        Raises `SettingsRefused` for a text that is no Ed25519 private key.
        """
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError) as error:
            raise _refused(f"cannot be read as a PEM private key: {type(error).__name__}") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise _refused("is not an Ed25519 key; make one with `openssl genpkey -algorithm ed25519`")
        self._key = key
        self.public = public_bytes(key.public_key())

    def sign(self, message: bytes) -> bytes:
        """Return the signature, 64 bytes."""
        return self._key.sign(message)


def make_key() -> bytes:
    """Return a fresh private key as PEM."""
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def genuine(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the key signed the message."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def read_public(given: bytes) -> bytes:
    """Return the 32 bytes of a public key that is given in hex or as PEM.

    Raises `ValueError`.
    """
    if b"-----BEGIN" in given:
        key = serialization.load_pem_public_key(given)
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("is not an Ed25519 key")
        return public_bytes(key)
    found = bytes.fromhex(given.decode("ascii").strip())
    if len(found) != 32:
        raise ValueError("is not 32 bytes in hex")
    return found


def public_bytes(key: Ed25519PublicKey) -> bytes:
    """Return a public key as its 32 bytes."""
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def _refused(message: str) -> SettingsRefused:
    return SettingsRefused("The ledger cannot be signed.", [Fault("WALLET_LEDGER_KEY", "", message)])
