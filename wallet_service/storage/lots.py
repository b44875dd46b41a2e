"""A member's lots and holds, as far as they still hold points, and what the calendar will do to them next."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct, structs
from sqlalchemy import Connection, Row, text

from wallet_service.domain.ledger import Hold, Lot

_COLUMNS = """
    lots.id, points, rule, order_id AS order_row, partner, effective_at, pending, available, held,
    lot_balances.activates_at, lot_balances.expires_at
"""
_LIVE = text(f"""
    SELECT {_COLUMNS} FROM lot_balances JOIN lots ON lots.id = lot_id
    WHERE lot_balances.member_id = :member_id AND (pending > 0 OR available > 0 OR held > 0)
    ORDER BY lots.id
""")
_BY_ID = text(f"SELECT {_COLUMNS} FROM lot_balances JOIN lots ON lots.id = lot_id WHERE lots.id = ANY(:ids)")
_HOLDS = text("""
    SELECT holds.id, public_id, points, purpose, reference, created_at, holds.expires_at
    FROM open_holds JOIN holds ON holds.id = hold_id
    WHERE open_holds.member_id = :member_id ORDER BY holds.id
""")
_PARTS = text("""
    SELECT hold_id, lot_id, sum(delta) AS points FROM lot_allocations
    WHERE hold_id = ANY(:ids) AND bucket = 'held' GROUP BY hold_id, lot_id HAVING sum(delta) > 0
    ORDER BY hold_id, min(id)
""")
_SET_APART = text("""
    SELECT lot_id, delta AS points FROM lot_allocations
    WHERE hold_id = :hold_id AND bucket = 'held' AND delta > 0 ORDER BY id
""")
_USED = text("""
    SELECT lot_id, delta AS points FROM lot_allocations
    WHERE transaction_id = :transaction_id AND bucket = 'out' AND delta > 0 ORDER BY id
""")
# What comes next to the member with the id `members.id`; only points that die are told otherwise where all are kept.
AHEAD = """
    (SELECT min(expires_at) FROM expiry_days WHERE member_id = members.id) AS dies_at,
    (SELECT available FROM expiry_days WHERE member_id = members.id ORDER BY expires_at LIMIT 1) AS first_dying,
    (SELECT min(activates_at) FROM lot_balances WHERE member_id = members.id AND pending > 0) AS activates_at,
    (SELECT min(expires_at) FROM open_holds WHERE member_id = members.id) AS hold_ends_at,
    (SELECT min(valid_until) FROM redemptions WHERE member_id = members.id AND status = 'issued') AS code_ends_at
"""
_AHEAD = text(f"SELECT {AHEAD} FROM (SELECT CAST(:member_id AS bigint) AS id) AS members")
_KEPT = text("""
    SELECT greatest(first.at, :kept_until) AS dies_at,
           (SELECT sum(available)::bigint FROM expiry_days
            WHERE member_id = :member_id AND expires_at <= greatest(first.at, :kept_until)) AS dying
    FROM (SELECT min(expires_at) AS at FROM expiry_days WHERE member_id = :member_id) AS first
""")
_DYING = text("""
    SELECT expires_at FROM expiry_days WHERE member_id = :member_id AND expires_at <= :until
    UNION
    SELECT min(expires_at) FROM expiry_days WHERE member_id = :member_id AND expires_at > :until HAVING count(*) > 0
