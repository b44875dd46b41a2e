"""The laws of the ledger, asked of the rows themselves: nothing here trusts what the service makes of them."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

Row = Any
ZONE = ZoneInfo("Europe/Prague")

_QUERIES = {
    "transactions": "SELECT * FROM ledger_transactions WHERE member_id = ANY(:members) ORDER BY id",
    "entries": """
        SELECT transaction_id, kind, ledger_accounts.member_id, points
        FROM ledger_entries JOIN ledger_transactions ON ledger_transactions.id = transaction_id
        JOIN ledger_accounts ON ledger_accounts.id = account_id
        WHERE ledger_transactions.member_id = ANY(:members)
    """,
    "lots": "SELECT * FROM lots WHERE member_id = ANY(:members) ORDER BY id",
    "lot_balances": "SELECT * FROM lot_balances WHERE member_id = ANY(:members)",
    "allocations": """
        SELECT lot_allocations.* FROM lot_allocations JOIN lots ON lots.id = lot_id
        WHERE member_id = ANY(:members) ORDER BY id
    """,
    "holds": "SELECT * FROM holds WHERE member_id = ANY(:members)",
    "open_holds": "SELECT * FROM open_holds WHERE member_id = ANY(:members)",
    "outcomes": """
        SELECT hold_outcomes.*, holds.points AS held FROM hold_outcomes JOIN holds ON holds.id = hold_id
        WHERE member_id = ANY(:members)
    """,
    "expiry_days": "SELECT * FROM expiry_days WHERE member_id = ANY(:members)",
    "facts": "SELECT * FROM qualifications WHERE member_id = ANY(:members)",
    "days": "SELECT * FROM qualification_days WHERE member_id = ANY(:members)",
    "tiers": "SELECT * FROM tier_changes WHERE member_id = ANY(:members) ORDER BY id",
    "terms": "SELECT * FROM membership_terms WHERE member_id = ANY(:members) ORDER BY id",
    "orders": "SELECT * FROM orders WHERE member_id = ANY(:members)",
    "balances": "SELECT * FROM balances WHERE member_id = ANY(:members)",
}


class Books:
    """All rows of some members, read at one moment."""

    def __init__(self, tx: Connection, members: Iterable[int]) -> None:
        values = {"members": list(members)}
        self.rows: dict[str, list[Row]] = {
            name: list(tx.execute(text(query), values)) for name, query in _QUERIES.items()
        }
        self.transactions = {each.id: each for each in self.rows["transactions"]}
        self.lots = {each.id: each for each in self.rows["lots"]}
        self.entries: dict[int, list[Row]] = defaultdict(list)
        for each in self.rows["entries"]:
            self.entries[each.transaction_id].append(each)

    def of(self, table: str, member: int) -> list[Row]:
        """Return a member's rows of a table."""
        return [each for each in self.rows[table] if each.member_id == member]

    def account(self, member: int, kind: str) -> int:
        """Return what the entries of one of a member's accounts come to."""
        return int(sum(each.points for each in self.rows["entries"] if (each.member_id, each.kind) == (member, kind)))

    def buckets(self) -> dict[tuple[int, str], int]:
        """Return what allocations say is in each bucket of each lot."""
        found: Counter[tuple[int, str]] = Counter()
        for each in self.rows["allocations"]:
            found[each.lot_id, each.bucket] += each.delta
        return found

    def deaths(self) -> dict[int, datetime | None]:
        """Return when each lot dies by its own date, which an activation may have set."""
        found = {lot.id: lot.expires_at for lot in self.lots.values()}
        for each in self.rows["allocations"]:
            if self.transactions[each.transaction_id].type == "activate":
                found[each.lot_id] = each.expires_at or found[each.lot_id]
        return found


def faults(books: Books, *, allow_negative: bool, own_dates: bool) -> list[str]:
    """Return every law that is broken: I1, I3 to I7 and I9; `own_dates`: nothing but its date keeps a lot alive."""
    found = [*_balanced(books), *_lots(books), *_accounts(books, allow_negative), *_holds(books), *_orders(books)]
    return found + (_dead(books) if own_dates else [])


def _balanced(books: Books) -> list[str]:
    """I1: entries of a transaction sum to zero, and there are some."""
    return [
        f"I1: transaction {each.id} ({each.type}) sums to {sum(one.points for one in books.entries[each.id])}"
        for each in books.transactions.values()
        if not books.entries[each.id] or sum(one.points for one in books.entries[each.id]) != 0
    ]


def _lots(books: Books) -> list[str]:
    """I3: the buckets of a lot sum to its points, at every moment, and none is ever below zero."""
    found = []
    running: Counter[tuple[int, str]] = Counter()
    for one, deltas in _by_transaction(books):
        for key, delta in deltas.items():
            running[key] += delta
            if running[key] < 0:
                found.append(f"I3: {key[1]} of lot {key[0]} is {running[key]} after transaction {one}")
    for lot in books.lots.values():
        total = sum(running[lot.id, bucket] for bucket in ("pending", "available", "held", "out"))
        if total != lot.points:
            found.append(f"I3: the buckets of lot {lot.id} come to {total}, not {lot.points}")
    return found


