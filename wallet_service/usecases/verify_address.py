"""An address that a member has typed is shown to be theirs by the link of a letter, or is found to be known already."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.errors import IdentityTaken, UnknownLink, UnknownMember
from wallet_service.domain.event import Customer, Event, MemberUpdated, content_hash
from wallet_service.domain.identity import Identity
from wallet_service.domain.member import Membership
from wallet_service.storage import identities, members, sign_ins, typed_addresses
from wallet_service.storage.events import Raced
from wallet_service.storage.members import Found
from wallet_service.storage.vault import Vault
from wallet_service.usecases.connect import OWN_PROGRAMS, own_source
from wallet_service.usecases.merge import MergedMembers, merge
from wallet_service.usecases.operate import OpenProgram, Operation, operate
from wallet_service.usecases.receive import receive
from wallet_service.usecases.record import Recorded
from wallet_service.usecases.sign_in import hashed, may_have_letter

TRIES = 3
KIND = "member.updated"
ACTOR = "member"
REASON = "the same address"


@dataclass(frozen=True, slots=True, repr=False)
class Proof:
    """What a link shows that works: who has typed the address, and the member who is known by it already, if any."""

    member: Found
    address: Identity
    known: Found | None


def ask_to_verify(
    tx: Connection,
    vault: Vault,
    member: Membership,
    address: Identity,
    *,
    locale: str,
    per_address: int,
    now: datetime,
) -> None:
    """Have a letter written to the address that a new member has typed; whose it is, is looked up later."""
    if may_have_letter(tx, vault, member.program_id, address, per_address=per_address, now=now):
        sign_ins.ask(
            tx,
            "verify",
            program_id=member.program_id,
            member_id=member.id,
            sealed=vault.seal(address.value),
            locale=locale,
            now=now,
        )


def look_at_proof(tx: Connection, vault: Vault, token: str, *, program_id: int, now: datetime) -> Proof:
    """Return what a letter's link shows, and leave it as it is: programs follow links, too.

    Raises `UnknownLink` for one that is over, was used, is another programme's, or was never made.
    """
    opened = sign_ins.find(tx, "verify", hashed(token), program_id=program_id, now=now)
    found = members.find_by_members(tx, [opened.member_id]) if opened else []
    if opened is None or not found:
        raise UnknownLink
    address = Identity("email", vault.open(opened.sealed))
    return Proof(found[0], address, known_by(tx, vault, program_id, address, but=found[0].member.id))


def known_by(
    tx: Connection, vault: Vault, program_id: int, address: Identity, *, but: int | None = None
) -> Found | None:
    """Return the member who is known by an address, unless it is the one with that row id."""
    named = identities.owner(tx, program_id, identities.marks_of(vault, [address]))
    member = members.find(tx, program_id, named) if named else None
    return members.find_by_members(tx, [member.id])[0] if member and member.id != but else None


@dataclass(frozen=True)
class Verifying:
    """Lets members be known by addresses that letters have shown to be theirs."""

    begin: Callable[[], AbstractContextManager[Connection]]
    program: OpenProgram
    pass_type_identifier: str
    now: datetime

    def verify(self, token: str) -> int:
        """Use a letter's link up, and return whose page that leads to, by row id.

        Orders that wait for the address are the member's from now on. Where somebody is known by it already, the two
        are one person: what the new member has goes over to the one who was there first.
        Raises `UnknownLink` as `look_at_proof` does.
        """
        for _ in range(TRIES):
            with self.begin() as tx:
                proof = look_at_proof(tx, self.program.vault, token, program_id=self.program.id, now=self.now)
            try:
                if proof.known is None:
                    self._learn(token, proof.member.member, proof.address)
                    return proof.member.member.id
                self._become_one(token, proof.member.member, proof.known.member, proof.address)
            except (IdentityTaken, UnknownMember):  # somebody else has it now, or who had it is forgotten
                continue
            return proof.known.member.id
        raise Raced

    def _learn(self, token: str, member: Membership, address: Identity) -> None:
        """Enter that the member is known by the address, as any event is: so it takes the orders that wait."""
        fact = MemberUpdated(Customer(member_id=member.public_id, identities=(address,)))
        with self.begin() as tx:
            code = self.program.template.program.program.code
            source = own_source(
                tx, vault=self.program.vault, program_id=self.program.id, dialect=OWN_PROGRAMS, name=code, now=self.now
            )

        def also(tx: Connection, _: Recorded) -> None:
            self._use_up(tx, token)
            self._shown(tx, member, address)

        receive(
            self.begin,
            source=source,
            template=self.program.template,
            vault=self.program.vault,
            event=Event(_key(token), KIND, content_hash(KIND, fact), self.now, b"", fact),
            pass_type_identifier=self.pass_type_identifier,
            now=self.now,
            also=also,
        )

    def _become_one(self, token: str, new: Membership, first: Membership, address: Identity) -> None:
        """Have the member who was there first take over all that the new one has, but for thanks for joining."""
        rules = self.program.template.program.earning_rule
        thanks = frozenset(each.code for each in rules if each.on == "member.enrolled")

        def act(operation: Operation) -> MergedMembers:
            self._use_up(operation.tx, token)
            merged, survivor = (Customer(member_id=each.public_id) for each in (new, first))
            done = merge(operation, merged=merged, survivor=survivor, reason=REASON, leaving=thanks)
            self._shown(operation.tx, first, address)
            return done

        operate(
            self.begin,
            program=self.program,
            key=_key(token),
            kind="member.merge",
            content={"merged": new.public_id, "survivor": first.public_id},
            actor=ACTOR,
            now=self.now,
            act=act,
        )

    def _use_up(self, tx: Connection, token: str) -> None:
        """Use the link up.

        Raises `UnknownLink` where that was done meanwhile.
        """
        if sign_ins.take(tx, "verify", hashed(token), program_id=self.program.id, now=self.now) is None:
            raise UnknownLink

    def _shown(self, tx: Connection, member: Membership, address: Identity) -> None:
        """Note that the address is shown to be this member's.

        Raises `IdentityTaken` where it has become somebody else's since it was looked at.
        """
        (mark,) = identities.marks_of(self.program.vault, [address])
        owner = identities.owners(tx, self.program.id, [mark]).get(mark.mark)
        if owner is None or owner.public_id != member.public_id:
            raise IdentityTaken(address.kind, owner.public_id if owner else "")
        identities.verify(tx, member.id, mark, now=self.now)
        typed_addresses.remove(tx, self.program.vault, member.id, address)


def disown_address(tx: Connection, vault: Vault, token: str, *, program_id: int, now: datetime) -> None:
    """Forget an address that is not theirs who typed it; the link is used up by it.

    Raises `UnknownLink` as `look_at_proof` does.
    """
    opened = sign_ins.take(tx, "verify", hashed(token), program_id=program_id, now=now)
    if opened is None:
        raise UnknownLink
    typed_addresses.remove(tx, vault, opened.member_id, Identity("email", vault.open(opened.sealed)))


def _key(token: str) -> str:
    return f"verify {hashed(token).hex()}"
