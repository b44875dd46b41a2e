"""A letter that somebody has asked for is written, if there is a member to have it: by a worker, and seen by nobody."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from wallet_service.domain.errors import SettingsRefused, TemplateRefused, UnknownTemplate
from wallet_service.domain.identity import Identity
from wallet_service.domain.sign_in_words import Sort, letter
from wallet_service.storage import members, programs, sign_ins
from wallet_service.storage.members import Found
from wallet_service.storage.sign_ins import Asked, Kind
from wallet_service.storage.vault import Vault
from wallet_service.usecases.in_force import InForce
from wallet_service.usecases.sign_in import hashed, new_token
from wallet_service.usecases.verify_address import known_by
from wallet_service.usecases.write_letter import write_letter

log = structlog.get_logger(__name__)

LASTS: dict[Kind, timedelta] = {"sign_in": timedelta(minutes=15), "verify": timedelta(days=3)}

# The secret key has changed twice, or there is no template any more: nobody would ever write it. Ask once more.
GIVEN_UP = (SettingsRefused, TemplateRefused, UnknownTemplate)

Link = Callable[[Kind, str, str], str]


@dataclass(frozen=True, slots=True)
class AskedLetters:
    """Writes the letters that were asked for; `link` makes of kind, programme and token the address in one."""

    begin: Callable[[], AbstractContextManager[Connection]]
    vault: Vault
    in_force: InForce
    link: Link
    clock: Callable[[], datetime]

    def step(self) -> bool:
        """Deal with the oldest one that nobody is at; return whether there was one."""
        with self.begin() as tx:
            asked = sign_ins.take_asked(tx)
            if asked is None:
                return False
            try:
                self._write(tx, asked, Identity("email", self.vault.open(asked.sealed)))
            except GIVEN_UP as error:
                log.error("letter.not_written", kind=asked.kind, error=type(error).__name__)
        return True

    def _write(self, tx: Connection, asked: Asked, address: Identity) -> None:
        known = known_by(tx, self.vault, asked.program_id, address, but=asked.member_id)
        if asked.member_id is None:
            if known is not None:
                self._send(tx, asked, "sign_in", known, address)
            return
        for new in members.find_by_members(tx, [asked.member_id]):
            self._send(tx, asked, "known" if known else "verify", new, address)

    def _send(self, tx: Connection, asked: Asked, sort: Sort, to: Found, address: Identity) -> None:
        now, token, ends_at = self.clock(), new_token(), self.clock() + LASTS[asked.kind]
        member_id, program_id = to.member.id, asked.program_id
        language = to.member.locale or asked.locale
        face = self.in_force.of_card(to).blank(language)
        sign_ins.add(
            tx,
            asked.kind,
            hashed(token),
            program_id=program_id,
            member_id=member_id,
            sealed=asked.sealed,
            ends_at=ends_at,
        )
        url = self.link(asked.kind, programs.code_of(tx, program_id), token)
        write_letter(
            tx,
            self.vault,
            letter(sort, language, program=face.program, sender=face.organization, url=url),
            program_id=program_id,
            member_id=member_id,
            to=address.value,
            until=ends_at,
            now=now,
        )
