"""Fetches the images of a class or an object as Google does when it is written, from this machine only.

Source: https://developers.google.com/wallet/retail/loyalty-cards/resources/brand-guidelines
"""

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from wallet_service.sandbox.google_refusals import GoogleRefused

IMAGES = ("programLogo", "wideProgramLogo", "heroImage")
TIMEOUT = (2.0, 5.0)
USER_AGENT = "Googlebot-Image/1.0 wallet-service-sandbox"


def fetch_images(body: Mapping[str, Any]) -> None:
    """Return once every image of a class or object has been fetched; addresses of other machines are believed unseen.

    Raises: GoogleRefused if one cannot be fetched.
    """
    with requests.Session() as http:
        http.trust_env = False
        for address in _addresses(body):
            if is_loopback(address):
                _fetch(http, address)


def _addresses(body: Mapping[str, Any]) -> Iterator[str]:
    for name in IMAGES:
        image = body.get(name)
        source = image.get("sourceUri") if isinstance(image, dict) else None
        address = source.get("uri") if isinstance(source, dict) else None
        if isinstance(address, str):
            yield address


def is_loopback(address: str) -> bool:
    """Whether an address is one of this machine; only those are fetched, so that nothing leaves it."""
    try:
        host = urlsplit(address).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _fetch(http: requests.Session, address: str) -> None:
    headers = {"User-Agent": USER_AGENT}
    try:
        with http.get(address, headers=headers, timeout=TIMEOUT, allow_redirects=False, stream=True) as answer:
            kind, start = answer.headers.get("Content-Type", ""), next(answer.iter_content(1), b"")
            usable = answer.status_code == 200 and kind.startswith("image/") and start != b""
    except requests.RequestException:
        usable = False
    if not usable:
        raise GoogleRefused(400, f"Image cannot be loaded: {address}")
