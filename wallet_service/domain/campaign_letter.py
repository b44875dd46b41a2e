"""What a campaign writes to people: a letter in each language, with places that are filled in for each of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Any

from wallet_service.domain.errors import Fault, LetterRefused
from wallet_service.domain.file_model import FileModel, did_you_mean, parse, read
from wallet_service.domain.letters import Button, Channel, Letter, one_line

PLACE = "letter"  # what the file is called in faults
NAMES = ("name", "balance", "tier", "link")
LONGEST_SUBJECT, LONGEST_BUTTON, LONGEST_TEXT = 150, 60, 10_000
LONGEST_MESSAGE = 400  # letters of a short message, before it is filled in
ADDRESS = "link"


class Wording(FileModel):
    """A table of the file: what is said in one language.

    `no_name` and `no_tier` stand in for what a member has none of. The button leads where `{link}` does.
    """

    text: str
    subject: str | None = None
    button: str | None = None
    no_name: str | None = None
    no_tier: str | None = None

    def parts(self) -> Iterator[tuple[str, str]]:
        """Yield the texts that may have places, with their keys."""
        for key in ("subject", "text", "button"):
            text = getattr(self, key)
            if text is not None:
                yield key, text


@dataclass(frozen=True, slots=True)
class Knowing:
    """What a letter may speak of: the languages of the programme and its own, and what its people have."""

    languages: tuple[str, ...]
    default: str
    balance: bool
    tier: bool


@dataclass(frozen=True, slots=True)
class Values:
    """What is filled in for one person; `link` is the address that is theirs alone."""

    link: str = field(repr=False)
    name: str | None = field(default=None, repr=False)
    balance: str | None = None
    tier: str | None = None


@dataclass(frozen=True, slots=True)
class CampaignLetter:
    """A letter that was found good, by its languages."""

    channel: Channel
    wordings: Mapping[str, Wording]

    def written(self, language: str, values: Values, *, sender: str) -> Letter:
        """Return the letter for one person, in a language that it has."""
        wording = self.wordings[language]
        said = {
            "name": one_line(values.name or "") or wording.no_name or "",
            "balance": values.balance or "",
            "tier": values.tier or wording.no_tier or "",
            "link": values.link,
        }
        paragraphs = tuple(_filled(each, said) for each in _paragraphs(wording.text))
        button = Button(_filled(wording.button, said), values.link) if wording.button else None
        subject = _filled(wording.subject or "", said)
        return Letter("campaign", language, subject, paragraphs, button, sender, self.channel)

    def language(self, wanted: str | None, default: str) -> str:
        """Return the language for somebody who wishes that one: "cs-CZ" finds "cs"."""
        short = (wanted or "").replace("_", "-").split("-")[0].lower()
        return short if short in self.wordings else default

    def kept(self) -> dict[str, dict[str, Any]]:
        """Return what the file says, as JSON can keep it; `kept_letter` reads it again."""
        return {name: each.model_dump(exclude_none=True) for name, each in self.wordings.items()}


def read_letter(data: bytes, *, channel: Channel, knowing: Knowing) -> CampaignLetter:
    """Return the letter of a TOML file.

    Raises `LetterRefused` with everything that is wrong.
    """
    table, faults = parse(data, PLACE)
    wordings: dict[str, Wording] = {}
    for name, each in (table or {}).items():
        if name not in knowing.languages:
            hint = did_you_mean(name, knowing.languages) or f"; there are {', '.join(knowing.languages)}"
            faults.append(Fault(PLACE, name, f"is no language of the programme{hint}"))
        elif not isinstance(each, dict):
            faults.append(Fault(PLACE, name, f"should be a table, such as [{name}]"))
        else:
            wording, wrong = read(Wording, PLACE, each)
            faults += [Fault(PLACE, f"{name}.{fault.key}" if fault.key else name, fault.message) for fault in wrong]
            if wording:
                wordings[name] = wording
                faults += [Fault(PLACE, f"{name}.{key}", said) for key, said in _faults(wording, channel, knowing)]
    if table is not None and knowing.default not in table:
        faults.append(Fault(PLACE, knowing.default, "is missing; whoever speaks no other language gets it in this one"))
    if faults:
        raise LetterRefused("The letter cannot be sent; nobody was written to.", faults)
    return CampaignLetter(channel, wordings)


def kept_letter(kept: Mapping[str, Mapping[str, Any]], *, channel: Channel) -> CampaignLetter:
    """Return a letter that was found good before."""
    return CampaignLetter(channel, {name: Wording.model_validate(each) for name, each in kept.items()})


def _faults(wording: Wording, channel: Channel, knowing: Knowing) -> Iterator[tuple[str, str]]:
    used: set[str] = set()
    for key, text in wording.parts():
        names, wrong = _places(text)
        used |= names
        yield from ((key, each) for each in wrong)
    yield from _letter_faults(wording) if channel == "email" else _message_faults(wording)
    if not wording.text.strip():
        yield "text", "is empty"
    if ADDRESS not in used and not wording.button:
        yield (
            "text",
            "leads nowhere; write {link} where the address should stand"
            + (", or a button" if channel == "email" else ""),
        )
    for name in ("name", "tier"):
        if name in used and not getattr(wording, f"no_{name}"):
            yield f"no_{name}", f"is missing; it is said where {{{name}}} would be empty"
    for name in ("balance", "tier"):
        if name in used and not getattr(knowing, name):
            yield "text", f"speaks of {{{name}}}, which nobody who is written to has"


def _letter_faults(wording: Wording) -> Iterator[tuple[str, str]]:
    if not (wording.subject or "").strip():
        yield "subject", "is missing"
    for key, most in (("subject", LONGEST_SUBJECT), ("button", LONGEST_BUTTON), ("text", LONGEST_TEXT)):
        text = getattr(wording, key) or ""
        if len(text) > most:
            yield key, f"has {len(text):,} letters, and may have {most:,}"
        if key != "text" and one_line(text) != " ".join(text.split(" ")).strip():
            yield key, "should be one line"


def _message_faults(wording: Wording) -> Iterator[tuple[str, str]]:
    for key in ("subject", "button"):
        if getattr(wording, key) is not None:
            yield key, "is nothing that a short message has; remove it"
    if len(wording.text) > LONGEST_MESSAGE:
        yield "text", f"has {len(wording.text):,} letters, and a short message may have {LONGEST_MESSAGE:,}"


def _places(text: str) -> tuple[set[str], list[str]]:
    """Return which places a text has, and what is wrong with them."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        return set(), ["has a brace that is left alone; write {{ for one that is meant as such"]
    found = [(name, spec, conversion) for _, name, spec, conversion in parts if name is not None]
    wrong = [
        f"has a place {{{name}}} that is not known{did_you_mean(name, NAMES) or f'; there are {_listed(NAMES)}'}"
        for name, _, _ in found
        if name not in NAMES
    ]
    wrong += [f"should say {{{name}}} and nothing more" for name, spec, conversion in found if spec or conversion]
    return {name for name, _, _ in found}, wrong


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"{{{each}}}" for each in names)


def _filled(text: str, said: Mapping[str, str]) -> str:
    return "".join(plain + (said[name] if name else "") for plain, name, _, _ in Formatter().parse(text))


def _paragraphs(text: str) -> Iterator[str]:
    """Yield the paragraphs of a text, which empty lines part; a line break within one stays."""
    held: list[str] = []
    for line in [*text.strip().splitlines(), ""]:
        if line.strip():
            held.append(line.strip())
        elif held:
            yield "\n".join(held)
            held = []
