"""Signed links to a card: nothing is stored, and nobody can make one up."""

import hmac
from urllib.parse import quote

from itsdangerous import URLSafeSerializer


def card_links(secret_key: str) -> URLSafeSerializer:
    """Return what turns a serial number into the token of its link and back."""
    return URLSafeSerializer(secret_key, salt="card link")


def add_url(base_url: str, secret_key: str, serial_number: str) -> str:
    """Return the address of the page on which the holder of this link chooses a wallet."""
    return f"{base_url}/cards/{card_links(secret_key).dumps(serial_number)}"


def card_url(base_url: str, secret_key: str, serial_number: str) -> str:
    """Return the address at which the holder of this link downloads the card for Apple Wallet."""
    return f"{add_url(base_url, secret_key, serial_number)}/card.pkpass"


def google_add_url(base_url: str, secret_key: str, serial_number: str) -> str:
    """Return the address that leads the holder of this link on to Google, to save the card there."""
    return f"{add_url(base_url, secret_key, serial_number)}/google"


def claim_key(secret_key: str, dialect: str, source: str) -> str:
    """Return the key by which a source signs its orders' ids, for links that are printed on receipts and in mails.

    Shop systems can do that in their own templates: the signature is the HMAC-SHA256 of the order's id, in hex.
    """
    return hmac.digest(secret_key.encode(), f"claims of {dialect}/{source}".encode(), "sha256").hex()


def claim_signature(secret_key: str, dialect: str, source: str, order_id: str) -> str:
    """Return what a source signs an order's id with."""
    return hmac.digest(claim_key(secret_key, dialect, source).encode(), order_id.encode(), "sha256").hex()


def claim_url(base_url: str, secret_key: str, dialect: str, source: str, order_id: str) -> str:
    """Return the address at which whoever holds this link claims the order."""
    signature = claim_signature(secret_key, dialect, source, order_id)
    return f"{base_url}/receipts/{dialect}/{source}?order={quote(order_id, safe='')}&signature={signature}"
