"""A service to measure: a database of its own in a temporary folder, with members who each hold a card."""

import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wallet_service.config import Settings
from wallet_service.domain.event import Customer, Event, Fact, MemberEnrolled, content_hash
from wallet_service.storage import migrate
from wallet_service.storage.sources import Source
from wallet_service.usecases.connect import DIALECT, connect
from wallet_service.usecases.receive import receive, source_of
from wallet_service.usecases.record import Recorded
from wallet_service.wiring import Service, build, utc_now

TEMPLATE = "points"


@dataclass
class Stand:
    """A service, its source, and its members' ids."""

    service: Service
    source: Source
    customers: list[str]

    def receive(self, event_id: str, kind: str, fact: Fact) -> Recorded:
        """Enter one event."""
        return receive(
            self.service.begin_pipelined,
            source=self.source,
            template=self.service.in_force.of_source(self.source),
            event=Event(event_id, kind, content_hash(kind, fact), utc_now(), b"{}", fact),
            pass_type_identifier=self.service.identity.pass_type_identifier,
            now=utc_now(),
        )


@contextmanager
def stand(members: int) -> Iterator[Stand]:
    """Build a service with that many members; everything is gone afterwards."""
    folder = Path(tempfile.gettempdir()) / f"wallet-service-bench-{random.randrange(10**9)}"
    service = build(Settings(data_folder=folder))
    try:
        migrate.upgrade(service.engine)
        with service.begin() as tx:
            connect(tx, vault=service.vault, template=service.template(TEMPLATE), name="bench", now=utc_now())
            source = source_of(tx, dialect=DIALECT, name="bench")
        ready = Stand(service, source, [f"customer {number}" for number in range(members)])
        for name in ready.customers:
            ready.receive(f"enrol {name}", "member.enrolled", MemberEnrolled(Customer(id=name), "Ann Example", None))
        yield ready
    finally:
        service.close()
        shutil.rmtree(folder, ignore_errors=True)
