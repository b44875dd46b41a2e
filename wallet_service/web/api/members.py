"""Members: who they are and where they stand; how they join, change, become one, and are forgotten."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from werkzeug.http import generate_etag

from wallet_service.domain.errors import (
    EventRefused,
    IdentityTaken,
    ProgramNotNamed,
    SameMember,
    UnknownMember,
    UnknownProgram,
    VersionChanged,
)
from wallet_service.domain.event import Customer, Event, Fact, content_hash
from wallet_service.domain.identity import Identity, identity
from wallet_service.domain.member import Membership
from wallet_service.usecases.enter import Entering
from wallet_service.usecases.erase import erase
from wallet_service.usecases.merge import merge
from wallet_service.usecases.portray import portray
from wallet_service.usecases.reach import member_named, member_of, members_page, program_of, program_of_member
from wallet_service.web.api import answers, samples
from wallet_service.web.api.answers import Account, Member
from wallet_service.web.api.call import Call
from wallet_service.web.api.model import CardCode, ExternalId, MemberName, MemberPath, Model, ProgramCode, Reason, Text
from wallet_service.web.api.paging import Next, Paged, begins_after, cursor
from wallet_service.web.api.person import ChangedMember, NewMember
from wallet_service.web.api.routes import Done, Example, Resource
from wallet_service.wiring import Found

MEMBERS = Resource("Members", "The people who have joined, their cards, and where they stand.")


class Members(Model):
    """A page of members, in the order in which they joined."""

    data: tuple[Member, ...]
    next: Next


class Which(Paged):
    """Which members: all of a programme, or whoever has that id, card or address."""

    program: ProgramCode | None = None
    external_id: ExternalId | None = None
    card_code: CardCode | None = None
    email: Annotated[Text | None, Field(description="An address; in whatever spelling.")] = None
    phone: Annotated[Text | None, Field(description="With its country, such as +420 601 000 000.")] = None

    def named(self) -> list[Customer]:
        """Return who is meant, once for each name that is given."""
        addresses = (self.email and identity("email", self.email), self.phone and identity("phone", self.phone))
        given: list[tuple[str | None, Customer]] = [
            (self.external_id, Customer(id=self.external_id)),
            (self.card_code, Customer(card_code=self.card_code)),
            (self.email, _known_by(addresses[0])),
            (self.phone, _known_by(addresses[1])),
        ]
        return [customer for name, customer in given if name is not None]


class NewCard(Model):
    """The card of a member who has joined; `add_url` is where its holder chooses a wallet for it."""

    serial_number: str
    add_url: str


class Joined(Model):
    """Who has joined, or had joined before; `points` came by it.

    `referral` is what became of the code by which the member came, `referral_code` that by which it brings others.
    """

    member_id: str
    points: int
    balance: int
    pending: int
    tier: str | None
    cards: tuple[NewCard, ...]
    referral: str | None
    referral_code: str | None


class Changed(Model):
    """Where the member stands after it; `revision` is that of the card."""

    member_id: str
    balance: int
    pending: int
    tier: str | None
    revision: int


class Merge(Model):
    """Who is the same person, and is only a name for this member from now on."""

    merged: MemberName
    reason: Reason


class MergedInto(Model):
    """The member that is left, its card, and the card that is void now."""

    merged: str
    survivor: Account
    serial_number: str
    voided_serial_number: str


class Forgotten(Model):
    """Who was forgotten, the points that were given up with it, and the card that is void now."""

    member_id: str
    points: int
    voided_serial_number: str


class Portrait(Model):
    """All that is kept about a member; secrets of the card, and notes of your staff, are not among it."""

    member: dict[str, Any]
    identities: tuple[dict[str, Any], ...]
    typed_addresses: tuple[dict[str, Any], ...]
    consents: tuple[dict[str, Any], ...]
    card: dict[str, Any]
    wallets: tuple[dict[str, Any], ...]
    links: tuple[dict[str, Any], ...]
    letters: tuple[dict[str, Any], ...]
    not_written_to: tuple[dict[str, Any], ...]
    objects_to_counting_since: datetime | None
    orders: tuple[dict[str, Any], ...]
    redemptions: tuple[dict[str, Any], ...]
    statement: tuple[dict[str, Any], ...]
    lots: tuple[dict[str, Any], ...]


@MEMBERS.get(
    "/members",
    scope="members:read",
    problems=(ProgramNotNamed, UnknownProgram),
    example=Example(query={"email": samples.EMAIL}),
)
def list_members(call: Call, *, query: Which) -> Members:
    """List the members of a programme, or find one.

    With an id, a card's code or an address the list holds the member who is meant, or nobody. Who has become one with
    another member is found as that one.
    """
    with call.service.read() as tx:
        opened = program_of(tx, call.merchant_id, query.program)
        if wanted := query.named():
            named = [member_named(tx, opened.id, each, vault=call.service.vault) for each in wanted]
            meant = named[0] if all(each == named[0] for each in named) else None
            return Members(data=(_member(call, meant),) if meant else (), next=None)
        this = f"members of {call.program(opened).template.program.program.code}"
        after = begins_after(call, query, this)
        found = members_page(tx, opened, after=after, most=query.limit + 1)
    return Members(
        data=tuple(_member(call, each) for each in found[: query.limit]),
        next=cursor(call, this, found, query, lambda last: last.member.public_id),
    )


@MEMBERS.post(
    "/members",
    scope="members:write",
    status=201,
    status_found=200,
    problems=(EventRefused, IdentityTaken, ProgramNotNamed, UnknownProgram),
    example=Example(
        body={
            "external_id": samples.NEW_EXTERNAL,
            "name": "Alex Example",
            "locale": "en",
            "birthday": "11-20",
            "email": f"{samples.NEW_EXTERNAL}@home.example",
            "consents": [{"purpose": "name_at_till", "granted": True}],
        }
    ),
)
def enrol_member(call: Call, *, body: NewMember) -> Done[Joined]:
    """Have somebody join, and give them a card.

    Whoever is known by your id, or without one by an address, is found, answered with 200, and told what is new. Orders
    that came before are theirs from now on.
    """
    with call.service.read() as tx:
        opened = program_of(tx, call.merchant_id, body.program)
    done = call.enter(opened, Entering(_event(call, "member.enrolled", body.fact())), kind="member.enrol")
    told: Mapping[str, Any] = done.answer["answer"]
    serial_number = str(told["serial_number"])
    said = Joined(
        **_account(told),
        points=told["points"],
        cards=(NewCard(serial_number=serial_number, add_url=answers.link_of(call, serial_number)),),
        referral=told.get("referral"),
        referral_code=told.get("referral_code"),
    )
    return Done(said, done.replayed, made=done.answer["joined"])


@MEMBERS.get(
    "/members/{member_id}",
    scope="members:read",
    problems=(UnknownMember,),
    example=Example(path={"member_id": samples.MEMBER}),
    etag=True,
)
def get_member(call: Call, *, path: MemberPath) -> Member:
    """Show a member: profile, balance, tier and cards, as they are now."""
    with call.service.read() as tx:
        found = member_of(tx, call.merchant_id, path.member_id)
    return _member(call, found)


@MEMBERS.patch(
    "/members/{member_id}",
    scope="members:write",
    problems=(EventRefused, IdentityTaken, UnknownMember, VersionChanged),
    example=Example(
        path={"member_id": samples.MEMBER},
        body={"locale": "cs", "phone": "+420 601 000 000", "consents": [{"purpose": "news", "granted": False}]},
    ),
)
def change_member(call: Call, *, path: MemberPath, body: ChangedMember) -> Done[Changed]:
    """Tell what has changed of a member: profile, addresses, consents.

    With the `ETag` of the member in `If-Match` nothing is changed that somebody else has changed meanwhile.
    """
    with call.service.read() as tx:
        opened = program_of_member(tx, call.merchant_id, path.member_id)
        found = member_named(tx, opened.id, Customer(member_id=path.member_id), vault=call.service.vault)
    settled = call.service.settled(found) if found else None

    def check(member: Membership) -> None:
        if call.if_match and settled is not None:
            now = answers.member_of(call, replace(settled, member=member))
            if not call.if_match.contains(generate_etag(now.model_dump_json().encode())):
                raise VersionChanged

    entering = Entering(_event(call, "member.updated", body.fact(path.member_id)), check, body.forgotten)
    done = call.enter(opened, entering, kind="member.change")
    told = done.answer["answer"]
    return Done(Changed(**_account(told), revision=told["revision"]), done.replayed)


@MEMBERS.delete(
    "/members/{member_id}",
    scope="members:erase",
    problems=(UnknownMember,),
    example=Example(path={"member_id": samples.MEMBER}),
)
def erase_member(call: Call, *, path: MemberPath) -> Done[Forgotten]:
    """Forget a member's person for good.

    The books keep their figures, and say no more whose they were. Points are given up, and cards are void. Whoever
    joins later with the same address is somebody new.
    """
    with call.service.read() as tx:
        opened = program_of_member(tx, call.merchant_id, path.member_id)
    done = call.do(
        opened,
        "member.erase",
        lambda operation: erase(operation, customer=Customer(member_id=path.member_id)),
    )
    return Done(Forgotten.model_validate(done.answer, strict=False), done.replayed)


@MEMBERS.post(
    "/members/{member_id}/merge",
    scope="members:write",
    problems=(SameMember, UnknownMember),
    example=Example(
        path={"member_id": samples.MEMBER},
        body={"merged": {"id": samples.OTHER_MEMBER}, "reason": "joined twice"},
    ),
)
def merge_members(call: Call, *, path: MemberPath, body: Merge) -> Done[MergedInto]:
    """Have this member take over all that another one has, who is the same person.

    Points, what counts for a tier, rewards, orders and addresses go over. What comes later for the other one, under any
    of its names, is this one's; its card is void. Holds of the other one that are open are given back first.
    """
    with call.service.read() as tx:
        opened = program_of_member(tx, call.merchant_id, path.member_id)
    merged = body.merged.customer()
    done = call.do(
        opened,
        "member.merge",
        lambda operation: merge(
            operation, merged=merged, survivor=Customer(member_id=path.member_id), reason=body.reason
        ),
    )
    return Done(MergedInto.model_validate(done.answer, strict=False), done.replayed)


@MEMBERS.get(
    "/members/{member_id}/export",
    scope="members:erase",
    problems=(UnknownMember,),
    example=Example(path={"member_id": samples.MEMBER}),
)
def export_member(call: Call, *, path: MemberPath) -> Portrait:
    """Tell all that is kept about a member, for whoever has a right to ask for it."""
    with call.service.read() as tx:
        found = member_of(tx, call.merchant_id, path.member_id)
    found = call.service.settled(found)
    program = call.service.in_force.of_card(found).program
    with call.service.read() as tx:
        return Portrait.model_validate(portray(tx, call.service.vault, found, program), strict=False)


def _member(call: Call, found: Found) -> Member:
    return answers.member_of(call, call.service.settled(found))


def _known_by(known: Identity | str | None) -> Customer:
    """Return whoever is known by an address; by what is none, nobody is."""
    return Customer(identities=(known,)) if isinstance(known, Identity) else Customer()


def _event(call: Call, kind: str, fact: Fact) -> Event:
    """Return the event that a request tells of: what is said of a person is kept with the member, and not with it."""
    return Event(call.key, kind, content_hash(kind, fact), call.now, b"", fact)


def _account(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: told[name] for name in ("member_id", "balance", "pending", "tier")}
