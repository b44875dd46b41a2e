"""The books looked through from end to end: every law of theirs, and every figure that is projected from them.

Each check is one statement and so sees one moment, whoever posts meanwhile; it names what breaks it, up to a number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from wallet_service.storage.projections import ALL, BALANCE_COLUMNS, BALANCES, COURSE, SOME, TABLES, made

# Every check yields who and what it is about (null where that is nobody's), what it found, and both figures as texts.
_COLUMNS = "member, lot, transaction, what, said, made"
_ENTRIES = """
    SELECT members.public_id AS member, NULL::bigint AS lot, posted.id AS transaction,
           CASE WHEN entries.sum IS NULL THEN 'it has no entries' ELSE 'its entries do not sum to zero' END AS what,
           entries.sum::text AS said, '0' AS made
    FROM ledger_transactions AS posted
    LEFT JOIN (SELECT transaction_id, sum(points) FROM ledger_entries GROUP BY transaction_id) AS entries
        ON transaction_id = posted.id
    LEFT JOIN members ON members.id = posted.member_id
    WHERE entries.sum IS DISTINCT FROM 0
"""
_PROGRAMS = """
    SELECT NULL AS member, NULL::bigint AS lot, NULL::bigint AS transaction,
           coalesce('all entries of the programme ' || code, 'all entries') || ' do not sum to zero' AS what,
           sum(points)::text AS said, '0' AS made
    FROM ledger_entries JOIN ledger_accounts ON ledger_accounts.id = account_id
    JOIN programs ON programs.id = ledger_accounts.program_id
    GROUP BY ROLLUP (code) HAVING sum(points) <> 0
"""
_ACCOUNTS = """
    SELECT members.public_id AS member, NULL::bigint AS lot, posted.id AS transaction,
           'an entry is on the account of another member or programme' AS what, ledger_entries.points::text AS said,
           NULL AS made
    FROM ledger_entries JOIN ledger_accounts ON ledger_accounts.id = account_id
    JOIN ledger_transactions AS posted ON posted.id = transaction_id
    LEFT JOIN members ON members.id = posted.member_id
    WHERE ledger_accounts.program_id <> posted.program_id
       OR (ledger_accounts.member_id IS NOT NULL AND ledger_accounts.member_id IS DISTINCT FROM posted.member_id)
"""
_LOTS = """
    SELECT members.public_id AS member, lots.id AS lot, lots.transaction_id AS transaction,
           'its allocations do not sum to its points' AS what, coalesce(moved.sum, 0)::text AS said,
           lots.points::text AS made
    FROM lots LEFT JOIN (SELECT lot_id, sum(delta) FROM lot_allocations GROUP BY lot_id) AS moved ON lot_id = lots.id
    JOIN members ON members.id = lots.member_id
    WHERE coalesce(moved.sum, 0) <> lots.points
"""
# Under their member's lock transactions get their ids in the order in which they are posted.
_BUCKETS = """
    SELECT DISTINCT ON (lot_id, bucket) members.public_id AS member, lot_id AS lot,
           course.transaction_id AS transaction,
           'its bucket ' || bucket || ' falls below zero' AS what, so_far::text AS said, '0' AS made
    FROM (
        SELECT lot_id, bucket, transaction_id,
               sum(sum(delta)) OVER (PARTITION BY lot_id, bucket ORDER BY transaction_id) AS so_far
        FROM lot_allocations GROUP BY lot_id, bucket, transaction_id
    ) AS course
    JOIN lots ON lots.id = lot_id JOIN members ON members.id = lots.member_id
    WHERE so_far < 0 ORDER BY lot_id, bucket, course.transaction_id
"""
# What is spendable lies in lots but for a deficit, which lies in none.
_ACCOUNTS_AND_LOTS = """
    SELECT members.public_id AS member, NULL::bigint AS lot, NULL::bigint AS transaction,
           'the account ' || bucket || ' is not what its lots hold' AS what, coalesce(entered.points, 0)::text AS said,
           coalesce(held.points, 0)::text AS made
    FROM (
        SELECT member_id, kind AS bucket, sum(points) AS points
        FROM ledger_accounts JOIN ledger_entries ON account_id = ledger_accounts.id
        WHERE member_id IS NOT NULL GROUP BY member_id, kind
    ) AS entered
    FULL JOIN (
        SELECT member_id, bucket, sum(delta) AS points FROM lot_allocations JOIN lots ON lots.id = lot_id
        WHERE bucket <> 'out' GROUP BY member_id, bucket
    ) AS held USING (member_id, bucket)
    JOIN members ON members.id = member_id
    WHERE coalesce(held.points, 0) <> CASE WHEN bucket = 'available' THEN greatest(coalesce(entered.points, 0), 0)
                                           ELSE coalesce(entered.points, 0) END
