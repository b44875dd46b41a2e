"""How often members have used what is limited, what campaigns have given, and how far challenges have come."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import orjson
from sqlalchemy import Connection, text

from wallet_service.domain.challenge import Mark, Progress
from wallet_service.domain.limits import Need

_COUNT = text("""
    SELECT needed.code, needed.key, coalesce(sum(times), 0)::integer AS uses
    FROM unnest(CAST(:codes AS text[]), CAST(:keys AS text[]), CAST(:since AS timestamptz[]))
         AS needed (code, key, since)
    LEFT JOIN award_uses ON member_id = :member_id AND award_uses.code = needed.code AND award_uses.key = needed.key
         AND (needed.since IS NULL OR at >= needed.since)
    GROUP BY needed.code, needed.key
""")
_USE = text("""
    INSERT INTO award_uses (member_id, code, key, at, times)
    SELECT :member_id, code, key, :at, CAST(:times AS smallint)
    FROM unnest(CAST(:codes AS text[]), CAST(:keys AS text[])) AS used (code, key)
""")
_OPEN = text("""
    INSERT INTO campaign_states (program_id, code, points, claims)
    SELECT :program_id, code, 0, 0 FROM unnest(CAST(:codes AS text[])) AS code ORDER BY code ON CONFLICT DO NOTHING
""")
_LOCK = text("""
    SELECT code, points, claims FROM campaign_states
    WHERE program_id = :program_id AND code = ANY(:codes) ORDER BY code FOR UPDATE
""")
_SPEND = text("""
    UPDATE campaign_states
    SET points = campaign_states.points + spent.points, claims = campaign_states.claims + spent.claims
    FROM unnest(CAST(:codes AS text[]), CAST(:points AS bigint[]), CAST(:claims AS integer[]))
         AS spent (code, points, claims)
    WHERE program_id = :program_id AND campaign_states.code = spent.code
""")
_PROGRESS = text("""
    SELECT code, round, marks FROM challenge_progress
    WHERE member_id = :member_id AND (CAST(:codes AS text[]) IS NULL OR code = ANY(:codes))
""")
_ADVANCE = text("""
    INSERT INTO challenge_progress (member_id, code, round, marks)
    VALUES (:member_id, :code, :round, CAST(:marks AS jsonb))
    ON CONFLICT (member_id, code) DO UPDATE SET round = excluded.round, marks = excluded.marks
""")


def usage(tx: Connection, member_id: int, needs: Sequence[Need]) -> dict[tuple[str, str], int]:
    """Return how often the member has used each of what is needed, by code and key."""
    values = {
        "member_id": member_id,
        "codes": [each.code for each in needs],
        "keys": [each.key for each in needs],
        "since": [each.since for each in needs],
    }
    return {(row.code, row.key): row.uses for row in tx.execute(_COUNT, values)}


def use(tx: Connection, member_id: int, uses: Iterable[tuple[str, str]], *, at: datetime, back: bool = False) -> None:
    """Note that the member has used each of these once, or given a use of that time `back`."""
    codes, keys = zip(*uses, strict=True)
    values = {"member_id": member_id, "codes": list(codes), "keys": list(keys), "at": at, "times": -1 if back else 1}
    tx.execute(_USE, values)


def lock_budgets(tx: Connection, program_id: int, codes: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return what these campaigns have given so far, points and claims; nobody else draws on them meanwhile.

    Taken after the customer's lock and before the card's, always in the order of the codes.
    """
    values = {"program_id": program_id, "codes": list(codes)}
    tx.execute(_OPEN, values)
    return {row.code: (row.points, row.claims) for row in tx.execute(_LOCK, values)}


def spend(tx: Connection, program_id: int, spent: Mapping[str, tuple[int, int]]) -> None:
    """Note what campaigns have given, points and claims; below 0 is what comes back. Their budgets are locked."""
    points, claims = zip(*spent.values(), strict=True)
    values = {"program_id": program_id, "codes": list(spent), "points": list(points), "claims": list(claims)}
    tx.execute(_SPEND, values)


def progress(tx: Connection, member_id: int, codes: Sequence[str] | None = None) -> dict[str, Progress]:
    """Return how far the member has come in these challenges, or in all."""
    rows = tx.execute(_PROGRESS, {"member_id": member_id, "codes": None if codes is None else list(codes)})
    return {row.code: Progress(row.round, tuple(_mark(*each) for each in row.marks)) for row in rows}


def advance(tx: Connection, member_id: int, code: str, progress: Progress) -> None:
    """Write how far the member has come in a challenge."""
    marks = orjson.dumps([[each.name, each.at, each.order_row] for each in progress.marks]).decode()
    tx.execute(_ADVANCE, {"member_id": member_id, "code": code, "round": progress.round, "marks": marks})


def _mark(name: str, at: str, order_row: int | None = None) -> Mark:
    return Mark(name, datetime.fromisoformat(at), order_row)
