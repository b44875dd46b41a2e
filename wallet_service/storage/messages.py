"""Messages to merchants' endpoints: written with what they tell, claimed by workers, kept for a while with all tries.

All messages of one member to one endpoint are a lane. In each only the oldest that waits is sent. `due_at` is when a
message may be tried; under a lease it is the lease's end, so that a dead worker's messages are due again then.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import orjson
from sqlalchemy import Connection, Row, text

from wallet_service.domain.outbound import Answer

MessageState = Literal["waiting", "delivered", "dead"]

LOOK = 50  # messages of an endpoint that are looked at for one claim
STEP_ASIDE = timedelta(seconds=10)  # after which a message is looked at again that waits for another to be sent
PRUNED = 5000  # rows at a time

_WRITE = text("""
    INSERT INTO webhook_messages (endpoint_id, member_id, type, body, created_at, due_at)
    SELECT webhook_endpoints.id, :member_id, told.type, told.body, :now, :now
    FROM programs
    JOIN webhook_endpoints ON webhook_endpoints.merchant_id = programs.merchant_id AND state = 'active'
    CROSS JOIN unnest(CAST(:types AS text[]), CAST(:bodies AS text[])) WITH ORDINALITY AS told (type, body, place)
    WHERE programs.id = :program_id
      AND (types = '{}' OR told.type = ANY(types) OR split_part(told.type, '.', 1) || '.*' = ANY(types))
    ORDER BY webhook_endpoints.id, told.place
""")
_WANTING = text("""
    SELECT id, failures FROM webhook_endpoints
    WHERE state = 'active' AND not_before <= :now
      AND EXISTS (SELECT FROM webhook_messages WHERE endpoint_id = webhook_endpoints.id AND due_at <= :now)
    ORDER BY not_before, id
""")
_OLDER = """
    SELECT older.due_at FROM webhook_messages AS older
    WHERE older.endpoint_id = message.endpoint_id AND older.member_id = message.member_id
      AND older.due_at IS NOT NULL AND older.id < message.id
    ORDER BY older.id LIMIT 1
"""
_DUE = text(f"""
    SELECT message.id, message.endpoint_id, EXISTS ({_OLDER}) AS behind
    FROM unnest(CAST(:endpoints AS bigint[])) AS wanting (endpoint_id)
    CROSS JOIN LATERAL (
        SELECT id, webhook_messages.endpoint_id, member_id FROM webhook_messages
        WHERE webhook_messages.endpoint_id = wanting.endpoint_id AND due_at <= :now
        ORDER BY due_at, id LIMIT :look
    ) AS message
""")
_CLAIM = text("""
    UPDATE webhook_messages SET lease = :lease, due_at = :until, attempts = attempts + 1
    FROM (
        SELECT id FROM webhook_messages WHERE id = ANY(:ids) AND due_at <= :now ORDER BY id FOR UPDATE SKIP LOCKED
    ) AS due, webhook_endpoints
    WHERE webhook_messages.id = due.id AND webhook_endpoints.id = endpoint_id
    RETURNING webhook_messages.id, webhook_messages.public_id, endpoint_id, webhook_endpoints.public_id AS endpoint,
              member_id, body, attempts, url, secret,
              previous_secret, previous_until
""")
# Looked at anew once they are held: what was sent meanwhile has woken the next of its lane, and nobody else would.
_HOLD = text("""
    SELECT id FROM webhook_messages WHERE id = ANY(:ids) AND due_at <= :now ORDER BY id FOR UPDATE SKIP LOCKED
""")
_STEP_ASIDE = text(f"""
    UPDATE webhook_messages SET due_at = greatest(behind.due_at, :now) + :step
    FROM webhook_messages AS message CROSS JOIN LATERAL ({_OLDER}) AS behind
    WHERE webhook_messages.id = ANY(:ids) AND message.id = webhook_messages.id
