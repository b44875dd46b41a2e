"""Fetches the images of a class for the phone, once for each address and from this machine only.

Source: https://developers.google.com/wallet/retail/loyalty-cards/resources/brand-guidelines
"""

import hashlib
import threading
from dataclasses import dataclass

import requests

from wallet_service.sandbox.google_images import is_loopback

TIMEOUT = (2.0, 5.0)
LARGEST = 8 * 1024 * 1024
KINDS = ("image/png", "image/jpeg", "image/webp", "image/gif")
USER_AGENT = "GoogleWallet wallet-service-sandbox"


@dataclass(frozen=True, slots=True)
class Picture:
    """An image as it was served."""

    data: bytes
    kind: str


class Pictures:
    """The images fetched so far, by address. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fetched: dict[str, Picture] = {}

    def get(self, address: str) -> Picture | None:
        """Return the image behind an address, None while it cannot be fetched or lies on another machine."""
        with self._lock:
            picture = self._fetched.get(address)
            if picture is None and is_loopback(address) and (picture := _fetch(address)):
                self._fetched[address] = picture
        return picture


def picture_name(address: str) -> str:
    """Return a name under which an address's image can be served here."""
    return hashlib.sha256(address.encode()).hexdigest()[:24]


def _fetch(address: str) -> Picture | None:
    headers = {"User-Agent": USER_AGENT}
    with requests.Session() as http:
        http.trust_env = False
        try:
            with http.get(address, headers=headers, timeout=TIMEOUT, allow_redirects=False, stream=True) as answer:
                kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
                return Picture(_body(answer), kind) if answer.status_code == 200 and kind in KINDS else None
        except requests.RequestException:
            return None


def _body(answer: requests.Response) -> bytes:
    data = b""
    for piece in answer.iter_content(65536):
        data += piece
        if len(data) > LARGEST:
            raise requests.RequestException("larger than any image of a card")
    return data
