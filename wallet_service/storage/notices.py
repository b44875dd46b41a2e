"""Notifications that a vendor shows to a card's holder, of which it allows so many a day."""

from datetime import datetime

from sqlalchemy import Connection, text

from wallet_service.domain.push import MOST_NOTICES, NOTICE_DAY

# A plan that came to nothing is given to the newer revision, so that it does not use the day up.
_DROP = text("""
    DELETE FROM notices
    WHERE wallet_id = :wallet_id AND channel = :channel
      AND (told_at <= :since OR (told_at IS NULL AND revision < :revision))
""")
_PLAN = text("""
    INSERT INTO notices (wallet_id, channel, revision, planned_at)
    SELECT :wallet_id, :channel, :revision, :now
    WHERE (SELECT count(*) FROM notices WHERE wallet_id = :wallet_id AND channel = :channel) < :most
    ON CONFLICT DO NOTHING
""")
_PLANNED = text("""
    SELECT told_at IS NULL FROM notices
    WHERE wallet_id = :wallet_id AND channel = :channel AND revision = :revision
""")
_TOLD = text("""
    UPDATE notices SET told_at = :now
    FROM unnest(CAST(:ids AS bigint[]), CAST(:revisions AS integer[])) AS told (id, revision)
    WHERE wallet_id = told.id AND notices.revision <= told.revision AND told_at IS NULL
""")


def plan(tx: Connection, *, wallet_id: int, channel: str, revision: int, now: datetime) -> bool:
    """Return whether the holder may be told of this revision; each try of the same revision is one notice.

    It counts from now on, before it is sent, until it is told or a newer revision takes its place. Nobody knows whether
    a try whose answer was lost has told the holder; so a vendor may then be asked for one too many, which it does not
    give.
    """
    values = {"wallet_id": wallet_id, "channel": channel, "revision": revision, "now": now}
    tx.execute(_DROP, values | {"since": now - NOTICE_DAY})
    tx.execute(_PLAN, values | {"most": MOST_NOTICES})
    return bool(tx.execute(_PLANNED, values).scalar())


def told(tx: Connection, revisions: dict[int, int], *, now: datetime) -> None:
    """Note by wallet the revision that its holder has been told of; its day counts from now."""
    tx.execute(_TOLD, {"ids": list(revisions), "revisions": list(revisions.values()), "now": now})
