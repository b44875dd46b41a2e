"""Letters that wait to be sent, and what became of them; address and content are sealed, and go once they are sent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import orjson
from sqlalchemy import Connection, text

from wallet_service.domain.letters import Button, Channel, Kind, Letter, State, Why, Word
from wallet_service.storage.vault import Vault

PRUNED = 5000  # rows at a time

_ADD = text("""
    INSERT INTO letters (program_id, member_id, campaign_id, job_id, mark, channel, kind, sealed, state, created_at,
                         until, due_at, last_error, settled_at)
    SELECT :program_id, :member_id, :campaign_id, :job_id, :mark, :channel, :kind, :sealed, :state, :now, :until,
           CASE :state WHEN 'waiting' THEN CAST(:now AS timestamptz) END, :why,
           CASE :state WHEN 'waiting' THEN NULL ELSE CAST(:now AS timestamptz) END
    ON CONFLICT (job_id, mark) WHERE job_id IS NOT NULL DO NOTHING
    RETURNING public_id
""")
_CLAIM = text("""
    WITH due AS (
        SELECT id FROM letters
        WHERE channel = :channel AND due_at <= :now
        ORDER BY kind IN ('campaign', 'reminder'), due_at, id LIMIT :most FOR UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE letters SET lease = :lease, due_at = :until, attempts = attempts + 1
        FROM due WHERE letters.id = due.id
        RETURNING letters.*
    )
    SELECT claimed.id, claimed.public_id, claimed.program_id, programs.merchant_id, claimed.member_id, kind, sealed,
           attempts, until, said.granted, said.at,
           CASE WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN erased_at IS NOT NULL THEN 'erased' END AS over
    FROM claimed JOIN programs ON programs.id = claimed.program_id
    LEFT JOIN link_campaigns ON link_campaigns.id = claimed.campaign_id
    LEFT JOIN members ON members.id = claimed.member_id
    LEFT JOIN LATERAL (
        SELECT granted, at FROM consents
        WHERE consents.member_id = claimed.member_id AND purpose = 'marketing'
          AND (consents.channel = claimed.channel OR consents.channel IS NULL)
        ORDER BY consents.id DESC LIMIT 1
    ) AS said ON kind IN ('campaign', 'reminder')
    ORDER BY kind IN ('campaign', 'reminder'), claimed.id
""")
# A settlement counts only while the lease is still ours: a worker that slept past it must not undo its successor.
_SETTLE = text("""
    UPDATE letters
    SET state = :state, due_at = NULL, lease = NULL, sealed = NULL, last_error = :reason, message_id = :message_id,
        settled_at = :now, sent_at = CASE :state WHEN 'sent' THEN CAST(:now AS timestamptz) END
    WHERE id = :id AND lease = :lease
""")
_PUT_OFF = text("""
    UPDATE letters SET due_at = :due_at, lease = NULL, last_error = :reason WHERE id = :id AND lease = :lease
""")
_GIVE_BACK = text("""
    UPDATE letters SET due_at = :due_at, lease = NULL, attempts = attempts - 1, last_error = :reason
    WHERE id = ANY(:ids) AND lease = :lease
""")
_FORGET = text("""
    UPDATE letters
    SET member_id = NULL, mark = convert_to(public_id, 'UTF8'), sealed = NULL, due_at = NULL, lease = NULL,
        state = CASE state WHEN 'waiting' THEN 'dropped' ELSE state END, settled_at = coalesce(settled_at, :now)
    WHERE member_id = :member_id
""")
_OF_MEMBER = text("""
    SELECT public_id, program_id, channel, kind, state, attempts, last_error, created_at, due_at, settled_at
    FROM letters WHERE member_id = :member_id ORDER BY id
""")
_LIST = text("""
    SELECT letters.public_id, letters.program_id, channel, kind, state, attempts, last_error, letters.created_at,
           due_at, settled_at
    FROM letters JOIN programs ON programs.id = program_id
    WHERE merchant_id = :merchant_id AND (CAST(:state AS text) IS NULL OR state = :state)
    ORDER BY letters.id DESC LIMIT :most
""")
_TALLY = text("""
    SELECT count(*) FILTER (WHERE due_at IS NOT NULL) AS waiting, count(*) FILTER (WHERE state = 'dead') AS dead
    FROM letters WHERE due_at IS NOT NULL OR state = 'dead'
""")
_PRUNE = text("""
    DELETE FROM letters WHERE id IN (SELECT id FROM letters WHERE settled_at < :before LIMIT :most) RETURNING id
""")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A letter that was taken on, with the number of this attempt.

    `word` is what its member has last said on marketing by its channel, if it is marketing. `over` says
    that its campaign has been ended since, or its member erased.
    """

    id: int
    public_id: str
    program_id: int
    merchant_id: int
    member_id: int | None
    kind: Kind
    sealed: bytes = field(repr=False)
    attempts: int
    until: datetime | None
    word: Word | None
    over: Why | None


