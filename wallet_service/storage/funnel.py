"""How far people came by links: one look that counts every step, by campaign, channel, link or wallet.

A link for one person counts once for each step. One for anyone counts each opening, for nobody knows who it was, and
each member from joining on. A card counts as installed by the link whose button was pressed last before it came into
that wallet, within a week.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Literal, get_args

from sqlalchemy import Connection, TextClause, text

By = Literal["campaign", "channel", "link", "wallet"]
WAYS: tuple[By, ...] = get_args(By)

WEEK = timedelta(days=7)
MONTH = timedelta(days=30)
STREAMED = 1000  # rows that are fetched at once

# What rows are told apart by: the columns of the answer, and in which order they come.
_KEYS: dict[By | None, tuple[str, str, str]] = {
    None: ("''", "", ""),
    "campaign": ("link_campaigns.code", "GROUP BY link_campaigns.id", "ORDER BY link_campaigns.id"),
    "channel": ("facts.channel", "GROUP BY facts.channel", "ORDER BY facts.channel"),
    "wallet": ("facts.wallet", "GROUP BY facts.wallet", "ORDER BY facts.wallet"),
    "link": (
        "coalesce(links.code, 'link ' || links.id)",
        "GROUP BY link_campaigns.id, links.id, members.public_id",
        "ORDER BY links.id",
    ),
}
_PHONE = "CASE device WHEN 'ios' THEN 'apple' WHEN 'android' THEN 'google' ELSE 'other' END"


# Which row a page begins after, by the key of that row.
_AFTER: dict[By, str] = {
    "campaign": """link_campaigns.id > (
        SELECT id FROM link_campaigns AS before WHERE before.merchant_id = :merchant_id AND before.code = :after)""",
    "channel": "facts.channel > :after",
    "wallet": "facts.wallet > :after",
    "link": """links.id > CASE WHEN :after LIKE 'link %' THEN CAST(substr(:after, 6) AS bigint)
        ELSE (SELECT id FROM links AS before WHERE before.code = :after) END""",
}


def _query(by: By | None) -> TextClause:
    key, group, order = _KEYS[by]
    apart = by == "wallet"  # otherwise whoever came with two phones is one person
    of_phone, of_click = (_PHONE, "wallet") if apart else ("CAST(NULL AS text)", "CAST(NULL AS text)")
    # Links that were made, and what only looked, are known by campaign and channel alone.
    counted = (
        ""
        if by in ("wallet", "link")
        else """
        SELECT campaign_id, channel, CAST(NULL AS bigint) AS link_id, CAST(NULL AS text) AS wallet, what AS step,
               sum(times) AS number
        FROM link_counts WHERE day BETWEEN :since AND :until GROUP BY campaign_id, channel, what
        UNION ALL"""
    )
    whose = "JOIN links ON links.id = facts.link_id LEFT JOIN members ON members.id = links.member_id"
    told = "links.kind, members.public_id AS member_id" if by == "link" else "NULL AS kind, NULL AS member_id"
    told += ", link_campaigns.code AS campaign" if by in ("campaign", "link") else ", NULL AS campaign"
    return text(f"""
        WITH clicks AS MATERIALIZED (
            SELECT link_id, links.campaign_id, links.channel, link_visits.member_id, min(day) AS day,
                   CASE step WHEN 'downloaded' THEN 'apple' ELSE 'google' END AS wallet,
                   min(first_at) AS first_at, max(last_at) AS last_at
            FROM link_visits JOIN links ON links.id = link_id JOIN link_campaigns ON link_campaigns.id = campaign_id
            WHERE merchant_id = :merchant_id AND step <> 'opened'
            GROUP BY link_id, links.campaign_id, links.channel, link_visits.member_id, step
        ), came AS (
            SELECT DISTINCT ON (installs.id) installs.id, installs.card_id, installed_at, clicks.link_id,
                   clicks.campaign_id, clicks.channel, clicks.member_id, clicks.wallet, clicks.day
            FROM clicks JOIN cards ON cards.member_id = clicks.member_id JOIN installs ON installs.card_id = cards.id
            WHERE platform = wallet AND installed_at >= first_at AND installed_at <= last_at + :week
            ORDER BY installs.id, clicks.first_at DESC
        ), installed AS MATERIALIZED (
            SELECT campaign_id, channel, link_id, member_id, {of_click} AS wallet,
                   min(installed_at) AS installed_at, min(day) AS day,
                   bool_or(installed_at + :month > :now) AS early,
                   bool_or(EXISTS (
                       SELECT FROM installs AS later
                       WHERE later.card_id = came.card_id AND later.platform = came.wallet
                         AND later.installed_at <= came.installed_at + :month
                         AND (later.removed_at IS NULL OR later.removed_at > came.installed_at + :month))) AS kept
            FROM came GROUP BY campaign_id, channel, link_id, member_id, {of_click}
        ), facts AS ({counted}
            SELECT campaign_id, links.channel, links.id AS link_id, {of_phone} AS wallet, 'opened' AS step,
                   CASE WHEN kind = 'anyone' THEN sum(times) ELSE 1 END AS number
            FROM link_visits JOIN links ON links.id = link_id
            WHERE step = 'opened' AND day BETWEEN :since AND :until GROUP BY links.id, {of_phone}
            UNION ALL
            SELECT campaign_id, links.channel, links.id, NULL, 'joined', count(*)
            FROM link_joins JOIN links ON links.id = link_id
            WHERE CAST(joined_at AT TIME ZONE 'UTC' AS date) BETWEEN :since AND :until GROUP BY links.id
            UNION ALL
            SELECT campaign_id, channel, link_id, {of_click}, 'clicked', count(DISTINCT member_id)
            FROM clicks WHERE day BETWEEN :since AND :until GROUP BY campaign_id, channel, link_id, {of_click}
            UNION ALL
            SELECT campaign_id, channel, link_id, wallet, what, count(*)
            FROM installed CROSS JOIN LATERAL (VALUES
                ('installed', true),
                ('early', early),
                ('kept', kept AND NOT early),
                ('purchased', EXISTS (
                    SELECT FROM orders WHERE orders.member_id = installed.member_id
                      AND paid_at >= installed_at AND NOT cancelled))
            ) AS told (what, so)
            WHERE so AND day BETWEEN :since AND :until GROUP BY campaign_id, channel, link_id, wallet, what
        )
        SELECT {key} AS key, {told}, {", ".join(_sum(each) for each in STEPS)}
        FROM facts JOIN link_campaigns ON link_campaigns.id = facts.campaign_id
        {whose if by == "link" else ""}
        WHERE link_campaigns.merchant_id = :merchant_id
          AND (CAST(:campaign AS text) IS NULL OR link_campaigns.code = :campaign)
          {"AND facts.wallet IS NOT NULL" if apart else ""}
          {f"AND (CAST(:after AS text) IS NULL OR {_AFTER[by]})" if by else ""}
        {group} {order} LIMIT :most
    """)


def _sum(step: str) -> str:
    return f"coalesce(sum(number) FILTER (WHERE step = '{step}'), 0) AS {step}"


@dataclass(frozen=True, slots=True)
class Counted:
    """How many came how far; `key` is what they have in common.

    Of a link, `campaign`, `kind` and `member_id` say more. `sent` are links that were made. `joined` became members.
    `clicked` downloaded the card or went to save it. `kept` had it in the wallet 30 days later; of the `early` that
    cannot be told yet. `purchased` paid an order afterwards. The last four are programs that looked at a link: they are
    in none of the steps.
    """

    key: str
    kind: str | None
    member_id: str | None
    campaign: str | None
    sent: int
    opened: int
    joined: int
    clicked: int
    installed: int
    early: int
    kept: int
    purchased: int
    preview: int
    scanner: int
    prefetch: int
    crawler: int


STEPS = tuple(each.name for each in fields(Counted))[4:]
_QUERIES = {by: _query(by) for by in _KEYS}


def counted(
    tx: Connection,
    *,
    merchant_id: int,
    by: By | None,
    campaign: str | None,
    since: date,
    until: date,
    now: datetime,
    after: str | None = None,
    most: int | None = None,
) -> Iterator[Counted]:
    """Yield what was counted of a merchant's links between two days, both included; without `by` in one sum.

    A page of it begins after the row of the key `after`, and has `most` rows.
    """
    asked = {"merchant_id": merchant_id, "campaign": campaign, "since": since, "until": until}
    values = asked | {"now": now, "week": WEEK, "month": MONTH, "most": most} | ({"after": after} if by else {})
    rows = tx.execute(_QUERIES[by].execution_options(yield_per=STREAMED), values)
    for row in rows:
        yield Counted(row.key, row.kind, row.member_id, row.campaign, *(int(getattr(row, each)) for each in STEPS))
