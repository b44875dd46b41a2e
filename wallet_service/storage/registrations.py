"""Registrations: phones that follow cards by themselves, which of them changed, and which they have fetched."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from wallet_service.storage import installs

_LOCK_DEVICE = text("SELECT pg_advisory_xact_lock(hashtextextended(:device, 3))")
_LOCK_CARD = text("SELECT revision FROM cards WHERE id = :card_id FOR UPDATE")
_LOCK_CARDS_WALLETS = text("SELECT id FROM wallets WHERE card_id = :card_id ORDER BY id FOR UPDATE")
_LOCK_WALLETS = text("""
    SELECT id FROM wallets WHERE card_id = :card_id OR (device = :device AND platform = 'apple') ORDER BY id FOR UPDATE
""")
_REGISTER = text(f"""
    WITH added AS (
        INSERT INTO wallets (card_id, platform, device, target, wanted, sent, listed, fetched, registered_at,
                             not_before, coalesce_for, attempts)
        VALUES (:card_id, 'apple', :device, :target, :revision, 0, 0, 0, :now, :now, interval '0', 0)
        ON CONFLICT (card_id, platform, device) DO NOTHING
        RETURNING id, card_id, platform, device
    ), noted AS ({installs.came("added")})
    SELECT id FROM added
""")
# A push token belongs to the device: a new one replaces the old one on all its cards of that pass type, and
# whatever failed against the old one is tried again now.
_RETARGET = text("""
    UPDATE wallets
    SET target = :target, registered_at = :now, not_before = :now, attempts = 0, last_error = NULL,
        sent = CASE WHEN sent > fetched THEN fetched ELSE sent END,
        registered_xid = pg_current_xact_id()
    FROM (
        SELECT wallets.id FROM wallets JOIN cards ON cards.id = card_id
        WHERE device = :device AND platform = 'apple' AND pass_type_identifier = :pass_type_identifier
          AND target <> :target
        ORDER BY wallets.id FOR UPDATE OF wallets
    ) AS moved
    WHERE wallets.id = moved.id
""")
_TOUCH = text("""
    UPDATE wallets SET registered_at = :now WHERE card_id = :card_id AND platform = 'apple' AND device = :device
""")
_TRIM = text(f"""
    WITH dropped AS (
        DELETE FROM wallets WHERE id IN (
            SELECT id FROM wallets WHERE card_id = :card_id AND platform = 'apple'
            ORDER BY registered_at DESC, id DESC OFFSET :most
        )
        RETURNING card_id, platform, device
    )
    {installs.left("dropped")}
""")
_UNREGISTER = text(f"""
    WITH dropped AS (
        DELETE FROM wallets WHERE card_id = :card_id AND platform = 'apple' AND device = :device
        RETURNING card_id, platform, device
    ), noted AS ({installs.left("dropped")})
    SELECT card_id FROM dropped
""")
# The tag and the list come from one statement and so from one snapshot: what is not seen here has a transaction id
# that is not below the tag.
_CHANGES = text("""
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xmin, system_identifier, timeline_id,
           changed.id, changed.serial_number, changed.revision,
           greatest(changed.changed_xid, changed.registered_xid)::text AS xid
    FROM pg_control_system(), pg_control_checkpoint()
    LEFT JOIN (
        SELECT wallets.id, serial_number, revision, changed_xid, registered_xid
        FROM wallets JOIN cards ON cards.id = card_id
        WHERE device = :device AND platform = 'apple' AND pass_type_identifier = :pass_type_identifier
    ) AS changed ON true
    ORDER BY changed.serial_number
""")
_LISTED = text("""
    UPDATE wallets SET listed = told.revision, listed_at = :now
    FROM (
        SELECT wallets.id, told.revision
        FROM unnest(CAST(:ids AS bigint[]), CAST(:revisions AS integer[])) AS told (id, revision)
        JOIN wallets ON wallets.id = told.id AND wallets.listed < told.revision
        ORDER BY wallets.id FOR UPDATE OF wallets
    ) AS told
    WHERE wallets.id = told.id
