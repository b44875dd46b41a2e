"""What phones report about us: kept for a while, cut short and limited, since anybody may post it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

MOST_LINES = 50
LONGEST_LINE = 1000
MOST_A_MINUTE = 600
MOST_KEPT = 10_000

_RECENT = text("SELECT count(*) FROM device_logs WHERE received_at > :since")
_ADD = text("INSERT INTO device_logs (received_at, message) SELECT :now, unnest(CAST(:lines AS text[]))")
_PRUNE = text("""
    DELETE FROM device_logs WHERE id <= (SELECT id FROM device_logs ORDER BY id DESC OFFSET :kept LIMIT 1)
""")
_LATEST = text("SELECT received_at, message FROM device_logs ORDER BY id DESC LIMIT :most")


def add(tx: Connection, lines: Sequence[str], *, now: datetime) -> int:
    """Keep the lines as far as the limits allow, and return how many were kept."""
    room = MOST_A_MINUTE - int(tx.execute(_RECENT, {"since": now - timedelta(minutes=1)}).scalar_one())
    kept = [_plain(line) for line in lines[: min(MOST_LINES, max(room, 0))]]
    if kept:
        tx.execute(_ADD, {"now": now, "lines": kept})
        tx.execute(_PRUNE, {"kept": MOST_KEPT})
    return len(kept)


def latest(tx: Connection, most: int) -> list[tuple[datetime, str]]:
    """Return the newest lines, newest first."""
    return [(row.received_at, row.message) for row in tx.execute(_LATEST, {"most": most})]


def _plain(line: str) -> str:
    cut = line[:LONGEST_LINE]
    return "".join(each if each.isprintable() else " " for each in cut).encode("utf-8", "replace").decode()