"""
_HOLDS = """
    SELECT members.public_id AS member, NULL::bigint AS lot, holds.transaction_id AS transaction,
           'the hold ' || holds.public_id || wrong.what AS what, wrong.said::text AS said, wrong.made::text AS made
    FROM holds JOIN members ON members.id = holds.member_id
    LEFT JOIN hold_outcomes ON hold_outcomes.hold_id = holds.id
    LEFT JOIN (
        SELECT hold_id, sum(delta) FROM lot_allocations WHERE hold_id IS NOT NULL AND bucket = 'held' GROUP BY hold_id
    ) AS parts ON parts.hold_id = holds.id
    CROSS JOIN LATERAL (VALUES
        (' is not what is set apart in lots', coalesce(parts.sum, 0),
         CASE WHEN outcome IS NULL THEN holds.points ELSE 0 END),
        (' captured more than it held', greatest(hold_outcomes.points, holds.points), holds.points),
        (' was given up and captured points all the same',
         CASE WHEN outcome <> 'captured' THEN hold_outcomes.points ELSE 0 END, 0)
    ) AS wrong (what, said, made)
    WHERE wrong.said <> wrong.made
"""
_REDEMPTIONS = """
    SELECT members.public_id AS member, NULL::bigint AS lot, redemptions.transaction_id AS transaction,
           'the redemption ' || redemptions.public_id || wrong.what AS what, wrong.said, wrong.made
    FROM redemptions JOIN members ON members.id = redemptions.member_id
    LEFT JOIN open_holds ON open_holds.hold_id = redemptions.hold_id
    LEFT JOIN LATERAL (
        SELECT status, refunded::text AS refunded FROM redemption_changes
        WHERE redemption_id = redemptions.id ORDER BY id DESC LIMIT 1
    ) AS newest ON true
    CROSS JOIN LATERAL (VALUES
        (' does not stand as its changes say', redemptions.status, newest.status),
        (' was refunded otherwise than its changes say', redemptions.refunded::text, newest.refunded),
        (' is not held as long as its hold is open', CASE WHEN redemptions.status = 'held' THEN 'held' ELSE 'over' END,
         CASE WHEN open_holds.hold_id IS NULL THEN 'over' ELSE 'held' END)
    ) AS wrong (what, said, made)
    WHERE wrong.said IS DISTINCT FROM wrong.made
"""
_STOCK = """
    SELECT NULL AS member, NULL::bigint AS lot, NULL::bigint AS transaction,
           'the stock of the reward ' || reward_stock.reward || ' of the programme ' || programs.code
               || ' is not what was taken' AS what,
           used::text AS said, count(redemptions.id)::text AS made
    FROM reward_stock JOIN programs ON programs.id = program_id
    LEFT JOIN redemptions ON redemptions.program_id = reward_stock.program_id
        AND redemptions.reward = reward_stock.reward AND stocked
    GROUP BY programs.code, reward_stock.program_id, reward_stock.reward, used HAVING used <> count(redemptions.id)
"""
# What a campaign had given before transactions kept it is taken as it was.
_BUDGETS = """
    SELECT NULL AS member, NULL::bigint AS lot, NULL::bigint AS transaction,
           'the budget of the campaign ' || campaign_states.code || ' of the programme ' || programs.code
               || ' is not what was given of it' AS what,
           campaign_states.points || ' points, ' || campaign_states.claims || ' times' AS said,
           points_before + sum(coalesce(given.points, 0)) || ' points, '
               || claims_before + count(given.code) || ' times' AS made
    FROM campaign_states JOIN programs ON programs.id = program_id
    LEFT JOIN (
        SELECT program_id, spent->>0 AS code, (spent->>1)::bigint AS points
        FROM orders JOIN sources ON sources.id = source_id, jsonb_array_elements(award->'taken'->'spent') AS spent
        UNION ALL
        SELECT program_id, spent->>0, (spent->>1)::bigint
        FROM ledger_transactions, jsonb_array_elements(award->'spent') AS spent WHERE order_id IS NULL
    ) AS given ON given.program_id = campaign_states.program_id AND given.code = campaign_states.code
    GROUP BY programs.code, campaign_states.program_id, campaign_states.code
    HAVING (campaign_states.points, campaign_states.claims)
        <> (points_before + sum(coalesce(given.points, 0)), claims_before + count(given.code))
