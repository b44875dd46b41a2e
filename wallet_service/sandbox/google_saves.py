"""What happens behind "Add to Google Wallet": the link is judged, the card saved, and the issuer called back.

Source: https://developers.google.com/wallet/retail/loyalty-cards/use-cases/jwt and
https://developers.google.com/wallet/generic/use-cases/use-callbacks-for-saves-and-deletions
"""

import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import requests

from wallet_service.sandbox.google_accounts import Accounts
from wallet_service.sandbox.google_callbacks import CallbackKeys
from wallet_service.sandbox.google_jwt import JwtRefused, verified_claims
from wallet_service.sandbox.google_refusals import GoogleRefused, LinkNotSaved
from wallet_service.sandbox.google_store import Kind, Store

LONGEST_JWT = 1800
CALLBACK_LIFETIME = timedelta(hours=1)
CALLBACK_TIMEOUT = (2.0, 10.0)
CARRIED: dict[str, Kind] = {"loyaltyClasses": "loyaltyClass", "loyaltyObjects": "loyaltyObject"}

Event = Literal["save", "del"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Called:
    """A callback that was sent, and the status it was answered with; None where no answer came."""

    event: Event
    object_id: str
    url: str
    status: int | None


class Saves:
    """Saves and removes cards, and tells the issuer. Every method may be called from any thread."""

    def __init__(
        self,
        *,
        issuer_id: str,
        accounts: Accounts,
        store: Store,
        keys: CallbackKeys,
        clock: Callable[[], datetime],
    ) -> None:
        self.keys = keys
        self._issuer_id = issuer_id
        self._accounts = accounts
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._called: deque[Called] = deque(maxlen=1000)

    def save(self, jwt: str) -> list[str]:
        """Save every object that a link names, as a signed-in customer would; return their ids.

        What the link carries whole is inserted if it is new; what is there already is left as it is.
        Raises: LinkNotSaved.
        """
        payload = self._payload(jwt)
        try:
            for part, kind in CARRIED.items():
                for body in _bodies(payload, part):
                    self._enter(kind, body)
            ids = [body["id"] for body in _bodies(payload, "loyaltyObjects")]
            for each in ids:
                self._mark(each, "save")
        except GoogleRefused as error:
            raise LinkNotSaved(str(error)) from error
        return ids

    def remove(self, object_id: str) -> None:
        """Remove a card from the wallet, as its holder would.

        Raises: GoogleRefused if there is no such object.
        """
        self._mark(object_id, "del")

    def called(self) -> list[Called]:
        """Return the latest callbacks, the oldest first."""
        with self._lock:
            return list(self._called)

    def _payload(self, jwt: str) -> Mapping[str, Any]:
        if len(jwt) > LONGEST_JWT:
            raise LinkNotSaved(f"The link's JWT has {len(jwt)} characters; some browsers cut it after {LONGEST_JWT}.")
        try:
            claims = verified_claims(jwt, self._accounts.keys())
        except JwtRefused as error:
            raise LinkNotSaved(str(error)) from error
        for name, value in (("aud", "google"), ("typ", "savetowallet")):
            if claims.get(name) != value:
                raise LinkNotSaved(f'The link\'s claim {name} must be "{value}".')
        if not isinstance(claims.get("iat"), int):
            raise LinkNotSaved("The link's claim iat must say when it was made, in seconds.")
        payload = claims.get("payload")
        if not isinstance(payload, dict) or not _bodies(payload, "loyaltyObjects"):
            raise LinkNotSaved("The link's payload names no loyaltyObjects.")
        return payload

    def _enter(self, kind: Kind, body: Mapping[str, Any]) -> None:
        if body.keys() <= {"id", "classId"}:
            self._store.get(kind, body.get("id", ""))
            return
        try:
            self._store.insert(kind, body)
        except GoogleRefused as error:
            if error.status != 409:
                raise

    def _mark(self, object_id: str, event: Event) -> None:
        if self._store.mark(object_id, saved=event == "save"):
            self._call_back(event, self._store.get("loyaltyObject", object_id))

    def _call_back(self, event: Event, held: Mapping[str, Any]) -> None:
        """Post the signed news to the class's address; a failure is noted, as Google promises no more than to try."""
        url = held["classReference"].get("callbackOptions", {}).get("url")
        if url is None:
            return
        body = self.keys.sign(
            event,
            class_id=held["classId"],
            object_id=held["id"],
            issuer_id=self._issuer_id,
            nonce=secrets.token_hex(16),
            expires=self._clock() + CALLBACK_LIFETIME,
        )
        called = Called(event, held["id"], url, _post(url, body))
        with self._lock:
            self._called.append(called)


def _bodies(payload: Mapping[str, Any], part: str) -> list[Mapping[str, Any]]:
    bodies = payload.get(part)
    found = bodies if isinstance(bodies, list) else []
    return [each for each in found if isinstance(each, dict) and isinstance(each.get("id"), str)]


def _post(url: str, body: bytes) -> int | None:
    with requests.Session() as http:
        http.trust_env = False
        try:
            headers = {"Content-Type": "application/json", "User-Agent": "Googlebot wallet-service-sandbox"}
            return http.post(url, data=body, headers=headers, timeout=CALLBACK_TIMEOUT).status_code
        except requests.RequestException as error:
            log.warning("the callback to %s got no answer (%s)", url, type(error).__name__)
            return None
