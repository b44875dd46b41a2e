"""What days bring: acts on the occasions of a member in the member's book."""

from wallet_service.domain import limits
from wallet_service.domain.limits import Need
from wallet_service.domain.news import News
from wallet_service.domain.occasions import Occasion, watched
from wallet_service.domain.period import start_of
from wallet_service.domain.program.reward_tables import Trigger
from wallet_service.domain.purchase import Deed
from wallet_service.domain.reminding import letters_of, told_through, true_through
from wallet_service.domain.standing import Reminder
from wallet_service.storage import awards, triggers
from wallet_service.usecases.book import Book
from wallet_service.usecases.evaluate import give, give_for_deed, lock_all_budgets
from wallet_service.usecases.granting import grant_reward


def celebrate(book: Book) -> None:
    """Act on every occasion that is due and was not acted on; one that a limit forbids does not come again."""
    occasions = book.days(book.tier).occasions()
    if any(each.deed for each in occasions):
        lock_all_budgets(book, [book.program])
    for occasion in occasions:
        at = start_of(occasion.day, book.program.zone)
        uses = [(occasion.code, occasion.once)] if occasion.once else []
        if occasion.deed is not None:
            give_for_deed(book, book.program, Deed(occasion.deed, at))
        elif occasion.trigger is not None and not _forbidden(book, occasion, occasion.trigger):
            uses.append((occasion.code, ""))
            _fire(book, occasion, occasion.trigger)
        if uses:
            awards.use(book.tx, book.member.id, uses, at=at)
    see_segments(book)


def see_segments(book: Book) -> None:
    """Note which of the segments that triggers wait for the member belongs to now."""
    codes = {each.code for each in watched(book.program)}
    if codes:
        triggers.see_in(book.tx, book.member.id, sorted(book.days(book.tier).segments() & codes), now=book.now)


def _forbidden(book: Book, occasion: Occasion, trigger: Trigger) -> bool:
    if trigger.limit is None:
        return False
    since = limits.since(trigger.limit.per, start_of(occasion.day, book.program.zone), book.program.zone)
    used = awards.usage(book.tx, book.member.id, [Need(occasion.code, "", since)])
    return used[occasion.code, ""] >= trigger.limit.times


def _fire(book: Book, occasion: Occasion, trigger: Trigger) -> None:
    until = told_through(trigger, closes=occasion.closes, today=book.today)
    triggers.fired(
        book.tx,
        book.member.id,
        trigger.code,
        day=occasion.day,
        points=trigger.points,
        told_through=until,
        now=book.now,
    )
    if until is not None:
        book.reminders.append(Reminder(trigger.code, occasion.day, until, book.now))
    if letters_of(trigger):
        true_until = true_through(trigger, closes=occasion.closes, today=book.today)
        book.letters.append(Reminder(trigger.code, occasion.day, true_until, book.now))
    if trigger.on == "points.expiring" and book.member.listened:
        book.news.append(_expiring(book, occasion))
    if trigger.points:
        give(book, book.program, trigger.points, rule=trigger.code, at=book.now)
    if trigger.grant:
        grant_reward(book, trigger.grant, valid_until=occasion.valid_until, reason=trigger.code)


def _expiring(book: Book, occasion: Occasion) -> News:
    """Return the news that points can be spent for the last time on the day before the occasion's."""
    points = book.days(book.tier).dying_points().get(occasion.day, 0)
    return News("points.expiring", {"points": points, "last_day": occasion.closes})
