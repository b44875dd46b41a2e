"""The sandbox as one thing: two phones, what makes their cards change, the shop, and the links to the card."""

import secrets
import threading
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urljoin, urlsplit

import requests

from wallet_service.domain.errors import WalletError
from wallet_service.sandbox.android import AndroidPhone, SavedCard
from wallet_service.sandbox.android_images import Pictures
from wallet_service.sandbox.apns import SandboxApns
from wallet_service.sandbox.breaking import (
    BREAKAGES,
    BY_KEY,
    GOOGLE_BREAKAGES,
    GOOGLE_BY_KEY,
    Breakage,
    GoogleBreakage,
)
from wallet_service.sandbox.google import SandboxGoogle
from wallet_service.sandbox.google_refusals import LinkNotSaved
from wallet_service.sandbox.inbox import Inbox
from wallet_service.sandbox.phone import HeldCard, Phone
from wallet_service.sandbox.shop import Shop, Till
from wallet_service.sandbox.timeline import Changes

MIME_TYPE = "application/vnd.apple.pkpass"
DOWNLOAD_TIMEOUT = (5.0, 20.0)
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1 wallet-service-sandbox"
)
CHROME = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Mobile Safari/537.36 "
    "wallet-service-sandbox"
)
TO_THE_SAVE_PAGE = (302, 303)


class CardLinkFailed(WalletError):
    """The card link did not lead to a pass."""


class SaveLinkFailed(CardLinkFailed):
    """The link behind "Add to Google Wallet" did not lead to a saved card."""


class NotConnected(WalletError):
    """The sandbox was started without the part that this needs."""