def _by_transaction(books: Books) -> list[tuple[int, Counter[tuple[int, str]]]]:
    deltas: dict[int, Counter[tuple[int, str]]] = defaultdict(Counter)
    for each in books.rows["allocations"]:
        deltas[each.transaction_id][each.lot_id, each.bucket] += each.delta
    return sorted(deltas.items())


def _accounts(books: Books, allow_negative: bool) -> list[str]:
    """I4 and I5: accounts are what lies in lots; only available may be lower, by a deficit."""
    found = []
    inside = books.buckets()
    for balance in books.rows["balances"]:
        mine = [lot.id for lot in books.lots.values() if lot.member_id == balance.member_id]
        for kind in ("pending", "held", "available"):
            entered = books.account(balance.member_id, kind)
            in_lots = sum(inside.get((lot, kind), 0) for lot in mine)
            wanted = max(entered, 0) if kind == "available" else entered
            if in_lots != wanted:
                law = "I5" if kind == "available" else "I4"
                found.append(f"{law}: {kind} of member {balance.member_id} is {entered}, its lots hold {in_lots}")
            if entered < 0 and (kind != "available" or not allow_negative):
                found.append(f"I5: {kind} of member {balance.member_id} is {entered}")
    return found


def _holds(books: Books) -> list[str]:
    """I6: a hold has one outcome at the most, of no more than it held; what is open is what is held."""
    found = []
    outcomes: dict[int, list[Row]] = defaultdict(list)
    for each in books.rows["outcomes"]:
        outcomes[each.hold_id].append(each)
        captured = -sum(one.points for one in books.entries[each.transaction_id] if one.kind in ("held", "available"))
        if each.points > each.held or (each.outcome != "captured" and each.points) or captured != each.points:
            found.append(f"I6: {each.outcome} hold {each.hold_id} of {each.held}: {each.points}, posted {captured}")
    for hold in books.rows["holds"]:
        ends = [
            each
            for each in books.transactions.values()
            if any(one.hold_id == hold.id and one.delta < 0 for one in _moves(books, each.id))
        ]
        if len(outcomes[hold.id]) > 1 or len(ends) != len(outcomes[hold.id]):
            found.append(f"I6: hold {hold.id} ended {len(ends)} times, with {len(outcomes[hold.id])} outcomes")
    open_now = {each.id for each in books.rows["holds"] if not outcomes[each.id]}
    for balance in books.rows["balances"]:
        held = sum(
            each.points for each in books.rows["holds"] if each.id in open_now and each.member_id == balance.member_id
        )
        if held != books.account(balance.member_id, "held"):
            found.append(f"I6: open holds of member {balance.member_id} come to {held}")
    if open_now != {each.hold_id for each in books.rows["open_holds"]}:
        found.append("I10: the open holds are not those without an outcome")
    return found


def _moves(books: Books, transaction: int) -> list[Row]:
    return [each for each in books.rows["allocations"] if each.transaction_id == transaction]


def _orders(books: Books) -> list[str]:
    """I7: what was issued for an order is what its present state deserves, and all of it is gone when it is."""
    issued: Counter[int] = Counter()
    forgiven: Counter[int] = Counter()
    for each in books.transactions.values():
        if each.order_id is not None:
            for one in books.entries[each.id]:
                issued[each.order_id] -= one.points * (one.kind in ("issuance", "partner"))
                forgiven[each.order_id] -= one.points * (one.kind == "forgiven")
    found = []
    for order in books.rows["orders"]:
        left = 0 if order.cancelled or not order.eligible_minor else max(order.eligible_minor - order.refunded_minor, 0)
        of = (order.award or {}).get("of")
        if of is not None and of != order.eligible_minor:
            found.append(f"I7: order {order.order_id} of {order.eligible_minor} is evaluated as one of {of}")
        deserved = (order.earned or 0) * left // order.eligible_minor if order.eligible_minor else order.earned or 0
        if issued[order.id] != (0 if order.cancelled else deserved) or issued[order.id] != order.kept:
            found.append(f"I7: order {order.order_id} was issued {issued[order.id]}, deserves {deserved}")
        if forgiven[order.id] != order.forgiven or order.forgiven < 0:
            found.append(f"I7: order {order.order_id} was forgiven {forgiven[order.id]}, says {order.forgiven}")
    return found


def _dead(books: Books) -> list[str]:
    """I9: whatever is taken away or set apart is taken from lots that live."""
    deaths = books.deaths()
    found = []
    for each in books.rows["allocations"]:
        posted, dies_at = books.transactions[each.transaction_id], deaths[each.lot_id]
        taking = posted.type in ("adjust", "hold", "transfer_out") and each.bucket == "available" and each.delta < 0
        if taking and each.lot_id in books.lots and dies_at is not None and posted.created_at >= dies_at:
            found.append(f"I9: {posted.type} {posted.id} takes from lot {each.lot_id}, dead since {dies_at}")
    return found


