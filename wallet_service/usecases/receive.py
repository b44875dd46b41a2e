"""A verified event comes in: find its source, and enter it however many arrive at once."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from wallet_service.domain.errors import UnknownSource
from wallet_service.domain.event import Customer, Event
from wallet_service.domain.template import Template
from wallet_service.storage import events, sources
from wallet_service.storage.sources import Source
from wallet_service.storage.vault import Vault
from wallet_service.usecases.record import Merged, Recorded, record

TRIES = 5


def source_of(tx: Connection, *, dialect: str, name: str) -> Source:
    """Return the source that posts to this address.

    Raises `UnknownSource`.
    """
    source = sources.find(tx, dialect, name)
    if source is None:
        raise UnknownSource(f"No source {name!r} of the dialect {dialect!r} is connected.")
    return source


def receive(
    begin: Callable[[], AbstractContextManager[Connection]],
    *,
    source: Source,
    template: Template,
    vault: Vault,
    event: Event,
    pass_type_identifier: str,
    now: datetime,
    also: Callable[[Connection, Recorded], None] | None = None,
) -> Recorded:
    """Enter the event in a transaction of its own, and again if the same event id was entered meanwhile.

    What is said of a member who has become one with another is said of that one. `also` is done in the same
    transaction, so that there is both or neither. Raises what `record` and `also` raise, and `Raced` only if that
    happens again and again: after a lost race the event is found to be known.
    """
    said, survivor = event, None
    for _ in range(TRIES):
        try:
            with begin() as tx:
                recorded = record(
                    tx,
                    source=source,
                    template=template,
                    vault=vault,
                    event=said,
                    pass_type_identifier=pass_type_identifier,
                    now=now,
                    survivor=survivor,
                )
                if also is not None:
                    also(tx, recorded)
                return recorded
        except IntegrityError as error:
            if not events.is_race(error):
                raise
        except events.Raced:
            said, survivor = event, None
        except Merged as merged:
            fact: Any = event.fact
            survivor = merged.survivor
            said = replace(event, fact=replace(fact, customer=Customer(id=survivor) if survivor else None))
    raise events.Raced
