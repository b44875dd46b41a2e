"""Classes: what a vendor holds once for all cards of a programme. One is behind while `sent` is not `wanted`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from wallet_service.domain.pass_class import PassClass

_WANT = text("""
    INSERT INTO pass_classes (platform, program_id, target, wanted, not_before, attempts)
    SELECT :platform, id, :target, :digest, :now, 0 FROM programs WHERE code = :program
    ON CONFLICT (platform, program_id) DO UPDATE
    SET sent = CASE WHEN pass_classes.target = excluded.target THEN pass_classes.sent END,
        sent_at = CASE WHEN pass_classes.target = excluded.target THEN pass_classes.sent_at END,
        target = excluded.target, wanted = excluded.wanted, not_before = excluded.not_before, attempts = 0,
        last_error = NULL
    WHERE :publish OR pass_classes.target <> excluded.target
    RETURNING id
""")
_KNOWN = text("""
    SELECT target, wanted FROM pass_classes JOIN programs ON programs.id = program_id
    WHERE platform = :platform AND programs.code = :program
""")
_CLAIM = text("""
    UPDATE pass_classes
    SET lease = :lease, lease_until = :until, attempts = attempts + 1
    FROM (
        SELECT pass_classes.id
        FROM pass_classes
        JOIN unnest(CAST(:targets AS text[]), CAST(:digests AS bytea[])) AS drawn (target, digest)
          ON drawn.target = pass_classes.target AND drawn.digest = wanted
        WHERE platform = :platform AND sent IS DISTINCT FROM wanted AND not_before <= :due
          AND (lease_until IS NULL OR lease_until <= :now)
        ORDER BY pass_classes.id
        FOR UPDATE OF pass_classes
    ) AS behind
    WHERE pass_classes.id = behind.id
    RETURNING pass_classes.target, wanted, attempts
""")
_SENT = text("""
    UPDATE pass_classes
    SET sent = :digest, sent_at = :now, attempts = 0, last_error = NULL, lease = NULL, lease_until = NULL
    WHERE platform = :platform AND target = :target AND lease = :lease
""")
# Cards that waited because their class was missing need not wait any more.
_HURRY = text("""
    UPDATE wallets SET not_before = :now
    FROM (
        SELECT wallets.id
        FROM wallets JOIN cards ON cards.id = card_id JOIN members ON members.id = cards.member_id
        JOIN pass_classes
          ON pass_classes.platform = wallets.platform AND pass_classes.program_id = members.program_id
        WHERE wallets.platform = :platform AND pass_classes.target = :target AND wallets.wanted > wallets.sent
          AND removed_at IS NULL AND wallets.attempts > 0 AND NOT refused AND wallets.not_before > :now
        ORDER BY wallets.id FOR UPDATE OF wallets
    ) AS waiting
    WHERE wallets.id = waiting.id
""")
_LATER = text("""
    UPDATE pass_classes
    SET not_before = :until, last_error = :reason, lease = NULL, lease_until = NULL
    WHERE platform = :platform AND target = :target AND lease = :lease
""")
_FORGET = text("""
    UPDATE pass_classes SET sent = NULL, not_before = :now WHERE platform = :platform AND target = :target
""")
# Put again, but not again and again: a card that is missed for another reason would cost a request each time.
_FORGET_OF = text("""
    UPDATE pass_classes SET sent = NULL, not_before = greatest(:now, sent_at + interval '10 seconds')
    WHERE sent IS NOT NULL AND (platform, program_id) IN (
        SELECT wallets.platform, members.program_id
        FROM wallets JOIN cards ON cards.id = card_id JOIN members ON members.id = cards.member_id
        WHERE wallets.id = ANY(:wallet_ids)
    )
""")
_UNDER_WAY = text("""
    SELECT EXISTS (
        SELECT FROM pass_classes
        WHERE platform = :platform AND target = :target AND sent IS NULL AND lease_until > :now
    )
""")
_EVERY = text("""
    SELECT platform, programs.code AS program, programs.template, target, wanted, sent, sent_at, not_before, attempts,
           last_error
    FROM pass_classes JOIN programs ON programs.id = program_id ORDER BY platform, programs.code
