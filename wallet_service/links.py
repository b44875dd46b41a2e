"""Signed links to a card: nothing is stored, and nobody can make one up."""

from itsdangerous import URLSafeSerializer


def card_links(secret_key: str) -> URLSafeSerializer:
    """Return what turns a serial number into the token of its link and back."""
    return URLSafeSerializer(secret_key, salt="card link")


def card_url(base_url: str, secret_key: str, serial_number: str) -> str:
    """Return the address at which the holder of this link downloads the card."""
    return f"{base_url}/cards/{card_links(secret_key).dumps(serial_number)}/card.pkpass"
