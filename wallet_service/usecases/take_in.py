"""What a shop system delivers is stored first, and then entered: nothing that was accepted is lost."""

import hashlib
import secrets
import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection

from wallet_service.domain.delivery import Arrangement, Delivery, Normalised, Said
from wallet_service.domain.errors import DatabaseUnusable, UnknownDelivery, UnknownMember, WalletError
from wallet_service.domain.event import Customer, Event, PrivacyRequested, content_hash
from wallet_service.storage import deliveries, sources
from wallet_service.storage.deliveries import Kept
from wallet_service.storage.sources import Source
from wallet_service.storage.vault import Vault
from wallet_service.usecases.erase import erase
from wallet_service.usecases.in_force import InForce
from wallet_service.usecases.operate import OpenProgram, operate
from wallet_service.usecases.reach import member_named
from wallet_service.usecases.receive import receive

log = structlog.get_logger(__name__)

Begin = Callable[[], AbstractContextManager[Connection]]
Normalise = Callable[..., Normalised]

GRACE = timedelta(seconds=15)  # after which a worker settles what a web process has left
OWN = "standard"
LEASE = timedelta(minutes=1)
# When to look again for somebody whom nobody knows yet; what comes later is for a person to replay.
LADDER = (
    timedelta(minutes=1),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
    *(timedelta(days=1),) * 29,
)

