"""Seal what has been posted, prove that a transaction was, and find what has been changed since."""

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from wallet_service.domain import chain
from wallet_service.domain.chain import NO_HEAD, Head
from wallet_service.domain.errors import NotSealed
from wallet_service.domain.receipt import Receipt
from wallet_service.storage import sealed, seals
from wallet_service.storage.seals import Seal, Signed

MOST = 10_000  # transactions of one seal
PAGE = 1_000  # transactions that are looked at in one go
LATEST = timedelta(hours=1)  # between the time that a transaction bears and the moment when all can see it
Begin = Callable[[], AbstractContextManager[Connection]]
Genuine = Callable[[bytes, bytes, bytes], bool]  # public key, signature, message


class Signer(Protocol):
    """What signs heads; `public` is its public key, 32 bytes."""

    public: bytes

    def sign(self, message: bytes) -> bytes:
        """Return the signature."""


@dataclass(frozen=True, slots=True)
class Break:
    """A place where seals and ledger do not agree; `transaction` is None where a seal itself is at fault."""

    seal: int | None
    transaction: int | None
    what: str

    def __str__(self) -> str:
        about = (("transaction", self.transaction), ("seal", self.seal))
        return f"{', '.join(f'{name} {each}' for name, each in about if each is not None)}: {self.what}"


def seal(tx: Connection, signer: Signer, *, now: datetime, most: int = MOST) -> Head | None:
    """Seal up to `most` transactions that no seal covers; None where there are none, or somebody else is at it.

    In a transaction of its own, after that of the postings: nobody waits for a seal, and a seal waits for nobody.
    """
    if not seals.try_lock(tx):
        return None
    ids, floor = seals.unsealed(tx, most=most)
    if not ids:
        return None
    leaves = [each for page in _pages(ids) for each in _leaves(tx, page).values()]
    before = seals.last(tx)
    head = Head(
        position=before.head.position + 1 if before else 1,
        previous=before.stated if before else NO_HEAD,
        root=chain.root(leaves),
        before=before.head.before + before.head.count if before else 0,
        count=len(ids),
        sealed_at=now,
    )
    signed = Signed(head, head.hash, signer.sign(head.signed), signer.public)
    seals.add(tx, signed, ids, leaves, floor=floor if len(ids) < most else None)
    return head


def seal_all(begin: Begin, signer: Signer, clock: Callable[[], datetime]) -> int:
    """Seal, batch after batch, until nothing is left; return how many transactions were sealed."""
    count = 0
    while True:
        with begin() as tx:
            head = seal(tx, signer, now=clock())
        count += head.count if head else 0
        if head is None or head.count < MOST:
            return count


def receipt(tx: Connection, transaction_id: int) -> Receipt:
    """Return the receipt of a transaction.

    Raises `NotSealed` where no seal covers it yet.
    """
    found = seals.of(tx, transaction_id)
    if found is None:
        raise NotSealed(f"No seal covers transaction {transaction_id}. A worker seals what is posted every minute.")
    index = found.transaction_ids.index(transaction_id)
    return Receipt(
        transaction=sealed.contents(tx, [transaction_id])[transaction_id],
        index=index,
        path=tuple(chain.path(found.leaves, index)),
        head=found.signed.head,
        signature=found.signed.signature,
        public_key=found.signed.public_key,
    )


def breaks(begin: Begin, genuine: Genuine, keys: Collection[bytes]) -> Iterator[Break]:
    """Yield every place where seals and ledger do not agree, in the order of the seals.

    `keys` are the public keys that seals may be signed with. A transaction is named that was changed or removed since,
    or that was put between others after they had been sealed.
    """
    reached = _Reached()
    while True:
        with begin() as tx:
            found = seals.after(tx, reached.position)
            if found is None:
                break
            yield from _wrong_seal(found, reached, genuine, keys)
            yield from _wrong_transactions(tx, found, reached.complete_at)
        reached = reached.past(found)
    with begin() as tx:
        for each in seals.passed_over(tx, most=PAGE):
            yield Break(None, each, "was inserted after all of its time had been sealed")


@dataclass(frozen=True, slots=True)
class _Reached:
    """How far the chain has been followed; `complete_at` is when a seal last left nothing out."""

    position: int = 0
    head: bytes = NO_HEAD
    before: int = 0
    complete_at: datetime | None = None

    def past(self, found: Seal) -> "_Reached":
        """Return how far it has been followed after one more seal."""
        told = found.signed.head
        complete_at = told.sealed_at if found.complete else self.complete_at
        return _Reached(told.position, found.signed.stated, told.before + told.count, complete_at)


def _wrong_seal(found: Seal, reached: _Reached, genuine: Genuine, keys: Collection[bytes]) -> Iterator[Break]:
    told, signed = found.signed.head, found.signed
    if told.position != reached.position + 1:
        yield Break(reached.position + 1, None, "is missing")
    elif (told.previous, told.before) != (reached.head, reached.before):
        yield Break(told.position, None, "does not follow on the seal before it")
    if len(found.leaves) != told.count or chain.root(found.leaves) != told.root or signed.stated != told.hash:
        yield Break(told.position, None, "was changed: its parts do not make its head")
    elif not genuine(signed.public_key, signed.signature, told.signed):
        yield Break(told.position, None, "was changed: its signature does not fit its head")
    elif signed.public_key not in keys:
        yield Break(told.position, None, f"is signed with a key that is not ours: {signed.public_key.hex()}")


def _wrong_transactions(tx: Connection, found: Seal, complete_at: datetime | None) -> Iterator[Break]:
    position = found.signed.head.position
    stated = dict(zip(found.transaction_ids, found.leaves, strict=False))
    for page in _pages(found.transaction_ids):
        contents = sealed.contents(tx, page)
        for each in page:
            if each not in contents:
                yield Break(position, each, "is missing from the ledger")
            elif _leaf(contents[each]) != stated.get(each):
                yield Break(position, each, "is not what was sealed")
            elif complete_at and datetime.fromisoformat(contents[each]["created_at"]) < complete_at - LATEST:
                yield Break(position, each, "bears a time at which it was not in the ledger yet")
    for each in sorted(seals.listed(tx, position) ^ set(found.transaction_ids)):
        yield Break(position, each, "does not count as sealed where it is, or does where it is not")


def _leaves(tx: Connection, ids: list[int]) -> dict[int, bytes]:
    contents = sealed.contents(tx, ids)
    return {each: _leaf(contents[each]) for each in ids}


def _leaf(content: dict[str, object]) -> bytes:
    return chain.leaf(chain.canonical(content))


def _pages(ids: Collection[int]) -> Iterator[list[int]]:
    several = list(ids)
    return (several[i : i + PAGE] for i in range(0, len(several), PAGE))
