"""What the append-only tables make of lots, holds, days and balances: made anew, and printed to be compared."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from wallet_service.domain.expiry import NEVER
from wallet_service.domain.ledger import ACTIVITY

# Each query gives what a projection should hold, for all members or for some of them: `{of}` is one of these.
ALL = "IS NOT NULL"
SOME = "= ANY(:ids)"

# A lot that waited for an event has its dates from the transaction that let it go.
LOTS = """
    SELECT lots.id AS lot_id, lots.member_id,
           coalesce(sum(delta) FILTER (WHERE bucket = 'pending'), 0)::bigint AS pending,
           coalesce(sum(delta) FILTER (WHERE bucket = 'available'), 0)::bigint AS available,
           coalesce(sum(delta) FILTER (WHERE bucket = 'held'), 0)::bigint AS held,
           CASE WHEN lots.activates_at = :never THEN coalesce(min(let_go.effective_at), lots.activates_at)
                ELSE lots.activates_at END AS activates_at,
           CASE WHEN lots.activates_at = :never THEN max(lot_allocations.expires_at)
                ELSE lots.expires_at END AS expires_at
    FROM lots LEFT JOIN lot_allocations ON lot_id = lots.id
    LEFT JOIN ledger_transactions AS let_go ON let_go.id = lot_allocations.transaction_id AND let_go.type = 'activate'
    WHERE lots.member_id {of}
    GROUP BY lots.id
"""
EXPIRY = f"""
    SELECT member_id, expires_at, sum(available)::bigint AS available
    FROM ({LOTS}) AS made WHERE available > 0 AND expires_at IS NOT NULL GROUP BY member_id, expires_at
"""
HOLDS = """
    SELECT id AS hold_id, member_id, expires_at FROM holds
    WHERE member_id {of} AND NOT EXISTS (SELECT FROM hold_outcomes WHERE hold_id = holds.id)
"""
DAYS = """
    SELECT member_id, day, sum(spend)::bigint AS spend, sum(points)::bigint AS points,
           sum(orders)::integer AS orders, sum(referrals)::integer AS referrals
    FROM qualifications WHERE member_id {of} GROUP BY member_id, day
"""
# What was posted, and whether it is activity, as `Transaction.is_activity` says of what is not entered yet.
COURSE = """
    SELECT posted.id, posted.member_id, effective_at, created_at,
           type = ANY(:activity)
               OR (type = 'adjust' AND opened.id IS NOT NULL AND opened.expires_at IS NULL) AS is_activity
    FROM ledger_transactions AS posted
    LEFT JOIN (SELECT id, transaction_id, expires_at FROM lots WHERE member_id {of}) AS opened
        ON opened.transaction_id = posted.id
    WHERE posted.member_id {of}
