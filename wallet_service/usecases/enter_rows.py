"""Rows of a file of members are entered together: in one transaction, under the locks of all whom they are about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.earning import Order
from wallet_service.domain.job import Job
from wallet_service.domain.ledger import Transaction
from wallet_service.domain.member import Membership
from wallet_service.domain.member_row import MemberRow, RowFault
from wallet_service.domain.program import Program
from wallet_service.domain.sheet import Record
from wallet_service.domain.template import Template
from wallet_service.storage import identities, ledger, members, opening_balances, orders
from wallet_service.storage.events import Raced
from wallet_service.storage.identities import Mark, Owner
from wallet_service.storage.job_files import Refusal
from wallet_service.storage.ledger import Cause
from wallet_service.storage.vault import Vault
from wallet_service.usecases.ask_import import IMPORT
from wallet_service.usecases.book import Book, fresh_ids, open_book
from wallet_service.usecases.claim_orders import claim_orders, rules_of, waiting_orders
from wallet_service.usecases.correct import correct
from wallet_service.usecases.enrol import enrol
from wallet_service.usecases.evaluate import lock_all_budgets
from wallet_service.usecases.revise import revise_all

IDS = 2  # that a row's opening balance needs: of its transaction and its lot
REASON = "opening balance"
UNEXPECTED = (RowFault("", "could not be entered, and the fault is ours; the workers' log has it"),)


@dataclass(frozen=True, slots=True)
class Told:
    """A record of the file, what it says unless something is wrong with it already, and the marks of the person."""

    record: Record
    row: MemberRow | None
    faults: tuple[RowFault, ...]
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class _Meant:
    """Who is meant by the rows of a piece: members by ids, and by marks."""

    by_id: Mapping[str, str]
    by_mark: Mapping[bytes, Owner]

    def name(self, told: Told) -> str:
        """Return the merchant's own id of whoever a row is about; new, if nobody is meant.

        An id counts first. Whom shop systems have told us of, and the merchant has given no id here, is meant by what
        it is known by.
        """
        assert told.row is not None
        named = told.row.external_id
        owners = (self.by_mark[each.mark] for each in told.marks if each.mark in self.by_mark)
        ours = (each.external_id for each in owners if each.external_id == each.public_id)
        return self.by_id.get(named) or next(ours, named)


@dataclass(frozen=True, slots=True)
class _Task:
    """A row that changes something, its member's book, and which of the marks are new."""

    row: MemberRow
    book: Book
    new: tuple[Mark, ...]
    joins: bool


