"""A phone starts or stops following a card."""

from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.card import Card
from wallet_service.storage import registrations
from wallet_service.usecases.tell import tell_of_card

TELLING = {"wallet": "apple"}
MOST_DEVICES = 50  # of one card; phones have been seen that come back under ever new names


def follow(tx: Connection, card: Card, *, device: str, target: str, now: datetime) -> bool:
    """Register the device for the card's changes; return whether it is new.

    The card is held meanwhile, so that a change which lands at the same moment is either seen here or pushed later.
    A new wallet counts as told of nothing: it is pushed once, fetches, and so shows which revision it holds. A known
    device may come with a new push token, which then replaces the old one.
    """
    registrations.lock_device(tx, device)
    revision = registrations.lock_card(tx, card.id, device=device)
    new = registrations.register(tx, card_id=card.id, device=device, target=target, revision=revision, now=now)
    registrations.retarget(tx, device=device, pass_type_identifier=card.pass_type_identifier, target=target, now=now)
    if new:
        registrations.trim(tx, card_id=card.id, most=MOST_DEVICES, now=now)
        tell_of_card(tx, [card.id], "pass.added", TELLING, now=now)
    else:
        registrations.touch(tx, card_id=card.id, device=device, now=now)
    return new


def unfollow(tx: Connection, card: Card, *, device: str, now: datetime) -> None:
    """Forget the device for this card; forgetting it twice is no error."""
    registrations.lock_device(tx, device)
    if registrations.unregister(tx, card_id=card.id, device=device, now=now):
        tell_of_card(tx, [card.id], "pass.removed", TELLING, now=now)
