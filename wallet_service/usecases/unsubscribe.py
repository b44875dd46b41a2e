"""Somebody wants no more news: the address is not written to any more, and a member's consent is withdrawn."""

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.errors import UnknownMember
from wallet_service.domain.event import Consent, Customer, Event, MemberUpdated, content_hash
from wallet_service.domain.identity import identity
from wallet_service.domain.letters import MARKETING, Reason
from wallet_service.domain.member import Membership
from wallet_service.domain.template import Template
from wallet_service.storage import consents, identities, members, programs, suppressed
from wallet_service.storage.programs import Opened
from wallet_service.storage.vault import Vault
from wallet_service.usecases.connect import own_source
from wallet_service.usecases.in_force import InForce
from wallet_service.usecases.receive import receive

DIALECT = "mail"  # of the source of what readers of letters say; nobody posts to it
KIND = "member.updated"

Begin = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True)
class Unsubscribing:
    """Takes addresses off, for readers themselves and for who carries the mail; a repeat changes nothing."""

    begin: Begin
    in_force: InForce
    vault: Vault
    pass_type_identifier: str

    def opened(self, program_id: int) -> Opened:
        """Return the programme of that id of ours."""
        with self.begin() as tx:
            return programs.by_id(tx, program_id)

    def by_reader(self, opened: Opened, member_id: int | None, mark: bytes, *, now: datetime) -> None:
        """Write nothing more to an address that nobody has asked for, and note that its member agrees no longer.

        Whoever was erased, or has never been a member, is only not written to.
        """
        with self.begin() as tx:
            suppressed.add(tx, opened.merchant_id, mark, "unsubscribed", now=now)
        if member_id is not None:
            self._withdraw(opened, member_id, now=now)

    def by_carrier(self, merchant_id: int, address: str, reason: Reason, *, now: datetime) -> None:
        """Write nothing more to an address of the merchant's; whoever has complained agrees no longer, either."""
        marks = suppressed.marks_of(self.vault, address)
        with self.begin() as tx:
            suppressed.add(tx, merchant_id, marks[0], reason, now=now)
            found = self._known_by(tx, merchant_id, address) if reason == "complained" else []
        for opened, member_id in found:
            self._withdraw(opened, member_id, now=now)

    def _known_by(self, tx: Connection, merchant_id: int, address: str) -> list[tuple[Opened, int]]:
        """Return the members who are known by an address, at most one in each programme of the merchant."""
        marks = identities.marks_of(self.vault, [each] if (each := identity("email", address)) else [])
        found = []
        for opened in programs.of_merchant(tx, merchant_id):
            for owner in identities.owners(tx, opened.id, marks).values():
                member = members.find_by_public_id(tx, owner.public_id)
                if member is not None:
                    found.append((opened, member.member.id))
        return found

    def _withdraw(self, opened: Opened, member_id: int, *, now: datetime) -> None:
        with self.begin() as tx:
            found = _standing_for(tx, opened.id, member_id)
            word = consents.words(tx, [found.id], purpose=MARKETING, channel="email").get(found.id) if found else None
            if found is None or not word or not word.granted:
                return
            template: Template = self.in_force.of_program(opened)
            code = template.program.program.code
            source = own_source(tx, vault=self.vault, program_id=opened.id, dialect=DIALECT, name=code, now=now)
        fact = MemberUpdated(
            Customer(member_id=found.public_id), consents=(Consent(MARKETING, granted=False, channel="email"),)
        )
        event = Event(f"unsubscribe {secrets.token_hex(8)}", KIND, content_hash(KIND, fact), now, b"", fact)
        try:
            receive(
                self.begin,
                source=source,
                template=template,
                vault=self.vault,
                event=event,
                pass_type_identifier=self.pass_type_identifier,
                now=now,
            )
        except UnknownMember:
            return  # erased meanwhile


def _standing_for(tx: Connection, program_id: int, member_id: int) -> Membership | None:
    """Return the member, or whoever it has become one with."""
    found = members.find_by_members(tx, [member_id])
    if not found:
        return None
    survivor = found[0].member.merged_into
    return members.find(tx, program_id, survivor) if survivor else found[0].member
