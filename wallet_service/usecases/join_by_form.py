"""Somebody joins by the form of a programme: always as somebody new, since nobody has shown whose an address is."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.errors import UnknownProgram
from wallet_service.domain.event import Consent, Customer, Event, MemberEnrolled, content_hash
from wallet_service.domain.join_form import Joining
from wallet_service.domain.template import Template
from wallet_service.storage import members, programs, typed_addresses
from wallet_service.storage.links import Seen
from wallet_service.storage.programs import Opened
from wallet_service.storage.vault import Vault
from wallet_service.usecases.connect import own_source
from wallet_service.usecases.count_strangers import count
from wallet_service.usecases.join import KIND, joined_through
from wallet_service.usecases.receive import receive
from wallet_service.usecases.record import Recorded
from wallet_service.usecases.verify_address import ask_to_verify

DIALECT = "form"  # of the source of all who join by the form; nobody posts to it


@dataclass(frozen=True, slots=True)
class Form:
    """One form that was sent: its own id, who joins, what they agreed to, and in which language they read it."""

    id: str
    joining: Joining
    consents: tuple[Consent, ...]
    locale: str


@dataclass(frozen=True, slots=True)
class Through:
    """The link that led to the form, and what it is known by once it has a row."""

    seen: Seen
    mark: bytes | None


def program_of(tx: Connection, code: str) -> Opened:
    """Return a programme that has been opened.

    Raises `UnknownProgram`.
    """
    found = programs.find(tx, code) if code.isprintable() else None
    if found is None:
        raise UnknownProgram(code)
    return found


def join_by_form(
    begin: Callable[[], AbstractContextManager[Connection]],
    form: Form,
    *,
    opened: Opened,
    template: Template,
    vault: Vault,
    pass_type_identifier: str,
    through: Through | None,
    letters: int | None = None,
    now: datetime,
) -> Recorded:
    """Enrol whoever has sent the form, as a new member; the same form sent twice enrols once.

    The addresses are kept as typed: they find no member and take no order that waits. `through` is used with the
    enrolment, or there is neither. `letters` are how many an address gets in an hour; with None nobody is asked by
    letter whether the typed one is theirs.
    Raises `EventConflict` for a form that was sent with other content before, `LinkOver`, and what entering raises.
    """
    with begin() as tx:
        code = template.program.program.code
        source = own_source(tx, vault=vault, program_id=opened.id, dialect=DIALECT, name=code, now=now)
    who = form.joining
    fact = MemberEnrolled(Customer(), who.name, form.locale, birthday=who.birthday, consents=form.consents)

    def also(tx: Connection, recorded: Recorded) -> None:
        if recorded.replayed:
            return
        found = members.find_by_public_id(tx, recorded.answer["member_id"])
        assert found is not None
        typed_addresses.add(tx, vault, found.member.id, who.addresses, now=now)
        if letters is not None and who.email is not None:
            ask_to_verify(tx, vault, found.member, who.email, locale=form.locale, per_address=letters, now=now)
        if through is not None:
            joined_through(tx, through.seen, through.mark, found.member.id, now=now)

    return receive(
        begin,
        source=source,
        template=template,
        vault=vault,
        event=Event(f"form {form.id}", KIND, content_hash(KIND, fact), now, b"", fact),
        pass_type_identifier=pass_type_identifier,
        now=now,
        also=also,
    )


def count_join(
    tx: Connection, vault: Vault, *, program: str, block: str, per_block: int, in_all: int, now: datetime
) -> int | None:
    """Count somebody who joins; return after how many seconds there is room again, None where there is some now.

    `block` is the neighbourhood of their network address: only a hash of it is kept, made with a key of the day.
    """
    return count(tx, vault, [(f"join {now.date()} {program} {block}", per_block), (f"join {program}", in_all)], now=now)
