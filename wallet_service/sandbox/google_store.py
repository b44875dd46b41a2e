"""The loyalty classes and objects that the sandbox's Google holds, and the rules by which they change.

Source: https://developers.google.com/wallet/reference/rest
"""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

from wallet_service.sandbox.google_merge import merged, without_nulls
from wallet_service.sandbox.google_notices import Notice, Notices, tells
from wallet_service.sandbox.google_refusals import NO_ACCESS, GoogleRefused
from wallet_service.sandbox.walletobjects import faults

Kind = Literal["loyaltyClass", "loyaltyObject"]
Body = Mapping[str, Any]
SCHEMAS: dict[Kind, str] = {"loyaltyClass": "LoyaltyClass", "loyaltyObject": "LoyaltyObject"}
NOT_ALLOWLISTED = "Issuer not allowlisted for Merchant Locations. Please contact support."


class Store:
    """Classes and objects of one issuer; nothing can be deleted. Every method may be called from any thread.

    With `strict_notices` a change that would notify beyond the day's three is refused; without, it is silent.
    `on_change` is called after every change, on the thread that made it, and must be quick.
    """

    def __init__(
        self,
        *,
        issuer_id: str,
        clock: Callable[[], datetime],
        merchant_locations: bool,
        strict_notices: bool,
        on_change: Callable[[], None],
    ) -> None:
        self._issuer_id = issuer_id
        self._clock = clock
        self._merchant_locations = merchant_locations
        self.strict_notices = strict_notices
        self._on_change = on_change
        self._lock = threading.RLock()
        self._held: dict[Kind, dict[str, dict[str, Any]]] = {"loyaltyClass": {}, "loyaltyObject": {}}
        self._saved: set[str] = set()
        self._notices = Notices()

    def restore(self, held: Mapping[str, Any]) -> None:
        """Hold what a `snapshot` says, in place of all else."""
        with self._lock:
            self._held = {"loyaltyClass": dict(held["loyaltyClass"]), "loyaltyObject": dict(held["loyaltyObject"])}
            self._saved = set(held["saved"])

    def snapshot(self) -> dict[str, Any]:
        """Return all that is held and who saved what, as JSON has it; the notifications of the day are left out."""
        with self._lock:
            held: dict[str, Any] = {kind: dict(each) for kind, each in self._held.items()}
            return {"issuerId": self._issuer_id, **held, "saved": sorted(self._saved)}

    def insert(self, kind: Kind, body: Body) -> dict[str, Any]:
        """Enter a new class or object and return it.

        Raises: GoogleRefused, here and in every other method.
        """
        self.check(kind, body)
        with self._lock:
            if body["id"] in self._held[kind]:
                raise GoogleRefused(409, f"A {kind} with id {body['id']} already exists.")
            return self._keep(kind, {}, without_nulls(body))

    def update(self, kind: Kind, resource_id: str, body: Body) -> dict[str, Any]:
        """Replace a class or object by what is given: what is left out is cleared."""
        self.check(kind, body)
        with self._lock:
            return self._keep(kind, self._named(kind, resource_id, body), without_nulls(body))

    def patch(self, kind: Kind, resource_id: str, change: Body) -> dict[str, Any]:
        """Change what is given and leave the rest."""
        self.check(kind, change, partial=True)
        with self._lock:
            before = self._named(kind, resource_id, change)
            if kind == "loyaltyClass" and "reviewStatus" not in change:
                raise GoogleRefused(400, "reviewStatus must be set to UNDER_REVIEW or DRAFT in every change.")
            after = merged(before, change)
            self.check(kind, after)
            return self._keep(kind, before, after)

    def add_message(self, kind: Kind, resource_id: str, request: Body) -> dict[str, Any]:
        """Append a message, and notify holders if it says so and the day's notifications are not used up."""
        _refuse(faults("AddMessageRequest", request, partial=False))
        message = without_nulls(request["message"])
        with self._lock:
            before = self._held_one(kind, resource_id)
            messages = [*before.get("messages", []), message]
            _refuse(faults(SCHEMAS[kind], {"messages": messages}, partial=True))
            self._notify_of(message, resource_id)
            self._held[kind][resource_id] = before | {"messages": messages}
            self._on_change()
            return self._shown(kind, resource_id)

    def get(self, kind: Kind, resource_id: str) -> dict[str, Any]:
        """Return a class, or an object with its class in `classReference`."""
        with self._lock:
            found = self._held_one(kind, resource_id)
            shown = self._shown(kind, resource_id)
            if kind == "loyaltyObject":
                shown["classReference"] = self._shown("loyaltyClass", found["classId"])
            return shown

    def all(self, kind: Kind) -> list[dict[str, Any]]:
        """Return every class or object, in the order of their ids."""
        with self._lock:
            return [self._shown(kind, each) for each in sorted(self._held[kind])]

    def notices(self) -> list[Notice]:
        """Return the latest notifications, the oldest first."""
        with self._lock:
            return list(self._notices.given)

    def mark(self, object_id: str, *, saved: bool) -> bool:
        """Note that an object is or is not in somebody's wallet; return whether it was otherwise before."""
        with self._lock:
            self._held_one("loyaltyObject", object_id)
            changed = saved != (object_id in self._saved)
            (self._saved.add if saved else self._saved.discard)(object_id)
            self._on_change()
            return changed

    def check(self, kind: Kind, body: Body, *, partial: bool = False) -> None:
        """Return if a body keeps to the schema and may be written for this issuer."""
        _refuse(faults(SCHEMAS[kind], body, partial=partial))
        self.check_ids(*(body[name] for name in ("id", "classId") if name in body))
        if body.get("merchantLocations") and not self._merchant_locations:
            raise GoogleRefused(400, NOT_ALLOWLISTED)

    def check_ids(self, *ids: str) -> None:
        """Return if these ids, of which an issuer's own is one, are of this issuer."""
        if any(each.partition(".")[0] != self._issuer_id for each in ids):
            raise GoogleRefused(403, NO_ACCESS)

    def _named(self, kind: Kind, resource_id: str, body: Body) -> dict[str, Any]:
        if body.get("id", resource_id) != resource_id:
            raise GoogleRefused(400, f"Invalid resource ID: {body['id']} is not the one in the address.")
        return self._held_one(kind, resource_id)

    def _held_one(self, kind: Kind, resource_id: str) -> dict[str, Any]:
        if resource_id not in self._held[kind]:
            raise GoogleRefused(404, f"The {kind} {resource_id} does not exist.")
        return self._held[kind][resource_id]

    def _keep(self, kind: Kind, before: Body, after: dict[str, Any]) -> dict[str, Any]:
        notify = after.pop("notifyPreference", None) is not None
        if kind == "loyaltyClass":
            after["reviewStatus"] = _reviewed(before, after)
        else:
            self._check_class(after["classId"])
        if before and notify and tells(kind, before, after):
            self._notify_of_change(after["id"])
        self._held[kind][after["id"]] = after
        self._on_change()
        return self._shown(kind, after["id"])

    def _check_class(self, class_id: str) -> None:
        found = self._held["loyaltyClass"].get(class_id)
        if found is None:
            raise GoogleRefused(404, f"The loyaltyClass {class_id} does not exist.", reason="classNotFound")
        if found["reviewStatus"] != "APPROVED":
            raise GoogleRefused(400, f"The loyaltyClass {class_id} is not approved, so it can have no objects.")

    def _notify_of(self, message: Body, resource_id: str) -> None:
        if message.get("messageType") != "TEXT_AND_NOTIFY":
            return
        if not self._notices.give(resource_id, "message", self._clock()):
            words = f"Quota exceeded for issuer {self._issuer_id} when adding TEXT_AND_NOTIFY message to {resource_id}."
            raise GoogleRefused(403, words, reason="quotaExceeded")

    def _notify_of_change(self, resource_id: str) -> None:
        """Notify, or do as Google does beyond the day's three, of which it does not say whether it refuses them."""
        if not self._notices.give(resource_id, "fields", self._clock()) and self.strict_notices:
            words = f"Quota exceeded for issuer {self._issuer_id} when notifying of an update to {resource_id}."
            raise GoogleRefused(403, words, reason="quotaExceeded")

    def _shown(self, kind: Kind, resource_id: str) -> dict[str, Any]:
        shown = dict(self._held[kind][resource_id])
        return shown | {"hasUsers": resource_id in self._saved} if kind == "loyaltyObject" else shown


def _reviewed(before: Body, after: Body) -> str:
    """Return the status that a class gets: a review takes no time, and a draft cannot be returned to."""
    if after["reviewStatus"] == "UNDER_REVIEW":
        return "APPROVED"
    if before.get("reviewStatus", "DRAFT") != "DRAFT":
        raise GoogleRefused(400, "Invalid review status: a class that was approved cannot be a DRAFT again.")
    return "DRAFT"


def _refuse(found: list[Any]) -> None:
    if found:
        raise GoogleRefused(400, "; ".join(map(str, found)))
