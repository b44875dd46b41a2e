"""Members come in from a file, a piece of it at a time: enrolled, known better, with the balance they begin with."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import islice

import structlog
from sqlalchemy import Connection

from wallet_service.domain import tiering
from wallet_service.domain.errors import DatabaseUnusable
from wallet_service.domain.job import Job, Progress
from wallet_service.domain.ledger import Transaction
from wallet_service.domain.member import Membership
from wallet_service.domain.member_row import MemberRow, RowFault, faults_in, read_row
from wallet_service.domain.program import Program
from wallet_service.domain.sheet import Form, Place, Record, records
from wallet_service.domain.template import Template
from wallet_service.storage import job_files, jobs, ledger, members, opening_balances, orders, programs
from wallet_service.storage.events import Raced
from wallet_service.storage.job_files import Refusal
from wallet_service.storage.ledger import Cause
from wallet_service.usecases.ask_import import IMPORT
from wallet_service.usecases.book import Book, fresh_ids, open_book
from wallet_service.usecases.claim_orders import claim_orders, rules_of
from wallet_service.usecases.correct import correct
from wallet_service.usecases.enrol import enrol
from wallet_service.usecases.evaluate import lock_all_budgets
from wallet_service.usecases.in_force import InForce
from wallet_service.usecases.revise import revise_all
from wallet_service.usecases.work_off import TakenAway, hold

log = structlog.get_logger(__name__)

ROWS = 100  # whose customers' events wait meanwhile
IDS = 2  # that a row's opening balance needs: of its transaction and its lot
REASON = "opening balance"
UNEXPECTED = (RowFault("", "could not be entered, and the fault is ours; the workers' log has it"),)
MOST_UNEXPECTED = 100  # rows that we cannot enter and do not know why; more than that is a fault of ours

Begin = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True, slots=True)
class _Told:
    """A record of the file, and what it says, unless something is wrong with it already."""

    record: Record
    row: MemberRow | None
    faults: tuple[RowFault, ...]


@dataclass(slots=True)
class _Came:
    """What a piece has come to."""

    refusals: list[Refusal] = field(default_factory=list)
    result: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, by: int = 1) -> None:
        self.result[name] = self.result.get(name, 0) + by

    def refuse(self, record: Record, faults: Sequence[RowFault]) -> None:
        if faults is UNEXPECTED:
            self.count("unexpected")
        told = tuple((each.column, each.reason) for each in faults)
        self.refusals.append(Refusal(record.row, told, dict(record.said)))


@dataclass(frozen=True)
class MemberImport:
    """What does the next piece of an import of members.

    Rows of a piece are one transaction under all their customers' locks; the same use cases enter them as enter events.
    """

    begin: Begin
    begin_pipelined: Begin
    read: Begin
    in_force: InForce
    clock: Callable[[], datetime]
    pass_type_identifier: str
    rows: int = ROWS

    def piece(self, job: Job) -> None:
        """Enter the rows after the job's cursor, as many as make a piece."""
        with self.read() as tx:
            opened = programs.by_id(tx, job.program_id)
        template = self.in_force.of_program(opened)
        now, form, place = self.clock(), _form(job), Place(**job.cursor)
        assert job.file_id is not None, "a job that is not over has its file"
        with self.read() as tx:
            found = records(form, job_files.pieces(tx, job.file_id, place.offset), place)
            told = [_read(each, template.program, now) for each in islice(found, self.rows)]
        self._attempt(job, template, told, last=len(told) < self.rows, now=now)

    def _attempt(self, job: Job, template: Template, told: Sequence[_Told], *, last: bool, now: datetime) -> None:
        """Enter the rows, or where that fails for a reason that is not theirs, fewer of them; one alone is refused."""
        try:
            self._enter(job, template, told, last=last, now=now)
        except (TakenAway, DatabaseUnusable, Raced):
            raise
        except Exception:
            if len(told) <= 1 and job.result.get("unexpected", 0) >= MOST_UNEXPECTED:
                raise
            row = told[0].record.row if told else None
            log.exception("job.rows_not_entered", job=job.public_id, row=row, rows=len(told))
            if len(told) <= 1:
                self._enter(job, template, [_unexpected(each) for each in told], last=last, now=now)
            else:
                self._attempt(job, template, told[: len(told) // 2], last=False, now=now)

    def _enter(self, job: Job, template: Template, told: Sequence[_Told], *, last: bool, now: datetime) -> None:
        dry_run = job.asked["dry_run"]
        with (self.begin if dry_run else self.begin_pipelined)() as tx:
            hold(tx, job)
            piece = _Piece(tx, job, template, self.pass_type_identifier, now)
            if dry_run:
                undone = tx.begin_nested()
                taken, came = piece.enter(told)
                undone.rollback()
            else:
                taken, came = piece.enter(told)
            over = last and len(taken) == len(told)
            job_files.refuse(tx, job.id, came.refusals)
            place = Place(taken[-1].record.ends_at, taken[-1].record.row) if taken else Place(**job.cursor)
            progress = Progress(asdict(place), len(taken), len(came.refusals), came.result, over)
            jobs.get_on(tx, job, progress, now=now)
            if over and job.file_id is not None:
                job_files.drop(tx, job.file_id)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some rows that are entered in one transaction."""

    tx: Connection
    job: Job
    template: Template
    pass_type_identifier: str
    now: datetime

    @property
    def program_id(self) -> int:
        return self.job.program_id

    def enter(self, told: Sequence[_Told]) -> tuple[Sequence[_Told], _Came]:
        """Enter rows up to one whose member was in the piece already; return those, and what they came to."""
        came = _Came()
        names = [each.row.external_id for each in told if each.row]
        survivors = members.survivors(self.tx, self.program_id, names)
        told = _before_a_repetition(told, survivors)
        known = self._known({each.row.external_id for each in told if each.row}, survivors)
        opened = opening_balances.of(self.tx, [each.id for each in known.values()])
        to_do: list[tuple[MemberRow, Membership | None]] = []
        for each in told:
            name = survivors.get(each.row.external_id, each.row.external_id) if each.row else ""
            member = known.get(name)
            faults = each.faults or _against(each.row, member, opened)
            if faults or each.row is None:
                came.refuse(each.record, faults)
            elif member is not None and _nothing_new(each.row, member, opened, self.template.program):
                came.count("same")
            else:
                came.count("changed" if member else "added")
                to_do.append((each.row, member))
        self._do(to_do, opened, came)
        return told, came

    def _known(self, names: set[str], survivors: Mapping[str, str]) -> dict[str, Membership]:
        """Lock all customers, and return those who are members.

        Raises `Raced` where one has become one with another since it was looked up.
        """
        names |= {survivors[each] for each in names if each in survivors}
        members.lock_customers(self.tx, [(self.program_id, each) for each in names])
        known = members.find_several(self.tx, self.program_id, names)
        if any(each.merged_into not in (None, survivors.get(name)) for name, each in known.items()):
            raise Raced
        return known

    def _do(self, to_do: Sequence[tuple[MemberRow, Membership | None]], opened: Mapping[int, int], came: _Came) -> None:
        newcomers = [row.external_id for row, member in to_do if member is None]
        waiting = orders.unmatched_of(self.tx, self.program_id, newcomers) if newcomers else {}
        ids = fresh_ids(self.tx, ledger.reserve(self.tx, IDS * len(to_do)) if to_do else None)
        books = []
        for row, member in to_do:
            found = member or self._enrol(row)
            books.append((row, open_book(self.tx, found, self.template, now=self.now, ids=ids)))
        if waiting:
            lock_all_budgets(books[0][1], rules_of(self.template, [each for some in waiting.values() for each in some]))
        changes, posted = [], []
        for row, book in books:
            claim_orders(book, waiting.get(row.external_id, ()), at=self.now)
            self._tell(book, row)
            if row.balance and _opens(row, book.member, opened):
                posted.append((book.member.id, row.balance, self._open(book, row, row.balance)))
                came.count("opened")
                came.count("points", row.balance)
            changes.append((book.member, book.close(cause=Cause(operation_id=self.job.operation_id), reason=IMPORT)))
        opening_balances.add(self.tx, [(member_id, points, each.id) for member_id, points, each in posted])
        members.lock_cards(self.tx, [before.card.id for before, _ in changes])
        revise_all(self.tx, changes, self.template, now=self.now)

    def _enrol(self, row: MemberRow) -> Membership:
        return enrol(
            self.tx,
            program_id=self.program_id,
            template=self.template,
            pass_type_identifier=self.pass_type_identifier,
            external_id=row.external_id,
            profile=row.profile,
            now=self.now,
            enrolled_at=row.enrolled_at(self.template.program),
        )

    def _tell(self, book: Book, row: MemberRow) -> None:
        """Keep what the row says of the member's person and tier."""
        if _told_more(row, book.member):
            book.told = row.profile
            members.set_profile(self.tx, member_id=book.member.id, profile=row.profile)
        if _ranks(row, book.member, book.program):
            why = f"{self.job.asked_by}: {IMPORT} {self.job.public_id}"
            assert row.tier is not None
            book.rank, lines = tiering.set_manually(
                book.program, book.rank, row.tier, row.tier_until, book.today, reason=why
            )
            book.changes += lines

    def _open(self, book: Book, row: MemberRow, points: int) -> Transaction:
        dies_at = row.dies_at(book.program)
        return correct(book, points, actor=self.job.asked_by, reason=REASON, at=self.now, dies_at=dies_at)


def _form(job: Job) -> Form:
    form = job.asked["form"]
    return Form(form["kind"], tuple(form["columns"]), form["delimiter"], form["starts_at"])


def _read(record: Record, program: Program, now: datetime) -> _Told:
    if record.faults:
        return _Told(record, None, record.faults)
    row, faults = read_row(record.said)
    return _Told(record, row, faults if row is None else faults_in(row, program, now=now))


def _unexpected(told: _Told) -> _Told:
    return _Told(told.record, None, UNEXPECTED)


def _before_a_repetition(told: Sequence[_Told], survivors: Mapping[str, str]) -> Sequence[_Told]:
    seen: set[str] = set()
    for number, each in enumerate(told):
        if each.row is not None:
            name = survivors.get(each.row.external_id, each.row.external_id)
            if name in seen:
                return told[:number]
            seen.add(name)
    return told


def _our_own(row: MemberRow, member: Membership) -> bool:
    """Whether the row comes from our own export: what it says of points and tiers, we have told ourselves."""
    return row.member_id == member.public_id


def _against(row: MemberRow | None, member: Membership | None, opened: Mapping[int, int]) -> tuple[RowFault, ...]:
    """Return what speaks against a row of somebody who is a member already."""
    if row is None or member is None or not row.balance or _our_own(row, member):
        return ()
    began = opened.get(member.id)
    if began in (None, row.balance):
        return ()
    return (RowFault("balance", f"was opened with {began} before, which is done once; correct it with an adjustment"),)


def _nothing_new(row: MemberRow, member: Membership, opened: Mapping[int, int], program: Program) -> bool:
    return not (_told_more(row, member) or _opens(row, member, opened) or _ranks(row, member, program))


def _told_more(row: MemberRow, member: Membership) -> bool:
    return member.with_profile(row.profile).profile != member.profile


def _opens(row: MemberRow, member: Membership, opened: Mapping[int, int]) -> bool:
    return bool(row.balance) and member.id not in opened and not _our_own(row, member)


def _ranks(row: MemberRow, member: Membership, program: Program) -> bool:
    """Whether the tier has to be set by hand: it was not before, and is not the lowest, under which nobody falls."""
    if row.tier is None or _our_own(row, member) or (row.tier_until is None and row.tier == program.tier[0].code):
        return False
    rank = member.position.rank
    return rank is None or (rank.floor, rank.floor_until) != (row.tier, row.tier_until)
