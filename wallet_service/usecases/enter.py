"""A merchant's program tells of an event: entered once for its key, by the same rules as what a shop delivers."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from wallet_service.domain.errors import IdentityTaken
from wallet_service.domain.event import Customer, Event, MemberEnrolled, MemberUpdated
from wallet_service.domain.identity import Identity
from wallet_service.domain.member import Membership
from wallet_service.storage import identities, members
from wallet_service.storage.events import Raced
from wallet_service.usecases.connect import OWN_PROGRAMS, own_source
from wallet_service.usecases.operate import OpenProgram, Operated, Operation, operate
from wallet_service.usecases.record import Merged, record

KIND = "event"
TRIES = 5

# Personal data that must be forgotten with the member; an operation's answer is kept for good.
_OF_THE_MERCHANT = "customer_id"


@dataclass(frozen=True, slots=True)
class Entered:
    """What became of an event: what webhooks answer, but for the merchant's own id; and whether a member joined."""

    answer: dict[str, Any]
    joined: bool


@dataclass(frozen=True)
class Entering:
    """An event that a program tells of; what to check first, and what its member is known by no more."""

    event: Event
    check: Callable[[Membership], None] | None = None
    forget: Sequence[Identity] = field(default=())


def enter(
    begin: Callable[[], AbstractContextManager[Connection]],
    entering: Entering,
    *,
    program: OpenProgram,
    key: str,
    kind: str = KIND,
    content: Mapping[str, Any],
    actor: str,
    pass_type_identifier: str,
    now: datetime,
) -> Operated:
    """Enter the event as an operation under the key, which is its id; the answer is an `Entered` in JSON's terms.

    Who is told of and has become one with another is that one. Raises what `operate` and `record` raise, and
    `IdentityTaken` for an address by which somebody else is known.
    """
    event = replace(entering.event, event_id=key)
    said, survivor = event, None
    for _ in range(TRIES):
        try:
            return operate(
                begin,
                program=program,
                key=key,
                kind=kind,
                content=content,
                actor=actor,
                now=now,
                act=partial(
                    _entered,
                    entering=replace(entering, event=said),
                    pass_type_identifier=pass_type_identifier,
                    survivor=survivor,
                ),
            )
        except Raced:
            if survivor is None:
                raise
            said, survivor = event, None
        except Merged as merged:
            fact: Any = event.fact
            addresses = fact.customer.identities if isinstance(fact, MemberEnrolled | MemberUpdated) else ()
            survivor = merged.survivor
            customer = Customer(id=survivor, identities=addresses) if survivor else None
            said = replace(event, fact=replace(fact, customer=customer))
    raise Raced


def _entered(operation: Operation, entering: Entering, pass_type_identifier: str, survivor: str | None) -> Entered:
    tx, opened, event = operation.tx, operation.open, entering.event
    recorded = record(
        tx,
        source=own_source(
            tx,
            vault=opened.vault,
            program_id=opened.id,
            dialect=OWN_PROGRAMS,
            name=operation.program.program.code,
            now=operation.now,
        ),
        template=opened.template,
        vault=opened.vault,
        event=event,
        pass_type_identifier=pass_type_identifier,
        now=operation.now,
        check=entering.check,
        survivor=survivor,
    )
    if isinstance(event.fact, MemberEnrolled | MemberUpdated):
        _know(operation, str(recorded.answer["customer_id"]), event.fact.customer.identities, entering.forget)
    answer = {name: value for name, value in recorded.answer.items() if name != _OF_THE_MERCHANT}
    return Entered(answer, recorded.joined)


def _know(operation: Operation, name: str, told: Sequence[Identity], forget: Sequence[Identity]) -> None:
    """Make sure that the member is known by what was told, and is not by what it shall be known by no more."""
    tx, opened = operation.tx, operation.open
    for each in told:
        owner = identities.owner(tx, opened.id, identities.marks_of(opened.vault, [each]))
        other = members.find(tx, opened.id, owner) if owner not in (None, name) else None
        if other is not None:
            raise IdentityTaken(each.kind, other.public_id)
    member = members.find(tx, opened.id, name) if forget else None
    if member is not None:
        identities.remove(tx, member.id, identities.marks_of(opened.vault, forget))
