"""Letters to people: what one says, who may not be sent it, what a carrier answers, and when to try again."""

import random
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

Kind = Literal["verify", "sign_in", "campaign", "reminder"]
Channel = Literal["email", "sms"]
Reason = Literal["unsubscribed", "bounced", "complained", "by_hand"]
Why = Literal["suppressed", "no_consent", "too_late", "revoked", "erased"]
State = Literal["waiting", "sent", "dead", "dropped"]
Fate = Literal["sent", "bounced", "refused", "later", "away", "stop"]

KNOWN_AS: dict[Channel, Literal["email", "phone"]] = {"email": "email", "sms": "phone"}  # what addresses are there
MARKETING = "marketing"  # the purpose of the consent that letters need which nobody has asked for
# A letter that was put off is tried again after these, and a last time at the end: about two days.
LADDER = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=12),
    timedelta(hours=24),
)


@dataclass(frozen=True, slots=True)
class Button:
    """What there is to press, and where it leads."""

    text: str
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter to a person, in one language, in paragraphs of plain text; `sender` is the name of whoever writes.

    `channel` says how it goes; a short message has no subject and no button, its text names the address.
    """

    kind: Kind
    language: str
    subject: str = field(repr=False)
    paragraphs: tuple[str, ...] = field(repr=False)
    button: Button | None = None
    sender: str | None = None
    channel: Channel = "email"

    @property
    def message(self) -> str:
        """The text of a short message."""
        return "\n".join(self.paragraphs)

    @property
    def marketing(self) -> bool:
        """Whether nobody has asked for it, so that it needs consent and a way out."""
        return self.kind in ("campaign", "reminder")


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why an address is not written to, and since when."""

    reason: Reason
    at: datetime


@dataclass(frozen=True, slots=True)
class Word:
    """The newest word of a member on a consent, and when it was said."""

    granted: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Mail:
    """A letter on its way: its id, its address, and for marketing where its reader wants no more."""

    id: str
    to: str = field(repr=False)
    letter: Letter
    unsubscribe_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one letter, and why, in a few words without anything of the person.

    `bounced`: there is no such address. `refused`: this letter will not be taken. `later`: it may be taken another
    time. `away`: no letter can be carried now. `stop`: none will be before somebody has changed the settings.
    """

    fate: Fate
    reason: str | None = None
    message_id: str | None = None


class Carrier(Protocol):
    """Carries one letter after the other; used by one thread."""

    def send(self, mail: Mail, *, at: datetime) -> Outcome:
        """Send it, dated with that time, and return what became of it; never raises for the other side's fault."""
        ...

    def close(self) -> None:
        """Let go of what is kept open between letters."""
        ...


def held_back(
    *, marketing: bool, suppressions: Iterable[Suppression], word: Word | None, of_member: bool
) -> Why | None:
    """Return why a letter is not sent to an address, or None where it may be.

    What somebody asked for is only kept from addresses that do not exist. Marketing needs a member's consent, and one
    that was given after unsubscribing counts; whoever is no member was written to on the merchant's own word.
    """
    found = tuple(suppressions)
    if not marketing:
        return "suppressed" if any(each.reason == "bounced" for each in found) else None
    granted = word if word is not None and word.granted else None
    if of_member and granted is None:
        return "no_consent"
    against = [each for each in found if each.reason != "unsubscribed" or granted is None or granted.at <= each.at]
    return "suppressed" if against else None


def next_try(attempts: int, now: datetime, chance: random.Random) -> datetime | None:
    """Return when a letter is tried again that was put off for that many times; None once it is given up."""
    if attempts > len(LADDER):
        return None
    step = LADDER[attempts - 1]
    return now + step + step * chance.random() / 10


def one_line(text: str) -> str:
    """Return a text without line breaks and other control characters, as a header may have it."""
    kept = (" " if unicodedata.category(each) in ("Cc", "Zl", "Zp", "Cs") else each for each in text)
    return " ".join("".join(kept).split())
