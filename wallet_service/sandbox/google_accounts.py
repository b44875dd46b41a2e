"""The service accounts that the sandbox's Google knows, and the tokens that they get for signed assertions.

Source: https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

import json
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from wallet_service.domain.errors import WalletError
from wallet_service.sandbox.google_jwt import JwtRefused, verified_claims
from wallet_service.sandbox.google_refusals import NO_ACCESS, GoogleRefused

SCOPE = "https://www.googleapis.com/auth/wallet_object.issuer"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GOOGLES_OWN = "https://oauth2.googleapis.com/token"
LONGEST_ASSERTION = 3600
PROJECT = "wallet-sandbox"


class TokenRefused(WalletError):
    """No token is given; `code` is the word of RFC 6749 for it."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Account:
    """A service account: its public key, its token address, and whether the issuer invited it as a user."""

    email: str
    key: rsa.RSAPublicKey
    token_uri: str
    invited: bool


@dataclass(frozen=True, slots=True)
class _Token:
    email: str
    expires: datetime


def make_service_account(token_uri: str) -> bytes:
    """Return the JSON key file of a made-up service account that gets its tokens at `token_uri`."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    info = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": secrets.token_hex(20),
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "client_email": f"cards-{secrets.token_hex(3)}@{PROJECT}.iam.gserviceaccount.com",
        "client_id": str(secrets.randbelow(10**21)).zfill(21),
        "token_uri": token_uri,
        "universe_domain": "googleapis.com",
    }
    return json.dumps(info, indent=2).encode()


class Accounts:
    """The known accounts and their tokens. Every method may be called from any thread."""

    def __init__(self, *, clock: Callable[[], datetime], lifetime: timedelta) -> None:
        self._clock = clock
        self._lifetime = lifetime
        self._lock = threading.Lock()
        self._accounts: dict[str, Account] = {}
        self._tokens: dict[str, _Token] = {}

    def admit(self, service_account: bytes, *, invited: bool) -> Account:
        """Know an account by its JSON key file, which is trusted to be whole."""
        info = json.loads(service_account)
        key = load_pem_private_key(info["private_key"].encode(), password=None)
        assert isinstance(key, rsa.RSAPrivateKey)
        account = Account(info["client_email"], key.public_key(), info["token_uri"], invited)
        with self._lock:
            self._accounts[account.email] = account
        return account

    def keys(self) -> dict[str, rsa.RSAPublicKey]:
        """Return every account's public key by its e-mail address."""
        with self._lock:
            return {email: account.key for email, account in self._accounts.items()}

    def grant(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Return the answer to a token request.

        Raises: TokenRefused.
        """
        if form.get("grant_type") != GRANT:
            raise TokenRefused("unsupported_grant_type", f"grant_type must be {GRANT}")
        try:
            claims = verified_claims(form.get("assertion", ""), self.keys())
        except JwtRefused as error:
            raise TokenRefused("invalid_grant", str(error)) from error
        now = self._clock()
        with self._lock:
            account = self._accounts[claims["iss"]]
            _check(claims, account, now)
            self._tokens = {each: token for each, token in self._tokens.items() if token.expires > now}
            bearer = f"ya29.sandbox-{secrets.token_urlsafe(32)}"
            self._tokens[bearer] = _Token(account.email, now + self._lifetime)
        return {"access_token": bearer, "expires_in": int(self._lifetime.total_seconds()), "token_type": "Bearer"}

    def check(self, authorization: str) -> None:
        """Return if the header carries a token that is in force, of an account that the issuer invited.

        Raises: GoogleRefused.
        """
        scheme, _, bearer = authorization.partition(" ")
        with self._lock:
            token = self._tokens.get(bearer) if scheme == "Bearer" else None
            account = self._accounts[token.email] if token else None
        if token is None or account is None or token.expires <= self._clock():
            message = "Request had invalid authentication credentials. Expected OAuth 2 access token."
            raise GoogleRefused(401, message)
        if not account.invited:
            raise GoogleRefused(403, NO_ACCESS)

    def revoke(self) -> None:
        """Accept none of the tokens given so far."""
        with self._lock:
            self._tokens.clear()


def _check(claims: Mapping[str, Any], account: Account, now: datetime) -> None:
    # Google's Python library names Google's own address as audience, whatever the account's token_uri says.
    if claims.get("aud") not in (account.token_uri, GOOGLES_OWN):
        raise TokenRefused("invalid_grant", f"Invalid JWT: aud must be {account.token_uri}")
    if claims.get("scope") != SCOPE:
        raise TokenRefused("invalid_scope", f"The scope must be {SCOPE} and nothing else.")
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int) or not isinstance(expires, int):
        raise TokenRefused("invalid_grant", "Invalid JWT: iat and exp must be seconds.")
    if expires <= now.timestamp() or expires - issued > LONGEST_ASSERTION:
        message = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
        raise TokenRefused("invalid_grant", message)
