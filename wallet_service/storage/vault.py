"""Keeps secrets and codes encrypted at rest, so that a copy of the database alone forges and spends nothing."""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from wallet_service.domain.errors import Fault, SettingsRefused


class Vault:
    """Encrypts with a key that is derived from the service's own secret key; a previous one still opens its own."""

    def __init__(self, secret_key: str, previous_key: str | None = None) -> None:
        keys = [each.encode() for each in (secret_key, previous_key) if each]
        derived = [hashlib.sha256(b"wallet_service vault\0" + each).digest() for each in keys]
        self._fernet = MultiFernet([Fernet(base64.urlsafe_b64encode(each)) for each in derived])
        self._marks = [hashlib.sha256(b"wallet_service marks\0" + each).digest() for each in keys]

    def mark(self, secret: str) -> bytes:
        """Return what a secret is found by: a keyed hash, the same each time, which nobody else can work out."""
        return self.marks(secret)[0]

    def marks(self, secret: str) -> list[bytes]:
        """Return what a secret is found by whichever key it was stored under; the newest first."""
        return [hmac.digest(each, secret.encode(), "sha256") for each in self._marks]

    def seal(self, secret: str) -> bytes:
        """Return the secret encrypted."""
        return self.seal_bytes(secret.encode())

    def seal_bytes(self, body: bytes) -> bytes:
        """Return bytes encrypted."""
        return self._fernet.encrypt(body)

    def open(self, sealed: bytes) -> str:
        """Return the secret in clear.

        Raises `SettingsRefused` when it was sealed under another secret key.
        """
        return self.open_bytes(sealed).decode()

    def open_bytes(self, sealed: bytes) -> bytes:
        """Return sealed bytes in clear.

        Raises `SettingsRefused` when they were sealed under another secret key.
        """
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            message = "does not open the secrets in this database; set the key that they were stored under"
            fault = Fault("WALLET_SECRET_KEY", "", message)
            raise SettingsRefused("A stored secret cannot be read.", [fault]) from None
