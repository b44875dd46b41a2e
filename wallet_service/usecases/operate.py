"""An operation is done once for each key: the work, its answer and the key are one transaction."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from msgspec import structs
from sqlalchemy import Connection

from wallet_service.domain.errors import Fault, OperationConflict, OperationRefused, SameMember, UnknownMember
from wallet_service.domain.event import Customer
from wallet_service.domain.member import Membership
from wallet_service.domain.program import Program
from wallet_service.domain.template import Template
from wallet_service.storage import members, operations
from wallet_service.storage.events import Raced
from wallet_service.storage.ledger import Cause
from wallet_service.storage.operations import Done
from wallet_service.storage.vault import Vault
from wallet_service.usecases.book import Book, close_and_show, open_book
from wallet_service.usecases.revise import revise_all

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

TRIES = 3
SECRET: Mapping[str, bool] = {"secret": True}  # metadata of what is only kept sealed
SEALED = "sealed"


@dataclass(frozen=True, slots=True)
class OpenProgram:
    """Where operations are done: a programme with its template, and the vault that seals its codes."""

    id: int
    template: Template
    vault: Vault


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation under way, in an open transaction: what is asked for, who asks, and when."""

    tx: Connection
    open: OpenProgram
    row_id: int
    kind: str
    actor: str
    now: datetime

    @property
    def program(self) -> Program:
        """The programme, in the version in force."""
        return self.open.template.program

    @property
    def cause(self) -> Cause:
        """What the ledger names as the cause."""
        return Cause(operation_id=self.row_id)


@dataclass(frozen=True, slots=True)
class Operated:
    """What is answered; `replayed` says that it had been answered before and that nothing happened now."""

    answer: dict[str, Any]
    replayed: bool


def operate(
    begin: Callable[[], AbstractContextManager[Connection]],
    *,
    program: OpenProgram,
    key: str,
    kind: str,
    content: Mapping[str, Any],
    actor: str,
    now: datetime,
    act: Callable[[Operation], "DataclassInstance"],
) -> Operated:
    """Do what is asked for, unless it has been done under this key: then the first answer is given again.

    `content` is all that is asked for, as JSON can say it. An operation that is refused leaves nothing behind, and its
    key is free. Two at once under one key: the later one waits and gets the answer of the first.
    Raises `OperationConflict` for a key that was used for something else, and whatever `act` raises.
    """
    digest = digest_of(kind, content)
    for _ in range(TRIES):
        try:
            with begin() as tx:
                row_id = operations.claim(
                    tx, program_id=program.id, key=key, kind=kind, content_hash=digest, actor=actor, now=now
                )
                if row_id is None:
                    return _again(tx, program, key, digest)
                result = act(Operation(tx, program, row_id, kind, actor, now))
                operations.answer(tx, row_id, sealed(result, program.vault))
                return Operated(answer_of(result), replayed=False)
        except Raced:
            continue
    raise Raced


def answered(
    tx: Connection, *, program: OpenProgram, key: str, kind: str, content: Mapping[str, Any]
) -> Operated | None:
    """Return what was answered under a key, or None where nothing was: for what is not one transaction.

    Raises `OperationConflict` for a key that was used for something else.
    """
    if operations.find(tx, program.id, key) is None:
        return None
    return _again(tx, program, key, digest_of(kind, content))


def answer_of(result: "DataclassInstance") -> dict[str, Any]:
    """Return a result as JSON says it."""
    return {each.name: _plain(getattr(result, each.name)) for each in fields(result)}


def books_of(operation: Operation, *customers: Customer) -> list[Book]:
    """Return the books of these members, all under their locks, which are taken in one order.

    Who has become one with another is that one. Raises `UnknownMember` and `SameMember`.
    """
    tx, program_id = operation.tx, operation.open.id
    names = [members.survivor(tx, program_id, named(operation, each)) for each in customers]
    if len(set(names)) < len(names):
        raise SameMember
    books = books_by_name(operation, *names)
    if any(each.member.merged_into for each in books):
        raise Raced  # it happened between the look and the lock
    return books


