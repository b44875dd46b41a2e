"""Wallets: the phones that hold a card, what each should show, and what each was told and has fetched.

A wallet is behind while `wanted > sent`; that difference is the whole outbox. Rows of several wallets are always
locked in the order of their ids, so that no two transactions wait for each other in a circle.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, Row, text

from wallet_service.domain.card import Revised
from wallet_service.domain.push import Push
from wallet_service.storage import installs

# Google holds what all cards share apart from them: where nothing of the member's own has changed, a wallet that was in
# step still is. What was put off because of its content is due again once the content has changed.
_WANT = text("""
    UPDATE wallets
    SET wanted = :revision,
        sent = CASE WHEN platform = 'google' AND NOT :own AND sent = wanted THEN :revision ELSE sent END,
        coalesce_for = :window,
        not_before = greatest(:now, CASE WHEN refused AND :own THEN sent_at + :window ELSE not_before END),
        refused = refused AND NOT :own,
        announced = coalesce(:announced, wallets.announced),
        announced_revision = CASE WHEN CAST(:announced AS text) IS NULL THEN announced_revision ELSE :revision END
    FROM (SELECT id FROM wallets WHERE card_id = :card_id ORDER BY id FOR UPDATE) AS held
    WHERE wallets.id = held.id
""")
_LOCK_THOSE_OF = text("SELECT id FROM wallets WHERE card_id = ANY(:card_ids) ORDER BY id FOR UPDATE")
_CLAIM = text("""
    UPDATE wallets
    SET lease = :lease, lease_until = :until, attempts = attempts + 1
    FROM (
        SELECT id FROM wallets
        WHERE platform = :platform AND wanted > sent AND removed_at IS NULL AND not_before <= :now
          AND (lease_until IS NULL OR lease_until <= :now)
        ORDER BY not_before, id
        LIMIT :most
        FOR UPDATE SKIP LOCKED
    ) AS behind, cards
    WHERE wallets.id = behind.id AND cards.id = card_id
    RETURNING wallets.id, target, pass_type_identifier, wanted, card_id, attempts, registered_at
""")
_CLAIM_ONE = text("""
    UPDATE wallets
    SET lease = :lease, lease_until = :until, attempts = attempts + 1
    FROM cards
    WHERE wallets.id = :wallet_id AND cards.id = card_id AND wanted > sent
      AND (lease_until IS NULL OR lease_until <= :now)
    RETURNING wallets.id, target, pass_type_identifier, wanted, card_id, attempts, registered_at
""")
_LOCK = text("SELECT id FROM wallets WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")
# A settlement counts only while the lease is still ours: a worker that slept past it must not undo its successor.
_LOCKED = """
    SELECT wallets.id, told.revision, told.until, told.reason
    FROM unnest(CAST(:ids AS bigint[]), CAST(:revisions AS integer[]), CAST(:untils AS timestamptz[]),
                CAST(:reasons AS text[])) AS told (id, revision, until, reason)
    JOIN wallets ON wallets.id = told.id AND wallets.lease = :lease
    ORDER BY wallets.id
    FOR UPDATE OF wallets
"""
_SENT = text(f"""
    WITH told AS ({_LOCKED})
    UPDATE wallets
    SET sent = greatest(sent, told.revision), sent_at = :now, attempts = 0, last_error = NULL, refused = false,
        announced = CASE WHEN announced_revision > told.revision THEN announced END,
        lease = NULL, lease_until = NULL, not_before = :now + coalesce_for
    FROM told WHERE wallets.id = told.id
""")
# What was refused waits long, but not if the card shows something else by now.
_LATER = text(f"""
    WITH told AS ({_LOCKED})
    UPDATE wallets
    SET not_before = CASE WHEN :refused AND wanted > told.revision THEN :now ELSE told.until END,
        refused = :refused AND wanted = told.revision, last_error = told.reason, lease = NULL, lease_until = NULL
    FROM told WHERE wallets.id = told.id
""")
_GONE = text(f"""
    WITH told AS ({_LOCKED}), dropped AS (
        DELETE FROM wallets USING told WHERE wallets.id = told.id AND registered_at <= told.until
        RETURNING card_id, platform, device
    ), noted AS ({installs.left("dropped")})
    SELECT card_id FROM dropped
""")
_FREE = text("""
    UPDATE wallets SET lease = NULL, lease_until = NULL, last_error = :reason, attempts = greatest(attempts - 1, 0)
    FROM (SELECT id FROM wallets WHERE id = ANY(:ids) AND lease = :lease ORDER BY id FOR UPDATE) AS held
    WHERE wallets.id = held.id
""")
_STOP = text("""
    INSERT INTO delivery_stops (platform, reason, since, until) VALUES (:platform, :reason, :now, :until)
    ON CONFLICT (platform) DO UPDATE SET reason = excluded.reason, until = excluded.until