UNKNOWN = "nobody is known whom it is about; it is tried again"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a delivery; `replayed` says that the same had been delivered before."""

    public_id: str
    status: str
    detail: str | None = None
    answers: tuple[dict[str, Any], ...] = ()
    replayed: bool = False


@dataclass(frozen=True)
class Intake:
    """Takes in what is delivered; `normalisers` say what it means, by dialect.

    It opens its own transactions: `begin` for what is kept of a delivery, `enter` for the event, `trial` to try it out.
    """

    begin: Begin
    enter: Begin
    trial: Begin
    in_force: InForce
    vault: Vault
    normalisers: Mapping[str, Normalise]
    pass_type_identifier: str
    base_url: str
    clock: Callable[[], datetime]

    def take_in(self, source: Source, delivery: Delivery, body: bytes) -> Outcome:
        """Store what a source has delivered, and enter it; the same again is answered as before.

        What cannot be entered is kept as it came, and can be replayed.
        """
        kept = self._store(source, delivery, body, not_before=self.clock() + GRACE)
        if kept.status != "received":
            return Outcome(kept.public_id, kept.status, kept.detail, tuple(kept.answers), replayed=True)
        try:
            return self.settle(source, kept)
        except DatabaseUnusable:
            return Outcome(kept.public_id, "received")

    def settle(self, source: Source, kept: Kept) -> Outcome:
        """Enter what was delivered, and note what became of it; done twice it is entered once."""
        outcome = self._outcome(source, kept)
        now = self.clock()
        again = now + LADDER[kept.attempts] if outcome.detail == UNKNOWN and kept.attempts < len(LADDER) else None
        with self.begin() as tx:
            deliveries.settle(
                tx,
                kept.id,
                status=outcome.status,
                detail=outcome.detail,
                answers=outcome.answers,
                now=now,
                not_before=again,
            )
        return outcome

    def settle_due(self) -> int:
        """Settle what others have left, and look again for whom nobody knew; return how much that was."""
        done = 0
        while True:
            now = self.clock()
            with self.begin() as tx:
                kept = deliveries.claim(tx, now=now, until=now + LEASE)
                source = sources.find(tx, kept.dialect, kept.source) if kept else None
            if kept is None or source is None:
                return done
            self.settle(source, kept)
            done += 1

    def replay(self, public_id: str, *, merchant_id: int | None = None, dry_run: bool = False) -> Outcome:
        """Enter a delivery anew that could not be entered, or say what that would come to.

        Raises `UnknownDelivery`, also for one whose body is no longer kept.
        """
        with self.begin() as tx:
            kept = deliveries.find(tx, public_id, merchant_id=merchant_id)
            source = sources.find(tx, kept.dialect, kept.source) if kept else None
        if kept is None or source is None or kept.sealed is None:
            raise UnknownDelivery(public_id, kept=kept is not None)
        return self._outcome(source, kept, dry_run=True) if dry_run else self.settle(source, kept)

    def fail(self, source: Source, delivery: Delivery, body: bytes, *, error: Exception) -> Outcome:
        """Keep what a source has delivered, and could not be entered by a fault of ours."""
        detail = _ours(error)
        kept = self._store(source, delivery, body, not_before=None)
        log.error("inbound.failed", delivery=kept.public_id, source=source.name, topic=delivery.topic, detail=detail)
        outcome = Outcome(kept.public_id, "failed", detail)
        with self.begin() as tx:
            deliveries.settle(tx, kept.id, status="failed", detail=detail, answers=(), now=self.clock())
        return outcome

    def _store(self, source: Source, delivery: Delivery, body: bytes, *, not_before: datetime | None) -> Kept:
        """Keep a delivery as it came, once, and return it."""
        delivery_id = delivery.delivery_id or _content_id(delivery.topic, body)
        with self.begin() as tx:
            deliveries.add(
                tx,
                public_id=f"inb_{secrets.token_hex(10)}",
                source_id=source.id,
                topic=delivery.topic,
                delivery_id=delivery_id,
                sealed=self.vault.seal_bytes(body),
                now=self.clock(),
                not_before=not_before,
            )
            return deliveries.of_sender(tx, source.id, delivery_id)

    def _outcome(self, source: Source, kept: Kept, *, dry_run: bool = False) -> Outcome:
        """Enter what was delivered and return what became of it, whatever goes wrong but for the database."""
        try:
            return self._entered(source, kept, dry_run=dry_run)
        except DatabaseUnusable:
            raise
        except UnknownMember:
            return Outcome(kept.public_id, "unmatched", UNKNOWN)
        except WalletError as error:
            log.error("inbound.failed", delivery=kept.public_id, source=source.name, error=type(error).__name__)
            return Outcome(kept.public_id, "failed", str(error))
        except Exception as error:
            stack = "".join(traceback.format_tb(error.__traceback__))
            log.error("inbound.failed", delivery=kept.public_id, source=source.name, detail=_ours(error), stack=stack)
            return Outcome(kept.public_id, "failed", _ours(error))

    def _entered(self, source: Source, kept: Kept, *, dry_run: bool) -> Outcome:
        assert kept.sealed is not None
        url = f"{self.base_url}/webhooks/{source.dialect}/{source.name}"
        found = self.normalisers[source.dialect](
            Delivery(kept.topic, kept.delivery_id),
            self.vault.open_bytes(kept.sealed),
            arrangement=Arrangement(source.name, url, source.test_mode),
            now=kept.received_at,
        )
        if not found.said:
            return Outcome(kept.public_id, "ignored", found.ignored)
        answers = [self._enter(source, kept, each, dry_run=dry_run) for each in found.said]
        statuses = [str(each["status"]) for each in answers]
        status = next((each for each in ("attention", "unmatched") if each in statuses), "processed")
        detail = next((str(each["detail"]) for each in answers if "detail" in each), None)
        return Outcome(kept.public_id, status, detail, tuple(answers))

    def _enter(self, source: Source, kept: Kept, said: Said, *, dry_run: bool) -> dict[str, Any]:
        fact = said.fact
        if isinstance(fact, PrivacyRequested):
            return self._privacy(source, kept, fact, dry_run=dry_run)
        digest = content_hash(said.type, fact)
        # Shop systems deliver one thing under two ids, or two topics, and say it once; our own senders choose the id.
        event_id = kept.delivery_id if source.dialect == OWN else f"{source.dialect}:{digest.hex()[:40]}"
        event = Event(event_id, said.type, digest, said.occurred_at, b"", fact)
        return receive(
            self.trial if dry_run else self.enter,
            source=source,
            template=self.in_force.of_source(source),
            vault=self.vault,
            event=event,
            pass_type_identifier=self.pass_type_identifier,
            now=self.clock(),
        ).answer

    def _privacy(self, source: Source, kept: Kept, asked: PrivacyRequested, *, dry_run: bool) -> dict[str, Any]:
        """Erase whom a shop has erased; whoever asks for a copy, or a whole shop that leaves, needs a person."""
        if asked.request == "erase_shop":
            return _for_a_person("The shop has left. Revoke its keys and remove its source, if that is meant.")
        member_id = self._member(source, asked.customer)
        if member_id is None:
            return {"type": "privacy.requested", "status": "processed", "detail": "nobody is known by that"}
        if asked.request == "export":
            return _for_a_person(f"The customer asks for a copy: wallet-service member export {member_id}")
        if not dry_run:
            template = self.in_force.of_source(source)
            operate(
                self.begin,
                program=OpenProgram(source.program_id, template, self.vault),
                key=f"privacy {kept.public_id}",
                kind="member.erase",
                content={"member": member_id},
                actor=f"source {source.name}",
                now=self.clock(),
                act=lambda operation: erase(operation, customer=Customer(member_id=member_id)),
            )
        return {"type": "privacy.requested", "status": "processed", "member_id": member_id}

    def _member(self, source: Source, customer: Customer | None) -> str | None:
        """Return our id of whoever a request of privacy is about."""
        if customer is None:
            return None
        with self.begin() as tx:
            found = member_named(tx, source.program_id, customer, vault=self.vault)
        return found.member.public_id if found else None


def _for_a_person(detail: str) -> dict[str, Any]:
    return {"type": "privacy.requested", "status": "attention", "detail": detail}


def _content_id(topic: str, body: bytes) -> str:
    digest = hashlib.sha256(topic.encode() + b"\0" + body)
    return f"sha256 {digest.hexdigest()}"


def _ours(error: Exception) -> str:
    return f"a fault of this service: {type(error).__name__}"