""")


class Ahead(Struct, frozen=True):
    """What comes next by the calendar, None where nothing does.

    Points die or become spendable, a hold times out, or a reward that was issued can no longer be used.
    """

    dies_at: datetime | None
    dying: int
    activates_at: datetime | None
    hold_ends_at: datetime | None
    code_ends_at: datetime | None

    def with_new(self, lots: Sequence[Lot]) -> "Ahead":
        """Return what comes next once these lots are there, too."""
        dated = [(self.dies_at, self.dying), *((lot.expires_at, lot.available) for lot in lots)]
        dying = [(at, points) for at, points in dated if at is not None and points > 0]
        dies_at = min((at for at, _ in dying), default=None)
        waiting = [self.activates_at, *(lot.activates_at for lot in lots if lot.pending > 0)]
        return structs.replace(
            self,
            dies_at=dies_at,
            dying=sum(points for at, points in dying if at == dies_at),
            activates_at=min((each for each in waiting if each is not None), default=None),
        )


def live(tx: Connection, member_id: int) -> tuple[list[Lot], list[Hold]]:
    """Return the lots that hold points, and the holds that are open with their parts."""
    lots = {row.id: lot_of(row) for row in tx.execute(_LIVE, {"member_id": member_id})}
    holds = {row.id: _hold(row) for row in tx.execute(_HOLDS, {"member_id": member_id})}
    if holds:
        for row in tx.execute(_PARTS, {"ids": list(holds)}):
            holds[row.hold_id].parts.append((lots[row.lot_id], int(row.points)))
    return list(lots.values()), list(holds.values())


def used(tx: Connection, transaction_id: int, known: Iterable[Lot]) -> list[tuple[Lot, int]]:
    """Return what a transaction took out of which lots, as the account knows them already where it does."""
    return _parts(tx, tx.execute(_USED, {"transaction_id": transaction_id}), known)


def set_apart(tx: Connection, hold_id: int, known: Iterable[Lot]) -> list[tuple[Lot, int]]:
    """Return what was held of which lots, in the order in which it is captured, open or not."""
    return _parts(tx, tx.execute(_SET_APART, {"hold_id": hold_id}), known)


def ahead(tx: Connection, member_id: int, *, kept_until: datetime | None) -> Ahead:
    """Return what comes next; `kept_until` keeps all points alive that long."""
    asked = tx.execute(_AHEAD, {"member_id": member_id})
    kept = tx.execute(_KEPT, {"member_id": member_id, "kept_until": kept_until}) if kept_until else None
    found = ahead_of(asked.one())
    if kept is None or found.dies_at is None:
        return found
    row = kept.one()
    return structs.replace(found, dies_at=row.dies_at, dying=row.dying)


def ahead_of(row: Row[tuple[object, ...]]) -> Ahead:
    """Return what comes next to the member that a row tells of."""
    return Ahead(row.dies_at, row.first_dying or 0, row.activates_at, row.hold_ends_at, row.code_ends_at)


def _parts(tx: Connection, rows: Iterable[Row[Any]], known: Iterable[Lot]) -> list[tuple[Lot, int]]:
    taken = [(row.lot_id, int(row.points)) for row in rows]
    lots = {lot.id: lot for lot in known}
    missing = [lot_id for lot_id, _ in taken if lot_id not in lots]
    if missing:
        lots |= {row.id: lot_of(row) for row in tx.execute(_BY_ID, {"ids": missing})}
    return [(lots[lot_id], points) for lot_id, points in taken]


def dying(tx: Connection, member_id: int, *, until: datetime) -> list[datetime]:
    """Return the moments at which spendable points die by themselves up to then, and the first one after it."""
    return list(tx.execute(_DYING, {"member_id": member_id, "until": until}).scalars())


def lot_of(row: Row[tuple[object, ...]]) -> Lot:
    """Return the lot that a row tells of; `order_row` is our row id of the order that earned it."""
    return Lot(
        points=row.points,
        effective_at=row.effective_at,
        id=row.id,
        pending=row.pending,
        available=row.available,
        held=row.held,
        activates_at=row.activates_at,
        expires_at=row.expires_at,
        rule=row.rule,
        order_row=row.order_row,
        partner=row.partner,
    )


def _hold(row: Row[tuple[object, ...]]) -> Hold:
    return Hold(
        points=row.points,
        purpose=row.purpose,
        created_at=row.created_at,
        expires_at=row.expires_at,
        public_id=row.public_id,
        reference=row.reference,
        id=row.id,
    )
