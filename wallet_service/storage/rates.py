"""How much has come lately: buckets that fill with each and empty with time, for all processes together."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, text

# One moment for each that comes, laid end to end: whoever is a window ahead of the time has spent all.
_SPEND = text("""
    INSERT INTO rates (bucket, spent_until) VALUES (:bucket, CAST(:now AS timestamptz) + :step)
    ON CONFLICT (bucket) DO UPDATE SET spent_until = greatest(rates.spent_until, :now) + :step
    WHERE greatest(rates.spent_until, :now) + :step <= CAST(:now AS timestamptz) + :window
    RETURNING spent_until
""")
_SPENT = text("SELECT spent_until FROM rates WHERE bucket = :bucket")
# Whoever is counted just now holds the bucket, which is none to be dropped then.
_PRUNE = text("""
    DELETE FROM rates WHERE bucket IN (
        SELECT bucket FROM rates WHERE spent_until <= :now ORDER BY bucket FOR UPDATE SKIP LOCKED)
""")


def spend(tx: Connection, bucket: bytes, *, step: timedelta, window: timedelta, now: datetime) -> tuple[bool, datetime]:
    """Count one, of which one is due every `step`; return whether it may come, and until when time is spent.

    As many as fit into the `window` may come at once.
    """
    values = {"bucket": bucket, "step": step, "window": window, "now": now}
    spent: datetime | None = tx.execute(_SPEND, values).scalar()
    if spent is not None:
        return True, spent
    return False, tx.execute(_SPENT, {"bucket": bucket}).scalar_one()


def prune(tx: Connection, *, now: datetime) -> int:
    """Drop the buckets that are empty again, and return how many."""
    return tx.execute(_PRUNE, {"now": now}).rowcount
