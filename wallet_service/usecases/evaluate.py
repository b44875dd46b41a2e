"""What a purchase or a deed earns a member: the rules, with how often they were used and what is left of budgets."""

from collections.abc import Collection, Iterable
from datetime import datetime

from msgspec import structs

from wallet_service.domain import award as rules
from wallet_service.domain import challenge
from wallet_service.domain.award import Applicable, Award, Budget, Usage
from wallet_service.domain.basis import moment
from wallet_service.domain.campaigns import Budgets
from wallet_service.domain.challenge import Mark, Progress
from wallet_service.domain.earning import Order, new_lot
from wallet_service.domain.expiry import expiry_of
from wallet_service.domain.grounds import UNFOUNDED, Grounds
from wallet_service.domain.news import News
from wallet_service.domain.period import local_day
from wallet_service.domain.program import Program
from wallet_service.domain.program.earning_tables import Campaign
from wallet_service.domain.purchase import Buyer, Deed, Purchase
from wallet_service.domain.taken import UNTAKEN, Pairs, Taken, taken_by
from wallet_service.storage import awards
from wallet_service.storage.ledger import Fact
from wallet_service.usecases.book import Book


def evaluate_order(book: Book, order: Order, program: Program, version: int) -> Order:
    """Return the order with what it earns, if it has been paid and not been evaluated by what was bought.

    The tier and the segments of the first evaluation stay. What of limits and budgets it takes is noted: where it takes
    the place of what was evaluated before, the difference. As long as nothing of it is paid it uses no limit and gives
    no mark; budgets stay as they are.
    """
    if order.purchase is None or not order.to_be_looked_at:
        return order
    before, purchase = order.taken or UNTAKEN, order.purchase
    buyer = order.as_first(_buyer(book))
    applicable = rules.applicable(program, purchase, buyer)
    marks = applicable.marks if order.counts else ()
    if order.to_be_evaluated:
        award = applicable.award(*_left(book, applicable, before))
        order = structs.replace(order.rated(purchase, award, buyer), program_version=version)
    order = order.counting(marks, but=_take_back(book, program, order.row_id, before.lost(marks)))
    assert order.taken is not None
    _take(book, order.taken, purchase.paid_at, before)
    _mark(book, applicable, order.taken.new(before), order_row=order.row_id)
    return order


def give_for_deed(book: Book, program: Program, deed: Deed) -> None:
    """Let the member earn what a deed gives by that version of the programme."""
    applicable = rules.applicable(program, deed, _buyer(book))
    award = applicable.award(*_left(book, applicable))
    _take(book, taken_by(award), deed.at)
    _give_award(book, program, award, rule=award.rule, at=deed.at)
    _mark(book, applicable, applicable.marks)


def _buyer(book: Book) -> Buyer:
    return Buyer(book.tier, book.member.profile.birthday, book.segments())


def give(book: Book, program: Program, points: int, *, rule: str, at: datetime, grounds: Grounds = UNFOUNDED) -> None:
    """Let the member earn points that belong to no order; they count on the way to a tier."""
    if points == 0:
        return
    lot = new_lot(program, expiry_of(program, book.tier), points, earned_at=at, rule=rule)
    posted = book.account.earn(lot, qualifying=points, grounds=grounds)
    book.facts.append(Fact(local_day(at, program.zone), at, posted, points=points))


def lock_all_budgets(book: Book, programs: Iterable[Program]) -> None:
    """Lock what several evaluations in one transaction may draw on, or each of them would lock out of order."""
    codes = {each.code for program in programs for each in program.campaign if each.budget}
    if codes:
        awards.lock_budgets(book.tx, book.member.program_id, sorted(codes))


def _left(book: Book, applicable: Applicable, before: Taken = UNTAKEN) -> tuple[Usage, Budgets]:
    """Return how often everything was used and what is left of budgets, as if `before` had not been taken."""
    needed = applicable.needs()
    used = awards.usage(book.tx, book.member.id, needed) if needed else {}
    left = _budgets(book, applicable.program, {*applicable.budgeted(), *dict(before.spent)})
    return before.laid_back(used, left)


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


def _take(book: Book, taken: Taken, at: datetime, before: Taken = UNTAKEN) -> None:
    """Note what is taken of limits and budgets that was not `before`, and what comes back."""
    for uses, back in ((taken.more_uses(before), False), (before.more_uses(taken), True)):
        if uses:
            awards.use(book.tx, book.member.id, uses, at=at, back=back)
    if spent := taken.more_spent(before):
        awards.spend(book.tx, book.member.program_id, spent)


def _mark(book: Book, applicable: Applicable, marks: Pairs, *, order_row: int | None = None) -> None:
    """Note the marks, and let the member earn what the challenges give that they complete.

    A refund of one of their orders does not take that back.
    """
    what, program = applicable.what, applicable.program
    for each in _completed(book, program, what, marks, order_row):
        prize = rules.prize(each, what, *_left(book, applicable))  # looked up anew: one order may complete two rounds
        if prize.points:
            _take(book, taken_by(prize), moment(what))
            _give_award(book, program, prize, rule=each.code, at=moment(what))


def _give_award(book: Book, program: Program, award: Award, *, rule: str, at: datetime) -> None:
    grounds = structs.replace(award.grounds, spent=award.spent)
    give(book, program, award.points, rule=rule, at=at, grounds=grounds)


def _completed(
    book: Book, program: Program, what: Purchase | Deed, marks: Pairs, order_row: int | None
) -> list[Campaign]:
    if not marks:
        return []
    by_code = {each.code: each for each in program.campaign}
    known = awards.progress(book.tx, book.member.id, sorted({code for code, _ in marks}))
    completed = []
    for code, name in marks:
        before, mark = known.get(code) or Progress(), Mark(name, moment(what), order_row)
        known[code], complete = challenge.advance(by_code[code], before, mark, program.zone)
        if complete:
            completed.append(by_code[code])
        if complete or known[code].done > before.done:
            book.news.append(_moved(by_code[code], before, known[code], complete=complete))
    for code, progress in known.items():
        awards.advance(book.tx, book.member.id, code, progress)
    return completed


def _take_back(book: Book, program: Program, order_row: int, marks: Pairs) -> Pairs:
    """Take an order's marks out of the rounds that go on; return those that were in one."""
    found: list[tuple[str, str]] = []
    by_code = {each.code: each for each in program.campaign}
    known = awards.progress(book.tx, book.member.id, [code for code, _ in marks]) if marks else {}
    for code, before in sorted(known.items()):
        after = before.without(order_row, [name for each, name in marks if each == code])
        found += [(code, each.name) for each in before.marks if each not in after.marks]
        if after != before:
            awards.advance(book.tx, book.member.id, code, after)
        if after.done < before.done:
            book.news.append(_moved(by_code[code], before, after))
    return tuple(found)


def _moved(campaign: Campaign, before: Progress, now: Progress, *, complete: bool = False) -> News:
    """Return the news of a challenge in which there is a mark more or less, or none any more since it was the last."""
    assert campaign.goal is not None
    of = campaign.goal.times
    kind = "challenge.completed" if complete else "challenge.progressed"
    facts = {"challenge": campaign.code, "round": before.round, "done": of if complete else now.done, "of": of}
    return News(kind, facts)