""")
# All rows that a settlement touches, in the order of their ids: those that are settled, and the next of their lanes.
_NEXT = """
    SELECT id FROM webhook_messages
    WHERE webhook_messages.endpoint_id = lane.endpoint_id AND webhook_messages.member_id = lane.member_id
      AND due_at IS NOT NULL
"""
_LOCK = text(f"""
    SELECT id FROM webhook_messages WHERE id IN (
        SELECT unnest(CAST(:ids AS bigint[]))
        UNION ALL
        SELECT next.id
        FROM unnest(CAST(:endpoints AS bigint[]), CAST(:members AS bigint[])) AS lane (endpoint_id, member_id)
        CROSS JOIN LATERAL ({_NEXT} AND id <> ALL(:ids) ORDER BY id LIMIT 1) AS next
    )
    ORDER BY id FOR UPDATE
""")
# A settlement counts only while the lease is still ours: a worker that slept past it must not undo its successor.
_SETTLE = text("""
    WITH told AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:settlements AS jsonb)) AS told (
            id bigint, lease uuid, state text, due_at timestamptz, summary text, at timestamptz, status integer,
            ms integer, word text)
    ), settled AS (
        UPDATE webhook_messages
        SET state = told.state, due_at = told.due_at, last_error = told.summary, lease = NULL,
            settled_at = CASE WHEN told.due_at IS NULL THEN CAST(:now AS timestamptz) END
        FROM told WHERE webhook_messages.id = told.id AND webhook_messages.lease = told.lease
        RETURNING webhook_messages.id, endpoint_id
    ), logged AS (
        INSERT INTO webhook_attempts (message_id, endpoint_id, at, status, ms, error)
        SELECT settled.id, endpoint_id, at, status, ms, word FROM settled JOIN told ON told.id = settled.id
        ORDER BY at, settled.id
    )
    SELECT id FROM settled
""")
_WAKE = text(f"""
    UPDATE webhook_messages SET due_at = :now
    FROM unnest(CAST(:endpoints AS bigint[]), CAST(:members AS bigint[])) AS lane (endpoint_id, member_id)
    CROSS JOIN LATERAL ({_NEXT} ORDER BY id LIMIT 1) AS next
    WHERE webhook_messages.id = next.id AND lease IS NULL
""")
_LISTED = """
    SELECT webhook_messages.public_id, webhook_endpoints.public_id AS endpoint, type, webhook_messages.state, attempts,
           last_error, webhook_messages.created_at, due_at, settled_at, body, webhook_messages.id
    FROM webhook_messages JOIN webhook_endpoints ON webhook_endpoints.id = endpoint_id
    WHERE merchant_id = :merchant_id AND webhook_endpoints.state <> 'removed'
"""
_DEAD = text(f"""
    {_LISTED} AND webhook_messages.state = 'dead'
      AND (CAST(:endpoint_id AS bigint) IS NULL OR endpoint_id = :endpoint_id) AND webhook_messages.id > :after
    ORDER BY webhook_messages.id LIMIT :most
""")
_FIND = text(f"{_LISTED} AND webhook_messages.public_id = :public_id")
_ATTEMPTS = text("""
    SELECT webhook_messages.public_id AS message, webhook_endpoints.public_id AS endpoint, type, webhook_attempts.at,
           status, ms, error, webhook_attempts.id
    FROM webhook_attempts
    JOIN webhook_messages ON webhook_messages.id = message_id
    JOIN webhook_endpoints ON webhook_endpoints.id = webhook_attempts.endpoint_id
    WHERE merchant_id = :merchant_id AND webhook_endpoints.state <> 'removed'
      AND (CAST(:endpoint_id AS bigint) IS NULL OR webhook_attempts.endpoint_id = :endpoint_id)
      AND (CAST(:public_id AS text) IS NULL OR webhook_messages.public_id = :public_id)
      AND (CAST(:before AS bigint) IS NULL OR webhook_attempts.id < :before)
    ORDER BY webhook_attempts.id DESC LIMIT :most
