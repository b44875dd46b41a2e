"""The few figures by which an operator sees whether all is well."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.storage import deliveries, events, jobs, letters, messages, pass_classes, seals, wallets
from wallet_service.storage.wallets import PlatformTally, Tally


@dataclass(frozen=True, slots=True)
class Vitals:
    """Counts of cards, wallets, classes and events, and the platforms to which delivery is stopped.

    `unsealed` is how many transactions no seal covers yet, `inbound` how many deliveries stand in a way that should be
    looked at, by their status, `messages` how those to merchants stand, `letters` those to people, `jobs` how many are
    not over or have failed of late, by their state.
    """

    tally: Tally
    platforms: tuple[PlatformTally, ...]
    classes_behind: int
    events: int
    stopped: tuple[str, ...]
    unsealed: int
    inbound: dict[str, int]
    messages: messages.Tally
    jobs: dict[str, int]
    letters: letters.Tally


def vitals(tx: Connection, *, failed_since: datetime) -> Vitals:
    """Count everything now; of jobs that failed, those that did since then."""
    return Vitals(
        wallets.tally(tx),
        tuple(wallets.by_platform(tx)),
        sum(not each.in_step for each in pass_classes.every(tx)),
        events.count(tx),
        tuple(each.platform for each in wallets.stops(tx)),
        seals.waiting(tx),
        deliveries.counts(tx),
        messages.tally(tx),
        jobs.tally(tx, since=failed_since),
        letters.tally(tx),
    )
