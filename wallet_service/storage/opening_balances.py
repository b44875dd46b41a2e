"""Balances with which members began here: one for each member, ever."""

from collections.abc import Iterable

import orjson
from sqlalchemy import Connection, text

_OF = text("SELECT member_id, points FROM opening_balances WHERE member_id = ANY(:member_ids)")
_ADD = text("""
    INSERT INTO opening_balances (member_id, points, transaction_id)
    SELECT member_id, points, transaction_id
    FROM jsonb_to_recordset(CAST(:opened AS jsonb)) AS told (member_id bigint, points bigint, transaction_id bigint)
""")


def of(tx: Connection, member_ids: Iterable[int]) -> dict[int, int]:
    """Return the points with which those of the members began who did, by the member."""
    return {row.member_id: row.points for row in tx.execute(_OF, {"member_ids": list(member_ids)})}


def add(tx: Connection, opened: Iterable[tuple[int, int, int]]) -> None:
    """Note member, points and transaction of balances that are opened; the database refuses a second one."""
    rows = [
        {"member_id": member_id, "points": points, "transaction_id": transaction_id}
        for member_id, points, transaction_id in opened
    ]
    if rows:
        tx.execute(_ADD, {"opened": orjson.dumps(rows).decode()})