""")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A class that is behind, and which attempt this is."""

    target: str
    digest: bytes
    attempts: int


@dataclass(frozen=True, slots=True)
class Held:
    """A class as we know it: the drawing that the vendor should hold, and the one that it took last."""

    platform: str
    program: str
    template: str
    target: str
    wanted: bytes
    sent: bytes | None
    sent_at: datetime | None
    not_before: datetime
    attempts: int
    last_error: str | None

    @property
    def in_step(self) -> bool:
        """Whether the vendor has taken the drawing that it should hold."""
        return self.sent == self.wanted


def want(tx: Connection, drawn: PassClass, *, publish: bool, now: datetime) -> bool:
    """Ask that the vendor holds the class as drawn; return whether that is news.

    Unless it is to be `publish`ed, a class that is wanted already stays as it is: a process that still runs with older
    files must not bring them back. Where there is no news, nothing is locked.
    """
    values = {"platform": drawn.platform, "program": drawn.program, "target": drawn.target, "digest": drawn.digest}
    known = tx.execute(_KNOWN, values).first()
    if known is not None and known.target == drawn.target and (not publish or bytes(known.wanted) == drawn.digest):
        return False
    return tx.execute(_WANT, values | {"publish": publish, "now": now}).first() is not None


def claim(
    tx: Connection,
    platform: str,
    drawn: Iterable[PassClass],
    *,
    lease: UUID,
    until: datetime,
    now: datetime,
    due: datetime,
) -> Sequence[Claimed]:
    """Lease those of the drawn classes that should be held in just that drawing, are not yet, and whose time has come.

    `due` is the time by which a wait must end for that.
    """
    classes = list(drawn)
    values = {
        "platform": platform,
        "targets": [each.target for each in classes],
        "digests": [each.digest for each in classes],
        "lease": lease,
        "until": until,
        "now": now,
        "due": due,
    }
    return [Claimed(row.target, bytes(row.wanted), row.attempts) for row in tx.execute(_CLAIM, values)]


def settle_sent(tx: Connection, drawn: PassClass, *, lease: UUID, now: datetime) -> None:
    """Note that the vendor has taken this drawing."""
    values = {"platform": drawn.platform, "target": drawn.target, "digest": drawn.digest, "lease": lease, "now": now}
    tx.execute(_SENT, values)


def hurry(tx: Connection, drawn: PassClass, *, now: datetime) -> None:
    """Have the cards of the class tried now that were put off, which may have been for want of it."""
    tx.execute(_HURRY, {"platform": drawn.platform, "target": drawn.target, "now": now})


def settle_later(tx: Connection, drawn: PassClass, *, lease: UUID, reason: str, until: datetime) -> None:
    """Put the class off until then."""
    values = {"platform": drawn.platform, "target": drawn.target, "lease": lease, "reason": reason, "until": until}
    tx.execute(_LATER, values)


def forget(tx: Connection, platform: str, target: str, *, now: datetime) -> None:
    """Note that the vendor does not hold the class as we thought, so that it is put again."""
    tx.execute(_FORGET, {"platform": platform, "target": target, "now": now})


def forget_of(tx: Connection, wallet_ids: Iterable[int], *, now: datetime) -> None:
    """Note that the vendor does not hold the classes of these wallets' cards, so that they are put again."""
    tx.execute(_FORGET_OF, {"wallet_ids": list(wallet_ids), "now": now})


def under_way(tx: Connection, platform: str, target: str, *, now: datetime) -> bool:
    """Return whether somebody is just putting the class for the first time."""
    return bool(tx.execute(_UNDER_WAY, {"platform": platform, "target": target, "now": now}).scalar())


def every(tx: Connection) -> list[Held]:
    """Return all classes."""
    return [
        Held(
            platform=row.platform,
            program=row.program,
            template=row.template,
            target=row.target,
            wanted=bytes(row.wanted),
            sent=None if row.sent is None else bytes(row.sent),
            sent_at=row.sent_at,
            not_before=row.not_before,
            attempts=row.attempts,
            last_error=row.last_error,
        )
        for row in tx.execute(_EVERY)
    ]
