"""Do the phones show what the ledger says? Which do not, as far as we can know, and why."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.template import Template
from wallet_service.storage import ledger, wallets
from wallet_service.storage.ledger import Difference
from wallet_service.storage.wallets import DeliveryStop, Drift, Tally
from wallet_service.usecases.publish import stale


@dataclass(frozen=True, slots=True)
class Late:
    """A wallet that is behind, and the reason in plain words."""

    wallet: Drift
    why: str


@dataclass(frozen=True, slots=True)
class Report:
    """All that is known about being in step; `late` may be cut at the number asked for, the tally is whole."""

    tally: Tally
    late: tuple[Late, ...]
    differences: tuple[Difference, ...]
    stop: DeliveryStop | None
    stale: int

    @property
    def good(self) -> bool:
        """Whether every phone shows what the ledger says, as far as we can know."""
        return not (self.tally.cards_behind or self.differences or self.stale)

    @property
    def in_step(self) -> int:
        """How many cards have no wallet that is behind."""
        return self.tally.cards - self.tally.cards_behind


def drift(tx: Connection, templates: dict[str, Template], *, most: int, now: datetime) -> Report:
    """Compare ledger, balances, cards and wallets, and explain up to `most` wallets that are behind."""
    stop = wallets.stopped(tx, "apple")
    late = tuple(Late(each, _why(each, stop, now)) for each in wallets.behind(tx, most=most))
    return Report(wallets.tally(tx), late, tuple(ledger.differences(tx)), stop, stale(tx, templates))


def _why(wallet: Drift, stop: DeliveryStop | None, now: datetime) -> str:
    if wallet.wanted < wallet.revision:
        return f"it was never asked for revision {wallet.revision}; this is a fault of ours"
    if wallet.sent >= wallet.wanted:
        when = f" at {wallet.sent_at:%Y-%m-%d %H:%M:%S} UTC" if wallet.sent_at else ""
        return f"pushed{when}, but not fetched yet; the phone may be off or offline"
    if stop:
        return f"delivery is stopped: {stop.reason}"
    if wallet.last_error:
        return f"attempt {wallet.attempts} failed ({wallet.last_error}); next after {wallet.not_before:%H:%M:%S} UTC"
    if wallet.not_before > now:
        return f"waits for more changes until {wallet.not_before:%H:%M:%S} UTC, to go out together"
    return "waits for a worker"
