"""Cards that a vendor holds for their members: offered by a link, saved and removed by the holder, and compared.

Such a card has one wallet, whoever holds it; `target` is its id at the vendor, and `sent` the revision it has taken.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Row, text

from wallet_service.domain.pass_class import PassClass
from wallet_service.storage import installs

DEVICE = "holder"  # there is one for each card, whatever phones the holder has

_OFFER = text(f"""
    INSERT INTO wallets (card_id, platform, device, target, wanted, sent, listed, fetched, registered_at, not_before,
                         coalesce_for, attempts)
    VALUES (:card_id, :platform, '{DEVICE}', :target, :revision, 0, 0, 0, :now, :now, interval '0', 0)
    ON CONFLICT (card_id, platform, device) DO UPDATE
    SET target = excluded.target, wanted = excluded.wanted, removed_at = NULL,
        sent = CASE WHEN wallets.target = excluded.target THEN wallets.sent ELSE 0 END,
        lease = CASE WHEN wallets.target = excluded.target THEN wallets.lease END,
        lease_until = CASE WHEN wallets.target = excluded.target THEN wallets.lease_until END,
        refused = wallets.refused AND wallets.target = excluded.target
    RETURNING id, sent
""")
_STATE = text("""
    SELECT sent, last_error, wallets.announced, announced_revision, revision
    FROM wallets JOIN cards ON cards.id = card_id WHERE wallets.id = :wallet_id
""")
# Held before its wallets, so that nobody makes the card void meanwhile and a void one is not left alone.
_HOLD_CARDS = text("""
    SELECT cards.id FROM cards JOIN wallets ON wallets.card_id = cards.id
    WHERE platform = :platform AND target = ANY(:targets) ORDER BY cards.id FOR SHARE OF cards
""")
# What is heard late must not undo what was said after it: the end of a message's validity tells which is the later one.
_SAVED = text(f"""
    WITH saved AS (
        UPDATE wallets
        SET installed_at = coalesce(wallets.installed_at, :now), removed_at = NULL,
            heard_until = greatest(heard_until, :until)
        FROM (
            SELECT id, installed_at IS NULL AS changed FROM wallets
            WHERE platform = :platform AND target = :target AND (heard_until IS NULL OR heard_until <= :until)
            FOR UPDATE
        ) AS before
        WHERE wallets.id = before.id
        RETURNING card_id, platform, device, changed
    ), noted AS ({installs.came("saved")})
    SELECT card_id, changed FROM saved
""")
# A void card is followed to its end though nobody has it: what the vendor holds of its member must go.
_REMOVED = text(f"""
    WITH removed AS (
        UPDATE wallets
        SET installed_at = NULL, heard_until = greatest(heard_until, :until),
            removed_at = (SELECT CASE WHEN voided_at IS NULL THEN CAST(:now AS timestamptz) END FROM cards
                          WHERE cards.id = card_id)
        FROM (
            SELECT id, installed_at IS NOT NULL AS changed FROM wallets
            WHERE platform = :platform AND target = :target AND (heard_until IS NULL OR heard_until <= :until)
            FOR UPDATE
        ) AS before
        WHERE wallets.id = before.id
        RETURNING card_id, platform, device, changed
    ), noted AS ({installs.left("removed")})
    SELECT card_id, changed FROM removed
""")
# What was seen counts only as long as nothing was heard since.
_SEEN_SAVED = text(f"""
    WITH saved AS (
        UPDATE wallets SET installed_at = :now, removed_at = NULL
        WHERE id = :wallet_id AND installed_at IS NULL AND (removed_at IS NULL OR removed_at <= :looked_at)
        RETURNING id, card_id, platform, device
    ), noted AS ({installs.came("saved")})
    SELECT id FROM saved
