"""The sandbox as one thing: a phone, the pushes that wake it, the shop, and the link to its card."""

import secrets
import threading
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urljoin

import requests

from wallet_service.domain.errors import WalletError
from wallet_service.sandbox.apns import SandboxApns
from wallet_service.sandbox.breaking import BREAKAGES, BY_KEY, Breakage
from wallet_service.sandbox.phone import HeldCard, Phone
from wallet_service.sandbox.shop import Shop, Till
from wallet_service.sandbox.timeline import Changes

MIME_TYPE = "application/vnd.apple.pkpass"
DOWNLOAD_TIMEOUT = (5.0, 20.0)
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1 wallet-service-sandbox"
)


class CardLinkFailed(WalletError):
    """The card link did not lead to a pass."""


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
    ) -> None:
        self.run = secrets.token_hex(4)
        self.now = clock
        self.web_base_url = web_base_url
        self.card_url = urljoin(web_base_url, card_url) if card_url else None
        self.apns = apns
        self.breakage = BREAKAGES[0]
        self.changes = Changes()
        self._root_pem = root_pem
        self._language = language
        self._lock = threading.Lock()
        self._phones: dict[str, Phone] = {}
        self._sessions: list[requests.Session] = []
        self._browser = self._new_session()
        self.phone = self.add_phone("Sandbox iPhone", seed=seed)
        self.till = Till(shop, http=self._new_session(), clock=clock, changes=self.changes) if shop else None

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
            raise CardLinkFailed(
                f"The card link gave no answer ({type(failure).__name__}). Is the service running at "
                f"{self.web_base_url}?"
            ) from failure
        media_type = answer.headers.get("Content-Type", "")
        if answer.status_code != 200 or media_type != MIME_TYPE:
            raise CardLinkFailed(
                f"The card link answered {answer.status_code} with {media_type or 'no type'}. "
                f"It must answer 200 with {MIME_TYPE}."
            )
        return self.phone.add(answer.content)

    def the_till(self) -> Till:
        """Return the shop's till.

        Raises: NotConnected.
        """
        if self.till is None:
            raise NotConnected("No shop is connected. Give the sandbox a Shop with a webhook URL and its secret.")
        return self.till

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

    def stop(self) -> None:
        """End all phones and the pages' live updates."""
        self.changes.close()
        with self._lock:
            phones = list(self._phones.values())
        for phone in phones:
            phone.stop()
        for session in self._sessions:
            session.close()

    def _new_session(self) -> requests.Session:
        # A proxy variable or .netrc of this machine would change where requests go and who they say they are.
        session = requests.Session()
        session.trust_env = False
        self._sessions.append(session)
        return session
