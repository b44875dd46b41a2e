"""What a purchase or a deed earns a member: the rules, with how often they were used and what is left of budgets."""

from collections.abc import Collection, Iterable
from datetime import datetime

from msgspec import Struct, structs

from wallet_service.domain import award as rules
from wallet_service.domain import challenge
from wallet_service.domain.award import Award, Budget
from wallet_service.domain.basis import moment
from wallet_service.domain.challenge import Progress
from wallet_service.domain.earning import Order, new_lot
from wallet_service.domain.expiry import expiry_of
from wallet_service.domain.grounds import UNFOUNDED, Grounds
from wallet_service.domain.news import News
from wallet_service.domain.period import local_day
from wallet_service.domain.program import Program
from wallet_service.domain.program.earning_tables import Campaign
from wallet_service.domain.purchase import Buyer, Deed, Purchase
from wallet_service.domain.taken import UNTAKEN, Taken
from wallet_service.storage import awards
from wallet_service.storage.ledger import Fact
from wallet_service.usecases.book import Book


class Evaluated(Struct, frozen=True):
    """What something earns, the challenges that it completed with what each gives, and the marks that it gave."""

    award: Award
    prizes: tuple[tuple[Campaign, Award], ...]
    marks: tuple[tuple[str, str], ...]


def evaluate(
    book: Book, program: Program, what: Purchase | Deed, buyer: Buyer | None = None, before: Taken = UNTAKEN
) -> Evaluated:
    """Return what it earns by that version of the programme, and note what of limits and budgets it takes.

    Where it takes the place of what was evaluated `before`, only what is more is taken, and what is less comes back to
    budgets; marks in challenges, and uses of limits, stay.
    """
    applicable = rules.applicable(program, what, buyer or _buyer(book))
    needed = applicable.needs()
    used = awards.usage(book.tx, book.member.id, needed) if needed else {}
    left = _budgets(book, program, {*applicable.budgeted(), *dict(before.spent)})
    usage, budgets = before.laid_back(used, left)
    award = applicable.award(usage, budgets)
    _take(book, award, moment(what), before)
    marks = tuple(each for each in applicable.marks if each not in before.marks)
    prizes = tuple(
        (each, prize)
        for each in _completed(book, program, what, marks)
        if (prize := rules.prize(each, what, usage, budgets)).points
    )
    for _, prize in prizes:
        _take(book, prize, moment(what), UNTAKEN)
    return Evaluated(award, prizes, marks)


def evaluate_order(book: Book, order: Order, program: Program, version: int) -> Order:
    """Return the order with what it earns, if it has been paid and not been evaluated by what was bought.

    The tier and the segments of the first evaluation stay.
    """
    if order.purchase is None or not order.to_be_evaluated:
        return order
    buyer = order.as_first(_buyer(book))
    found = evaluate(book, program, order.purchase, buyer, order.taken or UNTAKEN)
    _give_prizes(book, program, found, at=order.purchase.paid_at)
    return structs.replace(order.rated(order.purchase, found.award, buyer, found.marks), program_version=version)


def _buyer(book: Book) -> Buyer:
    return Buyer(book.tier, book.member.profile.birthday, book.segments())


def give(book: Book, program: Program, points: int, *, rule: str, at: datetime, grounds: Grounds = UNFOUNDED) -> None:
    """Let the member earn points that belong to no order; they count on the way to a tier."""
    if points == 0:
        return
    lot = new_lot(program, expiry_of(program, book.tier), points, earned_at=at, rule=rule)
    posted = book.account.earn(lot, qualifying=points, grounds=grounds)
    book.facts.append(Fact(local_day(at, program.zone), at, posted, points=points))


def give_for_deed(book: Book, program: Program, deed: Deed) -> None:
    """Let the member earn what a deed gives by that version of the programme."""
    found = evaluate(book, program, deed)
    give(book, program, found.award.points, rule=found.award.rule, at=deed.at, grounds=found.award.grounds)
    _give_prizes(book, program, found, at=deed.at)


def _give_prizes(book: Book, program: Program, found: Evaluated, *, at: datetime) -> None:
    """Let the member earn what completed challenges give; a refund of one of their orders does not take it back."""
    for campaign, prize in found.prizes:
        give(book, program, prize.points, rule=campaign.code, at=at, grounds=prize.grounds)


def lock_all_budgets(book: Book, programs: Iterable[Program]) -> None:
    """Lock what several evaluations in one transaction may draw on, or each of them would lock out of order."""
    codes = {each.code for program in programs for each in program.campaign if each.budget}
    if codes:
        awards.lock_budgets(book.tx, book.member.program_id, sorted(codes))


def _budgets(book: Book, program: Program, codes: Collection[str]) -> dict[str, Budget]:
    """Return what is left of the budgets of these campaigns, locked."""
    if not codes:
        return {}
    given = awards.lock_budgets(book.tx, book.member.program_id, sorted(codes))
    budgets = {each.code: each.budget for each in program.campaign if each.budget}
    return {
        code: Budget(
            None if (whole := budgets[code].points) is None else whole - points,
            None if (stock := budgets[code].stock) is None else stock - claims,
        )
        for code, (points, claims) in given.items()
    }


def _take(book: Book, award: Award, at: datetime, before: Taken) -> None:
    if uses := before.more_uses(award):
        awards.use(book.tx, book.member.id, uses, at=at)
    if spent := before.more_spent(award):
        awards.spend(book.tx, book.member.program_id, spent)


def _completed(
    book: Book, program: Program, what: Purchase | Deed, marks: tuple[tuple[str, str], ...]
) -> list[Campaign]:
    if not marks:
        return []
    by_code = {each.code: each for each in program.campaign}
    known = awards.progress(book.tx, book.member.id, sorted({code for code, _ in marks}))
    completed = []
    for code, mark in marks:
        before = known.get(code) or Progress()
        known[code], complete = challenge.advance(by_code[code], before, mark, moment(what), program.zone)
        if complete:
            completed.append(by_code[code])
        if complete or len(known[code].marks) > len(before.marks):
            book.news.append(_advanced(by_code[code], before, known[code], complete=complete))
    for code, progress in known.items():
        awards.advance(book.tx, book.member.id, code, progress)
    return completed


def _advanced(campaign: Campaign, before: Progress, now: Progress, *, complete: bool) -> News:
    """Return the news of a challenge in which there is one mark more, or none any more since it was the last."""
    assert campaign.goal is not None
    of = campaign.goal.times
    kind = "challenge.completed" if complete else "challenge.progressed"
    facts = {"challenge": campaign.code, "round": before.round, "done": of if complete else len(now.marks), "of": of}
    return News(kind, facts)
