"""The service account: who we are to Google, and the key that signs tokens and save links.

Source: https://developers.google.com/identity/protocols/oauth2/service-account
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from wallet_service.domain.errors import Fault, FaultsError

PLACE = "service account"
LEAST_KEY_BITS = 2048
NEEDED = ("client_email", "private_key", "token_uri")
DOWNLOAD = "Download a JSON key of the service account from the Google Cloud console again."


class ServiceAccountRefused(FaultsError):
    """The service account's JSON key cannot be used to talk to Google or to sign save links."""


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A service account with its key parsed once; `token_uri` is where it gets its tokens."""

    email: str
    key: rsa.RSAPrivateKey = field(repr=False)
    key_id: str | None
    token_uri: str


def load_service_account(data: bytes) -> ServiceAccount:
    """Return the account described by a JSON key file of Google Cloud.

    Raises:
        ServiceAccountRefused: with every fault found.
    """
    info = _read(data)
    faults = [*_missing(info), *_wrong(info)]
    key = _key(_text(info, "private_key"), faults)
    if faults or key is None:
        raise ServiceAccountRefused("The service account cannot be used:", faults)
    return ServiceAccount(
        email=_text(info, "client_email"),
        key=key,
        key_id=_text(info, "private_key_id") or None,
        token_uri=_text(info, "token_uri"),
    )


def _read(data: bytes) -> Mapping[str, object]:
    try:
        info = json.loads(data)
    except (ValueError, RecursionError):
        info = None
    if not isinstance(info, dict):
        raise ServiceAccountRefused(
            "The service account cannot be used:", [Fault(PLACE, "", f"is no JSON. {DOWNLOAD}")]
        )
    return info


def _text(info: Mapping[str, object], name: str) -> str:
    value = info.get(name)
    return value.strip() if isinstance(value, str) else ""


def _missing(info: Mapping[str, object]) -> list[Fault]:
    return [Fault(PLACE, name, f"is missing. {DOWNLOAD}") for name in NEEDED if not _text(info, name)]


def _wrong(info: Mapping[str, object]) -> list[Fault]:
    faults = []
    if info.get("type", "service_account") != "service_account":
        message = 'must be "service_account". An OAuth client or a user\'s credentials cannot be used: make a JSON key.'
        faults.append(Fault(PLACE, "type", message))
    email, address = _text(info, "client_email"), _text(info, "token_uri")
    if email and "@" not in email:
        faults.append(Fault(PLACE, "client_email", f"must be an e-mail address. {DOWNLOAD}"))
    if address and not _is_web_address(address):
        faults.append(
            Fault(PLACE, "token_uri", "must be a web address. Google's is https://oauth2.googleapis.com/token")
        )
    return faults


def _is_web_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _key(pem: str, faults: list[Fault]) -> rsa.RSAPrivateKey | None:
    """Return the key, or None and a fault; a key that is missing has its fault already."""
    if not pem:
        return None
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        faults.append(Fault(PLACE, "private_key", _unreadable(pem)))
        return None
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < LEAST_KEY_BITS:
        message = f"must be an RSA key of {LEAST_KEY_BITS} bits or more. {DOWNLOAD}"
        faults.append(Fault(PLACE, "private_key", message))
        return None
    return key


def _unreadable(pem: str) -> str:
    if "\\n" in pem:
        return "has its line ends escaped twice. Give the file as it was downloaded, not through a shell variable."
    return f"is not an unencrypted PEM key. {DOWNLOAD}"
