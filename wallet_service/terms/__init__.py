"""A programme's terms in plain words, made from its rules, so that rules and words cannot drift apart."""

from wallet_service.domain.errors import UnknownLanguage
from wallet_service.domain.program import Program
from wallet_service.domain.words import Words
from wallet_service.terms import campaigns, collecting, giving, keeping, standing
from wallet_service.terms.because import because, uncounted
from wallet_service.terms.section import Section
from wallet_service.terms.telling import Telling
from wallet_service.terms.tongue import LANGUAGES, short, tongue_of
from wallet_service.terms.vocabulary import Vocabulary, of_words

__all__ = ["LANGUAGES", "Section", "Vocabulary", "as_text", "because", "explain", "telling_of", "uncounted"]

PARTS = (
    collecting.collected,
    collecting.earned,
    collecting.capped,
    keeping.kept,
    keeping.refunded,
    campaigns.campaigns,
    standing.tiers,
    standing.benefits,
    giving.rewards,
    standing.membership,
    giving.partners,
    giving.causes,
    giving.referral,
    giving.occasions,
)


def explain(program: Program, words: Words | Vocabulary | None, language: str) -> list[Section]:
    """Return the programme's terms in one of our `LANGUAGES`, in sections that apply to it.

    `words` are the template's in that language; what they do not name is called as in the programme.
    Raises `UnknownLanguage` for any other; "cs-CZ" finds "cs".
    """
    telling = telling_of(program, words, language)
    return [section for part in PARTS if (section := part(telling))]


def telling_of(program: Program, words: Words | Vocabulary | None, language: str) -> Telling:
    """Return what tells of a programme in that language; takes and raises what `explain` does."""
    if short(language) not in LANGUAGES:
        raise UnknownLanguage(language, LANGUAGES)
    own = of_words(words) if isinstance(words, Words) else words or Vocabulary()
    return Telling(program, own, tongue_of(short(language)))


def as_text(sections: list[Section]) -> str:
    """Return sections as plain text: each title, then a line for every rule; an empty line between sections."""
    return "\n\n".join("\n".join((each.title, *(f"• {line}" for line in each.lines))) for each in sections)