def projected(books: Books) -> list[str]:
    """Return every projection that is not what the rows that are only added to come to: I10."""
    inside, deaths = books.buckets(), books.deaths()
    found = []
    for each in books.rows["lot_balances"]:
        said = (each.pending, each.available, each.held, each.expires_at)
        counted = (*(inside.get((each.lot_id, kind), 0) for kind in ("pending", "available", "held")),)
        if said != (*counted, deaths[each.lot_id]):
            found.append(f"I10: lot {each.lot_id} is said to hold {said}, and holds {counted}")
    if {each.lot_id for each in books.rows["lot_balances"]} != set(books.lots):
        found.append("I10: not every lot has a balance")
    for balance in books.rows["balances"]:
        found += _projected_balance(books, balance, inside, deaths)
    return found


def _projected_balance(
    books: Books, balance: Row, inside: dict[tuple[int, str], int], deaths: dict[int, datetime | None]
) -> list[str]:
    member = balance.member_id
    mine = [lot for lot in books.lots.values() if lot.member_id == member]
    dated: Counter[datetime] = Counter()
    for lot in mine:
        dies_at, free = deaths[lot.id], inside.get((lot.id, "available"), 0)
        if dies_at is not None and free:
            dated[dies_at] += free
    facts, days = books.of("facts", member), books.of("days", member)
    by_day = {each: _sums(one for one in facts if one.day == each) for each in {one.day for one in facts}}
    newest = books.of("tiers", member)[-1:]
    posted, given = books.of("transactions", member), {lot.transaction_id for lot in mine if lot.expires_at is None}
    pairs: list[tuple[str, Any, Any]] = [
        ("available", balance.available, books.account(member, "available")),
        ("pending", balance.pending, books.account(member, "pending")),
        ("held", balance.held, books.account(member, "held")),
        (
            "totals",
            (balance.spend_total, balance.earned_total, balance.orders_total, balance.referrals_total),
            _sums(facts),
        ),
        ("days", {each.day: _sums([each]) for each in days}, by_day),
        ("expiry_days", {each.expires_at: each.available for each in books.of("expiry_days", member)}, dict(dated)),
        ("tier", (balance.tier,), (newest[0].tier if newest else None,)),
        ("membership", (balance.paid_since, balance.paid_until), _membership(books.of("terms", member))),
        ("movements", balance.movements, _movements(books, posted)),
        (
            "active_at",
            balance.active_at,
            max((each.effective_at for each in posted if _is_activity(each, given)), default=None),
        ),
    ]
    return [
        f"I10: {name} of member {member} is {said}, not {counted}" for name, said, counted in pairs if said != counted
    ]


def _is_activity(posted: Row, opened: set[int]) -> bool:
    """Whether it keeps points alive: earning, using, being given some by another, or by a person without a last day."""
    return posted.type in ("earn", "redeem", "transfer_in") or (posted.type == "adjust" and posted.id in opened)


def _sums(facts: Iterable[Row]) -> tuple[int, int, int, int]:
    rows = list(facts)
    return (
        sum(each.spend for each in rows),
        sum(each.points for each in rows),
        sum(each.orders for each in rows),
        sum(each.referrals for each in rows),
    )


def _membership(terms: list[Row]) -> tuple[date | None, date | None]:
    """Return first and last day of what was paid for without a gap; a cancellation sets the last day."""
    first: date | None = None
    last: date | None = None
    for each in terms:
        if each.kind == "cancelled":
            last = each.ends_on if each.ends_on >= each.starts_on else None
        elif first is None or last is None or (each.starts_on - last).days > 1:
            first, last = each.starts_on, each.ends_on
        else:
            first, last = min(first, each.starts_on), max(last, each.ends_on)
    return (first, last) if last is not None else (None, None)


def _movements(books: Books, posted: list[Row]) -> list[list[Any]]:
    moved = [
        [each.effective_at.astimezone(ZONE).date().isoformat(), points, each.type]
        for each in reversed(posted)
        if (points := sum(one.points for one in books.entries[each.id] if one.kind == "available"))
    ]
    return moved[:5]


def ahead(books: Books, member: int, *, kept_until: datetime | None, whole: bool) -> tuple[int, date | None, Any]:
    """Return what dies next, its last day, and when the calendar has work next, from the rows alone."""
    inside, deaths = books.buckets(), books.deaths()
    mine = [lot for lot in books.lots.values() if lot.member_id == member]
    free = {lot.id: inside.get((lot.id, "available"), 0) for lot in mine}
    dies: list[tuple[datetime, int]] = []
    for lot, points in free.items():
        moment = kept_until if whole else deaths[lot]
        if moment is not None and kept_until is not None:
            moment = max(moment, kept_until)
        if points and moment is not None:
            dies.append((moment, points))
    dates = [moment for moment, _ in dies]
    dates += [
        lot.activates_at
        for lot in mine
        if inside.get((lot.id, "pending"), 0) and lot.activates_at is not None and lot.activates_at.year < 9999
    ]
    dates += [each.expires_at for each in books.of("open_holds", member)]
    first = min((moment for moment, _ in dies), default=None)
    dying = sum(points for moment, points in dies if moment == first)
    last = first.astimezone(ZONE).date() - timedelta(days=1) if first else None
    return dying, last, min(dates, default=None)