@dataclass(slots=True)
class Came:
    """What a piece has come to."""

    refusals: list[Refusal] = field(default_factory=list)
    result: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, by: int = 1) -> None:
        """Count something that has come of a row."""
        self.result[name] = self.result.get(name, 0) + by

    def refuse(self, record: Record, faults: Sequence[RowFault]) -> None:
        """Refuse a row, with all that is wrong with it."""
        if faults is UNEXPECTED:
            self.count("unexpected")
        told = tuple((each.column, each.reason) for each in faults)
        self.refusals.append(Refusal(record.row, told, dict(record.said)))


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows that are entered in one transaction."""

    tx: Connection
    job: Job
    template: Template
    vault: Vault
    pass_type_identifier: str
    now: datetime

    @property
    def program_id(self) -> int:
        """The programme's id."""
        return self.job.program_id

    @property
    def program(self) -> Program:
        """The programme, in the version in force."""
        return self.template.program

    def enter(self, told: Sequence[Told]) -> tuple[Sequence[Told], Came]:
        """Enter rows up to one whose person was in the piece already; return those, and what they came to."""
        came = Came()
        meant = self._meant(told)
        told = _before_a_repetition(told, meant)
        known, meant = self._lock(told, meant)
        opened = opening_balances.of(self.tx, [each.id for each in known.values()])
        ids = fresh_ids(self.tx, ledger.reserve(self.tx, IDS * len(told)) if told else None)
        tasks = []
        for each in told:
            if each.row is None:
                came.refuse(each.record, each.faults)
                continue
            member = known.get(meant.name(each))
            new = tuple(one for one in each.marks if one.mark not in meant.by_mark)
            if faults := _against(each, member, meant, opened):
                came.refuse(each.record, faults)
            elif member is not None and not (new or self._is_news(each.row, member, opened)):
                came.count("same")
            else:
                came.count("changed" if member else "added")
                book = open_book(self.tx, member or self._enrol(each.row), self.template, now=self.now, ids=ids)
                tasks.append(_Task(each.row, book, new, joins=member is None))
        self._do(tasks, opened, came)
        return told, came

    def _meant(self, told: Sequence[Told]) -> _Meant:
        names = [each.row.external_id for each in told if each.row]
        marks = [one for each in told for one in each.marks]
        by_id = members.meant(self.tx, self.program_id, names)
        return _Meant(by_id, identities.owners(self.tx, self.program_id, marks) if marks else {})

    def _lock(self, told: Sequence[Told], meant: _Meant) -> tuple[dict[str, Membership], _Meant]:
        """Lock everybody whom the rows are about, and all marks; return those who are members, and who is meant.

        Raises `Raced` where somebody else is meant by now.
        """
        names = {name for each in told if each.row for name in (each.row.external_id, meant.name(each))}
        locked = names | {identities.lock_name(one.mark) for each in told for one in each.marks}
        members.lock_customers(self.tx, [(self.program_id, each) for each in locked])
        after = self._meant(told)
        if any(after.name(each) != meant.name(each) for each in told if each.row):
            raise Raced
        return members.find_several(self.tx, self.program_id, names), after

    def _do(self, tasks: Sequence[_Task], opened: Mapping[int, int], came: Came) -> None:
        """Do what the rows say in their books, close all of those, and only then take the cards."""
        waiting = self._learn(tasks)
        changes, posted = [], []
        for each in tasks:
            book, row = each.book, each.row
            claim_orders(book, waiting.get(book.member.id, ()), at=self.now)
            self._tell(book, row)
            if row.balance and _opens(row, book.member, opened):
                posted.append((book.member.id, row.balance, self._open(book, row, row.balance)))
                came.count("opened")
                came.count("points", row.balance)
            changes.append((book.member, book.close(cause=Cause(operation_id=self.job.operation_id), reason=IMPORT)))
        opening_balances.add(self.tx, [(member_id, points, each.id) for member_id, points, each in posted])
        members.lock_cards(self.tx, [before.card.id for before, _ in changes])
        revise_all(self.tx, changes, self.template, now=self.now)

    def _learn(self, tasks: Sequence[_Task]) -> dict[int, list[Order]]:
        """Let members be known by what is new, and return the orders that have waited for them; budgets are locked."""
        known = [(each.book.member.id, one) for each in tasks for one in each.new]
        identities.add_several(self.tx, self.vault, known, program_id=self.program_id, now=self.now)
        newcomers = [each.row.external_id for each in tasks if each.joins]
        marks = [one.mark for _, one in known]
        if not orders.any_unmatched(self.tx, self.program_id, newcomers, marks):
            return {}
        waiting = {
            each.book.member.id: waiting_orders(
                each.book, each.row.external_id if each.joins else None, [one.mark for one in each.new]
            )
            for each in tasks
        }
        lock_all_budgets(tasks[0].book, rules_of(self.template, [one for some in waiting.values() for one in some]))
        return waiting

    def _enrol(self, row: MemberRow) -> Membership:
        return enrol(
            self.tx,
            program_id=self.program_id,
            template=self.template,
            pass_type_identifier=self.pass_type_identifier,
            external_id=row.external_id,
            profile=row.profile,
            now=self.now,
            enrolled_at=row.enrolled_at(self.program),
        )

    def _is_news(self, row: MemberRow, member: Membership, opened: Mapping[int, int]) -> bool:
        """Whether a row says anything that is not known of its member."""
        return _told_more(row, member) or _opens(row, member, opened) or _ranks(row, member, self.program)

    def _tell(self, book: Book, row: MemberRow) -> None:
        """Keep what the row says of the member's person and tier."""
        if _told_more(row, book.member):
            book.told = row.profile
            members.set_profile(self.tx, member_id=book.member.id, profile=row.profile)
        if row.tier is not None and _ranks(row, book.member, self.program):
            book.set_tier(row.tier, row.tier_until, reason=f"{self.job.asked_by}: {IMPORT} {self.job.public_id}")

    def _open(self, book: Book, row: MemberRow, points: int) -> Transaction:
        dies_at = row.dies_at(self.program)
        return correct(book, points, actor=self.job.asked_by, reason=REASON, at=self.now, dies_at=dies_at)


def _before_a_repetition(told: Sequence[Told], meant: _Meant) -> Sequence[Told]:
    seen: set[str | bytes] = set()
    for number, each in enumerate(told):
        if each.row is not None:
            person: set[str | bytes] = {each.row.external_id, meant.name(each), *(one.mark for one in each.marks)}
            if person & seen:
                return told[:number]
            seen |= person
    return told


def _our_own(row: MemberRow, member: Membership) -> bool:
    """Whether the row comes from our own export: what it says of points and tiers, we have told ourselves."""
    return row.member_id == member.public_id


def _against(told: Told, member: Membership | None, meant: _Meant, opened: Mapping[int, int]) -> tuple[RowFault, ...]:
    """Return what speaks against a row that is sound in itself."""
    faults = [
        RowFault(each.identity.kind, f"is that of {owner.external_id} already, who is another member")
        for each in told.marks
        if (owner := meant.by_mark.get(each.mark)) and (member is None or owner.public_id != member.public_id)
    ]
    row, began = told.row, opened.get(member.id) if member else None
    if row and members.is_nobodys(row.external_id):
        faults.append(RowFault("external_id", "stands for somebody who was erased, and is nobody's"))
    if row and member and row.balance and began not in (None, row.balance) and not _our_own(row, member):
        faults.append(RowFault("balance", f"was opened with {began} before, and is opened once; adjust it instead"))
    return tuple(faults)


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
