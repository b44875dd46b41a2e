"""Whether events become slower as entries grow in number: those of others, and those of the member itself."""

import itertools
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from bench.history import tell
from bench.stand import Stand, stand

MEASURED = 100  # members whose events are counted
OTHERS = 1000  # members whose entries grow
FEW, MANY = 1_000, 1_000_000  # entries of others, two for each order
SHORT, LONG = 10, 5000  # entries of one member that each open a lot
DAYS = 300
ROUNDS = 7
BLOCK = 200
WRITERS = 4
OWN = (("points", None), ("starbucks_like", "P12M"))  # a programme, and how long the points of its lots are alive


def run() -> list[str]:
    """Return the lines to print; what is compared takes turns, so that both meet the same moods of the machine."""
    return [_of_others(), *(_of_one(template, alive) for template, alive in OWN)]


def _of_others() -> str:
    with stand(MEASURED + OTHERS) as few, stand(MEASURED + OTHERS) as many:
        for ready, entries in ((few, FEW), (many, MANY)):
            ready.add_wallets()
            _tell(ready, ready.customers[MEASURED:], entries // 2 // OTHERS or 1, None, at_once=100)
        numbers = itertools.count()
        before, after = _alternate(
            lambda: _rate(few, few.customers[:MEASURED], next(numbers), WRITERS),
            lambda: _rate(many, many.customers[:MEASURED], next(numbers), WRITERS),
        )
    return _line(f"{FEW:,} entries of others", before, f"{MANY:,}", after)


def _of_one(template: str, alive: str | None) -> str:
    with stand(2, template) as ready:
        ready.add_wallets()
        for who, orders in zip(ready.customers, (SHORT, LONG), strict=True):
            _tell(ready, [who], orders, alive)
        numbers = itertools.count()
        short, long = _alternate(
            *(lambda who=who: _rate(ready, [who], next(numbers), 1) for who in ready.customers)  # type: ignore[misc]
        )
    return _line(f"{template}: a member with {SHORT} entries", short, f"with {LONG:,}", long)


def _tell(ready: Stand, customers: list[str], orders: int, alive: str | None, at_once: int = 1) -> None:
    for each in range(0, len(customers), at_once):
        with ready.service.begin() as tx:
            tell(tx, customers[each : each + at_once], orders=orders, days=DAYS, alive=alive)
    with ready.service.read() as tx:
        tx.execute(text("VACUUM ANALYZE"))


def _rate(ready: Stand, customers: list[str], number: int, writers: int) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(lambda each: ready.pay(customers[each % len(customers)], f"order {number} {each}"), range(BLOCK)))
    return BLOCK / (time.perf_counter() - started)


def _alternate(one: Callable[[], float], other: Callable[[], float]) -> tuple[list[float], list[float]]:
    one(), other()
    rounds = [(one(), other()) for _ in range(ROUNDS)]
    return [each for each, _ in rounds], [each for _, each in rounds]


def _line(what: str, before: list[float], other: str, after: list[float]) -> str:
    ratio = statistics.median(late / early for early, late in zip(before, after, strict=True))
    return f"{what}: {statistics.median(before):,.0f}/s, {other}: {statistics.median(after):,.0f}/s, ratio {ratio:.2f}"


if __name__ == "__main__":
    print("\n".join(run()))