""")
_REPLAY = text("""
    UPDATE webhook_messages SET state = 'waiting', due_at = :now, settled_at = NULL, attempts = 0, last_error = NULL
    FROM (
        SELECT webhook_messages.id
        FROM webhook_messages JOIN webhook_endpoints ON webhook_endpoints.id = endpoint_id
        WHERE merchant_id = :merchant_id AND webhook_endpoints.state <> 'removed'
          AND (CAST(:endpoint_id AS bigint) IS NULL OR endpoint_id = :endpoint_id)
          AND (webhook_messages.public_id = :public_id AND webhook_messages.state <> 'waiting'
               OR CAST(:public_id AS text) IS NULL AND webhook_messages.state = 'dead')
        ORDER BY webhook_messages.id FOR UPDATE OF webhook_messages
    ) AS over
    WHERE webhook_messages.id = over.id
    RETURNING webhook_messages.id
""")
_HURRY = text("""
    UPDATE webhook_messages SET due_at = :now
    FROM (
        SELECT id FROM webhook_messages
        WHERE endpoint_id = :endpoint_id AND due_at > :now AND lease IS NULL ORDER BY id FOR UPDATE
    ) AS put_off
    WHERE webhook_messages.id = put_off.id
""")
_FORGET = text("""
    WITH locked AS (
        SELECT id FROM webhook_messages WHERE member_id = ANY(:member_ids) ORDER BY id FOR UPDATE
    )
    UPDATE webhook_messages
    SET body = CAST(jsonb_set(CAST(body AS jsonb), '{data,customer_id}', 'null') AS text)
    FROM locked WHERE webhook_messages.id = locked.id
""")
_TALLY = text("""
    SELECT (SELECT count(*) FROM webhook_messages WHERE due_at IS NOT NULL) AS waiting,
           (SELECT count(*) FROM webhook_messages WHERE state = 'dead') AS dead,
           (SELECT count(*) FROM webhook_endpoints WHERE state IN ('disabled', 'gone')) AS stopped
""")
_OF_ENDPOINTS = text("""
    SELECT endpoint_id, count(*) FILTER (WHERE due_at IS NOT NULL) AS waiting,
           count(*) FILTER (WHERE state = 'dead') AS dead
    FROM webhook_messages WHERE endpoint_id = ANY(:endpoints) AND (due_at IS NOT NULL OR state = 'dead')
    GROUP BY endpoint_id
""")
_PRUNE = text("""
    DELETE FROM webhook_messages WHERE id IN (
        SELECT id FROM webhook_messages WHERE settled_at < :before LIMIT :most
    )
    RETURNING id
""")
_PRUNE_REMOVED = text("""
    DELETE FROM webhook_messages WHERE id IN (
        SELECT webhook_messages.id
        FROM webhook_messages JOIN webhook_endpoints ON webhook_endpoints.id = endpoint_id
        WHERE webhook_endpoints.state = 'removed' LIMIT :most
    )
    RETURNING id
""")
# Whoever was about to write to it when it was removed is done long ago.
_PRUNE_ENDPOINTS = text("""
    DELETE FROM webhook_endpoints
    WHERE state = 'removed' AND stopped_at < :before
      AND NOT EXISTS (SELECT FROM webhook_messages WHERE endpoint_id = webhook_endpoints.id)
