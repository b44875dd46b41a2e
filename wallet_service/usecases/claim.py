"""An order of nobody's is claimed by whoever has its receipt: with a new card, or for the card that they have."""

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection

from wallet_service.domain.errors import OrderClaimedBefore, UnknownOrder
from wallet_service.domain.event import Customer, Event, Fact, MemberEnrolled, content_hash
from wallet_service.domain.event import OrderClaimed as Claim
from wallet_service.domain.template import Template
from wallet_service.storage import orders
from wallet_service.storage.sources import Source
from wallet_service.storage.vault import Vault
from wallet_service.usecases.receive import receive

State = Literal["unknown", "free", "claimed"]


@dataclass(frozen=True)
class Claims:
    """Gives orders of a source to whoever claims them; each event is a transaction of its own."""

    begin: Callable[[], AbstractContextManager[Connection]]
    source: Source
    template: Template
    vault: Vault
    pass_type_identifier: str
    now: datetime

    def state(self, order_id: str) -> State:
        """Return whether an order can be claimed: it is not known yet, nobody's, or somebody's."""
        with self.begin() as tx:
            whose = orders.whose(tx, self.source.id, order_id)
        return "unknown" if whose is None else "claimed" if whose.matched else "free"

    def with_new_card(self, order_id: str, *, form: str, locale: str) -> dict[str, Any]:
        """Enrol somebody whom the merchant does not know and give them the order; return what the claim came to.

        The same form sent twice enrols once.
        Raises `UnknownOrder` and `OrderClaimedBefore`.
        """
        self._require(order_id)
        enrolled = self._tell(f"join {form}", "member.enrolled", MemberEnrolled(Customer(), None, locale))
        return self._claim(order_id, Customer(member_id=enrolled["member_id"]))

    def for_card(self, order_id: str, card_code: str) -> dict[str, Any]:
        """Give the order to the member whose card has this code, and return what that came to.

        Raises `UnknownOrder`, `OrderClaimedBefore`, and `UnknownMember` for a code of nobody's.
        """
        self._require(order_id)
        return self._claim(order_id, Customer(card_code=card_code.replace(" ", "").upper()))

    def _claim(self, order_id: str, customer: Customer) -> dict[str, Any]:
        return self._tell(f"claim {order_id} {secrets.token_hex(8)}", "order.claimed", Claim(order_id, customer))

    def _require(self, order_id: str) -> None:
        state = self.state(order_id)
        if state == "unknown":
            raise UnknownOrder(order_id)
        if state == "claimed":
            raise OrderClaimedBefore(order_id)

    def _tell(self, event_id: str, kind: str, fact: Fact) -> dict[str, Any]:
        event = Event(event_id, kind, content_hash(kind, fact), self.now, b"", fact)
        return receive(
            self.begin,
            source=self.source,
            template=self.template,
            vault=self.vault,
            event=event,
            pass_type_identifier=self.pass_type_identifier,
            now=self.now,
        ).answer
