"""Links that were used, or written down for print: one row each, and what people did with them, day by day."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, Row, text

from wallet_service.domain.links import Campaign, Link, Usage
from wallet_service.domain.visitors import Visitor
from wallet_service.storage.link_campaigns import COLUMNS, campaign_of

Step = Literal["opened", "downloaded", "save_clicked"]

_LINK = """
    links.id AS link_id, links.code AS link_code, links.kind, links.channel, links.content, links.member_id,
    links.valid_until, links.use_limit, coalesce(links.uses, 0) AS uses, links.in_use_until, links.revoked_at,
    coalesce(links.unmeasured, false) AS unmeasured
"""
# Whom a link is for is found in the same look, so that it takes as long whoever that is, and whether there is anybody.
_WHO = """
    LEFT JOIN members ON members.id = CASE
        WHEN CAST(:external_id AS text) IS NULL THEN coalesce(CAST(:member_id AS bigint), links.member_id)
        ELSE (SELECT id FROM members AS known
              WHERE known.program_id = link_campaigns.program_id AND known.external_id = :external_id) END
    LEFT JOIN members AS survivor ON survivor.id = coalesce(members.merged_into, members.id)
    LEFT JOIN cards ON cards.member_id = survivor.id AND cards.replaced_at IS NULL
    LEFT JOIN profiles ON profiles.member_id = survivor.id
    LEFT JOIN objections ON objections.member_id = survivor.id
"""
_SEEN = f"""
    SELECT {COLUMNS}, {_LINK}, link_campaigns.merchant_id, programs.code AS program, programs.template,
           programs.version AS program_version, survivor.id AS holder, cards.voided_at IS NOT NULL AS void,
           profiles.locale, objections.since IS NOT NULL AS objects
    FROM link_campaigns JOIN programs ON programs.id = link_campaigns.program_id
"""
_BY_MARK = text(f"{_SEEN} LEFT JOIN links ON links.mark = :mark {_WHO} WHERE link_campaigns.id = :campaign_id")
_BY_CODE = text(f"{_SEEN} JOIN links ON links.campaign_id = link_campaigns.id {_WHO} WHERE links.code = :code")
_ADD = text("""
    INSERT INTO links (campaign_id, mark, code, kind, channel, content, member_id, valid_until, use_limit, made_at)
    VALUES (:campaign_id, :mark, :code, :kind, :channel, :content, :member_id, :until, :limit, :now)
    ON CONFLICT DO NOTHING
    RETURNING id
""")
_ID = text("SELECT id FROM links WHERE mark = :mark")
_VISIT = text("""
    INSERT INTO link_visits (link_id, step, device, app, member_id, day, times, first_at, last_at)
    VALUES (:link_id, :step, :device, :app, :member_id, :day, 1, :now, :now)
    ON CONFLICT (link_id, step, member_id, device, app, day) DO UPDATE
    SET times = link_visits.times + 1, last_at = greatest(link_visits.last_at, excluded.last_at)
""")
_TAKE = text("""
    UPDATE links
    SET uses = uses + CASE WHEN in_use_until > :now THEN 0 ELSE 1 END,
        in_use_until = CASE WHEN in_use_until > :now THEN in_use_until ELSE :until END
    WHERE id = :link_id AND (CAST(:limit AS integer) IS NULL OR uses < :limit OR in_use_until > :now)
    RETURNING id
""")
_REVOKE = text("UPDATE links SET revoked_at = coalesce(revoked_at, :now) WHERE id = :link_id")
_JOINED = text("""
    INSERT INTO link_joins (member_id, link_id, joined_at) VALUES (:member_id, :link_id, :now) ON CONFLICT DO NOTHING
""")
_KNOW = text("UPDATE links SET member_id = :member_id WHERE id = :link_id AND kind <> 'anyone'")
_JOINED_BY = text("""
    SELECT link_id FROM link_joins
    WHERE link_joins.member_id = :member_id AND joined_at > :since
      AND NOT EXISTS (SELECT FROM objections WHERE objections.member_id = link_joins.member_id)
""")
_TOLD = text("""
    SELECT link_campaigns.code AS campaign, links.channel, step, device, app, times, first_at, last_at
    FROM link_visits JOIN links ON links.id = link_id JOIN link_campaigns ON link_campaigns.id = campaign_id
    WHERE link_visits.member_id = :member_id OR (links.member_id = :member_id AND kind <> 'anyone')
    ORDER BY first_at, link_id, step
""")
_UNMEASURE = text("UPDATE links SET unmeasured = :unmeasured WHERE id = :link_id")
_FORGET_LINK = text("DELETE FROM link_visits WHERE link_id = :link_id")
_FORGET_MEMBER = (
    text("""
        DELETE FROM link_visits WHERE member_id = :member_id
            OR link_id IN (SELECT id FROM links WHERE links.member_id = :member_id AND kind <> 'anyone')
    """),
    text("DELETE FROM link_joins WHERE member_id = :member_id"),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A link as one look at the database finds it: whose it is, what became of it, and for whom it is.

    `row` is None before its first use, `code` is that of a link for print. `holder` is the member that it is for, or
    whom that one has become; None for nobody yet. `objects` says that nothing may be written down of whoever opens it.
    """

    link: Link
    campaign: Campaign
    merchant_id: int
    program: str
    template: str
    program_version: int
    row: int | None
    code: str | None
    usage: Usage
    holder: int | None
    void: bool
    locale: str | None
    objects: bool


