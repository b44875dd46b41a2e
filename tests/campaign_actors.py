"""Whoever sends campaigns: members with and without what it takes, and what is sent to them."""

from dataclasses import dataclass
from typing import Any

from actors import Shop
from sqlalchemy import text

from wallet_service.domain.campaign_letter import read_letter
from wallet_service.domain.letters import Channel
from wallet_service.storage import programs, suppressed
from wallet_service.storage.link_campaigns import OfProgram
from wallet_service.storage.programs import Opened
from wallet_service.usecases import send_campaign as sending
from wallet_service.usecases.address_campaign import Writing
from wallet_service.usecases.campaign import add_campaign, campaign_of
from wallet_service.usecases.operate import OpenProgram, Operated
from wallet_service.usecases.send_campaign import Foretold
from wallet_service.wiring import Service

LETTER = """
[en]
subject = "Spring, {name}"
text = "You have {balance}: {link}"
button = "See it"
no_name = "friend"

[cs]
subject = "Jaro, {name}"
text = "Máte {balance}: {link}"
no_name = "zákazníku"
"""
TO_PROSPECTS = '[en]\nsubject = "Join us, {name}"\ntext = "Here: {link}"\nno_name = "friend"\n'
MESSAGE = '[en]\ntext = "Spring, {name}: {link}"\nno_name = "friend"\n'


@dataclass(frozen=True)
class Campaigner:
    """Somebody with a campaign in the programme of a shop."""

    service: Service
    shop: Shop
    channel: Channel = "email"
    code: str = "spring"

    def begin(self) -> "Campaigner":
        """Begin the campaign."""
        with self.service.begin() as tx:
            add_campaign(
                tx,
                merchant_id=self.opened.merchant_id,
                program="points",
                code=self.code,
                name="Spring",
                channel=self.channel,
                now=self.service.clock(),
            )
        return self

    def member(self, name: str, *, agrees: bool | None = True, address: bool = True, locale: str = "en") -> None:
        """Enrol somebody who agrees to news or not, and whose address is known or not."""
        known = {"email": f"{name}@home.example"} if self.channel == "email" else {"phone": phone(name)}
        consent = {"purpose": "marketing", "channel": self.channel, "granted": agrees}
        said: dict[str, Any] = {"id": name, "name": name.title(), "locale": locale} | (known if address else {})
        more = {} if agrees is None else {"consents": [consent]}
        self.shop.answer("member.enrolled", {"customer": said} | more)

    def suppress(self, address: str) -> None:
        """Have an address not be written to."""
        with self.service.begin() as tx:
            mark = suppressed.marks_of(self.service.vault, address)[0]
            suppressed.add(tx, self.opened.merchant_id, mark, "by_hand", now=self.service.clock())

    @property
    def opened(self) -> Opened:
        """The programme."""
        with self.service.read() as tx:
            found = programs.find(tx, "points")
        assert found is not None
        return found

    def writing(self, letter: str = LETTER, *, members: bool = True) -> Writing:
        """Return what writing a letter needs."""
        opened, service = self.opened, self.service
        template = service.in_force.of_program(opened)
        known = sending.knowing(template, members_alone=members)
        read = read_letter(letter.encode(), channel=self.channel, knowing=known)
        return Writing(
            self.campaign.campaign,
            read,
            template,
            service.vault,
            service.addresses,
            opened.merchant_id,
        )

    @property
    def campaign(self) -> OfProgram:
        """The campaign."""
        with self.service.read() as tx:
            return campaign_of(tx, self.opened.merchant_id, self.code)

    def foretell(self, letter: str = LETTER, *, file: str | None = None) -> Foretold:
        """Say what sending would come to."""
        writing = self.writing(letter, members=file is None)
        return sending.foretell(self.service.read, writing, None if file is None else [file.encode()])

    def ask(self, letter: str = LETTER, *, file: str | None = None, key: str = "once") -> Operated:
        """Have the letters written by workers."""
        writing = self.writing(letter, members=file is None)
        return sending.send_campaign(
            self.service.begin,
            None if file is None else [file.encode()],
            program=OpenProgram(self.opened.id, writing.template, self.service.vault),
            campaign=writing.campaign,
            letter=writing.letter,
            name="members" if file is None else "people.csv",
            key=key,
            actor="a test",
            most=10**6,
            now=self.service.clock(),
        )

    def work(self) -> None:
        """Do all jobs there are."""
        jobs = self.service.jobs()
        while jobs.step():
            pass

    def result(self) -> tuple[dict[str, int], int]:
        """Return what the newest job came to, and how many rows it refused; it is done."""
        with self.service.read() as tx:
            row = tx.execute(text("SELECT state, result, refused FROM jobs ORDER BY id DESC LIMIT 1")).one()
        assert row.state == "done"
        return row.result, row.refused

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what the database says."""
        with self.service.read() as tx:
            return [tuple(row) for row in tx.execute(text(query))]


def phone(name: str) -> str:
    """Return a number for a name."""
    return f"+4206010{sum(map(ord, name)):05}"
