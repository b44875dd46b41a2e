"""A template: one programme with its look, words and art; and how it draws a member's face."""

from dataclasses import dataclass
from datetime import date, datetime

from wallet_service.domain import face
from wallet_service.domain.face import Face
from wallet_service.domain.ledger import TransactionType
from wallet_service.domain.look import Look, LookField
from wallet_service.domain.program import Program, exponent
from wallet_service.domain.words import Words


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of the last entries: the day, by how much the balance moved, and the kind of transaction."""

    day: date
    points: int
    type: TransactionType


@dataclass(frozen=True, slots=True)
class Standing:
    """All that a card can show of its member.

    `balance` can be spent now; `pending` cannot yet. `qualifying` is the measured amount that counts for the tier, in
    the present window. `tier_until` and `member_until` are the last days of the tier and of the paid membership;
    `dying` points can be spent through the day `dying_on` and not after it. `rewards` are the codes of rewards that
    the member could take now, `granted` those that lie ready to be used.
    """

    balance: int
    qualifying: int
    member_name: str | None
    member_since: datetime
    card_code: str
    voided: bool = False
    pending: int = 0
    tier: str | None = None
    tier_until: date | None = None
    dying: int = 0
    dying_on: date | None = None
    member_until: date | None = None
    cause: str | None = None
    movements: tuple[Movement, ...] = ()
    rewards: tuple[str, ...] = ()
    granted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Template:
    """A folder of `pass_templates/`, read and found good; `version` changes when any of its files does."""

    name: str
    version: str
    program: Program
    look: Look
    words: dict[str, Words]
    art: dict[str, bytes]
    rules: int = 0

    def language(self, wanted: str | None) -> str:
        """Return the wanted language where the template speaks it, else its default one ("cs-CZ" finds "cs")."""
        short = (wanted or "").replace("_", "-").split("-")[0].lower()
        return short if short in self.words else self.look.default_language

    def draw(self, standing: Standing, language: str | None) -> Face:
        """Return the face that a member with this standing sees in that language."""
        words = self.words[self.language(language)]
        look = self.look
        alt = look.barcode.alt_text
        return Face(
            language=words.language,
            organization=words.text(look.brand.organization),
            program=words.text(look.brand.program),
            description=words.text(look.brand.description),
            colors=face.Colors(look.colors.background, look.colors.text, look.colors.label),
            barcode=face.Barcode(
                look.barcode.format,
                standing.card_code,
                str(self._value(alt, standing, words)) if alt else None,
            ),
            header=self._fields(look.header, standing, words),
            primary=self._fields(look.primary, standing, words),
            secondary=self._fields(look.secondary, standing, words),
            auxiliary=self._fields(look.auxiliary, standing, words),
            back=self._fields(look.back, standing, words),
            links=tuple(face.Link(words.text(each.label), each.url) for each in look.link),
            locations=tuple(
                face.Location(each.latitude, each.longitude, words.text(each.text) if each.text else None)
                for each in look.location
            ),
            messages=tuple(
                face.Message(each.key, words.text(each.header), words.text(each.body)) for each in look.message
            ),
            voided=standing.voided,
            apple=dict(look.apple),
        )

    def tier_name(self, qualifying: int, language: str | None) -> str | None:
        """Return the name of the tier that the qualifying amount reaches, in that language."""
        tier = self.program.tier_at(qualifying)
        return self.words[self.language(language)].tier[tier.code] if tier else None

    def announcement(self, before: Face, after: Face) -> str | None:
        """Return the key of the one field whose change the member is told of; a tier wins over a balance.

        Wallet shows a useless general alert when two fields with change messages change in one update.
        """
        old = {each.key: each.value for each in before.fields()}
        changed = {each.key for each in after.fields() if each.change_message and old.get(each.key) != each.value}
        keys = [each.key for _, each in self.look.fields() if each.key in changed]
        tiers = [each.key for _, each in self.look.fields() if each.key in changed and each.value == "tier"]
        return next(iter(tiers + keys), None)

    def _fields(self, slot: tuple[LookField, ...], standing: Standing, words: Words) -> tuple[face.Field, ...]:
        drawn = (self._field(each, standing, words) for each in slot)
        return tuple(each for each in drawn if each.value != "")

    def _field(self, each: LookField, standing: Standing, words: Words) -> face.Field:
        value = words.text(each.text) if each.text else self._value(each.value, standing, words)
        return face.Field(
            key=each.key,
            label=words.text(each.label),
            value=value,
            change_message=words.text(each.change) if each.change else None,
            role=each.value,
        )

    def _value(self, name: str | None, standing: Standing, words: Words) -> face.Value:
        match name:
            case "balance":
                return self._balance(standing.balance)
            case "tier":
                return self.tier_name(standing.qualifying, words.language) or ""
            case "next_tier":
                return self._next_tier(standing.qualifying, words)
            case "member_name":
                return standing.member_name or ""
            case "member_since":
                return standing.member_since
            case "card_code":
                return standing.card_code
            case _:
                return grouped(standing.card_code)

    def _balance(self, balance: int) -> face.Value:
        if not (self.program.unit and self.program.unit.is_money):
            return balance
        currency = self.program.program.currency
        return face.Money(balance, currency, exponent(currency))

    def _next_tier(self, qualifying: int, words: Words) -> str:
        tier = self.program.tier_after(qualifying)
        if tier is None:
            return words.strings["top_tier"] if self.program.tier else ""
        missing = words.amount(tier.threshold - max(qualifying, 0))
        return words.strings["next_tier"].format(points=missing, tier=words.tier[tier.code])


def grouped(code: str) -> str:
    """Return a card code in groups of four, as it is read aloud: "K7QM 2XTD"."""
    return " ".join(code[i : i + 4] for i in range(0, len(code), 4))