""")
_STOPS = text("SELECT platform, reason, since, until FROM delivery_stops ORDER BY platform")
_RESUME = text("DELETE FROM delivery_stops WHERE platform = :platform")
_SEEN = """
    serial_number, platform, left(device, 8) AS device, revision, wanted, sent, fetched, sent_at, not_before,
    attempts, last_error, installed_at, removed_at
"""
_DRIFT = f"SELECT {_SEEN} FROM wallets JOIN cards ON cards.id = card_id"
_OF_CARD = text(f"{_DRIFT} WHERE card_id = :card_id ORDER BY platform, device")
_IS_BEHIND = """
    removed_at IS NULL AND (wanted < revision OR sent < wanted OR (platform = 'apple' AND fetched < wanted))
"""
_BEHIND = text(f"{_DRIFT} WHERE {_IS_BEHIND} ORDER BY serial_number, platform, device LIMIT :most")
_BEHIND_OF_PROGRAM = text(f"""
    SELECT wallets.id AS wallet_id, {_SEEN}
    FROM wallets JOIN cards ON cards.id = card_id JOIN members ON members.id = cards.member_id
    WHERE members.program_id = :program_id AND wallets.id > :after AND {_IS_BEHIND}
    ORDER BY wallets.id LIMIT :most
""")
# A card that is held at a vendor is in step when its class is, too.
_COUNTED = """
    SELECT {cards} AS cards, count(*) AS wallets,
           count(*) FILTER (WHERE wallets.wanted > wallets.sent) AS unsent,
           count(*) FILTER (
               WHERE wallets.platform = 'apple' AND wallets.wanted <= wallets.sent AND fetched < wallets.wanted
           ) AS unfetched,
           count(DISTINCT card_id) FILTER (
               WHERE wallets.wanted < revision OR wallets.wanted > wallets.sent
                  OR (wallets.platform = 'apple' AND fetched < wallets.wanted)
                  OR (pass_classes.id IS NOT NULL AND pass_classes.sent IS DISTINCT FROM pass_classes.wanted)
           ) AS cards_behind
    FROM wallets JOIN cards ON cards.id = card_id JOIN members ON members.id = cards.member_id
    LEFT JOIN pass_classes
      ON pass_classes.platform = wallets.platform AND pass_classes.program_id = members.program_id
    WHERE removed_at IS NULL
"""
_COUNT = text(_COUNTED.format(cards="(SELECT count(*) FROM cards)"))
_CARDS_OF_PROGRAM = """(
        SELECT count(*) FROM cards JOIN members ON members.id = cards.member_id WHERE members.program_id = :program_id
    )"""
_COUNT_OF_PROGRAM = text(f"{_COUNTED.format(cards=_CARDS_OF_PROGRAM)} AND members.program_id = :program_id")
_PLATFORMS = text("""
    SELECT platform, count(*) AS wallets, count(*) FILTER (WHERE wanted > sent) AS unsent,
           count(*) FILTER (WHERE platform = 'apple' OR installed_at IS NOT NULL) AS installed
    FROM wallets WHERE removed_at IS NULL GROUP BY platform ORDER BY platform
""")


@dataclass(frozen=True, slots=True)
class Behind:
    """A claimed wallet that is behind, with the number of this attempt and when it last registered."""

    push: Push
    attempts: int
    registered_at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one push: the revision that was sent, or until when and why it was put off or given up."""

    wallet_id: int
    revision: int
    until: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a wallet is, as far as we can know: what it should show, was told or has taken, and has fetched."""

    serial_number: str
    platform: str
    device: str
    revision: int
    wanted: int
    sent: int
    fetched: int
    sent_at: datetime | None
    not_before: datetime
    attempts: int
    last_error: str | None
    installed_at: datetime | None
    removed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Tally:
    """How many cards and wallets there are, and how many of them are behind in which way."""

    cards: int
    wallets: int
    unsent: int
    unfetched: int
    cards_behind: int


@dataclass(frozen=True, slots=True)
class PlatformTally:
    """How many wallets of a platform there are, how many wait to be sent, and how many are known to be on a phone."""

    platform: str
    wallets: int
    unsent: int
    installed: int


@dataclass(frozen=True, slots=True)
class DeliveryStop:
    """Delivery to a platform is stopped because every push would fail alike."""

    platform: str
    reason: str
    since: datetime
    until: datetime


def want(tx: Connection, revised: Sequence[Revised], *, window: timedelta, now: datetime) -> None:
    """Ask that every wallet of these cards shows their new revision: at once, or `window` after its last change.

    The push that a phone gets for registering is no change: a purchase right after it goes out at once.
    """
    cards = [
        {
            "card_id": each.card.id,
            "revision": each.card.revision,
            "own": each.own_changed,
            "announced": each.card.announced,
            "window": window,
            "now": now,
        }
        for each in revised
    ]
    if len(cards) > 1:
        tx.execute(_LOCK_THOSE_OF, {"card_ids": [each["card_id"] for each in cards]})
    tx.execute(_WANT, cards)


def claim(tx: Connection, *, platform: str, most: int, lease: UUID, until: datetime, now: datetime) -> Sequence[Behind]:
    """Lease up to `most` wallets that are behind; nobody else claims them before `until`."""
    values = {"platform": platform, "most": most, "lease": lease, "until": until, "now": now}
    return [_behind(row, until) for row in tx.execute(_CLAIM, values)]


def claim_one(tx: Connection, *, wallet_id: int, lease: UUID, until: datetime, now: datetime) -> Behind | None:
    """Lease one wallet though its time may not have come; None if it is not behind, or somebody else is at it."""
    values = {"wallet_id": wallet_id, "lease": lease, "until": until, "now": now}
    row = tx.execute(_CLAIM_ONE, values).first()
    return _behind(row, until) if row else None


def lock(tx: Connection, wallet_ids: Iterable[int]) -> None:
    """Hold several wallets still, in their order, before they are settled in different ways."""
    tx.execute(_LOCK, {"ids": list(wallet_ids)})


def settle_sent(tx: Connection, verdicts: Sequence[Verdict], *, lease: UUID, now: datetime) -> None:
    """Note the revisions that were sent; a newer one that is wanted by now waits for the wallet's window."""
    tx.execute(_SENT, _told(verdicts, lease) | {"now": now})


