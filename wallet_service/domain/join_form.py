"""What somebody writes into the form by which one joins: read, brought into its form, or told what is wrong."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from wallet_service.domain.event import Consent
from wallet_service.domain.identity import Identity, identity
from wallet_service.domain.look import TICKED, JoinTable

Wrong = Literal["missing", "name", "email", "phone", "birthday", "tick"]
LONGEST_NAME = 200
LEAP_YEAR = 2000  # whoever was born on 29 February may say so


@dataclass(frozen=True, slots=True, repr=False)
class Joining:
    """Who wants to join, as they say; nobody has shown yet that the addresses are theirs."""

    name: str | None
    birthday: tuple[int, int] | None
    addresses: tuple[Identity, ...]

    @property
    def email(self) -> Identity | None:
        """The e-mail address that they have typed."""
        return next((each for each in self.addresses if each.kind == "email"), None)


def box(index: int) -> str:
    """Return the name of the box to be ticked for a consent."""
    return f"consent-{index}"


def read_answers(table: JoinTable, said: Mapping[str, str]) -> tuple[Joining, dict[str, Wrong]]:
    """Return what was said of what is asked for, and what is wrong with it by the name of the field."""
    wrong: dict[str, Wrong] = {}
    name = _name(said.get("name", ""), wrong) if table.ask.name != "no" else None
    addresses = [
        found
        for kind in ("email", "phone")
        if getattr(table.ask, kind) != "no" and (found := _address(kind, said.get(kind, ""), wrong))
    ]
    birthday = _birthday(said, wrong) if table.ask.birthday != "no" else None
    told = {"name": name, "birthday": birthday} | {each.kind: each for each in addresses}
    for field in ("name", "email", "phone", "birthday"):
        if getattr(table.ask, field) == "required" and not told.get(field):
            wrong.setdefault(field, "missing")
    for field in TICKED:
        if getattr(table, field) is not None and not said.get(field):
            wrong[field] = "tick"
    return Joining(name, birthday, tuple(addresses)), wrong


def consents(table: JoinTable, said: Mapping[str, str], shown: Callable[[str], str]) -> tuple[Consent, ...]:
    """Return what was ticked, each with the version of the text that was `shown` for it."""
    ticked: list[tuple[str, str | None, str]] = [
        (field, None, text) for field in TICKED if (text := getattr(table, field)) is not None and said.get(field)
    ]
    ticked += [(each.purpose, each.channel, each.text) for i, each in enumerate(table.consent) if said.get(box(i))]
    return tuple(Consent(purpose, True, channel, text_version(shown(text))) for purpose, channel, text in ticked)


def text_version(text: str) -> str:
    """Return what the wording of a text is known by: another word, another version."""
    return hashlib.sha256(text.encode()).hexdigest()


def _name(said: str, wrong: dict[str, Wrong]) -> str | None:
    name = " ".join(said.split())
    if len(name) > LONGEST_NAME or not name.isprintable():
        wrong["name"] = "name"
        return None
    return name or None


def _address(kind: Literal["email", "phone"], said: str, wrong: dict[str, Wrong]) -> Identity | None:
    if not said.strip():
        return None
    found = identity(kind, said)
    if found is None:
        wrong[kind] = kind
    return found


def _birthday(said: Mapping[str, str], wrong: dict[str, Wrong]) -> tuple[int, int] | None:
    month, day = said.get("birthday_month", "").strip(), said.get("birthday_day", "").strip()
    if not month and not day:
        return None
    try:
        found = date(LEAP_YEAR, int(month), int(day))
    except (ValueError, OverflowError):
        wrong["birthday"] = "birthday"
        return None
    return found.month, found.day