class Sandbox:
    """Ties phones to pushes, and the page's buttons to what they do. Every method may be called from any thread."""

    def __init__(
        self,
        *,
        root_pem: bytes,
        web_base_url: str,
        apns: SandboxApns | None,
        shop: Shop | None,
        clock: Callable[[], datetime],
        card_url: str | None = None,
        language: str = "en",
        seed: str | None = None,
        google: SandboxGoogle | None = None,
        google_add_url: str | None = None,
    ) -> None:
        self.run = secrets.token_hex(4)
        self.now = clock
        self.web_base_url = web_base_url
        self.card_url = urljoin(web_base_url, card_url) if card_url else None
        self.google_add_url = urljoin(web_base_url, google_add_url) if google_add_url else None
        self.apns = apns
        self.breakage = BREAKAGES[0]
        self.google = google
        self.google_breakage = GOOGLE_BREAKAGES[0]
        self.changes = Changes()
        self._root_pem = root_pem
        self._language = language
        self._lock = threading.Lock()
        self._phones: dict[str, Phone] = {}
        self._sessions: list[requests.Session] = []
        self._browser = self._new_session()
        self.phone = self.add_phone("Sandbox iPhone", seed=seed)
        self.android = self._new_android(google) if google else None
        self.pictures = Pictures()
        self._chrome = self._new_session()
        self.till = Till(shop, http=self._new_session(), clock=clock, changes=self.changes) if shop else None
        secret = shop.endpoint_secret if shop else None
        self.inbox = Inbox(secret, clock=clock, changes=self.changes) if secret else None

    def add_phone(self, name: str, *, seed: str | None = None) -> Phone:
        """Return one more phone; pushes to its token wake it from now on."""
        phone = Phone(
            name,
            root_pem=self._root_pem,
            http=self._new_session(),
            clock=self.now,
            language=self._language,
            changes=self.changes,
            seed=seed,
        )
        with self._lock:
            self._phones[phone.push_token] = phone
        return phone

    def pushed(self, token: str, _apns_id: str, topic: str) -> None:
        """Wake the phone that a push is for; fits `SandboxApns(on_push=...)`, and returns at once."""
        with self._lock:
            phone = self._phones.get(token)
        if phone is not None:
            phone.wake(topic)

    def download_card(self) -> HeldCard:
        """Follow the card link as Safari on a phone does, and add what it leads to.

        Raises: NotConnected, CardLinkFailed, PassNotInstallable.
        """
        if self.card_url is None:
            raise NotConnected("No card link is configured. Give the sandbox a card_url, or upload a .pkpass file.")
        headers = {"User-Agent": SAFARI, "Accept": f"{MIME_TYPE}, */*"}
        try:
            answer = self._browser.get(self.card_url, headers=headers, timeout=DOWNLOAD_TIMEOUT)
        except requests.RequestException as failure:
            raise CardLinkFailed(self._no_answer("The card link", failure)) from failure
        media_type = answer.headers.get("Content-Type", "")
        if answer.status_code != 200 or media_type != MIME_TYPE:
            raise CardLinkFailed(
                f"The card link answered {answer.status_code} with {media_type or 'no type'}. "
                f"It must answer 200 with {MIME_TYPE}."
            )
        return self.phone.add(answer.content)

    def save_card(self) -> tuple[SavedCard, ...]:
        """Follow "Add to Google Wallet" as Chrome on Android does, and save the cards that it leads to.

        Raises: NotConnected, SaveLinkFailed.
        """
        android = self.the_android()
        if self.google_add_url is None:
            raise NotConnected('No address of "Add to Google Wallet" is configured. Give the sandbox a google_add_url.')
        try:
            return android.save(self._save_jwt(self.google_add_url))
        except LinkNotSaved as refusal:
            android.refused(str(refusal))
            raise SaveLinkFailed(f"Google did not save the card. {refusal}") from refusal

    def the_android(self) -> AndroidPhone:
        """Return the Android phone.

        Raises: NotConnected.
        """
        if self.android is None:
            raise NotConnected("There is no Android phone. Give the sandbox a SandboxGoogle.")
        return self.android

    def the_till(self) -> Till:
        """Return the shop's till.

        Raises: NotConnected.
        """
        if self.till is None:
            raise NotConnected("No shop is connected. Give the sandbox a Shop with a webhook URL and its secret.")
        return self.till

    def the_inbox(self) -> Inbox:
        """Return the shop's own endpoint.

        Raises: NotConnected.
        """
        if self.inbox is None:
            raise NotConnected("The shop has no endpoint. Give the sandbox a Shop with the endpoint's secret.")
        return self.inbox

    def break_pushes(self, key: str) -> Breakage:
        """Make the push service fail in one of the known ways.

        Raises: NotConnected.
        """
        if self.apns is None or key not in BY_KEY:
            raise NotConnected("There is no such way to break the push service, or none is running here.")
        self.breakage = BY_KEY[key]
        self.apns.behave(self.breakage.behaviour(self.now()))
        self.changes.mark()
        return self.breakage

    def break_google(self, key: str) -> GoogleBreakage:
        """Make Google fail in one of the known ways.

        Raises: NotConnected.
        """
        if self.google is None or key not in GOOGLE_BY_KEY:
            raise NotConnected("There is no such way to break Google, or none is running here.")
        self.google_breakage = GOOGLE_BY_KEY[key]
        self.google.behave(self.google_breakage.behaviour)
        self.google.demo = self.google_breakage.demo
        self.google.strict_notices(on=self.google_breakage.strict_notices)
        self.changes.mark()
        return self.google_breakage

    def stop(self) -> None:
        """End all phones and the pages' live updates."""
        self.changes.close()
        with self._lock:
            phones = list(self._phones.values())
        for phone in phones:
            phone.stop()
        for session in self._sessions:
            session.close()

    def _new_android(self, google: SandboxGoogle) -> AndroidPhone:
        return AndroidPhone(
            "Sandbox Android phone", google=google, clock=self.now, language=self._language, changes=self.changes
        )

    def _save_jwt(self, address: str) -> str:
        """Return what a save link carries; its page is not fetched, since the phone itself is Google here."""
        headers = {"User-Agent": CHROME, "Accept": "text/html,*/*;q=0.8"}
        try:
            answer = self._chrome.get(address, headers=headers, timeout=DOWNLOAD_TIMEOUT, allow_redirects=False)
        except requests.RequestException as failure:
            raise SaveLinkFailed(self._no_answer('"Add to Google Wallet"', failure)) from failure
        jwt = _behind_save(answer.headers.get("Location", ""))
        if answer.status_code not in TO_THE_SAVE_PAGE or not jwt:
            raise SaveLinkFailed(
                f'"Add to Google Wallet" answered {answer.status_code}, and not with the way to a save page. It must '
                "answer 303 with a Location that ends in /save/ and the signed link's JWT."
            )
        return jwt

    def _no_answer(self, what: str, failure: requests.RequestException) -> str:
        return f"{what} gave no answer ({type(failure).__name__}). Is the service running at {self.web_base_url}?"

    def _new_session(self) -> requests.Session:
        # A proxy variable or .netrc of this machine would change where requests go and who they say they are.
        session = requests.Session()
        session.trust_env = False
        self._sessions.append(session)
        return session


def _behind_save(link: str) -> str:
    """Return the last part of a save link's path, "" if it is no save link."""
    try:
        *way, jwt = urlsplit(link).path.split("/")
    except ValueError:
        return ""
    return jwt if way[-1:] == ["save"] else ""
