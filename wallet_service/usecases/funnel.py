"""How far people came by a merchant's links, from what was sent to the first purchase; as JSON and as CSV, too."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from datetime import date, datetime

from sqlalchemy import Connection

from wallet_service.domain.sheet import Kind, head_of, lines_of
from wallet_service.storage import funnel as counts
from wallet_service.storage import link_campaigns
from wallet_service.storage.funnel import WAYS, By, Counted
from wallet_service.usecases.campaign import campaign_of

__all__ = ["PATH", "WAYS", "By", "Counted", "as_csv", "as_file", "as_json", "codes", "funnel", "total"]

FIRST, LAST = date(2000, 1, 1), date(2199, 12, 31)
# The way in its order; who joined is no step of it, for members need not.
PATH = ("sent", "opened", "clicked", "installed", "kept", "purchased")
NAMES = tuple(each.name for each in fields(Counted))


def funnel(
    tx: Connection,
    *,
    merchant_id: int,
    by: By = "campaign",
    campaign: str | None = None,
    since: date | None = None,
    until: date | None = None,
    now: datetime,
    after: str | None = None,
    most: int | None = None,
) -> Iterator[Counted]:
    """Return how far people came, told apart by campaign, channel, link or wallet; of one campaign, or of all.

    The days are those on which links were sent, opened and clicked, both included. A page of it begins after the row of
    the key `after`, and has `most` rows.
    Raises `UnknownCampaign`.
    """
    if campaign is not None:
        campaign_of(tx, merchant_id, campaign)
    return counts.counted(
        tx,
        merchant_id=merchant_id,
        by=by,
        campaign=campaign,
        since=since or FIRST,
        until=until or LAST,
        now=now,
        after=after,
        most=most,
    )


def total(
    tx: Connection,
    *,
    merchant_id: int,
    campaign: str | None = None,
    since: date | None = None,
    until: date | None = None,
    now: datetime,
) -> Counted:
    """Return how far people came in all."""
    (found,) = counts.counted(
        tx,
        merchant_id=merchant_id,
        by=None,
        campaign=campaign,
        since=since or FIRST,
        until=until or LAST,
        now=now,
    )
    return found


def codes(tx: Connection, merchant_id: int) -> list[str]:
    """Return the codes of a merchant's campaigns, oldest first."""
    return [each.campaign.code for each in link_campaigns.every(tx, merchant_id)]


def as_json(rows: Iterable[Counted]) -> Iterator[str]:
    """Yield a JSON array of what was counted, an object a line."""
    yield "["
    for number, each in enumerate(rows):
        yield ("," if number else "") + "\n  " + json.dumps(asdict(each), ensure_ascii=False)
    yield "\n]\n"


def as_csv(rows: Iterable[Counted]) -> Iterator[str]:
    """Yield what was counted as CSV, the names of the columns first."""
    return as_file(rows, "csv")


def as_file(rows: Iterable[Counted], kind: Kind) -> Iterator[str]:
    """Yield what was counted as a file of that kind, a row a line."""
    yield head_of(kind, NAMES)
    yield from lines_of(kind, NAMES, map(asdict, rows))
