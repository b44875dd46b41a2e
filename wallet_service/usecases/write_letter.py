"""A letter to a person is written, with what caused it: sent later, by a worker, or not at all."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.errors import Fault, LetterRefused
from wallet_service.domain.identity import identity
from wallet_service.domain.letters import KNOWN_AS, MARKETING, Letter, Why, held_back
from wallet_service.storage import consents, letters, programs, suppressed
from wallet_service.storage.vault import Vault


@dataclass(frozen=True, slots=True)
class Written:
    """A letter's id, and why it will not be sent, if so; nobody but the merchant is to be told that."""

    id: str
    why: Why | None


def write_letter(
    tx: Connection,
    vault: Vault,
    letter: Letter,
    *,
    program_id: int,
    member_id: int | None,
    to: str,
    until: datetime | None = None,
    now: datetime,
) -> Written:
    """Write a letter in the transaction of what caused it; after `until` it is not sent any more.

    Whether letters can be sent here at all is asked before, of the service (`check_mail`).
    Raises `LetterRefused` where `to` is no address.
    """
    known = identity(KNOWN_AS[letter.channel], to)
    if known is None:
        message = f"is no address for {'short messages' if letter.channel == 'sms' else 'e-mail'}"
        raise LetterRefused("The letter was not written.", [Fault("letter", "to", message)])
    merchant_id = programs.by_id(tx, program_id).merchant_id
    marks = suppressed.marks_of(vault, known.value)
    found = suppressed.of(tx, merchant_id, marks)
    word = None
    if letter.marketing and member_id is not None:
        word = consents.words(tx, [member_id], purpose=MARKETING, channel=letter.channel).get(member_id)
    why = held_back(
        marketing=letter.marketing,
        suppressions=[each for some in found.values() for each in some],
        word=word,
        of_member=member_id is not None,
    )
    public_id = letters.add(
        tx,
        vault,
        letter,
        program_id=program_id,
        member_id=member_id,
        to=known.value,
        mark=marks[0],
        why=why,
        until=until,
        now=now,
    )
    assert public_id is not None, "what no job writes is written each time"
    return Written(public_id, why)