def settle_later(
    tx: Connection, verdicts: Sequence[Verdict], *, lease: UUID, now: datetime, refused: bool = False
) -> None:
    """Put wallets off until the time that each verdict names; those `refused` only as long as their content stays."""
    tx.execute(_LATER, _told(verdicts, lease) | {"refused": refused, "now": now})


def settle_gone(tx: Connection, verdicts: Sequence[Verdict], *, lease: UUID, now: datetime) -> list[int]:
    """Drop wallets whose target is dead, unless they registered again after the verdict's `until`.

    Return the cards that they held.
    """
    return list(tx.execute(_GONE, _told(verdicts, lease) | {"now": now}).scalars())


def free(tx: Connection, wallet_ids: Iterable[int], *, lease: UUID, reason: str) -> None:
    """Give back, untried, those of the wallets that are still held under the lease."""
    tx.execute(_FREE, {"ids": list(wallet_ids), "lease": lease, "reason": reason})


def stop(tx: Connection, platform: str, reason: str, *, until: datetime, now: datetime) -> None:
    """Stop delivery to the platform until then."""
    tx.execute(_STOP, {"platform": platform, "reason": reason, "until": until, "now": now})


def stopped(tx: Connection, platform: str) -> DeliveryStop | None:
    """Return why delivery to the platform is stopped, if it is."""
    return next((each for each in stops(tx) if each.platform == platform), None)


def stops(tx: Connection) -> list[DeliveryStop]:
    """Return why delivery is stopped, for each platform to which it is."""
    return [DeliveryStop(*row) for row in tx.execute(_STOPS)]


def resume(tx: Connection, platform: str) -> None:
    """Let delivery to the platform go on."""
    tx.execute(_RESUME, {"platform": platform})


def behind(tx: Connection, *, most: int) -> list[Drift]:
    """Return up to `most` wallets that do not show, as far as we know, what their card says."""
    return [Drift(*row) for row in tx.execute(_BEHIND, {"most": most})]


def behind_of_program(tx: Connection, program_id: int, *, after: int, most: int) -> list[tuple[int, Drift]]:
    """Return up to `most` wallets of a programme that do not show what their card says, in the order of their ids.

    They begin after the id `after`, and come with theirs.
    """
    values = {"program_id": program_id, "after": after, "most": most}
    return [(row[0], Drift(*row[1:])) for row in tx.execute(_BEHIND_OF_PROGRAM, values)]


def of_card(tx: Connection, card_id: int) -> list[Drift]:
    """Return all wallets of a card, also those that are in step, and one that its holder has removed."""
    return [Drift(*row) for row in tx.execute(_OF_CARD, {"card_id": card_id})]


def tally(tx: Connection) -> Tally:
    """Count cards, wallets, and those that are behind."""
    return Tally(*tx.execute(_COUNT).one())


def tally_of_program(tx: Connection, program_id: int) -> Tally:
    """Count cards and wallets of a programme, and those that are behind."""
    return Tally(*tx.execute(_COUNT_OF_PROGRAM, {"program_id": program_id}).one())


def by_platform(tx: Connection) -> list[PlatformTally]:
    """Count the wallets of each platform."""
    return [PlatformTally(*row) for row in tx.execute(_PLATFORMS)]


def _behind(row: Row[tuple[object, ...]], until: datetime) -> Behind:
    push = Push(row.id, row.target, row.pass_type_identifier, row.wanted, row.card_id, until)
    return Behind(push, row.attempts, row.registered_at)


def _told(verdicts: Sequence[Verdict], lease: UUID) -> dict[str, object]:
    return {
        "ids": [each.wallet_id for each in verdicts],
        "revisions": [each.revision for each in verdicts],
        "untils": [each.until for each in verdicts],
        "reasons": [each.reason for each in verdicts],
        "lease": lease,
    }
