"""A merchant's endpoints: added, changed, given new secrets, enabled again, removed, and tried out."""

import secrets
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from wallet_service.domain.addresses import Reach
from wallet_service.domain.errors import EndpointRefused, Fault, UnknownEndpoint
from wallet_service.domain.news import TEST, pattern_fault
from wallet_service.domain.outbound import Answer, Courier, Parcel, url_fault
from wallet_service.storage import endpoints, messages
from wallet_service.storage.endpoints import Endpoint
from wallet_service.storage.messages import Written
from wallet_service.storage.vault import Vault
from wallet_service.usecases.connect import new_secret

__all__ = ["Endpoint", "Standing", "add", "change", "enable", "find", "remove", "rotate", "standing", "try_out"]

MOST = 20  # endpoints of one merchant: each is written to with everything that happens
LONGEST_NAME = 100
OVERLAP = timedelta(hours=24)  # in which the secret before still signs

Begin = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True, slots=True)
class Standing:
    """An endpoint, and how many messages wait for it and are dead letters."""

    endpoint: Endpoint
    waiting: int
    dead: int


def add(
    tx: Connection,
    *,
    merchant_id: int,
    vault: Vault,
    reach: Reach,
    url: str,
    types: Sequence[str] = (),
    name: str | None = None,
    now: datetime,
) -> tuple[Endpoint, str]:
    """Add an endpoint, and return it with its secret, which is not shown again.

    It is told what happens from now on: everything, or what its filters name, such as "points.*" or "tier.upgraded".
    Raises `EndpointRefused` with everything that is wrong.
    """
    _check(reach, url=url, types=types, name=name)
    if endpoints.count(tx, merchant_id) >= MOST:
        raise _refused([Fault("endpoint", "", f"is one too many; a merchant has {MOST} at the most")])
    secret = new_secret()
    added = endpoints.add(
        tx,
        merchant_id=merchant_id,
        public_id=endpoints.PREFIX + secrets.token_hex(10),
        url=url,
        name=name,
        types=list(dict.fromkeys(types)),
        secret=vault.seal(secret),
        now=now,
    )
    return added, secret


def change(
    tx: Connection,
    *,
    merchant_id: int,
    reach: Reach,
    endpoint: str,
    url: str | None = None,
    types: Sequence[str] | None = None,
    name: str | None = None,
    unnamed: bool = False,
) -> Endpoint:
    """Change what is given, and return the endpoint; messages that wait go to the new address, too.

    `unnamed` takes its name away.

    Raises `UnknownEndpoint` and `EndpointRefused`.
    """
    found = find(tx, merchant_id=merchant_id, endpoint=endpoint)
    url, name = url or found.url, None if unnamed else name or found.name
    types = found.types if types is None else types
    _check(reach, url=url, types=types, name=name)
    return endpoints.change(tx, found.id, url=url, name=name, types=list(dict.fromkeys(types)))


def find(tx: Connection, *, merchant_id: int, endpoint: str) -> Endpoint:
    """Return the merchant's endpoint of that id.

    Raises `UnknownEndpoint`.
    """
    found = endpoints.find(tx, merchant_id, endpoint)
    if found is None:
        raise UnknownEndpoint(endpoint)
    return found


def standing(tx: Connection, *, merchant_id: int) -> list[Standing]:
    """Return all endpoints of a merchant, the oldest first, with what waits for them."""
    found = endpoints.of_merchant(tx, merchant_id)
    counts = messages.of_endpoints(tx, [each.id for each in found])
    return [Standing(each, *counts.get(each.id, (0, 0))) for each in found]


def rotate(
    tx: Connection, *, merchant_id: int, vault: Vault, endpoint: str, overlap: timedelta = OVERLAP, now: datetime
) -> str:
    """Give an endpoint a new secret, and return it; messages are signed with the one before, too, as long as `overlap`.

    Raises `UnknownEndpoint`.
    """
    found = find(tx, merchant_id=merchant_id, endpoint=endpoint)
    secret = new_secret()
    endpoints.rotate(tx, found.id, secret=vault.seal(secret), until=now + overlap)
    return secret


def enable(tx: Connection, *, merchant_id: int, endpoint: str, now: datetime) -> Endpoint:
    """Let messages go to an endpoint again that was stopped; all that waits is due now.

    Raises `UnknownEndpoint`.
    """
    found = find(tx, merchant_id=merchant_id, endpoint=endpoint)
    messages.hurry(tx, found.id, now=now)
    endpoints.enable(tx, found.id, now=now)
    return find(tx, merchant_id=merchant_id, endpoint=endpoint)


def remove(tx: Connection, *, merchant_id: int, endpoint: str, now: datetime) -> None:
    """Remove an endpoint with all that waits for it, and its log.

    Raises `UnknownEndpoint`.
    """
    endpoints.remove(tx, find(tx, merchant_id=merchant_id, endpoint=endpoint).id, now=now)


def try_out(
    begin: Begin, courier: Courier, vault: Vault, *, merchant_id: int, endpoint: str, clock: Callable[[], datetime]
) -> Answer:
    """Send an endpoint a message that tells nothing, stopped or not, and return what it answered; nothing is kept.

    Raises `UnknownEndpoint`.
    """
    now = clock()
    with begin() as tx:
        found = find(tx, merchant_id=merchant_id, endpoint=endpoint)
        body = messages.body_of(Written(TEST, {"endpoint": found.public_id}), now).encode()
        live = found.secrets(vault, now=now)
    return courier.send(Parcel(f"msg_{secrets.token_hex(16)}", found.url, live, body), at=now)


def _check(reach: Reach, *, url: str, types: Sequence[str], name: str | None) -> None:
    faults = [Fault("endpoint", "types", fault) for each in types if (fault := pattern_fault(each))]
    if fault := url_fault(url, reach):
        faults.append(Fault("endpoint", "url", fault))
    if name is not None and not (0 < len(name) <= LONGEST_NAME and name.isprintable()):
        faults.append(Fault("endpoint", "name", f"should be 1 to {LONGEST_NAME} printable characters"))
    if faults:
        raise _refused(faults)


def _refused(faults: Sequence[Fault]) -> EndpointRefused:
    return EndpointRefused("The endpoint cannot be used; nothing was stored.", faults)
