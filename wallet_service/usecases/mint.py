"""Links of a campaign are made: any number without a row of their own, or one with a short code for print."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection

from wallet_service.domain import codes
from wallet_service.domain.errors import Fault, LinkOver, LinkRefused, UnknownMember
from wallet_service.domain.event import Customer
from wallet_service.domain.links import SHORT_BODY, Campaign, Channel, Link, Prospect
from wallet_service.domain.member import Membership
from wallet_service.domain.sheet import Form, records
from wallet_service.storage import link_campaigns, links, members
from wallet_service.storage.vault import Vault
from wallet_service.usecases.campaign import check_terms
from wallet_service.usecases.reach import member_named

Seal = Callable[[Link], str]

GROUP = 1000  # members that are read at once
TRIES = 8
PROSPECT = ("external_id", "name", "locale")  # columns of a file that go into the link; others stay beside it


@dataclass(frozen=True, slots=True)
class Terms:
    """What is said of all links that are made at once; what is None is as the campaign says it."""

    channel: Channel
    until: date | None = None
    limit: int | None = None
    content: str | None = None

    def of(self, campaign: Campaign, *, member: int | None = None, prospect: Prospect | None = None) -> Link:
        """Return the link for a member, a prospect, or anyone."""
        return Link(campaign.id, self.channel, member, prospect, self.until, self.limit, self.content)


@dataclass(frozen=True, slots=True)
class Minted:
    """A link for a member: our public id of them, the merchant's own, their language, and the token."""

    member_id: str
    external_id: str
    locale: str | None
    token: str


def check(campaign: Campaign, terms: Terms) -> None:
    """Make sure that links of a campaign can be made.

    Raises `LinkRefused` for what links cannot say, and `LinkOver` where the campaign is revoked.
    """
    if campaign.revoked_at:
        raise LinkOver("revoked")
    check_terms(terms.channel, terms.until, terms.limit)
    _token(str, terms.of(campaign))


def for_members(
    read: Callable[[], AbstractContextManager[Connection]],
    seal: Seal,
    campaign: Campaign,
    terms: Terms,
) -> Iterator[Minted]:
    """Yield a link for each member of the campaign's programme who has a valid card; a thousand are read at a time.

    Whoever has become one with somebody else is left out.
    """
    after = 0
    while True:
        with read() as tx:
            group = members.addressees(tx, campaign.program_id, after=after, most=GROUP)
        for each in filter(attrgetter("valid"), group):
            yield Minted(each.public_id, each.external_id, each.locale, seal(terms.of(campaign, member=each.id)))
        if len(group) < GROUP:
            return
        after = group[-1].id


def addressee(tx: Connection, campaign: Campaign, customer: Customer, *, vault: Vault) -> Membership:
    """Return the member of the campaign's programme whom a link is to be for.

    Raises `UnknownMember`, and `LinkRefused` for one whose card is void.
    """
    found = member_named(tx, campaign.program_id, customer, vault=vault)
    if found is None:
        raise UnknownMember(str(customer))
    if found.member.voided:
        raise LinkRefused("The link was not made.", [Fault("link", "member", "has no card that is valid")])
    return found.member


def for_prospect(seal: Seal, campaign: Campaign, terms: Terms, who: Prospect, *, place: str = "prospect") -> str:
    """Return the token of a link for somebody who is no member yet; nothing of them is stored.

    Raises `LinkRefused`, which names the place, for what no link can tell.
    """
    texts = {"external_id": who.external_id, "name": who.name, "locale": who.locale}
    faults = [Fault(place, key, "has letters that cannot be printed") for key, each in texts.items() if _strange(each)]
    if who.external_id and who.external_id.startswith(members.PUBLIC_ID_PREFIX):
        faults.append(Fault(place, "external_id", "looks like an id of ours; give the merchant's own"))
    if faults:
        raise LinkRefused("The links were not made.", faults)
    return _token(seal, terms.of(campaign, prospect=who), place)


def check_file(form: Form) -> None:
    """Make sure that a file tells of people in columns that are known; what else it has is kept.

    Raises `LinkRefused`.
    """
    if form.kind == "csv" and not set(PROSPECT) & set(form.columns):
        message = f"needs a first line with one or more of {', '.join(PROSPECT)}"
        raise LinkRefused("The links were not made.", [Fault("file", "", message)])


def for_file(
    seal: Callable[[Link], str], campaign: Campaign, terms: Terms, *, form: Form, pieces: Iterable[bytes]
) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Yield each row of a file of people who are no members yet, and the token of the link for them.

    `pieces` are the bytes of the file from its first record on. One row is in memory at a time.
    Raises `LinkRefused`, which names the row and what is wrong with it.
    """
    for record in records(form, pieces, form.start):
        faults = [(each.column, each.reason) for each in record.faults]
        texts = [record.said.get(name) for name in PROSPECT]
        faults += [
            (name, "should be a text")
            for name, each in zip(PROSPECT, texts, strict=True)
            if not isinstance(each, str | None)
        ]
        if faults:
            raise _row_refused(record.row, faults)
        who = Prospect(*((each or "").strip() or None for each in texts))
        try:
            yield record.said, for_prospect(seal, campaign, terms, who)
        except LinkRefused as error:
            raise _row_refused(record.row, [(each.key, each.message) for each in error.faults]) from None


def _row_refused(row: int, faults: Iterable[tuple[str, str]]) -> LinkRefused:
    told = [Fault("file", f"row {row}{f', {column}' if column else ''}", message) for column, message in faults]
    return LinkRefused("The links were not made.", told)


def _strange(text: str | None) -> bool:
    return text is not None and not text.isprintable()


def sent(tx: Connection, campaign: Campaign, channel: Channel, *, times: int, day: date) -> None:
    """Count links that have been made and handed out."""
    if times:
        link_campaigns.count(tx, campaign.id, channel, "sent", times=times, day=day)


def short(tx: Connection, campaign: Campaign, terms: Terms, *, now: datetime) -> str:
    """Make a link for anyone that a short code leads to, for print; return the code."""
    check(campaign, terms)
    for _ in range(TRIES):
        code = codes.code_of("".join(secrets.choice(codes.ALPHABET) for _ in range(SHORT_BODY)))
        if links.add(tx, terms.of(campaign), mark=None, code=code, member_id=None, now=now):
            return code
    raise RuntimeError("eight codes in a row were taken")


def _token(seal: Seal, link: Link, place: str = "link") -> str:
    try:
        return seal(link)
    except ValueError as error:
        raise LinkRefused("The links were not made.", [Fault(place, "", str(error))]) from None