""")
_SEEN_UNSAVED = text(f"""
    WITH removed AS (
        UPDATE wallets
        SET installed_at = NULL,
            removed_at = (SELECT CASE WHEN voided_at IS NULL THEN CAST(:now AS timestamptz) END FROM cards
                          WHERE cards.id = card_id)
        WHERE id = :wallet_id AND installed_at <= :looked_at
        RETURNING id, card_id, platform, device
    ), noted AS ({installs.left("removed")})
    SELECT id FROM removed
""")
_BY_TARGET = text("""
    SELECT id, card_id, target, wanted, sent, sent_at, lease_until IS NOT NULL AND lease_until > :now AS leased,
           installed_at IS NOT NULL AS installed, removed_at IS NOT NULL AS removed
    FROM wallets WHERE platform = :platform AND target = ANY(:targets) ORDER BY id
""")
_HELD = text(f"{_BY_TARGET.text} FOR UPDATE")
_SHOULD_BE = text("""
    SELECT wallets.id, card_id, wallets.target, wanted, sent, sent_at, false AS leased,
           installed_at IS NOT NULL AS installed, false AS removed
    FROM wallets JOIN cards ON cards.id = card_id JOIN members ON members.id = cards.member_id
    JOIN programs ON programs.id = members.program_id
    WHERE platform = :platform AND programs.code = :program AND sent > 0 AND removed_at IS NULL
      AND split_part(wallets.target, '.', 1) = split_part(:class_target, '.', 1)
      AND sent_at < :since AND wallets.id > :after
    ORDER BY wallets.id LIMIT :most
""")
_AGAIN = text("""
    UPDATE wallets
    SET sent = 0, not_before = :now, attempts = 0, refused = false, last_error = :reason
    FROM (SELECT id FROM wallets WHERE id = :wallet_id AND sent = :sent FOR UPDATE) AS wrong
    WHERE wallets.id = wrong.id
    RETURNING wallets.id
""")
_CALL_BACK = text("""
    UPDATE wallets SET removed_at = NULL
    FROM (
        SELECT id FROM wallets WHERE card_id = :card_id AND removed_at IS NOT NULL ORDER BY id FOR UPDATE
    ) AS removed
    WHERE wallets.id = removed.id
""")
_IMPATIENT = text("""
    UPDATE wallets SET not_before = :now, attempts = 0, refused = false
    FROM (
        SELECT id FROM wallets WHERE wanted > sent AND removed_at IS NULL AND not_before > :now ORDER BY id FOR UPDATE
    ) AS put_off
    WHERE wallets.id = put_off.id
    RETURNING wallets.id
""")
# A phone that was told and never came is told again; it costs it one question.
_REPUSH = text("""
    UPDATE wallets SET sent = fetched, not_before = :now, attempts = 0
    FROM (
        SELECT wallets.id, serial_number FROM wallets JOIN cards ON cards.id = card_id
        WHERE platform = 'apple' AND sent = wanted AND fetched < wanted AND sent_at < :before
        ORDER BY wallets.id FOR UPDATE OF wallets
    ) AS silent
    WHERE wallets.id = silent.id
    RETURNING serial_number, left(device, 8) AS device, wanted, fetched