"""
_DUE = """
    SELECT members.public_id AS member, NULL::bigint AS lot, NULL::bigint AS transaction,
           'the calendar comes too late' AS what, coalesce(due_at::text, 'never') AS said, first.at::text AS made
    FROM balances JOIN members ON members.id = balances.member_id JOIN programs ON programs.id = members.program_id
    JOIN (
        SELECT member_id, min(at) AS at FROM (
            SELECT member_id, activates_at AS at FROM lot_balances WHERE pending > 0 AND activates_at <> :never
            UNION ALL
            SELECT member_id, expires_at FROM open_holds
            UNION ALL
            SELECT expiry_days.member_id, expires_at FROM expiry_days
            JOIN members ON members.id = expiry_days.member_id JOIN programs ON programs.id = members.program_id
            WHERE template = ANY(:fixed)
        ) AS ahead GROUP BY member_id
    ) AS first ON first.member_id = members.id
    WHERE template = ANY(:loaded) AND coalesce(due_at, 'infinity') > first.at
      AND merged_into IS NULL AND erased_at IS NULL
"""


def _projected(table: str, query: str, columns: Sequence[str]) -> str:
    """Return the check of a projection whose rows are all of one member's, by its first one or two columns."""
    key = columns[:1] if columns[0] != "member_id" else columns[:2]
    same = " AND ".join(f"kept.{each} = made.{each}" for each in key)
    row = ", ".join(f"{{0}}.{each}" for each in columns)
    lot = "coalesce(kept.lot_id, made.lot_id)" if "lot_id" in columns else "NULL::bigint"
    return f"""
        SELECT members.public_id AS member, {lot} AS lot, NULL::bigint AS transaction,
               'its row of {table} is not what the books make' AS what,
               CASE WHEN kept.member_id IS NULL THEN 'none' ELSE ROW({row.format("kept")})::text END AS said,
               CASE WHEN made.member_id IS NULL THEN 'none' ELSE ROW({row.format("made")})::text END AS made
        FROM {table} AS kept FULL JOIN ({query.format(of=ALL)}) AS made ON {same}
        JOIN members ON members.id = coalesce(made.member_id, kept.member_id)
        WHERE ROW({row.format("kept")}) IS DISTINCT FROM ROW({row.format("made")})
    """


