"""A vendor tells that a card's holder saved or removed it."""

from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.push import Heard
from wallet_service.storage import holdings, nonces
from wallet_service.usecases.tell import tell_of_card


def hear_holder(tx: Connection, said: Heard, *, now: datetime) -> bool:
    """Note it, once however often it comes; return whether it was news of a card of ours."""
    if not nonces.first(tx, said.nonce, expires_at=said.expires_at, now=now):
        return False
    found = holdings.heard(
        tx, platform=said.platform, target=said.target, saved=said.saved, until=said.expires_at, now=now
    )
    if found and found.changed:
        kind = "pass.added" if said.saved else "pass.removed"
        tell_of_card(tx, [found.card_id], kind, {"wallet": said.platform}, now=now)
    return found is not None
