"""Signed links to a card: nothing is stored, and nobody can make one up."""

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