@dataclass(frozen=True, slots=True)
class Kept:
    """A letter as its merchant is told of it: never to whom, nor what it says."""

    public_id: str
    program_id: int
    channel: Channel
    kind: Kind
    state: State
    attempts: int
    last_error: str | None
    created_at: datetime
    due_at: datetime | None
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Tally:
    """How many letters wait, and how many were given up."""

    waiting: int
    dead: int


def add(
    tx: Connection,
    vault: Vault,
    letter: Letter,
    *,
    program_id: int,
    member_id: int | None,
    campaign_id: int | None = None,
    job_id: int | None = None,
    to: str,
    mark: bytes,
    why: Why | None = None,
    until: datetime | None = None,
    now: datetime,
) -> str | None:
    """Add a letter that is due now, or with a reason `why` not one that is dropped, and return its id.

    A job writes to one address once: None where it has.
    """
    values = {
        "program_id": program_id,
        "member_id": member_id,
        "campaign_id": campaign_id,
        "job_id": job_id,
        "mark": mark,
        "channel": letter.channel,
        "kind": letter.kind,
        "sealed": None if why else vault.seal_bytes(orjson.dumps({"to": to, "letter": letter})),
        "state": "dropped" if why else "waiting",
        "why": why,
        "until": until,
        "now": now,
    }
    public_id: str | None = tx.execute(_ADD, values).scalar()
    return public_id


def opened(vault: Vault, sealed: bytes) -> tuple[str, Letter]:
    """Return address and content of a letter.

    Raises `SettingsRefused` where they were sealed under another secret key.
    """
    found = orjson.loads(vault.open_bytes(sealed))
    said = found["letter"]
    button = Button(**said["button"]) if said["button"] else None
    return found["to"], Letter(**(said | {"button": button, "paragraphs": tuple(said["paragraphs"])}))


def claim(tx: Connection, channel: Channel, *, most: int, lease: UUID, until: datetime, now: datetime) -> list[Claimed]:
    """Lease up to `most` letters that are due, those first that somebody has asked for."""
    values = {"channel": channel, "most": most, "lease": lease, "until": until, "now": now}
    return [
        Claimed(
            row.id,
            row.public_id,
            row.program_id,
            row.merchant_id,
            row.member_id,
            row.kind,
            bytes(row.sealed),
            row.attempts,
            row.until,
            None if row.granted is None else Word(row.granted, row.at),
            row.over,
        )
        for row in tx.execute(_CLAIM, values)
    ]


def settle(
    tx: Connection,
    letter: Claimed,
    state: State,
    *,
    lease: UUID,
    reason: str | None = None,
    message_id: str | None = None,
    now: datetime,
) -> bool:
    """Note how a letter ended, and forget what it said; False where the lease is no longer ours."""
    values = {"id": letter.id, "lease": lease, "state": state, "reason": reason, "message_id": message_id, "now": now}
    return tx.execute(_SETTLE, values).rowcount > 0


def put_off(tx: Connection, letter: Claimed, *, lease: UUID, due_at: datetime, reason: str | None) -> bool:
    """Have a letter tried again then; False where the lease is no longer ours."""
    values = {"id": letter.id, "lease": lease, "due_at": due_at, "reason": reason}
    return tx.execute(_PUT_OFF, values).rowcount > 0


def give_back(tx: Connection, letters: Sequence[Claimed], *, lease: UUID, due_at: datetime, reason: str | None) -> None:
    """Let go of letters that were not tried, or in vain for a reason that is not theirs; it counts as no attempt."""
    ids = [each.id for each in letters]
    tx.execute(_GIVE_BACK, {"ids": ids, "lease": lease, "due_at": due_at, "reason": reason})


def forget(tx: Connection, member_id: int, *, now: datetime) -> None:
    """Send a member nothing more, and let no letter say that it was theirs, nor to which address it went."""
    tx.execute(_FORGET, {"member_id": member_id, "now": now})


def of_member(tx: Connection, member_id: int) -> list[Kept]:
    """Return what is known of a member's letters, in the order in which they were written."""
    return [Kept(*row) for row in tx.execute(_OF_MEMBER, {"member_id": member_id})]


def newest(tx: Connection, merchant_id: int, *, state: State | None, most: int) -> list[Kept]:
    """Return up to `most` letters of a merchant, newest first; all, or those in one state."""
    return [Kept(*row) for row in tx.execute(_LIST, {"merchant_id": merchant_id, "state": state, "most": most})]


def tally(tx: Connection) -> Tally:
    """Count letters as an operator watches them."""
    return Tally(*tx.execute(_TALLY).one())


def prune(tx: Connection, *, before: datetime) -> int:
    """Delete letters that were settled before then, and return how many; `PRUNED` where there may be more."""
    return len(tx.execute(_PRUNE, {"before": before, "most": PRUNED}).all())