"""
# Of a balance, all that no rule and no calendar has a say in. The zone, in which movements have their days, is null
# where the programme's template is not loaded.
BALANCES = (
    """
    WITH accounts AS (
        SELECT member_id,
               coalesce(sum(points) FILTER (WHERE kind = 'available'), 0)::bigint AS available,
               coalesce(sum(points) FILTER (WHERE kind = 'pending'), 0)::bigint AS pending,
               coalesce(sum(points) FILTER (WHERE kind = 'held'), 0)::bigint AS held
        FROM ledger_accounts JOIN ledger_entries ON account_id = ledger_accounts.id
        WHERE member_id {of} GROUP BY member_id
    ), totals AS (
        SELECT member_id, sum(spend)::bigint AS spend, sum(points)::bigint AS points, sum(orders)::bigint AS orders,
               sum(referrals)::bigint AS referrals
        FROM qualifications WHERE member_id {of} GROUP BY member_id
    ), activity AS (
        SELECT member_id, max(effective_at) AS at FROM ("""
    + COURSE
    + """) AS course
        WHERE is_activity GROUP BY member_id
    ), ranks AS (
        SELECT DISTINCT ON (member_id) member_id, tier, day, valid_until, measured_to, manual
        FROM tier_changes WHERE member_id {of} ORDER BY member_id, id DESC
    ), floors AS (
        SELECT DISTINCT ON (member_id) member_id, tier, valid_until
        FROM tier_changes AS line
        WHERE member_id {of} AND kind = 'set_manually' AND NOT EXISTS (
            SELECT FROM tier_changes AS later
            WHERE later.member_id = line.member_id AND later.id > line.id AND later.tier IS NULL
        ) ORDER BY member_id, id DESC
    ), moves AS (
        SELECT posted.id, ledger_accounts.member_id, posted.program_id, posted.type, posted.effective_at,
               sum(points) AS points
        FROM ledger_accounts JOIN ledger_entries ON account_id = ledger_accounts.id
        JOIN ledger_transactions AS posted ON posted.id = transaction_id
        WHERE ledger_accounts.member_id {of} AND kind = 'available' GROUP BY posted.id, ledger_accounts.member_id
        HAVING sum(points) <> 0
    ), latest AS (
        SELECT *, row_number() OVER (PARTITION BY member_id ORDER BY id DESC) AS place FROM moves
    ), zones AS (
        SELECT programs.id AS program_id, zone
        FROM unnest(CAST(:templates AS text[]), CAST(:zones AS text[])) AS known (template, zone)
        JOIN programs USING (template)
    ), ready AS (
        SELECT member_id, array_agg(reward ORDER BY id) AS rewards FROM redemptions
        WHERE member_id {of} AND status = 'issued' GROUP BY member_id
    ), reminded AS (
        SELECT member_id, jsonb_agg(jsonb_build_array(code, day, told_through, created_at) ORDER BY id) AS told
        FROM trigger_firings WHERE member_id {of} AND told_through IS NOT NULL GROUP BY member_id
    ), movements AS (
        SELECT member_id, jsonb_agg(jsonb_build_array(
            to_char(effective_at AT TIME ZONE zone, 'YYYY-MM-DD'), points::bigint, type
        ) ORDER BY place) AS told
        FROM latest JOIN zones USING (program_id) WHERE place <= :movements GROUP BY member_id
    )
    SELECT members.id AS member_id,
           coalesce(accounts.available, 0) AS available, coalesce(accounts.pending, 0) AS pending,
           coalesce(accounts.held, 0) AS held, activity.at AS active_at, coalesce(totals.spend, 0) AS spend_total,
           coalesce(totals.points, 0) AS earned_total, coalesce(totals.orders, 0) AS orders_total,
           coalesce(totals.referrals, 0) AS referrals_total, ranks.tier,
           CASE WHEN ranks.tier IS NOT NULL THEN ranks.day END AS tier_since,
           CASE WHEN ranks.tier IS NOT NULL THEN ranks.valid_until END AS tier_until,
           CASE WHEN ranks.tier IS NOT NULL THEN ranks.measured_to END AS tier_measured_to,
           coalesce(ranks.tier IS NOT NULL AND ranks.manual, false) AS tier_manual,
           CASE WHEN ranks.tier IS NOT NULL THEN floors.tier END AS tier_floor,
           CASE WHEN ranks.tier IS NOT NULL THEN floors.valid_until END AS tier_floor_until,
           coalesce(ready.rewards, '{{}}') AS granted,
           coalesce(reminded.told, '[]') AS reminders,
           CASE WHEN zones.zone IS NOT NULL THEN coalesce(movements.told, '[]') END AS movements
    FROM members
    LEFT JOIN zones ON zones.program_id = members.program_id
    LEFT JOIN accounts ON accounts.member_id = members.id
    LEFT JOIN totals ON totals.member_id = members.id
    LEFT JOIN activity ON activity.member_id = members.id
    LEFT JOIN ranks ON ranks.member_id = members.id
    LEFT JOIN floors ON floors.member_id = members.id
    LEFT JOIN ready ON ready.member_id = members.id
    LEFT JOIN reminded ON reminded.member_id = members.id
    LEFT JOIN movements ON movements.member_id = members.id
    WHERE members.id {of}
"""
)
BALANCE_COLUMNS = (
    "available",
    "pending",
    "held",
    "active_at",
    "spend_total",
    "earned_total",
    "orders_total",
    "referrals_total",
    "tier",
    "tier_since",
    "tier_until",
    "tier_measured_to",
    "tier_manual",
    "tier_floor",
    "tier_floor_until",
    "granted",
    "movements",
)
TABLES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("lot_balances", LOTS, ("lot_id", "member_id", "pending", "available", "held", "activates_at", "expires_at")),
    ("expiry_days", EXPIRY, ("member_id", "expires_at", "available")),
    ("open_holds", HOLDS, ("hold_id", "member_id", "expires_at")),
    ("qualification_days", DAYS, ("member_id", "day", "spend", "points", "orders", "referrals")),
)
# A row that was given to another member is the right one's again; its lot or hold says whose it is.
_CLEAR = (
    text("""
        DELETE FROM lot_balances
        WHERE member_id = ANY(:ids) OR lot_id IN (SELECT id FROM lots WHERE member_id = ANY(:ids))
    """),
    text("DELETE FROM expiry_days WHERE member_id = ANY(:ids)"),
    text("""
        DELETE FROM open_holds
        WHERE member_id = ANY(:ids) OR hold_id IN (SELECT id FROM holds WHERE member_id = ANY(:ids))
    """),
    text("DELETE FROM qualification_days WHERE member_id = ANY(:ids)"),
)
_FILL = tuple(
    text(f"""
        INSERT INTO {table} ({", ".join(columns)})
        SELECT {", ".join(columns)} FROM ({query.format(of=SOME)}) AS made
    """)
    for table, query, columns in TABLES
)
_IS_LOADED = """
    (SELECT template FROM programs JOIN members ON members.program_id = programs.id
     WHERE members.id = balances.member_id) = ANY(:templates)