_POSITIONS = f"""
    SELECT members.public_id AS member, NULL::bigint AS lot, NULL::bigint AS transaction,
           'its ' || wrong.what || ' is not what the books make' AS what, coalesce(wrong.said, 'none') AS said,
           coalesce(wrong.made, 'none') AS made
    FROM ({BALANCES.format(of=ALL)}) AS made JOIN members ON members.id = made.member_id
    LEFT JOIN balances ON balances.member_id = members.id
    CROSS JOIN LATERAL (VALUES
        ('balance', CASE WHEN balances.member_id IS NULL THEN NULL ELSE 'there' END, 'there'),
        {", ".join(f"('{each}', balances.{each}::text, made.{each}::text)" for each in BALANCE_COLUMNS)}
    ) AS wrong (what, said, made)
    WHERE wrong.said IS DISTINCT FROM wrong.made AND (balances.member_id IS NOT NULL OR wrong.what = 'balance')
      AND (wrong.what <> 'movements' OR wrong.made IS NOT NULL)
"""
_LAWS = (
    *(_ENTRIES, _PROGRAMS, _ACCOUNTS, _LOTS, _BUCKETS, _ACCOUNTS_AND_LOTS, _HOLDS, _REDEMPTIONS, _STOCK, _BUDGETS),
    _DUE,
)
# Found first and sorted then: a planner that expects many faults would look for the first few one member at a time.
_CHECKS = tuple(
    text(f"""
        WITH found AS MATERIALIZED ({each})
        SELECT {_COLUMNS} FROM found ORDER BY transaction, lot, member, what LIMIT :most
    """)
    for each in (*_LAWS, *(_projected(*each) for each in TABLES), _POSITIONS)
)
# By which version and tier something was taken, no row says. It can be any since the member's books were last written:
# whoever is not due is left as it was then, until something happens to it. Clocks of machines differ, and work on many
# members keeps the moment at which it began: a day is more than both come to.
_DEBITS = text(f"""
    WITH course AS (
        SELECT id,
               max(effective_at) FILTER (WHERE is_activity) OVER (
                   PARTITION BY member_id ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
               ) AS active_at,
               max(created_at) OVER (
                   PARTITION BY member_id ORDER BY created_at GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
               ) AS left_at
        FROM ({COURSE.format(of=SOME)}) AS posted
    ), taken AS (
        SELECT members.public_id AS member, lots.member_id, members.program_id, lot_id AS lot,
               posted.id AS transaction, least(posted.effective_at, posted.created_at) AS at,
               CASE WHEN lots.activates_at = :never THEN (
                   SELECT max(let_go.expires_at) FROM lot_allocations AS let_go WHERE let_go.lot_id = lots.id
               ) ELSE lots.expires_at END AS own,
               active_at, coalesce(left_at, posted.created_at) - interval '1 day' AS since,
               posted.created_at + interval '1 day' AS until
        FROM lots JOIN members ON members.id = lots.member_id
        JOIN lot_allocations ON lot_id = lots.id AND bucket = 'available' AND delta < 0
        JOIN ledger_transactions AS posted ON posted.id = lot_allocations.transaction_id
        LEFT JOIN course ON course.id = posted.id
        WHERE lots.member_id = ANY(:ids) AND posted.type NOT IN ('expire', 'earn_reversal')
    )
    SELECT member, program_id, lot, transaction, at, own, active_at, since, until, ARRAY(
               SELECT DISTINCT tier FROM (
                   SELECT tier, created_at AS began, lead(created_at) OVER (ORDER BY id) AS ended
                   FROM tier_changes WHERE tier_changes.member_id = taken.member_id
               ) AS held
               WHERE tier IS NOT NULL AND began <= until AND coalesce(ended, 'infinity') >= since
           ) AS tiers
    FROM taken ORDER BY transaction, lot
""")
_TOTAL = text("SELECT coalesce(sum(points), 0) FROM ledger_entries")


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that breaks a law of the books, or is not what they make; both figures as texts.

    `member` is our public id; it, `lot` and `transaction` are None where they have no part in it.
    """

    member: str | None
    lot: int | None
    transaction: int | None
    what: str
    said: str | None
    made: str | None

    def __str__(self) -> str:
        about = (("member", self.member), ("lot", self.lot), ("transaction", self.transaction))
        where = ", ".join(f"{name} {each}" for name, each in about if each is not None)
        figures = ": " + " instead of ".join(each for each in (self.said, self.made) if each) if self.said else ""
        return f"{where}: {self.what}{figures}" if where else f"{self.what}{figures}"


class Debit(NamedTuple):
    """What was taken out of a lot by anything but its death, or an order that does not deserve it any more.

    The lot dies on its `own` date by itself; `active_at` is the member's last activity before. Between `since` and
    `until` the rules were in force, and the member was in the `tiers`, by one of which it was taken.
    """

    member: str
    program_id: int
    lot: int
    transaction: int
    at: datetime
    own: datetime | None
    active_at: datetime | None
    since: datetime
    until: datetime
    tiers: list[str]


def debits(tx: Connection, member_ids: Sequence[int]) -> list[Debit]:
    """Return all that was ever taken out of the lots of these members, in the order in which it was."""
    values = made({}, movements=0) | {"ids": list(member_ids)}
    return [Debit(*row) for row in tx.execute(_DEBITS, values)]


def differences(
    tx: Connection, *, zones: Mapping[str, str], fixed: Sequence[str], movements: int, most: int
) -> list[Difference]:
    """Return up to `most` of what each check finds: the laws of the books first, then what is projected from them.

    `zones` has the time zone of each template's programme; `fixed` are the templates whose points die on their lot's
    own date, whatever their member does; `movements` is how many last ones a balance keeps.
    """
    values: dict[str, Any] = made(zones, movements=movements)
    values |= {"fixed": list(fixed), "loaded": list(zones), "most": most}
    return [Difference(*row) for check in _CHECKS for row in tx.execute(check, values)]


def balances(tx: Connection, *, most: int) -> list[Difference]:
    """Return up to `most` figures of members' balances that are not what the books make."""
    return [Difference(*row) for row in tx.execute(_CHECKS[-1], made({}, movements=0) | {"most": most})]


def grand_total(tx: Connection) -> int:
    """Return the sum of all entries of all programmes: zero in a sound database."""
    return int(tx.execute(_TOTAL).scalar_one())
