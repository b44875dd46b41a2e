"""Signed links: to a card, and those of campaigns; nothing is stored of them, and nobody can make one up."""

import base64
import hashlib
import hmac
from datetime import datetime
from urllib.parse import quote, urlencode, urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from itsdangerous import Signer, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode, want_bytes

from wallet_service.domain import codes
from wallet_service.domain.errors import UnknownLink
from wallet_service.domain.links import PERSONAL_BODY, Link, packed, short_code, unpacked

VERSION = b"\x01"  # the first byte of every link; a later form of links has another one
LONGEST = 1500  # characters of a link that is worth being looked at
_PURPOSE = b"wallet_service campaign links"
_SHORT = b"wallet_service short codes"


class _OfOneSpelling(Signer):
    """Signs as its parent does, and knows its signatures letter by letter.

    The last letter of 27 stands for four bits, so three others would be read as the same signature.
    """

    def verify_signature(self, value: str | bytes, sig: str | bytes) -> bool:
        """Whether this is the signature of a value, as it is written."""
        return super().verify_signature(value, sig) and base64_encode(base64_decode(sig)) == want_bytes(sig)


def card_links(secret_key: str, previous_key: str | None = None) -> URLSafeSerializer:
    """Return what turns a serial number into the token of its link and back; a previous key is still accepted."""
    keys = [previous_key, secret_key] if previous_key else secret_key
    return URLSafeSerializer(keys, salt="card link", signer=_OfOneSpelling)


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


class CampaignLinks:
    """Turns links of campaigns into tokens and back: encrypted and sealed at once, and alike each time.

    So whoever makes the links of a mailing again gets the very same ones. A previous key still opens what it closed.
    """

    def __init__(self, secret_key: str, previous_key: str | None = None) -> None:
        self._short = HKDF(SHA256(), length=32, salt=None, info=_SHORT).derive(secret_key.encode())
        self._ciphers = [AESSIV(_derived(each)) for each in (secret_key, previous_key) if each]

    def token(self, link: Link) -> str:
        """Return the token of a link, of letters that any address may hold: 32 or so for a member's.

        Raises `ValueError` for a link that cannot be packed.
        """
        sealed = VERSION + self._ciphers[0].encrypt(packed(link), [VERSION])
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def code(self, token: str) -> str:
        """Return a short code for somebody's own link, alike each time; the link is found by it once it has a row."""
        digest = int.from_bytes(hmac.digest(self._short, token.encode(), "sha256"))
        letters = (digest // len(codes.ALPHABET) ** place % len(codes.ALPHABET) for place in range(PERSONAL_BODY))
        return codes.code_of("".join(codes.ALPHABET[each] for each in letters))

    def open(self, token: str) -> Link:
        """Return the link of a token; asks nobody.

        Raises `UnknownLink` alike for whatever is not, letter by letter, a token that was made here.
        """
        sealed = _decoded(token)
        if sealed[:1] != VERSION:
            raise UnknownLink
        for cipher in self._ciphers:
            try:
                return unpacked(cipher.decrypt(sealed[1:], [VERSION]))
            except (InvalidTag, ValueError):
                continue
        raise UnknownLink


def named(text: str) -> tuple[str | None, str]:
    """Return the short code that an address or a typed text names, or None, and what stands last in it, as a token."""
    last = text.split("?", maxsplit=1)[0].rstrip("/").rpartition("/")[2]
    return short_code(last), last


def mark(token: str) -> bytes:
    """Return what a link is known by once it has a row; the link cannot be made from it."""
    return hashlib.sha256(token.encode()).digest()[:16]


def link_url(base_url: str, token: str) -> str:
    """Return the address of a campaign's link."""
    return f"{base_url}/l/{token}"


def short_url(base_url: str, code: str) -> str:
    """Return the address of a short code; it is found without the dashes, too."""
    return f"{base_url}/s/{code.replace('-', '')}"


def printed(address: str) -> str:
    """Return an address as people read and type it."""
    parts = urlsplit(address)
    return f"{parts.netloc}{parts.path}"


def funnel_links(secret_key: str, previous_key: str | None = None) -> URLSafeSerializer:
    """Return what turns a merchant's id and a time into the token of their funnel's page and back."""
    keys = [previous_key, secret_key] if previous_key else secret_key
    return URLSafeSerializer(keys, salt="funnel")


def funnel_url(base_url: str, secret_key: str, merchant_id: int, *, until: datetime) -> str:
    """Return the address at which a merchant's funnel can be read until then, by whoever has it."""
    return f"{base_url}/funnel/{funnel_links(secret_key).dumps([merchant_id, int(until.timestamp())])}"


def unsubscribe_links(secret_key: str, previous_key: str | None = None) -> URLSafeSerializer:
    """Return what turns a programme's id, a member's or None, and the mark of an address into a token and back."""
    keys = [previous_key, secret_key] if previous_key else secret_key
    return URLSafeSerializer(keys, salt="unsubscribe")


def unsubscribe_url(base_url: str, secret_key: str, program_id: int, member_id: int | None, mark: bytes) -> str:
    """Return the address at which whoever has an address wants no more marketing; it does not tell the address."""
    return f"{base_url}/unsubscribe/{unsubscribe_links(secret_key).dumps([program_id, member_id, mark.hex()])}"


def join_forms(secret_key: str, previous_key: str | None = None) -> URLSafeSerializer:
    """Return what turns a programme, a form's id and when it was made into the form's token and back."""
    keys = [previous_key, secret_key] if previous_key else secret_key
    return URLSafeSerializer(keys, salt="join form")


def program_url(base_url: str, program: str) -> str:
    """Return the address of the page that tells everybody what a programme is."""
    return f"{base_url}/programs/{quote(program, safe='')}"


def join_url(base_url: str, program: str, *, via: str | None = None, query: dict[str, str] | None = None) -> str:
    """Return the address at which somebody joins a programme, by its code.

    `via` is the token or the short code of the link that led there, `query` what the shop's statistics want to know.
    """
    asked = urlencode(({"via": via} if via else {}) | (query or {}))
    return f"{base_url}/join/{quote(program, safe='')}" + (f"?{asked}" if asked else "")


def member_url(base_url: str, program: str, rest: str = "") -> str:
    """Return the address of a programme's pages for its members, or of one below it."""
    return f"{base_url}/members/{quote(program, safe='')}{rest}"


def letter_url(base_url: str, kind: str, program: str, token: str) -> str:
    """Return the address that a letter carries, to sign in by, or to verify an address by."""
    return member_url(base_url, program, f"/{kind.replace('_', '-')}/{token}")


def session_cookies(secret_key: str) -> URLSafeSerializer:
    """Return what turns the token of a session into a cookie and back; with another key all sessions are over."""
    return URLSafeSerializer(secret_key, salt="member session")


def form_mark(secret_key: str, session: str) -> str:
    """Return what a form of a session carries, so that no other site can send it."""
    return hmac.digest(secret_key.encode(), f"forms of session {session}".encode(), "sha256").hex()


def _decoded(token: str) -> bytes:
    """Return the bytes of a token that is written as we write it; there is one way to write each.

    Raises `UnknownLink`.
    """
    if not token or len(token) > LONGEST or not token.isascii():
        raise UnknownLink
    try:
        found = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        raise UnknownLink from None
    if base64.urlsafe_b64encode(found).rstrip(b"=").decode() != token:
        raise UnknownLink
    return found


def _derived(secret_key: str) -> bytes:
    """Return the key of AES-256-SIV, which is two keys long, for these links alone."""
    return HKDF(SHA256(), length=64, salt=None, info=_PURPOSE).derive(secret_key.encode())
