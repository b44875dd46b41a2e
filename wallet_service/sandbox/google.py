"""Google on this machine: tokens, the Wallet API for loyalty cards, saved cards and callbacks."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from wallet_service.sandbox.google_accounts import Account, Accounts, make_service_account
from wallet_service.sandbox.google_callbacks import CallbackKeys
from wallet_service.sandbox.google_file import NAME, HeldFile, HeldFileDamaged, read_held
from wallet_service.sandbox.google_images import fetch_images
from wallet_service.sandbox.google_notices import Notice
from wallet_service.sandbox.google_refusals import NOT_A_TESTER, LinkNotSaved
from wallet_service.sandbox.google_saves import Called, Saves
from wallet_service.sandbox.google_store import Body, Kind, Store
from wallet_service.sandbox.google_traffic import Behaviour, Traffic

__all__ = ["Account", "Behaviour", "Called", "HeldFileDamaged", "Notice", "SandboxGoogle", "make_service_account"]

log = logging.getLogger(__name__)

TOKEN_LIFETIME = timedelta(hours=1)

Change = Literal["insert", "update", "patch", "addMessage"]


class SandboxGoogle:
    """What Google holds for one issuer, and how it behaves. Every method may be called from any thread.

    With a `folder` its classes and objects, and who saved them, outlast a restart, in a file there; `close` writes what
    is not written yet. Without one all is in memory alone, as accounts, notifications and callbacks are in any case.

    `callback_keys` sign callbacks, and are made if not given. Without `merchant_locations` the issuer is one that
    Google has not allowed to use them; with `demo` one that it has not allowed to publish yet, whose cards nobody but
    testers can save (`demo` may be set later, too). With `strict_notices` the fourth change of a day that would notify
    is refused instead of silent. More requests than `most_per_second` within a second are refused with 429; without it
    they are only counted. google-auth dates its assertions by the machine's clock: where `clock` is another one,
    `token_clock` must be the machine's.

    Raises: HeldFileDamaged if the file cannot be read; it says which one to delete.
    """

    def __init__(
        self,
        *,
        issuer_id: str,
        clock: Callable[[], datetime],
        token_clock: Callable[[], datetime] | None = None,
        callback_keys: CallbackKeys | None = None,
        token_lifetime: timedelta = TOKEN_LIFETIME,
        merchant_locations: bool = True,
        demo: bool = False,
        strict_notices: bool = False,
        most_per_second: int | None = None,
        folder: Path | None = None,
    ) -> None:
        self.issuer_id = issuer_id
        self.demo = demo
        self.accounts = Accounts(clock=token_clock or clock, lifetime=token_lifetime)
        self.traffic = Traffic(most_per_second=most_per_second)
        self._file: HeldFile | None = None
        self._store = Store(
            issuer_id=issuer_id,
            clock=clock,
            merchant_locations=merchant_locations,
            strict_notices=strict_notices,
            on_change=self._keep,
        )
        self._saves = Saves(
            issuer_id=issuer_id,
            accounts=self.accounts,
            store=self._store,
            keys=callback_keys or CallbackKeys.make(clock()),
            clock=clock,
        )
        self._lock = threading.Lock()
        self._listeners: list[Callable[[str], None]] = []
        if folder is not None:
            self._open(folder)

    @property
    def busiest_second(self) -> int:
        """The most requests that the Wallet API ever got within one second."""
        return self.traffic.busiest_second

    @property
    def callback_keys(self) -> CallbackKeys:
        """The keys that sign callbacks; set others to rotate them."""
        return self._saves.keys

    @callback_keys.setter
    def callback_keys(self, keys: CallbackKeys) -> None:
        self._saves.keys = keys

    def admit(self, service_account: bytes, *, invited: bool = True) -> Account:
        """Know a service account by its JSON key; one that the issuer has not `invited` gets tokens, but no access."""
        return self.accounts.admit(service_account, invited=invited)

    def behave(self, behaviour: Behaviour) -> None:
        """Treat requests to the Wallet API in this way from now on; `Behaviour()` is the ordinary way."""
        self.traffic.behave(behaviour)

    def strict_notices(self, *, on: bool) -> None:
        """Refuse a change that would notify beyond the day's three from now on, or take it silently."""
        self._store.strict_notices = on

    def revoke_tokens(self) -> None:
        """Answer 401 to all tokens given so far."""
        self.accounts.revoke()

    def listen(self, on_change: Callable[[str], None]) -> None:
        """Call `on_change` with the id of every class or object that changes, is saved or removed.

        It is called on the thread of the request, after the change.
        """
        with self._lock:
            self._listeners.append(on_change)

    def change(self, change: Change, kind: Kind, resource_id: str, body: Body) -> dict[str, Any]:
        """Do what a request asks for and return the class or object as it is now.

        Raises: GoogleRefused.
        """
        if change == "addMessage":
            after = self._store.add_message(kind, resource_id, body)
        else:
            self._store.check(kind, body, partial=change == "patch")
            fetch_images(body)
            after = self._written(change, kind, resource_id, body)
        self._tell(after["id"])
        return after

    def get(self, kind: Kind, resource_id: str) -> dict[str, Any]:
        """Return a class, or an object with its class.

        Raises: GoogleRefused.
        """
        return self._store.get(kind, resource_id)

    def all(self, kind: Kind) -> list[dict[str, Any]]:
        """Return every class or object."""
        return self._store.all(kind)

    def listed(self, kind: Kind, owner: str) -> list[dict[str, Any]]:
        """Return every class of an issuer, or every object of a class; `owner` is the id of either.

        Raises: GoogleRefused if that is another issuer's.
        """
        self._store.check_ids(owner)
        return [each for each in self.all(kind) if kind == "loyaltyClass" or each["classId"] == owner]

    def notices(self) -> list[Notice]:
        """Return the latest notifications of phones, the oldest first."""
        return self._store.notices()

    def called(self) -> list[Called]:
        """Return the latest callbacks, the oldest first."""
        return self._saves.called()

    def save(self, jwt: str, *, tester: bool = False) -> list[dict[str, Any]]:
        """Save the cards of a save link as a signed-in customer, call the issuer back, and return the cards.

        A `tester` may do so in demo mode, too.
        Raises: LinkNotSaved.
        """
        if self.demo and not tester:
            raise LinkNotSaved(NOT_A_TESTER)
        ids = self._saves.save(jwt)
        for each in ids:
            self._tell(each)
        return [self.get("loyaltyObject", each) for each in ids]

    def remove(self, object_id: str) -> None:
        """Remove a card from its holder's wallet and call the issuer back; the object stays.

        Raises: GoogleRefused.
        """
        self._saves.remove(object_id)
        self._tell(object_id)

    def close(self) -> None:
        """Write to the folder what is not written yet; what changes afterwards is not kept."""
        if self._file is not None:
            self._file.close()

    def _open(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._store.restore(read_held(folder / NAME, self.issuer_id))
        self._file = HeldFile(folder / NAME, self._store.snapshot)

    def _keep(self) -> None:
        if self._file is not None:
            self._file.changed()

    def _written(self, change: Change, kind: Kind, resource_id: str, body: Body) -> dict[str, Any]:
        if change == "insert":
            return self._store.insert(kind, body)
        if change == "update":
            return self._store.update(kind, resource_id, body)
        return self._store.patch(kind, resource_id, body)

    def _tell(self, resource_id: str) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for each in listeners:
            try:
                each(resource_id)
            except Exception:
                log.exception("what listens to the sandbox's Google failed; the change stands all the same")