"""
# What rules and calendar say is found when the book is closed; everything counts as due until then. Since when it is
# due stays as it was: of what was looked at before, such as the first days of months, nothing is given once more. The
# calendar leaves alone whoever was erased or has become one with another: no date is made for them, by which they are
# told from the others below.
_SETTLE = text(f"""
    INSERT INTO balances (member_id, qualifying, due_at, reminders, {", ".join(BALANCE_COLUMNS)})
    SELECT member_id, 0, CASE WHEN lives THEN CAST(:now AS timestamptz) END, reminders,
           {", ".join(BALANCE_COLUMNS[:-1])}, coalesce(movements, '[]')
    FROM ({BALANCES.format(of=SOME)}) AS made
    JOIN (
        SELECT id, erased_at IS NULL AND merged_into IS NULL AS lives FROM members
    ) AS persons ON persons.id = member_id
    ON CONFLICT (member_id) DO UPDATE
    SET due_at = CASE WHEN excluded.due_at IS NOT NULL THEN least(balances.due_at, excluded.due_at) END,
        {", ".join(f"{each} = excluded.{each}" for each in BALANCE_COLUMNS[:-1])},
        reminders = CASE
            WHEN excluded.due_at IS NOT NULL AND {_IS_LOADED} THEN excluded.reminders ELSE balances.reminders
        END,
        movements = CASE WHEN {_IS_LOADED} THEN excluded.movements ELSE balances.movements END
""")
_PAGE = text("""
    SELECT id, program_id, external_id FROM members WHERE id > :after ORDER BY id LIMIT :most
""")
_PRINTS = text("""
    WITH rows AS (
        SELECT member_id, 'lot' AS kind, lot_balances::text AS row FROM lot_balances WHERE member_id = ANY(:ids)
        UNION ALL
        SELECT member_id, 'day', expiry_days::text FROM expiry_days WHERE member_id = ANY(:ids)
        UNION ALL
        SELECT member_id, 'hold', open_holds::text FROM open_holds WHERE member_id = ANY(:ids)
        UNION ALL
        SELECT member_id, 'fact', qualification_days::text FROM qualification_days WHERE member_id = ANY(:ids)
        UNION ALL
        SELECT member_id, 'balance', balances::text FROM balances WHERE member_id = ANY(:ids)
    )
    SELECT member_id, encode(sha256(convert_to(string_agg(kind || row, E'\\n' ORDER BY kind, row), 'UTF8')), 'hex')
    FROM rows GROUP BY member_id
""")


def page(tx: Connection, after: int, *, most: int) -> list[tuple[int, int, str]]:
    """Return id, programme and merchant's own id of up to `most` members in the order of their ids."""
    rows = tx.execute(_PAGE, {"after": after, "most": most})
    return [(row.id, row.program_id, row.external_id) for row in rows]


def prints(tx: Connection, member_ids: Sequence[int]) -> dict[int, str]:
    """Return for each member a digest of all that is projected, every column of it."""
    return {row[0]: row[1] for row in tx.execute(_PRINTS, {"ids": list(member_ids)})}


def remake(
    tx: Connection, member_ids: Sequence[int], *, zones: Mapping[str, str], movements: int, now: datetime
) -> None:
    """Drop what is projected for these members, and make it from the append-only tables.

    `zones` has the time zone of each template's programme, `movements` how many last ones a balance keeps. Everything
    counts as due by `now` afterwards: what depends on rules and calendar follows when the members' books are closed.
    """
    values = made(zones, movements=movements) | {"ids": list(member_ids)}
    for clear, fill in zip(_CLEAR, _FILL, strict=True):
        tx.execute(clear, {"ids": list(member_ids)})
        tx.execute(fill, values)
    tx.execute(_SETTLE, values | {"now": now})


def made(zones: Mapping[str, str], *, movements: int) -> dict[str, Any]:
    """Return the values that the queries of what should be there take, but for `ids`."""
    return {
        "never": NEVER,
        "activity": list(ACTIVITY),
        "templates": list(zones),
        "zones": list(zones.values()),
        "movements": movements,
    }