""")


@dataclass(frozen=True, slots=True)
class Written:
    """A message as it is written: its type, and what it says of it."""

    type: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that was taken on, with the number of this attempt, and where it goes with which secrets."""

    id: int
    public_id: str
    endpoint_id: int
    endpoint: str
    member_id: int
    body: str = field(repr=False)
    attempts: int
    url: str = field(repr=False)
    sealed: bytes = field(repr=False)
    sealed_before: bytes | None = field(repr=False)
    previous_until: datetime | None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a message that went out `at` a time under a lease; `due_at` is when it is tried again, if ever."""

    claimed: Claimed
    lease: UUID
    at: datetime
    answer: Answer
    state: MessageState
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A message as a merchant sees it: how often it was tried, and when it is tried next or how it ended.

    `row` is our number of it, in whose order messages were written.
    """

    public_id: str
    endpoint: str
    type: str
    state: MessageState
    attempts: int
    last_error: str | None
    created_at: datetime
    due_at: datetime | None
    settled_at: datetime | None
    body: str
    row: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: when, and the status that came or in a word why none did, after so many milliseconds.

    `row` is our number of it, in whose order tries were made.
    """

    message: str
    endpoint: str
    type: str
    at: datetime
    status: int | None
    ms: int
    error: str | None
    row: int


@dataclass(frozen=True, slots=True)
class Tally:
    """How many messages wait and are dead letters, and how many endpoints are sent nothing any more."""

    waiting: int
    dead: int
    stopped: int


def write(tx: Connection, written: Sequence[Written], *, program_id: int, member_id: int, now: datetime) -> None:
    """Write messages to every endpoint of the programme's merchant whose filters let them through, in their order."""
    values = {
        "types": [each.type for each in written],
        "bodies": [body_of(each, now) for each in written],
        "program_id": program_id,
        "member_id": member_id,
        "now": now,
    }
    tx.execute(_WRITE, values)


def wanting(tx: Connection, *, now: datetime) -> list[tuple[int, int]]:
    """Return the endpoints for which something is due, each with how often it has failed in a row."""
    return [(row.id, row.failures) for row in tx.execute(_WANTING, {"now": now})]


def claim(tx: Connection, rooms: Mapping[int, int], *, lease: UUID, until: datetime, now: datetime) -> list[Claimed]:
    """Lease the oldest message of each lane that is due, at most so many of each endpoint.

    What is due behind another of its lane steps aside, so that it is not looked at again and again.
    """
    found = tx.execute(_DUE, {"endpoints": list(rooms), "look": LOOK, "now": now}).all()
    left, heads = dict(rooms), []
    for row in found:
        if not row.behind and left[row.endpoint_id]:
            left[row.endpoint_id] -= 1
            heads.append(row.id)
    behind = [row.id for row in found if row.behind]
    if behind:
        held = list(tx.execute(_HOLD, {"ids": behind, "now": now}).scalars())
        tx.execute(_STEP_ASIDE, {"ids": held, "step": STEP_ASIDE, "now": now})
    if not heads:
        return []
    values = {"ids": heads, "lease": lease, "until": until, "now": now}
    return sorted((_claimed(row) for row in tx.execute(_CLAIM, values)), key=lambda each: each.id)


def settle(tx: Connection, settlements: Sequence[Settlement], *, now: datetime) -> set[int]:
    """Note what became of messages, and let the next of each lane go whose message is over.

    Return the ids of those whose lease was still ours; of the others nothing is noted.
    """
    lanes = {"endpoints": [each.claimed.endpoint_id for each in settlements]}
    lanes |= {"members": [each.claimed.member_id for each in settlements]}
    tx.execute(_LOCK, {"ids": [each.claimed.id for each in settlements]} | lanes)
    told = orjson.dumps([_settlement(each) for each in settlements]).decode()
    ours = set(tx.execute(_SETTLE, {"settlements": told, "now": now}).scalars())
    over = [each.claimed for each in settlements if each.claimed.id in ours and each.due_at is None]
    if over:
        lanes = {"endpoints": [each.endpoint_id for each in over], "members": [each.member_id for each in over]}
        tx.execute(_WAKE, lanes | {"now": now})
    return ours


def dead(tx: Connection, merchant_id: int, *, endpoint_id: int | None, after: int = 0, most: int) -> list[Message]:
    """Return up to `most` dead letters of a merchant, or of one endpoint, the oldest first, from the row `after` on."""
    values = {"merchant_id": merchant_id, "endpoint_id": endpoint_id, "after": after, "most": most}
    return [Message(*row) for row in tx.execute(_DEAD, values)]


