"""What the schemes have in common: who holds one of two live secrets has signed these very bytes."""

import base64
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence

from wallet_service.domain.errors import SignatureRefused

MOST_SIGNATURES = 8  # while secrets rotate there are two; a longer list only costs us work

_PLAIN = re.compile(r"[\x21-\x7e]{1,200}")


def by_name(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers by their names in small letters, however a proxy spells them."""
    return {name.lower(): value for name, value in headers.items()}


def plain(text: str | None) -> str | None:
    """Return a text that can be an id or a topic, or None: 1 to 200 visible ASCII characters."""
    return text if text is not None and _PLAIN.fullmatch(text) else None


def in_base64(secrets: Iterable[bytes], signed: bytes) -> list[bytes]:
    """Return the base64 HMAC-SHA256 of what is signed with each secret."""
    return [base64.b64encode(hmac.digest(secret, signed, "sha256")) for secret in secrets]


def keys(secrets: Sequence[str]) -> list[bytes]:
    """Return the live secrets as the bytes of their text; an empty one is nobody's."""
    return [secret.encode() for secret in secrets if secret]


def check(expected: Sequence[bytes], given: Iterable[str]) -> None:
    """Compare what was given with what is expected.

    Raises `SignatureRefused` unless one of the one is one of the other.
    """
    candidates = [each.encode("utf-8", "replace") for each in given]
    # Every pair is compared, so that the time taken does not tell which secret or signature was near.
    matches = [hmac.compare_digest(one, other) for one in expected for other in candidates]
    if not any(matches):
        raise SignatureRefused("no signature matches a secret of the source")