""")


@dataclass(frozen=True, slots=True)
class Offer:
    """The wallet of an offered card, and whether the vendor holds the card already."""

    wallet_id: int
    held: bool


@dataclass(frozen=True, slots=True)
class HeardOf:
    """The card of which something was heard, and whether that was news: its holder may save it again and again."""

    card_id: int
    changed: bool


@dataclass(frozen=True, slots=True)
class State:
    """The revision that the vendor has taken, what went wrong last, and what its holder should be told of.

    `announced` is the key of a field, `announced_revision` the revision that changed it, `revision` the card's own.
    """

    sent: int
    last_error: str | None
    announced: str | None
    announced_revision: int
    revision: int


@dataclass(frozen=True, slots=True)
class Holding:
    """A card that the vendor holds, or should, as we know it."""

    wallet_id: int
    card_id: int
    target: str
    wanted: int
    sent: int
    sent_at: datetime | None
    leased: bool
    installed: bool
    removed: bool


@dataclass(frozen=True, slots=True)
class Silent:
    """A phone that was told of a revision and has not fetched it."""

    serial_number: str
    device: str
    wanted: int
    fetched: int


def offer(tx: Connection, *, card_id: int, platform: str, target: str, revision: int, now: datetime) -> Offer:
    """Make sure that the card, which is held already, has its wallet; one that was removed follows changes again."""
    values = {"card_id": card_id, "platform": platform, "target": target, "revision": revision, "now": now}
    row = tx.execute(_OFFER, values).one()
    return Offer(row.id, row.sent > 0)


def state(tx: Connection, wallet_id: int) -> State | None:
    """Return how things stand with the wallet; None if there is none any more."""
    row = tx.execute(_STATE, {"wallet_id": wallet_id}).first()
    return State(*row) if row else None


def heard(tx: Connection, *, platform: str, target: str, saved: bool, until: datetime, now: datetime) -> HeardOf | None:
    """Note that the holder saved or removed the card; return None if it is not ours, or something later was said."""
    tx.execute(_HOLD_CARDS, {"platform": platform, "targets": [target]})
    values = {"platform": platform, "target": target, "until": until, "now": now}
    row = tx.execute(_SAVED if saved else _REMOVED, values).first()
    return HeardOf(*row) if row else None


def seen(tx: Connection, holding: Holding, *, saved: bool, looked_at: datetime, now: datetime) -> bool:
    """Note what the vendor said then of who has the card; return False if something else was heard since."""
    values = {"wallet_id": holding.wallet_id, "looked_at": looked_at, "now": now}
    return tx.execute(_SEEN_SAVED if saved else _SEEN_UNSAVED, values).first() is not None


def by_target(
    tx: Connection, platform: str, targets: Iterable[str], *, now: datetime, hold: bool
) -> dict[str, Holding]:
    """Return what we know of the cards with these ids at the vendor; `hold` keeps them still, in their order."""
    values = {"platform": platform, "targets": list(targets), "now": now}
    if hold:
        tx.execute(_HOLD_CARDS, values)
    rows = tx.execute(_HELD if hold else _BY_TARGET, values)
    return {row.target: _holding(row) for row in rows}


def should_be_held(tx: Connection, drawn: PassClass, *, since: datetime, after: int, most: int) -> list[Holding]:
    """Return up to `most` cards of a class that the vendor took before `since`, from the wallet `after` on."""
    values = {
        "platform": drawn.platform,
        "program": drawn.program,
        "class_target": drawn.target,
        "since": since,
        "after": after,
        "most": most,
    }
    return [_holding(row) for row in tx.execute(_SHOULD_BE, values)]


def again(tx: Connection, holding: Holding, *, reason: str, now: datetime) -> bool:
    """Have the card sent again, unless something else was sent meanwhile; return whether that is so."""
    values = {"wallet_id": holding.wallet_id, "sent": holding.sent, "reason": reason, "now": now}
    return tx.execute(_AGAIN, values).first() is not None


def call_back(tx: Connection, card_id: int) -> None:
    """Have the card's wallets follow its changes again, though their holders removed it."""
    tx.execute(_CALL_BACK, {"card_id": card_id})


def impatient(tx: Connection, *, now: datetime) -> int:
    """Let every wallet that is put off be tried now; return how many."""
    return len(tx.execute(_IMPATIENT, {"now": now}).all())


def repush(tx: Connection, *, patience: timedelta, now: datetime) -> list[Silent]:
    """Have every phone told again that was told longer ago than `patience` and has not fetched."""
    rows = tx.execute(_REPUSH, {"before": now - patience, "now": now})
    return [Silent(*row) for row in rows]


def _holding(row: Row[tuple[object, ...]]) -> Holding:
    return Holding(
        row.id, row.card_id, row.target, row.wanted, row.sent, row.sent_at, row.leased, row.installed, row.removed
    )
