"""The link behind "Add to Google Wallet": a signed claim that names a loyalty object and carries nothing else.

It is made with `cryptography` and not with google-auth's `jwt`: both take as long, since nearly all of it is the RSA
operation, but that library writes its JSON with spaces and escapes, which makes a usual link of 818 characters 23
longer, and the length is what is scarce here.

https://developers.google.com/wallet/retail/loyalty-cards/use-cases/jwt
https://developers.google.com/wallet/reference/rest/v1/Jwt
"""

import base64
from collections.abc import Sequence
from datetime import datetime

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from wallet_service.domain.errors import WalletError

LONGEST = 1800  # characters; what is longer is cut off by some browsers and mail programs


class LinkRefused(WalletError):
    """The save link would be longer than every phone and mail program passes on."""


def save_link(
    object_id: str,
    *,
    service_account_email: str,
    key: rsa.RSAPrivateKey,
    key_id: str | None,
    origins: Sequence[str],
    save_url: str,
    now: datetime,
) -> str:
    """Return the link with which a signed-in customer saves the object, which must exist at Google by then.

    `key` is the service account's, parsed once; `origins` are the sites that show the button; `save_url` is
    https://pay.google.com/gp/v/save or a sandbox's. Google states no end for such links, so make one per click.

    Raises:
        LinkRefused: when it has more than 1,800 characters.
    """
    header = {"alg": "RS256", "typ": "JWT"} | ({"kid": key_id} if key_id else {})
    claims = {
        "iss": service_account_email,
        "aud": "google",
        "typ": "savetowallet",
        "iat": int(now.timestamp()),
        "origins": list(origins),
        "payload": {"loyaltyObjects": [{"id": object_id}]},
    }
    signed = f"{_base64(orjson.dumps(header))}.{_base64(orjson.dumps(claims))}"
    signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    link = f"{save_url.rstrip('/')}/{signed}.{_base64(signature)}"
    if len(link) > LONGEST:
        raise LinkRefused(
            f"The save link has {len(link):,} characters and may have {LONGEST:,}. "
            "Give fewer or shorter origins, or a service account key of 2048 bits."
        )
    return link


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
