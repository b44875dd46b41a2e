"""A campaign is sent: to members who have agreed to it, or to people of a file who are none, a piece at a time.

Whom it goes to is found by one function for each, whether they are then written to or only counted. What a piece writes
and the job's cursor are one transaction, so that a worker that dies leaves nobody with two letters.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import chain, islice

from sqlalchemy import Connection

from wallet_service.domain.campaign_letter import CampaignLetter, Knowing, kept_letter
from wallet_service.domain.errors import LinkOver, OperationConflict, UnknownCampaign
from wallet_service.domain.job import Job, Progress
from wallet_service.domain.letters import KNOWN_AS, Channel
from wallet_service.domain.links import Campaign
from wallet_service.domain.period import local_day
from wallet_service.domain.sheet import Form, Place, form_of, records
from wallet_service.domain.template import Template
from wallet_service.storage import job_files, jobs, letters, link_campaigns, links, members, programs
from wallet_service.storage.vault import Vault
from wallet_service.usecases import mint
from wallet_service.usecases.address_campaign import Addressed, Addresses, Group, Writing
from wallet_service.usecases.ask_import import JOB_PREFIX, Asked
from wallet_service.usecases.campaign import refused
from wallet_service.usecases.in_force import InForce
from wallet_service.usecases.mint import PROSPECT, Terms
from wallet_service.usecases.operate import OpenProgram, Operated, Operation, operate
from wallet_service.usecases.upload import Uploaded, forget, upload
from wallet_service.usecases.work_off import hold

CAMPAIGN = "campaign"
MEMBERS = "members"  # to whom it goes, where no file says so
ROWS = 100  # whom a piece looks at
SAMPLES = 3

Begin = Callable[[], AbstractContextManager[Connection]]


@dataclass
class Foretold:
    """What sending would come to: how many letters, why not to the others, and the first letters as they would be."""

    written: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    samples: list[Addressed] = field(default_factory=list)


def campaign_to_send(found: Campaign, template: Template, *, now: datetime) -> Channel:
    """Return how a campaign goes out, once it is sure that its links work.

    Raises `LinkOver`, and `LinkRefused` for a campaign that is handed out in another way.
    """
    if found.channel not in ("email", "sms"):
        raise refused(
            "channel", f"is {found.channel}; letters are written for email and sms (`campaign add --channel`)"
        )
    mint.check(found, Terms(found.channel))
    if found.until is not None and local_day(now, template.program.zone) > found.until:
        raise LinkOver("expired")
    return "email" if found.channel == "email" else "sms"


def knowing(template: Template, *, members_alone: bool) -> Knowing:
    """Return what a letter to members, or to people who are none yet, may speak of."""
    program, look = template.program, template.look
    return Knowing(
        tuple(template.words),
        look.default_language,
        balance=members_alone and program.unit is not None,
        tier=members_alone and bool(program.tier),
    )


def columns_of(channel: Channel) -> tuple[str, ...]:
    """Return the columns that a file of prospects may have; the last one it has to."""
    return (*PROSPECT, KNOWN_AS[channel])


def foretell(read: Begin, writing: Writing, pieces: Iterable[bytes] | None) -> Foretold:
    """Say what sending would come to, to all members or to the people of a file that comes in pieces.

    Raises `SheetRefused`.
    """
    came, seen = Foretold(), set[bytes]()
    for group in _groups(read, writing, pieces):
        for each in group.addressed:
            if each.mark in seen:
                came.left_out["twice"] += 1
                continue
            seen.add(each.mark)
            came.written += 1
            if len(came.samples) < SAMPLES:
                came.samples.append(each)
        came.left_out.update(group.left_out)
        came.refused += len(group.refusals)
    return came


def _groups(read: Begin, writing: Writing, pieces: Iterable[bytes] | None) -> Iterator[Group]:
    if pieces is None:
        after, last = 0, False
        while not last:
            with read() as tx:
                page = members.page_of(tx, writing.campaign.program_id, after=after, most=ROWS)
                yield writing.to_members(tx, page)
            last, after = len(page) < ROWS, page[-1].id if page else after
        return
    rest = iter(pieces)
    first = next(rest, b"")
    columns = columns_of(writing.letter.channel)
    form = form_of(first, kind=None, known=columns, needed=columns[-1])
    found = records(form, chain((first[form.starts_at :],), rest), form.start)
    while rows := list(islice(found, ROWS)):
        with read() as tx:
            yield writing.to_prospects(tx, rows)


def send_campaign(
    begin: Begin,
    pieces: Iterable[bytes] | None,
    *,
    program: OpenProgram,
    campaign: Campaign,
    letter: CampaignLetter,
    name: str,
    key: str,
    actor: str,
    most: int,
    now: datetime,
) -> Operated:
    """Have workers write a campaign's letters to all members, or to the people of a file that comes in pieces.

    The answer is that of `Asked`. The same under the same key is the same job.
    Raises `SheetRefused`, `SheetTooLarge`, and `OperationConflict` for a key that was used for something else.
    """
    uploaded = None
    if pieces is not None:
        columns = columns_of(letter.channel)
        uploaded = upload(
            begin,
            pieces,
            vault=program.vault,
            program_id=program.id,
            name=name,
            kind=None,
            known=columns,
            needed=columns[-1],
            most=most,
            now=now,
        )
    content = {"campaign": campaign.code, "letter": letter.kept(), "digest": uploaded.digest if uploaded else None}
    try:
        asked = operate(
            begin,
            program=program,
            key=key,
            kind=CAMPAIGN,
            content=content,
            actor=actor,
            now=now,
            act=lambda operation: _ask(operation, campaign, letter, uploaded, name=name),
        )
    except OperationConflict:
        if uploaded:
            forget(begin, uploaded.file_id)
        raise
    if asked.replayed and uploaded:
        forget(begin, uploaded.file_id)
    return asked


def _ask(
    operation: Operation, campaign: Campaign, letter: CampaignLetter, uploaded: Uploaded | None, *, name: str
) -> Asked:
    tx, now = operation.tx, operation.now
    total = uploaded.rows if uploaded else members.number(tx, operation.open.id)
    asked = {"file": name, "campaign": campaign.code, "channel": letter.channel, "letter": letter.kept()}
    job = jobs.add(
        tx,
        public_id=f"{JOB_PREFIX}{secrets.token_hex(10)}",
        program_id=operation.open.id,
        operation_id=operation.row_id,
        kind=CAMPAIGN,
        asked=asked | ({"form": asdict(uploaded.form)} if uploaded else {}),
        asked_by=operation.actor,
        file_id=uploaded.file_id if uploaded else None,
        total=total,
        cursor=asdict(uploaded.form.start) if uploaded else {"after": 0},
        now=now,
    )
    return Asked(job.public_id, total)


@dataclass(frozen=True)
class CampaignSending:
    """What does the next piece of sending a campaign: writes to the next people, and counts their links as sent."""

    begin: Begin
    read: Begin
    in_force: InForce
    clock: Callable[[], datetime]
    vault: Vault
    addresses: Addresses
    rows: int = ROWS

    def piece(self, job: Job) -> None:
        """Write to the people after the job's cursor, as many as make a piece."""
        writing = self._writing(job)
        if job.file_id is None:
            self._to_members(job, writing)
        else:
            self._to_prospects(job, writing, job.file_id)

    def _writing(self, job: Job) -> Writing:
        with self.read() as tx:
            opened = programs.by_id(tx, job.program_id)
            found = link_campaigns.find(tx, opened.merchant_id, job.asked["campaign"])
        if found is None:
            raise UnknownCampaign(job.asked["campaign"])
        letter = kept_letter(job.asked["letter"], channel=job.asked["channel"])
        template = self.in_force.of_program(opened)
        return Writing(found.campaign, letter, template, self.vault, self.addresses, opened.merchant_id)

    def _to_members(self, job: Job, writing: Writing) -> None:
        with self.begin() as tx:
            hold(tx, job)
            page = members.page_of(tx, job.program_id, after=job.cursor["after"], most=self.rows)
            group = writing.to_members(tx, page)
            cursor = {"after": page[-1].id if page else job.cursor["after"]}
            self._write(tx, job, writing, group, seen=len(page), cursor=cursor, over=len(page) < self.rows)

    def _to_prospects(self, job: Job, writing: Writing, file_id: int) -> None:
        form = Form(**(job.asked["form"] | {"columns": tuple(job.asked["form"]["columns"])}))
        place = Place(**job.cursor)
        with self.read() as tx:
            found = records(form, job_files.pieces(tx, self.vault, file_id, place.offset), place)
            rows = list(islice(found, self.rows))
        with self.begin() as tx:
            hold(tx, job)
            group = writing.to_prospects(tx, rows)
            job_files.refuse(tx, self.vault, job.id, group.refusals)
            place = Place(rows[-1].ends_at, rows[-1].row) if rows else place
            over = len(rows) < self.rows
            self._write(tx, job, writing, group, seen=len(rows), cursor=asdict(place), over=over)
            if over:
                job_files.drop(tx, file_id)

    def _write(
        self,
        tx: Connection,
        job: Job,
        writing: Writing,
        group: Group,
        *,
        seen: int,
        cursor: dict[str, int],
        over: bool,
    ) -> None:
        now, came = self.clock(), Counter[str](group.left_out)
        for each in group.addressed:
            if each.link and each.code:
                links.add(tx, each.link, mark=None, code=each.code, member_id=each.member_id, now=now)
            added = letters.add(
                tx,
                self.vault,
                each.letter,
                program_id=job.program_id,
                member_id=each.member_id,
                campaign_id=writing.campaign.id,
                job_id=job.id,
                to=each.to,
                mark=each.mark,
                now=now,
            )
            came["written" if added else "twice"] += 1
        day = local_day(now, writing.template.program.zone)
        mint.sent(tx, writing.campaign, writing.letter.channel, times=came["written"], day=day)
        jobs.get_on(tx, job, Progress(cursor, seen, len(group.refusals), dict(came), over), now=now)
