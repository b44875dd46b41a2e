"""What a trigger reminds of is written to its member, where it fires: with their consent, and where it can be sent."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection

from wallet_service.domain.errors import LetterRefused, SettingsRefused
from wallet_service.domain.letters import KNOWN_AS, MARKETING, Channel, Letter
from wallet_service.domain.member import Membership
from wallet_service.domain.period import end_of
from wallet_service.domain.reminder_words import letter
from wallet_service.domain.reminding import letters_of
from wallet_service.domain.standing import Reminder
from wallet_service.domain.template import Template
from wallet_service.storage import consents, identities
from wallet_service.storage.vault import Vault
from wallet_service.usecases.write_letter import write_letter

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ReminderLetters:
    """Writes reminders by those `channels` by which letters can be sent here.

    `page` makes of a serial number the address of the card's page.
    """

    vault: Vault
    channels: frozenset[Channel]
    page: Callable[[str], str]

    def write(
        self, tx: Connection, member: Membership, template: Template, reminders: Iterable[Reminder], *, now: datetime
    ) -> None:
        """Write what has just been found true to a member who agreed to it, and whose address is known.

        Nobody is written to whose card is void. What cannot be written is logged: the trigger has fired all the same.
        """
        triggers = {each.code: each for each in template.program.trigger}
        for each in () if member.voided else reminders:
            for channel in letters_of(triggers[each.trigger]):
                to = self._address(tx, member, channel) if channel in self.channels else None
                said = self._letter(member, template, each, channel) if to else None
                if to and said:
                    until = end_of(each.until, template.program.zone)
                    self._post(tx, member, said, to=to, until=until, now=now)

    def _address(self, tx: Connection, member: Membership, channel: Channel) -> str | None:
        word = consents.words(tx, [member.id], purpose=MARKETING, channel=channel).get(member.id)
        if word is None or not word.granted:
            return None
        try:
            return identities.known_as(tx, self.vault, [member.id], KNOWN_AS[channel]).get(member.id)
        except SettingsRefused as error:  # the secret key has changed twice
            _not_written(member, type(error).__name__)
            return None

    def _letter(self, member: Membership, template: Template, reminder: Reminder, channel: Channel) -> Letter | None:
        line, face = template.reminder_line(member.standing, reminder, member.locale), template.blank(member.locale)
        if not line:  # the words are those of files whose own rules do not remind of this
            _not_written(member, "no words")
            return None
        url = self.page(member.card.serial_number)
        return letter(channel, line, face.language, program=face.program, sender=face.organization, url=url)

    def _post(
        self, tx: Connection, member: Membership, said: Letter, *, to: str, until: datetime, now: datetime
    ) -> None:
        vault, program_id = self.vault, member.program_id
        try:
            write_letter(tx, vault, said, program_id=program_id, member_id=member.id, to=to, until=until, now=now)
        except LetterRefused as error:
            _not_written(member, type(error).__name__)


def _not_written(member: Membership, why: str) -> None:
    log.error("letter.not_written", kind="reminder", member=member.public_id, error=why)
