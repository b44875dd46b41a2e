"""A template: one programme with its look, words and art; and how it draws a member's face."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from wallet_service.domain import drawing, face
from wallet_service.domain.drawing import Case, grouped
from wallet_service.domain.face import Face
from wallet_service.domain.look import Look, LookField
from wallet_service.domain.program import Program
from wallet_service.domain.program_version import ProgramVersion, digest_of, in_force
from wallet_service.domain.standing import Movement, Standing
from wallet_service.domain.words import Words

__all__ = ["Movement", "Standing", "Template", "grouped"]

ANNOUNCED_FIRST = ("tier", "granted", "rewards", "balance", "stamps")
LISTS = ("granted", "rewards")  # values of which only what is new is news


@dataclass(frozen=True)
class Template:
    """A folder of `pass_templates/`, read and found good; `version` changes when any of its files does.

    As read from its files it has the programme of its own `program.toml`, with the text in `definition`, and 0 for
    `rules`. In force it has the newest of the published `versions`, and that one's number for `rules`. `design` is the
    digest of all files but the programme's.
    """

    name: str
    version: str
    program: Program
    look: Look
    words: dict[str, Words]
    art: dict[str, bytes]
    rules: int = 0
    design: str = ""
    definition: str = ""
    versions: tuple[ProgramVersion, ...] = ()

    def ruled_by(self, versions: tuple[ProgramVersion, ...]) -> "Template":
        """Return the same look, words and art with the newest of a programme's published versions, given in order."""
        newest = versions[-1]
        return replace(
            self,
            version=version_of(self.design, newest.definition),
            program=newest.program,
            rules=newest.number,
            definition=newest.definition,
            versions=versions,
        )

    def rules_at(self, moment: datetime) -> ProgramVersion:
        """Return the version of the programme that was in force then."""
        return in_force(self.versions or (self._unpublished(),), moment)

    def program_in(self, number: int | None) -> Program:
        """Return the programme in that version; the present one where there is no such version."""
        return next((each.program for each in self.versions if each.number == number), self.program)

    def _unpublished(self) -> ProgramVersion:
        return ProgramVersion(self.rules, datetime.min.replace(tzinfo=UTC), self.program, self.definition)

    def language(self, wanted: str | None) -> str:
        """Return the wanted language where the template speaks it, else its default one ("cs-CZ" finds "cs")."""
        short = (wanted or "").replace("_", "-").split("-")[0].lower()
        return short if short in self.words else self.look.default_language

    def draw(self, standing: Standing, language: str | None) -> Face:
        """Return the face that a member with this standing sees in that language."""
        words = self.words[self.language(language)]
        look = self.look
        case = Case(standing, self.program, words, drawing.full(self.program, look.stamps))
        alt = look.barcode.alt_text
        return Face(
            language=words.language,
            organization=words.text(look.brand.organization),
            program=words.text(look.brand.program),
            description=words.text(look.brand.description),
            colors=face.Colors(look.colors.background, look.colors.text, look.colors.label),
            barcode=face.Barcode(
                look.barcode.format, standing.card_code, str(drawing.value(alt, case)) if alt else None
            ),
            header=_fields(look.header, case),
            primary=_fields(look.primary, case),
            secondary=_fields(look.secondary, case),
            auxiliary=_fields(look.auxiliary, case),
            back=_fields(look.back, case),
            links=tuple(face.Link(words.text(each.label), each.url) for each in look.link),
            locations=tuple(
                face.Location(each.latitude, each.longitude, words.text(each.text) if each.text else None)
                for each in look.location
            ),
            messages=tuple(
                face.Message(each.key, words.text(each.header), words.text(each.body)) for each in look.message
            ),
            stamps=drawing.stamps(case) if look.stamps is not None else None,
            voided=standing.voided,
            apple=dict(look.apple),
        )

    def tier_name(self, code: str | None, language: str | None) -> str:
        """Return what the language calls a tier; empty for none."""
        return drawing.tier_name(self.program, self.words[self.language(language)], code)

    def announcement(self, before: Face, after: Face) -> str | None:
        """Return the key of the one field whose change the member is told of, the weightiest; None if there is none.

        Wallet shows a useless general alert when two fields with change messages change in one update. The tier comes
        first, then a reward that was not there before, then the balance, then the rest in the look's order.
        """
        old = {each.key: each.value for each in before.fields()}
        told = [each for each in after.fields() if each.change_message and _is_news(each, old.get(each.key))]
        return min(told, key=lambda each: _weight(each.role)).key if told else None


def _fields(slot: tuple[LookField, ...], case: Case) -> tuple[face.Field, ...]:
    drawn = (_field(each, case) for each in slot)
    return tuple(each for each in drawn if each.value != "")


def _field(each: LookField, case: Case) -> face.Field:
    words = case.words
    return face.Field(
        key=each.key,
        label=words.text(each.label),
        value=words.text(each.text) if each.text else drawing.value(str(each.value), case),
        change_message=words.text(each.change) if each.change else None,
        role=each.value,
    )


def _is_news(field: face.Field, old: face.Value | None) -> bool:
    if field.role in LISTS:
        return not set(_names(field.value)) <= set(_names(old))
    return field.value != old


def _names(value: face.Value | None) -> list[str]:
    return str(value or "").split(drawing.SEPARATOR)


def _weight(role: str | None) -> int:
    return ANNOUNCED_FIRST.index(role) if role in ANNOUNCED_FIRST else len(ANNOUNCED_FIRST)


def version_of(design: str, definition: str) -> str:
    """Return a short name for what draws a card: the files of the look together with the text of the programme."""
    return hashlib.sha256(f"{design}\0".encode() + digest_of(definition)).hexdigest()[:16]
