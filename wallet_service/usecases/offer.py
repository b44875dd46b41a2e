"""A customer wants the card in a wallet whose vendor holds it: it must be there before the customer is sent there."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.card import Card
from wallet_service.domain.errors import CardNotOffered
from wallet_service.domain.pass_class import PassClass
from wallet_service.storage import holdings, pass_classes, registrations
from wallet_service.storage.holdings import Offer
from wallet_service.usecases.deliver import Delivery
from wallet_service.usecases.deliver_classes import ClassDelivery

TRIES = 40
PAUSE = 0.25  # seconds; another worker may be at it just now


@dataclass(frozen=True)
class Offering:
    """What is needed to have a card held: the same deliveries that workers use, so that never two write at once."""

    cards: Delivery
    classes: ClassDelivery
    begin: Callable[[], AbstractContextManager[Connection]]
    clock: Callable[[], datetime]
    pause: Callable[[float], object]
    in_time: Callable[[], bool]

    def enter(self, card: Card, pass_class: PassClass, *, target: str) -> Offer:
        """Make sure that the card has its wallet, and say whether the vendor holds it already; asks nobody."""
        now = self.clock()
        with self.begin() as tx:
            pass_classes.want(tx, pass_class, publish=False, now=now)
        with self.begin() as tx:
            revision = registrations.lock_card(tx, card.id)
            return holdings.offer(
                tx, card_id=card.id, platform=pass_class.platform, target=target, revision=revision, now=now
            )

    def bring(self, offered: Offer, pass_class: PassClass) -> None:
        """Return once the vendor holds the card.

        Raises `CardNotOffered` with what went wrong, when the vendor did not take it in time.
        """
        self.classes.deliver_one(pass_class)
        reason = None
        for _ in range(TRIES):
            if not self.in_time():
                break
            if self._class_is_under_way(pass_class):
                self.pause(PAUSE)
                continue
            done = self.cards.deliver_one(offered.wallet_id)
            with self.begin() as tx:
                state = holdings.state(tx, offered.wallet_id)
            if state is None or state.sent > 0:
                return
            reason = state.last_error
            if done.total or done.stopped:
                break
            self.pause(PAUSE)
        raise CardNotOffered(reason or "another worker is still at it")

    def _class_is_under_way(self, pass_class: PassClass) -> bool:
        """Whether somebody else is just putting the class, without which no card is taken."""
        with self.begin() as tx:
            return pass_classes.under_way(tx, pass_class.platform, pass_class.target, now=self.clock())
