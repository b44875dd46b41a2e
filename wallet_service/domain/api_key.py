"""Keys with which a merchant's programs enter: how one is written, what it may do, and whom it stands for."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

PUBLIC_ID_PREFIX = "key_"

Scope = Literal[
    "members:read",
    "members:write",
    "members:erase",
    "events:write",
    "cards:write",
    "points:read",
    "points:write",
    "rewards:write",
    "programs:read",
    "links:read",
    "links:write",
    "sync:read",
    "inbound:read",
    "inbound:write",
    "jobs:read",
    "jobs:write",
    "files:read",
    "webhooks:read",
    "webhooks:write",
]
SCOPES: tuple[Scope, ...] = get_args(Scope)
# Several scopes under one name, for those who give keys.
PRESETS: Mapping[str, tuple[Scope, ...]] = {
    "till": (
        "members:read",
        "members:write",
        "events:write",
        "points:read",
        "points:write",
        "rewards:write",
        "programs:read",
    ),
    "reader": ("members:read", "points:read", "programs:read", "sync:read"),
    "everything": SCOPES,
}

_SECRET_BYTES = 32
_TOKEN = re.compile(r"wk_([0-9a-z]{1,40})_([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Token:
    """A key as its holder writes it, `wk_<id>_<secret>`; the secret has 256 bits, and we keep only its hash."""

    id: str
    secret: str = field(repr=False)

    @property
    def public_id(self) -> str:
        """The id under which the key is listed and revoked."""
        return PUBLIC_ID_PREFIX + self.id

    @property
    def secret_hash(self) -> bytes:
        """What is kept; a secret of 256 random bits needs no slow hash."""
        return hashlib.sha256(self.secret.encode()).digest()

    def matches(self, secret_hash: bytes) -> bool:
        """Whether the secret is the one that was hashed, found out in constant time."""
        return hmac.compare_digest(self.secret_hash, secret_hash)

    def text(self) -> str:
        """Return the key as its holder writes it."""
        return f"wk_{self.id}_{self.secret}"


def new_token() -> Token:
    """Return a fresh key."""
    return Token(secrets.token_hex(8), secrets.token_hex(_SECRET_BYTES))


def read_token(text: str) -> Token | None:
    """Return the key that stands in a text, or None where there is none."""
    found = _TOKEN.fullmatch(text)
    return Token(*found.groups()) if found else None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a merchant, by one of its keys, with what the key may do."""

    merchant_id: int
    merchant: str
    key_id: int
    public_id: str
    scopes: frozenset[str]
