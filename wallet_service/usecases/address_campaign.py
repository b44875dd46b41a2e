"""Whom a campaign is written to, what each is told, and why the others are not; nothing is written here."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from sqlalchemy import Connection

from wallet_service.domain import drawing
from wallet_service.domain.campaign_letter import CampaignLetter, Values
from wallet_service.domain.drawing import Case
from wallet_service.domain.errors import LinkRefused
from wallet_service.domain.identity import Identity, identity
from wallet_service.domain.letters import KNOWN_AS, MARKETING, Letter, Suppression, held_back
from wallet_service.domain.links import Campaign, Link, Prospect
from wallet_service.domain.member import Membership
from wallet_service.domain.member_row import RowFault
from wallet_service.domain.sheet import Record
from wallet_service.domain.template import Template
from wallet_service.storage import consents, identities, suppressed
from wallet_service.storage.job_files import Refusal
from wallet_service.storage.vault import Vault
from wallet_service.usecases import mint
from wallet_service.usecases.mint import PROSPECT, Terms

Not = Literal["no_consent", "no_address", "suppressed", "no_card", "member"]


@dataclass(frozen=True, slots=True)
class Addresses:
    """What makes addresses: a link's token, a short code of that, and the address of each."""

    token: mint.Seal
    code: Callable[[str], str]
    url: Callable[[str], str]
    short_url: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Addressed:
    """Somebody who is written to, and what; the link by whose `code` they come, which has a row then."""

    to: str = field(repr=False)
    mark: bytes = field(repr=False)
    letter: Letter
    member_id: int | None
    link: Link | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Some people: whom to write to, why not to the others, and which rows of a file are no good."""

    addressed: tuple[Addressed, ...] = ()
    left_out: tuple[Not, ...] = ()
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True)
class Writing:
    """What writing the letters of one campaign needs."""

    campaign: Campaign
    letter: CampaignLetter
    template: Template
    vault: Vault
    addresses: Addresses
    merchant_id: int

    @property
    def kind(self) -> Literal["email", "phone"]:
        """What its addresses are known as."""
        return KNOWN_AS[self.letter.channel]

    def to_members(self, tx: Connection, page: Sequence[Membership]) -> Group:
        """Return what becomes of members; those who have become one with another are looked at as that one."""
        found = [each for each in page if not each.is_over]
        known = identities.known_as(tx, self.vault, [each.id for each in found], self.kind)
        said = consents.words(tx, [each.id for each in found], purpose=MARKETING, channel=self.letter.channel)
        against = self._against(tx, known.values())
        addressed: list[Addressed] = []
        left_out: list[Not] = []
        for each in found:
            to = known.get(each.id)
            why = held_back(
                marketing=True,
                suppressions=against.get(to, ()) if to else (),
                word=said.get(each.id),
                of_member=True,
            )
            if each.voided:
                left_out.append("no_card")
            elif why == "no_consent":
                left_out.append("no_consent")
            elif to is None:
                left_out.append("no_address")
            elif why:
                left_out.append("suppressed")
            else:
                addressed.append(self._to_member(each, to))
        return Group(tuple(addressed), tuple(left_out))

    def to_prospects(self, tx: Connection, rows: Iterable[Record]) -> Group:
        """Return what becomes of the rows of a file; who is a member is written to as one, or not at all."""
        read = [(each, *self._row(each)) for each in rows]
        good = [(record, to, who) for record, to, who, faults in read if to and who and not faults]
        marks = identities.marks_of(self.vault, [Identity(self.kind, to) for _, to, _ in good])
        owned = identities.owners(tx, self.campaign.program_id, marks)
        against = self._against(tx, [to for _, to, _ in good])
        refusals = [
            Refusal(record.row, tuple((each.column, each.reason) for each in faults), dict(record.said))
            for record, _, _, faults in read
            if faults
        ]
        addressed: list[Addressed] = []
        left_out: list[Not] = []
        for (record, to, who), mark in zip(good, marks, strict=True):
            if mark.mark in owned:
                left_out.append("member")
            elif held_back(marketing=True, suppressions=against.get(to, ()), word=None, of_member=False):
                left_out.append("suppressed")
            else:
                try:
                    addressed.append(self._to_prospect(who, to, record.row))
                except LinkRefused as error:
                    told = tuple((each.key, each.message) for each in error.faults)
                    refusals.append(Refusal(record.row, told, dict(record.said)))
        return Group(tuple(addressed), tuple(left_out), tuple(refusals))

    def _to_member(self, member: Membership, to: str) -> Addressed:
        spoken = self.letter.language(member.locale, self.template.look.default_language)
        case = Case(member.standing, self.template.program, self.template.words[spoken])
        link = self._terms.of(self.campaign, member=member.id)
        token = self.addresses.token(link)
        code = self.addresses.code(token) if self.letter.channel == "sms" else None
        values = Values(
            self.addresses.short_url(code) if code else self.addresses.url(token),
            member.profile.name,
            drawing.said(case, member.position.available),
            drawing.tier_name(case.program, case.words, case.standing.tier),
        )
        written = self._addressed(to, spoken, values, member.id)
        return replace(written, link=link, code=code) if code else written

    def _to_prospect(self, who: Prospect, to: str, row: int) -> Addressed:
        spoken = self.letter.language(who.locale, self.template.look.default_language)
        token = mint.for_prospect(self.addresses.token, self.campaign, self._terms, who, place=f"row {row}")
        return self._addressed(to, spoken, Values(self.addresses.url(token), who.name), None)

    def _addressed(self, to: str, spoken: str, values: Values, member_id: int | None) -> Addressed:
        words = self.template.words[spoken]
        letter = self.letter.written(spoken, values, sender=words.text(self.template.look.brand.organization))
        return Addressed(to, suppressed.marks_of(self.vault, to)[0], letter, member_id)

    @property
    def _terms(self) -> Terms:
        return Terms(self.letter.channel)

    def _against(self, tx: Connection, addresses: Iterable[str]) -> dict[str, list[Suppression]]:
        """Return why addresses are not to be written to, by the address."""
        marks = {mark: to for to in addresses for mark in suppressed.marks_of(self.vault, to)}
        against: dict[str, list[Suppression]] = {}
        for mark, some in suppressed.of(tx, self.merchant_id, marks).items():
            against.setdefault(marks[mark], []).extend(some)
        return against

    def _row(self, record: Record) -> tuple[str | None, Prospect | None, tuple[RowFault, ...]]:
        if record.faults:
            return None, None, record.faults
        said = {name: record.said.get(name) for name in (*PROSPECT, self.kind)}
        faults = [RowFault(name, "should be a text") for name, each in said.items() if not isinstance(each, str | None)]
        texts = {name: str(each).strip() or None for name, each in said.items() if each is not None}
        to = identity(self.kind, texts.pop(self.kind, None) or "")
        if to is None:
            faults.append(RowFault(self.kind, f"is no {self.kind}"))
        return (to.value if to else None), Prospect(**texts), tuple(faults)
