"""Do the phones show what the ledger says? Which do not, as far as we can know, and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.card import Card
from wallet_service.domain.pass_class import PassClass
from wallet_service.storage import audit, pass_classes, wallets
from wallet_service.storage.audit import Difference
from wallet_service.storage.pass_classes import Held
from wallet_service.storage.wallets import DeliveryStop, Drift, Tally
from wallet_service.usecases.in_force import InForce
from wallet_service.usecases.publish import stale

Stops = dict[str, DeliveryStop]


@dataclass(frozen=True, slots=True)
class Late:
    """A wallet, and in plain words why it is behind, or that it is not."""

    wallet: Drift
    why: str


@dataclass(frozen=True, slots=True)
class LateClass:
    """A class that a vendor does not hold as it should, and the reason in plain words."""

    platform: str
    target: str
    why: str


@dataclass(frozen=True, slots=True)
class Report:
    """All that is known about being in step; `late` may be cut at the number asked for, the tally is whole."""

    tally: Tally
    late: tuple[Late, ...]
    late_classes: tuple[LateClass, ...]
    differences: tuple[Difference, ...]
    stops: tuple[DeliveryStop, ...]
    stale: int

    @property
    def good(self) -> bool:
        """Whether every phone shows what the ledger says, as far as we can know."""
        return not (self.tally.cards_behind or self.late_classes or self.differences or self.stale)

    @property
    def in_step(self) -> int:
        """How many cards have no wallet that is behind."""
        return self.tally.cards - self.tally.cards_behind


def drift(
    tx: Connection,
    in_force: InForce,
    *,
    most: int,
    now: datetime,
    drawn: Iterable[PassClass] = (),
) -> Report:
    """Compare ledger, balances, cards, classes and wallets, and explain up to `most` wallets that are behind.

    `drawn` are the classes as this process draws them.
    """
    stops = {each.platform: each for each in wallets.stops(tx)}
    return Report(
        wallets.tally(tx),
        tuple(Late(each, _why(each, stops, now)) for each in wallets.behind(tx, most=most)),
        tuple(_late_classes(pass_classes.every(tx), drawn, stops, now)),
        tuple(audit.balances(tx, most=most)),
        tuple(stops.values()),
        stale(tx, in_force),
    )


def look_at(tx: Connection, card: Card, *, now: datetime) -> list[Late]:
    """Return all wallets of a card, each with how it stands in plain words."""
    stops = {each.platform: each for each in wallets.stops(tx)}
    return [Late(each, _standing(each, stops, now)) for each in wallets.of_card(tx, card.id)]


@dataclass(frozen=True, slots=True)
class ProgramDrift:
    """How a programme's cards stand on all phones; `late` is a page of the wallets that are behind, with their ids."""

    tally: Tally
    late: tuple[tuple[int, Late], ...]


def drift_of_program(tx: Connection, program_id: int, *, after: int, most: int, now: datetime) -> ProgramDrift:
    """Count a programme's cards and wallets, and explain up to `most` wallets that are behind, from an id on."""
    stops = {each.platform: each for each in wallets.stops(tx)}
    found = wallets.behind_of_program(tx, program_id, after=after, most=most)
    return ProgramDrift(
        wallets.tally_of_program(tx, program_id),
        tuple((wallet_id, Late(each, _why(each, stops, now))) for wallet_id, each in found),
    )


def _standing(wallet: Drift, stops: Stops, now: datetime) -> str:
    if wallet.removed_at:
        return f"its holder removed the card on {wallet.removed_at:%Y-%m-%d}; it is left alone until it is saved again"
    fetched = wallet.platform != "apple" or wallet.fetched >= wallet.wanted
    return "in step" if fetched and wallet.revision == wallet.wanted == wallet.sent else _why(wallet, stops, now)


def _why(wallet: Drift, stops: Stops, now: datetime) -> str:
    if wallet.wanted < wallet.revision:
        return f"it was never asked for revision {wallet.revision}; this is a fault of ours"
    if wallet.sent >= wallet.wanted:
        when = f" at {wallet.sent_at:%Y-%m-%d %H:%M:%S} UTC" if wallet.sent_at else ""
        return f"pushed{when}, but not fetched yet; the phone may be off or offline"
    if wallet.platform in stops:
        return f"delivery is stopped: {stops[wallet.platform].reason}"
    if wallet.last_error and wallet.attempts:
        return f"attempt {wallet.attempts} failed ({wallet.last_error}); next after {wallet.not_before:%H:%M:%S} UTC"
    if wallet.not_before > now:
        return f"waits for more changes until {wallet.not_before:%H:%M:%S} UTC, to go out together"
    return f"waits for a worker ({wallet.last_error})" if wallet.last_error else "waits for a worker"


def _late_classes(held: Iterable[Held], drawn: Iterable[PassClass], stops: Stops, now: datetime) -> Iterable[LateClass]:
    here = {(each.platform, each.program): each for each in drawn}
    for each in held:
        why = _why_class(each, here.get((each.platform, each.program)), stops, now)
        if why:
            yield LateClass(each.platform, each.target, why)


def _why_class(held: Held, drawn: PassClass | None, stops: Stops, now: datetime) -> str | None:
    if drawn is None:
        return f"the template {held.template!r} is not loaded here, or its vendor is not set up"
    if (drawn.target, drawn.digest) != (held.target, held.wanted):
        return f"it would be drawn otherwise now; run `wallet-service publish {held.template}`"
    if held.in_step:
        return None
    if held.platform in stops:
        return f"delivery is stopped: {stops[held.platform].reason}"
    if held.last_error and held.not_before > now:
        return f"attempt {held.attempts} failed ({held.last_error}); next after {held.not_before:%H:%M:%S} UTC"
    return "waits for a worker"
