"""A service to measure: a database of its own in a temporary folder, with members who each hold a card."""

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text

from wallet_service.config import Settings
from wallet_service.domain.event import Customer, Event, Fact, MemberEnrolled, OrderPaid, content_hash
from wallet_service.storage import migrate
from wallet_service.storage.sources import Source
from wallet_service.usecases.connect import DIALECT, connect
from wallet_service.usecases.receive import receive, source_of
from wallet_service.usecases.record import Recorded
from wallet_service.wiring import Service, build, utc_now

TEMPLATE = "points"
SOURCE = "bench"
PRICE = 4200  # minor units of each order
FIRST_MEMBER, FIRST_CARD = 1_000_000_000, 2_000_000_000  # so that each id can be told from any other number
_WALLETS = text("""
    INSERT INTO wallets (card_id, platform, device, target, wanted, sent, listed, fetched, registered_at,
                         not_before, coalesce_for, attempts)
    SELECT id, 'apple', 'device ' || id, lpad(to_hex(id), 64, '0'), 1, 1, 0, 0, now(), now(), '0', 0
    FROM cards WHERE NOT EXISTS (SELECT FROM wallets WHERE card_id = cards.id)
""")

Begin = Callable[[], AbstractContextManager[Connection]]


@dataclass
class Stand:
    """A service, its source, and its members' ids."""

    service: Service
    source: Source
    customers: list[str]

    def receive(self, event_id: str, kind: str, fact: Fact, *, begin: Begin | None = None) -> Recorded:
        """Enter one event, in a transaction of the service's own unless it is told how to begin one."""
        return receive(
            begin or self.service.begin_pipelined,
            source=self.source,
            template=self.service.in_force.of_source(self.source),
            event=Event(event_id, kind, content_hash(kind, fact), utc_now(), b"{}", fact),
            pass_type_identifier=self.service.identity.pass_type_identifier,
            vault=self.service.vault,
            now=utc_now(),
        )

    def pay(self, who: str, order: str, *, begin: Begin | None = None) -> None:
        """Enter an order that the customer has paid."""
        currency = self.service.in_force.of_source(self.source).program.program.currency
        fact = OrderPaid(Customer(id=who), order, currency, PRICE)
        self.receive(f"event of {order}", "order.paid", fact, begin=begin)

    @property
    def postgres(self) -> int:
        """The process of the database."""
        assert self.service.embedded
        return int((self.service.embedded.data / "postmaster.pid").read_text().split()[0])

    def add_wallets(self) -> None:
        """Put each card that is in no wallet into one of Apple's."""
        with self.service.begin() as tx:
            tx.execute(_WALLETS)


def customer(number: int) -> str:
    """Return the merchant's own id of a member."""
    return f"customer {number}"


@contextmanager
def stand(members: int, template: str = TEMPLATE) -> Iterator[Stand]:
    """Build a service with that many members; everything is gone afterwards."""
    folder = Path(tempfile.gettempdir()) / f"wallet-service-bench-{random.randrange(10**9)}"
    service = build(Settings(data_folder=folder))
    try:
        migrate.upgrade(service.engine)
        with service.begin() as tx:
            tx.execute(text(f"ALTER TABLE members ALTER COLUMN id RESTART WITH {FIRST_MEMBER}"))
            tx.execute(text(f"ALTER TABLE cards ALTER COLUMN id RESTART WITH {FIRST_CARD}"))
            connect(tx, vault=service.vault, template=service.template(template), name=SOURCE, now=utc_now())
            source = source_of(tx, dialect=DIALECT, name=SOURCE)
        ready = Stand(service, source, [customer(number) for number in range(members)])
        for name in ready.customers:
            ready.receive(f"enrol {name}", "member.enrolled", MemberEnrolled(Customer(id=name), "Ann Example", None))
        yield ready
    finally:
        service.close()
        shutil.rmtree(folder, ignore_errors=True)
