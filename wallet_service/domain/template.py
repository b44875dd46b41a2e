"""A template: one programme with its look, words and art; and how it draws a member's face."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

from msgspec import structs

from wallet_service.domain import drawing, face
from wallet_service.domain.drawing import Case, grouped
from wallet_service.domain.face import Face
from wallet_service.domain.look import Look, LookField
from wallet_service.domain.program import Program
from wallet_service.domain.program_version import ProgramVersion, digest_of, in_force, in_force_between
from wallet_service.domain.standing import Movement, Reminder, Standing
from wallet_service.domain.words import Words

__all__ = ["Movement", "Standing", "Template", "grouped"]

DRAWING = 2  # raised where the same files draw another face, so that `publish` brings every card to it
ANNOUNCED_FIRST = ("tier", "granted", "reminder", "rewards", "balance", "stamps")
LISTS = ("granted", "rewards")  # values of which only what is new is news
ALWAYS_THERE = (*LISTS, "reminder")  # if they announce: phones tell only of a field that was there before


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

    def rules_between(self, since: datetime, until: datetime) -> Sequence[ProgramVersion]:
        """Return the rules that were in force at some time between two moments."""
        return in_force_between(self.versions or (self._unpublished(),), since, until)

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
        spoken = self.language(language)
        blank = self._blanks[spoken]
        case = Case(standing, self.program, self.words[spoken], self._full)
        alt = self.look.barcode.alt_text
        return structs.replace(
            blank,
            barcode=structs.replace(
                blank.barcode, message=standing.card_code, alt_text=str(drawing.value(alt, case)) if alt else None
            ),
            header=_filled(blank.header, case),
            primary=_filled(blank.primary, case),
            secondary=_filled(blank.secondary, case),
            auxiliary=_filled(blank.auxiliary, case),
            back=_filled(blank.back, case),
            stamps=drawing.stamps(case) if self.look.stamps is not None else None,
            voided=standing.voided,
        )

    @cached_property
    def _full(self) -> int | None:
        return drawing.full(self.program, self.look.stamps)

    @cached_property
    def _blanks(self) -> dict[str, Face]:
        """The card of nobody in each language, with all that is the same on every card."""
        return {language: self._blank(words) for language, words in self.words.items()}

    def _blank(self, words: Words) -> Face:
        look = self.look
        return Face(
            language=words.language,
            organization=words.text(look.brand.organization),
            program=words.text(look.brand.program),
            description=words.text(look.brand.description),
            colors=face.Colors(look.colors.background, look.colors.text, look.colors.label),
            barcode=face.Barcode(look.barcode.format, ""),
            header=_fields(look.header, words),
            primary=_fields(look.primary, words),
            secondary=_fields(look.secondary, words),
            auxiliary=_fields(look.auxiliary, words),
            back=_fields(look.back, words),
            links=tuple(face.Link(words.text(each.label), each.url) for each in look.link),
            locations=tuple(
                face.Location(each.latitude, each.longitude, words.text(each.text) if each.text else None)
                for each in look.location
            ),
            messages=tuple(
                face.Message(each.key, words.text(each.header), words.text(each.body)) for each in look.message
            ),
            apple=dict(look.apple),
        )

    def blank(self, language: str | None) -> Face:
        """Return the card of nobody in that language: whose it is, and what is the same on every card."""
        return self._blanks[self.language(language)]

    def reminder_line(self, standing: Standing, reminder: Reminder, language: str | None) -> str:
        """Return how a card reminds of something; empty where the language has no words for it."""
        case = Case(standing, self.program, self.words[self.language(language)])
        on = next((each.on for each in self.program.trigger if each.code == reminder.trigger), "")
        return drawing.reminder_line(case, reminder, on)

    def tier_name(self, code: str | None, language: str | None) -> str:
        """Return what the language calls a tier; empty for none."""
        return drawing.tier_name(self.program, self.words[self.language(language)], code)

    def announcement(self, before: Standing, language: str | None, after: Standing, drawn: Face) -> str | None:
        """Return the key of the one field whose change the member is told of, the weightiest; None if there is none.

        Wallet shows a useless general alert when two fields with change messages change in one update. The tier comes
        first, then a reward that was not there before, a new reminder, the balance, and the rest in the look's order.
        `before` is where the member stood, and `language` the one that was spoken then; `drawn` is the face of `after`.
        """
        old = Case(before, self.program, self.words[self.language(language)], self._full)
        new = Case(after, self.program, self.words[drawn.language], self._full)
        told = [
            each for each in drawn.fields() if each.change_message and each.role and _is_news(each, each.role, old, new)
        ]
        return min(told, key=lambda each: _weight(each.role)).key if told else None


def _fields(slot: tuple[LookField, ...], words: Words) -> tuple[face.Field, ...]:
    """Return the fields of a slot as they are before a member's values are drawn."""
    return tuple(
        face.Field(
            key=each.key,
            label=words.text(each.label),
            value=words.text(each.text) if each.text else "",
            change_message=words.text(each.change) if each.change else None,
            role=each.value,
        )
        for each in slot
    )


def _filled(slot: tuple[face.Field, ...], case: Case) -> tuple[face.Field, ...]:
    """Return the fields of a slot that have something to say of the member, or announce it once they have."""
    drawn = (
        face.Field(each.key, each.label, _value(each, each.role, case), each.change_message, each.role)
        if each.role
        else each
        for each in slot
    )
    return tuple(each for each in drawn if each.value != "")


def _value(field: face.Field, role: str, case: Case) -> face.Value:
    value = drawing.value(role, case)
    return drawing.nothing(case.words) if value == "" and field.change_message and role in ALWAYS_THERE else value


def _is_news(field: face.Field, role: str, old: Case, new: Case) -> bool:
    if role == "reminder":
        return not {known for known, _ in drawing.reminders(new)} <= {known for known, _ in drawing.reminders(old)}
    if role in LISTS:
        return not _names(drawing.value(role, new)) <= _names(drawing.value(role, old))
    return field.value != drawing.value(role, old)


def _names(value: face.Value) -> set[str]:
    return set(filter(None, str(value).split(drawing.SEPARATOR)))


def _weight(role: str | None) -> int:
    return ANNOUNCED_FIRST.index(role) if role in ANNOUNCED_FIRST else len(ANNOUNCED_FIRST)


def version_of(design: str, definition: str) -> str:
    """Return a short name for what draws a card: the files of the look together with the text of the programme."""
    return hashlib.sha256(f"{DRAWING}\0{design}\0".encode() + digest_of(definition)).hexdigest()[:16]
