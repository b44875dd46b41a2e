"""The few figures by which an operator sees whether all is well."""

from dataclasses import dataclass

from sqlalchemy import Connection

from wallet_service.storage import events, wallets
from wallet_service.storage.wallets import Tally


@dataclass(frozen=True, slots=True)
class Vitals:
    """Counts of cards, wallets and events, and whether delivery is stopped."""

    tally: Tally
    events: int
    stopped: bool


def vitals(tx: Connection) -> Vitals:
    """Count everything now."""
    return Vitals(wallets.tally(tx), events.count(tx), wallets.stopped(tx, "apple") is not None)
