"""A programme as it was published: its text, its number, and since when it is in force."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from wallet_service.domain.errors import TemplateRefused
from wallet_service.domain.file_model import parse, read
from wallet_service.domain.program import Program


@dataclass(frozen=True, slots=True)
class ProgramVersion:
    """One version of a programme, numbered from 1; in force from `valid_from` until the next one is.

    `definition` is the text of the `program.toml` that was published.
    """

    number: int
    valid_from: datetime
    program: Program
    definition: str


def digest_of(definition: str) -> bytes:
    """Return the digest of a programme's text."""
    return hashlib.sha256(definition.encode()).digest()


def read_version(number: int, valid_from: datetime, definition: str) -> ProgramVersion:
    """Return the version of which the database keeps the text.

    Raises `TemplateRefused` where this release does not understand it.
    """
    place = f"version {number}"
    table, faults = parse(definition.encode(), place)
    program = None
    if table is not None:
        program, faults = read(Program, place, table)
    if program is None:
        raise TemplateRefused("A published programme cannot be read by this release.", faults)
    return ProgramVersion(number, valid_from, program, definition)


def in_force(versions: Sequence[ProgramVersion], moment: datetime) -> ProgramVersion:
    """Return the version in force at a moment; the first one for anything older than it. They come in their order."""
    return next((each for each in reversed(versions) if each.valid_from <= moment), versions[0])


def in_force_between(versions: Sequence[ProgramVersion], since: datetime, until: datetime) -> Sequence[ProgramVersion]:
    """Return the versions that were in force at some time between two moments, both included."""
    first, last = (versions.index(in_force(versions, each)) for each in (since, until))
    return versions[first : last + 1]
