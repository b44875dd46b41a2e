"""Campaigns of links, and what is only counted of them: links made, and programs that looked at one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from sqlalchemy import Connection, Row, text

from wallet_service.domain.links import Campaign, Channel, Utm

Counted = Literal["sent", "preview", "scanner", "prefetch", "crawler"]

COLUMNS = """
    link_campaigns.id AS campaign_id, link_campaigns.program_id, link_campaigns.code AS campaign_code,
    link_campaigns.name AS campaign_name, link_campaigns.channel AS campaign_channel, utm_source, utm_medium,
    utm_campaign, utm_term, utm_content, link_campaigns.valid_until AS campaign_until,
    link_campaigns.use_limit AS campaign_limit, link_campaigns.revoked_at AS campaign_revoked_at,
    link_campaigns.created_at
"""
_ADD = text("""
    INSERT INTO link_campaigns (merchant_id, program_id, code, name, channel, utm_source, utm_medium, utm_campaign,
                                utm_term, utm_content, valid_until, use_limit, created_at)
    VALUES (:merchant_id, :program_id, :code, :name, :channel, :utm_source, :utm_medium, :utm_campaign,
            :utm_term, :utm_content, :until, :limit, :now)
    ON CONFLICT (merchant_id, code) DO NOTHING
    RETURNING id
""")
_SELECT = f"SELECT {COLUMNS}, programs.code AS program FROM link_campaigns JOIN programs ON programs.id = program_id"
_FIND = text(f"{_SELECT} WHERE link_campaigns.merchant_id = :merchant_id AND link_campaigns.code = :code")
_EVERY = text(f"{_SELECT} WHERE link_campaigns.merchant_id = :merchant_id ORDER BY link_campaigns.id")
_PAGE = text(f"""
    {_SELECT} WHERE link_campaigns.merchant_id = :merchant_id AND link_campaigns.id > coalesce(
        (SELECT id FROM link_campaigns AS before WHERE before.merchant_id = :merchant_id AND before.code = :after), 0)
    ORDER BY link_campaigns.id LIMIT :most
""")
_REVOKE = text("""
    UPDATE link_campaigns SET revoked_at = coalesce(revoked_at, :now)
    WHERE merchant_id = :merchant_id AND code = :code RETURNING revoked_at
""")
_COUNT = text("""
    INSERT INTO link_counts (campaign_id, channel, day, what, times)
    VALUES (:campaign_id, :channel, :day, :what, :times)
    ON CONFLICT (campaign_id, channel, day, what) DO UPDATE SET times = link_counts.times + excluded.times
""")


@dataclass(frozen=True, slots=True)
class OfProgram:
    """A campaign, and the code of the programme that its links lead to."""

    campaign: Campaign
    program: str


def add(
    tx: Connection,
    *,
    merchant_id: int,
    program_id: int,
    code: str,
    name: str,
    channel: Channel,
    utm: Utm,
    until: date | None,
    limit: int | None,
    now: datetime,
) -> bool:
    """Add a campaign; return False, and change nothing, where the merchant has one of that code."""
    values = {
        "merchant_id": merchant_id,
        "program_id": program_id,
        "code": code,
        "name": name,
        "channel": channel,
        "utm_source": utm.source,
        "utm_medium": utm.medium,
        "utm_campaign": utm.campaign,
        "utm_term": utm.term,
        "utm_content": utm.content,
        "until": until,
        "limit": limit,
        "now": now,
    }
    return tx.execute(_ADD, values).first() is not None


def find(tx: Connection, merchant_id: int, code: str) -> OfProgram | None:
    """Return the merchant's campaign of that code."""
    row = tx.execute(_FIND, {"merchant_id": merchant_id, "code": code}).first()
    return OfProgram(campaign_of(row), row.program) if row else None


def every(tx: Connection, merchant_id: int) -> Sequence[OfProgram]:
    """Return all campaigns of a merchant, oldest first."""
    return [OfProgram(campaign_of(row), row.program) for row in tx.execute(_EVERY, {"merchant_id": merchant_id})]


def page(tx: Connection, merchant_id: int, *, after: str | None, most: int) -> Sequence[OfProgram]:
    """Return up to `most` campaigns of a merchant, oldest first, from the one of the code `after` on."""
    rows = tx.execute(_PAGE, {"merchant_id": merchant_id, "after": after, "most": most})
    return [OfProgram(campaign_of(row), row.program) for row in rows]


def revoke(tx: Connection, merchant_id: int, code: str, *, now: datetime) -> bool:
    """Let no link of the campaign work any more; return False if there is none of that code."""
    return tx.execute(_REVOKE, {"merchant_id": merchant_id, "code": code, "now": now}).first() is not None


def count(tx: Connection, campaign_id: int, channel: Channel, what: Counted, *, times: int = 1, day: date) -> None:
    """Count links that were made, or programs that looked at one; of neither is anything else kept."""
    values = {"campaign_id": campaign_id, "channel": channel, "day": day, "what": what, "times": times}
    tx.execute(_COUNT, values)


def campaign_of(row: Row[tuple[object, ...]]) -> Campaign:
    """Return the campaign that a row tells of, read by `COLUMNS`."""
    return Campaign(
        id=row.campaign_id,
        program_id=row.program_id,
        code=row.campaign_code,
        name=row.campaign_name,
        channel=row.campaign_channel,
        utm=Utm(row.utm_source, row.utm_medium, row.utm_campaign, row.utm_term, row.utm_content),
        until=row.campaign_until,
        limit=row.campaign_limit,
        revoked_at=row.campaign_revoked_at,
        created_at=row.created_at,
    )
