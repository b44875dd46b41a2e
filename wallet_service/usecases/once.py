"""What a merchant asks for that belongs to no programme is done once for its key, as operations are."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from wallet_service.storage import api_operations
from wallet_service.storage.vault import Vault
from wallet_service.usecases.operate import SECRET, Operated, answer_of, digest_of, repeated, sealed

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for what: a merchant, under a key of its own choice, with all that is asked for as JSON can say it."""

    merchant_id: int
    key: str
    kind: str
    content: Mapping[str, Any]
    actor: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer as JSON says it, and a secret that it shows, which is kept sealed."""

    said: Mapping[str, Any]
    secret: str | None = field(default=None, repr=False, metadata=SECRET)


def done_before(tx: Connection, asking: Asking, *, vault: Vault) -> Operated | None:
    """Return what was answered under this key, or None where nothing was.

    Raises `OperationConflict` for a key that was used for something else.
    """
    done = api_operations.find(tx, asking.merchant_id, asking.key)
    if done is None:
        return None
    return repeated(done, vault, key=asking.key, digest=digest_of(asking.kind, asking.content))


def once(
    begin: Callable[[], AbstractContextManager[Connection]],
    asking: Asking,
    *,
    vault: Vault,
    act: Callable[[Connection], "DataclassInstance"],
) -> Operated:
    """Do what is asked for, unless it has been done under this key: then the first answer is given again.

    Keys of a merchant count apart from those of its programmes. What is refused leaves nothing behind, and its key is
    free. Raises `OperationConflict` for a key that was used for something else, and whatever `act` raises.
    """
    digest = digest_of(asking.kind, asking.content)
    with begin() as tx:
        row_id = api_operations.claim(
            tx,
            merchant_id=asking.merchant_id,
            key=asking.key,
            kind=asking.kind,
            content_hash=digest,
            actor=asking.actor,
            now=asking.now,
        )
        if row_id is None:
            done = api_operations.find(tx, asking.merchant_id, asking.key)
            return repeated(done, vault, key=asking.key, digest=digest)
        result = act(tx)
        api_operations.answer(tx, row_id, sealed(result, vault))
        return Operated(answer_of(result), replayed=False)