""")
# A GET names the card, not the device. The device is the one that holds the revision whose date the request repeats;
# of several, or of none, the one that was told of this revision longest ago.
_FETCHED = text("""
    UPDATE wallets SET fetched = :revision, fetched_modified_at = :modified_at, fetched_at = :now
    WHERE id = (
        SELECT id FROM wallets
        WHERE card_id = :card_id AND platform = 'apple' AND fetched < :revision
          AND (listed >= :revision OR fetched_modified_at = :since)
        ORDER BY (fetched_modified_at IS NOT DISTINCT FROM :since) DESC, (listed >= :revision) DESC, listed_at, id
        LIMIT 1
        FOR UPDATE
    )
""")


@dataclass(frozen=True, slots=True)
class Change:
    """A card of a device: `xid` is the transaction that last changed the card or the registration."""

    wallet_id: int
    serial_number: str
    revision: int
    xid: int


@dataclass(frozen=True, slots=True)
class Changes:
    """A device's cards, and the snapshot that they were read in.

    Every change that is not in it has a transaction id of at least `xmin`; `cluster` and `timeline` tell one history
    of transaction ids from another, such as that of a restored copy.
    """

    cards: tuple[Change, ...]
    xmin: int
    cluster: int
    timeline: int


def lock_device(tx: Connection, device: str) -> None:
    """Make everybody else wait who registers this device."""
    tx.execute(_LOCK_DEVICE, {"device": device})


def lock_card(tx: Connection, card_id: int, *, device: str | None = None) -> int:
    """Hold the card still against events, with its wallets and those of a device; return the card's revision."""
    revision: int = tx.execute(_LOCK_CARD, {"card_id": card_id}).scalar_one()
    if device is None:
        tx.execute(_LOCK_CARDS_WALLETS, {"card_id": card_id})
    else:
        tx.execute(_LOCK_WALLETS, {"card_id": card_id, "device": device})
    return revision


def register(tx: Connection, *, card_id: int, device: str, target: str, revision: int, now: datetime) -> bool:
    """Add the wallet as one that has been told nothing yet; return False if the device already follows the card."""
    values = {"card_id": card_id, "device": device, "target": target, "revision": revision, "now": now}
    return tx.execute(_REGISTER, values).first() is not None


def touch(tx: Connection, *, card_id: int, device: str, now: datetime) -> None:
    """Note that the device confirmed its registration, so that an older report of its death is not believed."""
    tx.execute(_TOUCH, {"card_id": card_id, "device": device, "now": now})


def retarget(tx: Connection, *, device: str, pass_type_identifier: str, target: str, now: datetime) -> None:
    """Replace the device's push token on all its cards of the pass type."""
    values = {"device": device, "pass_type_identifier": pass_type_identifier, "target": target, "now": now}
    tx.execute(_RETARGET, values)


def trim(tx: Connection, *, card_id: int, most: int, now: datetime) -> None:
    """Drop the card's oldest registrations beyond `most`; the card is held already."""
    tx.execute(_TRIM, {"card_id": card_id, "most": most, "now": now})


def unregister(tx: Connection, *, card_id: int, device: str, now: datetime) -> bool:
    """Drop the wallet, False if there was none; nothing is left that tells of the device."""
    return tx.execute(_UNREGISTER, {"card_id": card_id, "device": device, "now": now}).first() is not None


def changes(tx: Connection, *, device: str, pass_type_identifier: str) -> Changes:
    """Return the device's cards of the pass type and the snapshot they were read in."""
    rows = tx.execute(_CHANGES, {"device": device, "pass_type_identifier": pass_type_identifier}).all()
    cards = tuple(Change(row.id, row.serial_number, row.revision, int(row.xid)) for row in rows if row.id is not None)
    return Changes(cards, int(rows[0].xmin), rows[0].system_identifier, rows[0].timeline_id)


def listed(tx: Connection, cards: Sequence[Change], *, now: datetime) -> None:
    """Note which revisions the device has been told of."""
    values = {"ids": [each.wallet_id for each in cards], "revisions": [each.revision for each in cards], "now": now}
    tx.execute(_LISTED, values)


def fetched(
    tx: Connection, *, card_id: int, revision: int, modified_at: datetime, since: datetime | None, now: datetime
) -> None:
    """Note that a device holds `revision`, the date of which is `modified_at`; `since` is the date it sent."""
    values = {"card_id": card_id, "revision": revision, "modified_at": modified_at, "since": since, "now": now}
    tx.execute(_FETCHED, values)
