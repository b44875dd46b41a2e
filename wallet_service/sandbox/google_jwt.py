"""Reads and verifies the RS256 tokens that a service account signs: its assertions and its save links.

Source: https://www.rfc-editor.org/rfc/rfc7519
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from wallet_service.domain.errors import WalletError


class JwtRefused(WalletError):
    """A token is no RS256 token of an account that is known here."""


def verified_claims(token: str, keys: Mapping[str, rsa.RSAPublicKey]) -> dict[str, Any]:
    """Return the claims of a token that the account in its `iss` signed; `keys` holds public keys by e-mail address.

    Raises: JwtRefused.
    """
    parts = token.split(".")
    if len(parts) != 3:
        raise JwtRefused("A JWT has three parts with dots between them.")
    header, claims = _table(parts[0]), _table(parts[1])
    if header.get("alg") != "RS256":
        raise JwtRefused("The JWT must be signed with RS256.")
    issuer = claims.get("iss")
    key = keys.get(issuer) if isinstance(issuer, str) else None
    if key is None:
        raise JwtRefused("Invalid grant: account not found")
    try:
        key.verify(_bytes(parts[2]), f"{parts[0]}.{parts[1]}".encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature as error:
        raise JwtRefused("Invalid JWT Signature.") from error
    return claims


def _table(part: str) -> dict[str, Any]:
    try:
        table = json.loads(_bytes(part))
    except (ValueError, RecursionError) as error:
        raise JwtRefused("A part of the JWT is not JSON in base64url.") from error
    if not isinstance(table, dict):
        raise JwtRefused("A part of the JWT is not a JSON object.")
    return table


def _bytes(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise JwtRefused("A part of the JWT is not base64url.") from error
