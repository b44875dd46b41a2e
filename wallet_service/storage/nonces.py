"""Messages that were heard already: each has a nonce, which is remembered until the message would be too old."""

from datetime import datetime

from sqlalchemy import Connection, text

_FORGET = text("DELETE FROM nonces WHERE expires_at <= :now")
_ADD = text("""
    INSERT INTO nonces (nonce, expires_at) VALUES (:nonce, :expires_at) ON CONFLICT DO NOTHING RETURNING nonce
""")


def first(tx: Connection, nonce: str, *, expires_at: datetime, now: datetime) -> bool:
    """Note the nonce and return whether it is heard for the first time; what has expired is forgotten."""
    tx.execute(_FORGET, {"now": now})
    return tx.execute(_ADD, {"nonce": nonce, "expires_at": expires_at}).first() is not None
