"""How many have joined lately: buckets that fill with each and empty with time, for all processes together."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, text

_SPEND = text("""
    INSERT INTO join_rates (bucket, spent_until) VALUES (:bucket, CAST(:now AS timestamptz) + :step)
    ON CONFLICT (bucket) DO UPDATE SET spent_until = greatest(join_rates.spent_until, :now) + :step
    WHERE greatest(join_rates.spent_until, :now) + :step <= CAST(:now AS timestamptz) + :window
    RETURNING spent_until
""")
_SPENT = text("SELECT spent_until FROM join_rates WHERE bucket = :bucket")
# Whoever is counted just now holds the bucket, which is none to be dropped then.
_PRUNE = text("""
    DELETE FROM join_rates WHERE bucket IN (
        SELECT bucket FROM join_rates WHERE spent_until <= :now ORDER BY bucket FOR UPDATE SKIP LOCKED)
""")


def spend(tx: Connection, bucket: bytes, *, most: int, window: timedelta, now: datetime) -> timedelta | None:
    """Count one of at most so many in a window; return after which time there is room where there is none now."""
    step = window / most
    values = {"bucket": bucket, "step": step, "window": window, "now": now}
    if tx.execute(_SPEND, values).scalar() is not None:
        return None
    spent_until: datetime = tx.execute(_SPENT, {"bucket": bucket}).scalar_one()
    return max(spent_until + step - window - now, timedelta(seconds=1))


def prune(tx: Connection, *, now: datetime) -> int:
    """Drop the buckets that are empty again, and return how many."""
    return tx.execute(_PRUNE, {"now": now}).rowcount