@dataclass(frozen=True, slots=True)
class Visit:
    """A step that a member took by a link of a campaign, on one day and kind of device: how often, and when."""

    campaign: str
    channel: str
    step: str
    device: str
    app: str | None
    times: int
    first_at: datetime
    last_at: datetime


def look(tx: Connection, link: Link, mark: bytes) -> Seen | None:
    """Return how a link stands, which its token told; None where its campaign is not known here."""
    external_id = link.prospect.external_id if link.prospect else None
    values = {"campaign_id": link.campaign, "mark": mark, "member_id": link.member, "external_id": external_id}
    row = tx.execute(_BY_MARK, values).first()
    return _seen(row, link) if row else None


def look_up(tx: Connection, code: str) -> Seen | None:
    """Return how the link of a short code stands; None where there is no such code."""
    row = tx.execute(_BY_CODE, {"code": code, "member_id": None, "external_id": None}).first()
    if row is None:
        return None
    member = row.member_id if row.kind == "member" else None
    link = Link(row.campaign_id, row.channel, member, None, row.valid_until, row.use_limit, row.content)
    return _seen(row, link)


def add(
    tx: Connection, link: Link, *, mark: bytes | None, code: str | None, member_id: int | None, now: datetime
) -> int | None:
    """Give a link its row, and return its id; None where the code is taken.

    Of a mark there is one row, whoever comes first.
    """
    values = {
        "campaign_id": link.campaign,
        "mark": mark,
        "code": code,
        "kind": link.kind,
        "channel": link.channel,
        "content": link.content,
        "member_id": member_id,
        "until": link.until,
        "limit": link.limit,
        "now": now,
    }
    added: int | None = tx.execute(_ADD, values).scalar()
    if added is None and mark is not None:
        return int(tx.execute(_ID, {"mark": mark}).scalar_one())
    return added


def visited(
    tx: Connection, link_id: int, step: Step, by: Visitor, *, member_id: int | None, day: date, now: datetime
) -> None:
    """Note that a person took a step: when, on what kind of device, and which member it was if that is known."""
    values = {"link_id": link_id, "step": step, "device": by.device, "app": by.app, "member_id": member_id}
    tx.execute(_VISIT, values | {"day": day, "now": now})


def take(tx: Connection, link_id: int, *, limit: int | None, lasts: timedelta, now: datetime) -> bool:
    """Use a link once; return False, and change nothing, where it has been used as often as it may be.

    What is done while a use lasts belongs to it.
    """
    values = {"link_id": link_id, "limit": limit, "until": now + lasts, "now": now}
    return tx.execute(_TAKE, values).first() is not None


def revoke(tx: Connection, link_id: int, *, now: datetime) -> None:
    """Let a link not work any more."""
    tx.execute(_REVOKE, {"link_id": link_id, "now": now})


def joined(tx: Connection, link_id: int, member_id: int, *, now: datetime) -> None:
    """Note by which link somebody became a member; the first one counts. A personal link is the member's from now."""
    values = {"link_id": link_id, "member_id": member_id, "now": now}
    tx.execute(_JOINED, values)
    tx.execute(_KNOW, values)


def joined_by(tx: Connection, member_id: int, *, since: datetime) -> int | None:
    """Return the link by which somebody became a member since then; None for none, and for whoever objects."""
    found: int | None = tx.execute(_JOINED_BY, {"member_id": member_id, "since": since}).scalar()
    return found


def visits_of(tx: Connection, member_id: int) -> list[Visit]:
    """Return all that is kept of what a member did with links, oldest first."""
    return [Visit(*row) for row in tx.execute(_TOLD, {"member_id": member_id})]


def unmeasure(tx: Connection, link_id: int) -> None:
    """Note nothing more of a link, and forget what was noted of it."""
    tx.execute(_UNMEASURE, {"link_id": link_id, "unmeasured": True})
    tx.execute(_FORGET_LINK, {"link_id": link_id})


def forget(tx: Connection, member_id: int) -> None:
    """Forget all that a member did with links; that they were used stays, for their limits."""
    for statement in _FORGET_MEMBER:
        tx.execute(statement, {"member_id": member_id})


def _seen(row: Row[tuple[object, ...]], link: Link) -> Seen:
    return Seen(
        link=link,
        campaign=campaign_of(row),
        merchant_id=row.merchant_id,
        program=row.program,
        template=row.template,
        program_version=row.program_version,
        row=row.link_id,
        code=row.link_code,
        usage=Usage(row.uses, row.in_use_until, row.revoked_at),
        holder=row.holder,
        void=row.void,
        locale=row.locale,
        objects=row.objects or row.unmeasured,
    )