def find(tx: Connection, merchant_id: int, public_id: str) -> Message | None:
    """Return a merchant's message by our id of it."""
    row = tx.execute(_FIND, {"merchant_id": merchant_id, "public_id": public_id}).first()
    return Message(*row) if row else None


def attempts(
    tx: Connection,
    merchant_id: int,
    *,
    endpoint_id: int | None,
    message: str | None,
    before: int | None = None,
    most: int,
) -> list[Attempt]:
    """Return up to `most` tries of a merchant's messages, of one endpoint or one message, the newest first.

    A page of them begins after the row `before`.
    """
    values = {"merchant_id": merchant_id, "endpoint_id": endpoint_id, "public_id": message, "before": before}
    return [Attempt(*row) for row in tx.execute(_ATTEMPTS, values | {"most": most})]


def replay(
    tx: Connection, merchant_id: int, *, endpoint_id: int | None = None, message: str | None = None, now: datetime
) -> int:
    """Have all dead letters of a merchant or one endpoint sent again, or one message, dead or delivered.

    Each keeps its id and begins the ladder anew. Return how many they are.
    """
    values = {"merchant_id": merchant_id, "endpoint_id": endpoint_id, "public_id": message, "now": now}
    return len(tx.execute(_REPLAY, values).all())


def forget(tx: Connection, member_ids: Collection[int]) -> None:
    """Take the merchant's own ids of members out of all that was told, or is still to be told, of them."""
    tx.execute(_FORGET, {"member_ids": list(member_ids)})


def hurry(tx: Connection, endpoint_id: int, *, now: datetime) -> None:
    """Let everything that waits for the endpoint be due now."""
    tx.execute(_HURRY, {"endpoint_id": endpoint_id, "now": now})


def tally(tx: Connection) -> Tally:
    """Count messages and endpoints as an operator watches them."""
    return Tally(*tx.execute(_TALLY).one())


def of_endpoints(tx: Connection, endpoint_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Return how many messages wait for each endpoint and how many are dead letters; of none without any."""
    rows = tx.execute(_OF_ENDPOINTS, {"endpoints": list(endpoint_ids)})
    return {row.endpoint_id: (row.waiting, row.dead) for row in rows}


def prune(tx: Connection, *, before: datetime, removed_before: datetime) -> int:
    """Delete what was settled before then, and what removed endpoints leave; tries go with their messages.

    Return how many messages they were: `PRUNED` or more where there may be others.
    """
    pruned = len(tx.execute(_PRUNE, {"before": before, "most": PRUNED}).all())
    pruned += len(tx.execute(_PRUNE_REMOVED, {"most": PRUNED}).all())
    tx.execute(_PRUNE_ENDPOINTS, {"before": removed_before})
    return pruned


def body_of(written: Written, now: datetime) -> str:
    """Return what a message says, as it is sent and signed."""
    return orjson.dumps({"type": written.type, "timestamp": now, "data": dict(written.data)}).decode()


def _settlement(each: Settlement) -> dict[str, Any]:
    answer = each.answer
    return {
        "id": each.claimed.id,
        "lease": each.lease,
        "state": each.state,
        "due_at": each.due_at,
        "summary": None if answer.taken else str(answer),
        "at": each.at,
        "status": answer.status,
        "ms": answer.ms,
        "word": answer.error,
    }


def _claimed(row: Row[tuple[object, ...]]) -> Claimed:
    before = None if row.previous_secret is None else bytes(row.previous_secret)
    return Claimed(
        row.id,
        row.public_id,
        row.endpoint_id,
        row.endpoint,
        row.member_id,
        row.body,
        row.attempts,
        row.url,
        bytes(row.secret),
        before,
        row.previous_until,
    )