def books_by_name(operation: Operation, *names: str) -> list[Book]:
    """Return the books of the members with these ids of the merchant's own, merged or not, as `books_of` does.

    Raises `UnknownMember`.
    """
    tx, program_id, template = operation.tx, operation.open.id, operation.open.template
    members.lock_customers(tx, [(program_id, each) for each in names])
    found = [members.find(tx, program_id, each) for each in names]
    for name, member in zip(names, found, strict=True):
        if member is None:
            raise UnknownMember(f"customer {name}")
    return [open_book(tx, member, template, now=operation.now) for member in found if member is not None]


def close(operation: Operation, book: Book) -> Membership:
    """Close a book with the operation as its cause, and have the card show what it came to."""
    return close_and_show(book, cause=operation.cause, reason=operation.kind)


def close_all(operation: Operation, *books: Book) -> list[Membership]:
    """Close several books, in this order, and have their cards show what they came to; return the members."""
    return show(operation, [(each.member, each.close(cause=operation.cause, reason=operation.kind)) for each in books])


def show(operation: Operation, changes: Sequence[tuple[Membership, Membership]]) -> list[Membership]:
    """Have the cards of members, given before and after, show what has changed; return the members.

    Who takes several cards takes them in their order, after all books are closed.
    """
    members.lock_cards(operation.tx, [before.card.id for before, _ in changes])
    revised = revise_all(operation.tx, changes, operation.open.template, now=operation.now)
    cards = {each.card.id: each.card for each in revised}
    return [structs.replace(after, card=cards.get(after.card.id, after.card)) for _, after in changes]


def positive(points: int) -> int:
    """Return the points.

    Raises `OperationRefused` for none or fewer.
    """
    if points < 1:
        raise refused("points", f"is {points}; give at least 1")
    return points


def refused(key: str, message: str) -> OperationRefused:
    """Return the error that names what of an operation cannot be done."""
    return OperationRefused("This cannot be done; nothing was stored.", [Fault("operation", key, message)])


def digest_of(kind: str, content: Mapping[str, Any]) -> bytes:
    """Return what tells one thing that is asked for from another."""
    return hashlib.sha256(json.dumps([kind, content], sort_keys=True, default=str).encode()).digest()


def named(operation: Operation, customer: Customer) -> str:
    """Return the merchant's own id of whoever is meant, who may have become one with another.

    Raises `UnknownMember`.
    """
    found = members.external_id(operation.tx, operation.open.id, customer)
    if found is None:
        raise UnknownMember(str(customer))
    return found


def _again(tx: Connection, program: OpenProgram, key: str, digest: bytes) -> Operated:
    return repeated(operations.find(tx, program.id, key), program.vault, key=key, digest=digest)


def repeated(done: Done | None, vault: Vault, *, key: str, digest: bytes) -> Operated:
    """Return the answer that was given before.

    Raises `OperationConflict` for a key that was used for something else.
    """
    if done is None or done.content_hash != digest:
        raise OperationConflict(key)
    opened = {
        name: vault.open(each[SEALED].encode()) if isinstance(each, dict) and SEALED in each else each
        for name, each in done.answer.items()
    }
    return Operated(opened, replayed=True)


def sealed(result: "DataclassInstance", vault: Vault) -> dict[str, Any]:
    """Return the answer as it is kept."""
    answer = answer_of(result)
    for each in fields(result):
        if each.metadata.get("secret") and answer[each.name] is not None:
            answer[each.name] = {SEALED: vault.seal(answer[each.name]).decode()}
    return answer


def _plain(value: Any) -> Any:
    match value:
        case datetime() | date():
            return value.isoformat()
        case tuple() | list():
            return [_plain(each) for each in value]
        case _ if hasattr(value, "__dataclass_fields__"):
            return answer_of(value)
        case _:
            return value
