"""Birthdays, anniversaries, reminders, silences and segments: each brings its gift on its day, once."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from actors import Clock
from books import faults
from town import Ruled, Town, moment, rules

from wallet_service.domain.errors import EventRefused
from wallet_service.domain.event import ActivityDone, Customer, MemberUpdated
from wallet_service.storage import programs, triggers
from wallet_service.storage.triggers import Grant
from wallet_service.usecases.publish import publish
from wallet_service.usecases.publish_program import publish_program

Opened = Callable[[str], Town]
SECOND = timedelta(seconds=1)
BIRTHDAY_RULE = """
    [[earning_rule]]
    code = "birthday"
    on = "member.birthday"
    points = 100
"""
REWARD = """
    [[reward]]
    code = "sample"
    kind = "product"
    cost = 100
"""
PLEDGE = """
    [[cause]]
    code = "trees"
    name = "Trees"
    [[reward]]
    code = "pledge"
    kind = "donation"
    rate = { points = 1, value = 1 }
    auto = "monthly"
    choose = "cause"
    default = "trees"
"""


def trigger(said: str) -> str:
    """Return a trigger that says this, with a code."""
    return f'[[trigger]]\ncode = "gift"\n{said}\n'


def until(here: Town, when: str) -> None:
    """Let the calendar do its work to the end at that moment."""
    here.clock.now = moment(when)
    while here.sweep().settled:
        pass


def grants(here: Town, customer: str = "ann") -> list[Grant]:
    """Return what rewards a member was given."""
    with here.service.read() as tx:
        return triggers.granted(tx, here.member(customer).id)


def turn(here: Town, birthday: tuple[int, int], customer: str = "ann") -> None:
    """Tell of another birthday."""
    here.say("member.updated", MemberUpdated(Customer(id=customer), birthday=birthday))


def test_a_birthday_rule_earns_at_midnight_of_the_day(town: Opened) -> None:
    """Points come with the first second of the birthday in the programme's zone, every year, and in no event."""
    here = town(rules(more=BIRTHDAY_RULE))
    here.enrol(birthday=(8, 14))
    until(here, "2026-08-13 21:59")
    assert here.balances() == (0, 0)
    for year, points in ((2026, 100), (2027, 200)):
        until(here, f"{year}-08-13 22:00")
        assert here.balances() == (points, 0)
        until(here, f"{year}-12-01 10:00")
        assert here.balances() == (points, 0)


def test_a_birthday_cannot_be_sent(town: Opened) -> None:
    """What comes by the calendar would come twice if a shop could post it."""
    here = town(rules(more=BIRTHDAY_RULE))
    here.enrol(birthday=(8, 14))
    with pytest.raises(EventRefused, match="calendar"):
        here.say("member.birthday", ActivityDone(Customer(id="ann"), "member.birthday"))
    assert here.balances() == (0, 0)


def test_29_february_is_kept_on_the_28th(town: Opened) -> None:
    """In common years the day before, in leap years the day itself."""
    here = town(rules(more=BIRTHDAY_RULE))
    here.enrol(birthday=(2, 29))
    until(here, "2027-02-27 22:59")
    assert here.balances() == (0, 0)
    until(here, "2027-02-27 23:00")
    assert here.balances() == (100, 0)
    until(here, "2028-02-28 22:59")
    assert here.balances() == (100, 0)
    until(here, "2028-02-28 23:00")
    assert here.balances() == (200, 0)


def test_who_changes_the_birthday_has_one_a_year(town: Opened) -> None:
    """Another date in the same calendar year brings nothing more; in the next year it counts."""
    here = town(rules(more=BIRTHDAY_RULE))
    here.enrol(birthday=(7, 1))
    until(here, "2026-07-02 10:00")
    assert here.balances() == (100, 0)
    turn(here, (9, 1))
    until(here, "2026-09-02 10:00")
    turn(here, (12, 31))
    until(here, "2027-01-01 10:00")
    assert here.balances() == (100, 0)
    turn(here, (1, 2))
    until(here, "2027-01-02 10:00")
    assert here.balances() == (200, 0)


def test_a_day_that_nobody_looked_at_is_made_up_for(town: Opened, clock: Clock) -> None:
    """With the workers away for a week, and an event in between, the birthday is not lost and not doubled."""
    here = town(rules(more=BIRTHDAY_RULE))
    here.enrol(birthday=(8, 14))
    clock.now = moment("2026-08-17 10:00")
    here.buy(1000, order="a")
    assert here.balances() == (10, 0)
    until(here, "2026-08-21 10:00")
    assert here.balances() == (110, 0)
    assert here.rows("SELECT effective_at::text FROM lots WHERE rule = 'birthday'") == [("2026-08-13 22:00:00+00",)]


def test_whoever_enrols_after_the_birthday_waits_a_year(town: Opened) -> None:
    """Days from before the membership bring nothing; the day itself does."""
    here = town(rules(more=BIRTHDAY_RULE))
    here.enrol("early", birthday=(5, 31))
    here.enrol("today", birthday=(6, 1))
    until(here, "2026-06-02 10:00")
    assert (here.balances("early"), here.balances("today")) == ((0, 0), (100, 0))


def test_a_window_opens_before_the_day_and_is_said_with_the_gift(town: Opened) -> None:
    """A gift 14 days before through 14 days after, over New Year, once a year, good through the window's last day."""
    said = 'on = "member.birthday"\nwindow = { before = "P14D", after = "P14D" }\ngrant = "sample"'
    here = town(rules(more=REWARD + trigger(said + '\nlimit = { times = 1, per = "calendar_year" }')))
    here.enrol(birthday=(1, 3))
    until(here, "2026-12-19 22:59")
    assert grants(here) == []
    until(here, "2026-12-19 23:00")
    until(here, "2027-02-01 10:00")
    (gift,) = grants(here)
    assert (gift.reward, gift.valid_until, gift.reason) == ("sample", date(2027, 1, 17), "gift")
    assert gift.at == moment("2026-12-19 23:00")
    until(here, "2027-12-21 10:00")
    assert len(grants(here)) == 2


def test_a_birthday_told_within_its_window_still_counts(town: Opened) -> None:
    """Told ten days after, with a window of fourteen, it brings the gift at once; told after it, nothing."""
    said = 'on = "member.birthday"\nwindow = { after = "P14D" }\ngrant = "sample"'
    here = town(rules(more=REWARD + trigger(said)))
    here.enrol("late")
    here.enrol("too late")
    until(here, "2026-06-20 10:00")
    turn(here, (6, 10), "late")
    turn(here, (6, 5), "too late")
    until(here, "2026-06-20 10:01")
    assert [each.valid_until for each in grants(here, "late")] == [date(2026, 6, 24)]
    assert grants(here, "too late") == []


@pytest.mark.parametrize(
    ("spent", "last"), [(0, date(2026, 8, 14)), (600, date(2026, 8, 20)), (3000, date(2026, 8, 20))]
)
def test_the_tier_says_how_long_the_gift_is_good(town: Opened, spent: int, last: date) -> None:
    """Each tier has its window; one without takes that of the next lower."""
    tiers = """
        [tiers]
        measure = "points_earned"
        [[tier]]
        code = "page"
        threshold = 0
        [[tier]]
        code = "chapter"
        threshold = 500
        [[tier]]
        code = "novel"
        threshold = 2500
    """
    said = 'on = "member.birthday"\ngrant = "sample"\nwindow_by_tier = { page = "P1D", chapter = "P7D" }'
    here = town(rules(more=tiers + REWARD + trigger(said)))
    here.enrol(birthday=(8, 14))
    if spent:
        here.buy(spent * 100, order="a")
    until(here, "2026-08-13 22:00")
    assert [each.valid_until for each in grants(here)] == [last]


def test_an_anniversary_comes_a_year_after_the_day_of_joining(town: Opened) -> None:
    """Not on the day of joining, and then every year."""
    here = town(rules(more=trigger('on = "member.anniversary"\npoints = 50')))
    here.enrol()
    until(here, "2026-06-02 10:00")
    assert here.balances() == (0, 0)
    until(here, "2027-05-31 21:59")
    assert here.balances() == (0, 0)
    until(here, "2027-05-31 22:00")
    assert here.balances() == (50, 0)


def test_a_reminder_comes_once_for_each_day_on_which_points_die(town: Opened, clock: Clock) -> None:
    """Lots that die together are one reminder; what is spent before is none."""
    said = 'on = "points.expiring"\nlead = "P7D"\nnotify = ["pass"]'
    here = town(rules(points='expiry = { mode = "rolling", period = "P1M" }', more=trigger(said)))
    here.enrol()
    here.buy(1000, order="a")
    here.buy(2000, order="b")
    clock.now = moment("2026-06-03 10:00")
    here.buy(3000, order="c")
    fired = "SELECT day::text FROM trigger_firings ORDER BY id"
    until(here, "2026-06-23 21:59")
    assert here.rows(fired) == []
    until(here, "2026-06-23 22:00")  # the last day is 30 June, so a week before 1 July
    assert here.rows(fired) == [("2026-07-01",)]
    until(here, "2026-06-25 10:00")
    assert here.rows(fired) == [("2026-07-01",)]
    until(here, "2026-06-25 22:00")  # and the third lot's, though the first ones are not dead yet
    assert here.rows(fired) == [("2026-07-01",), ("2026-07-03",)]
    until(here, "2026-07-10 10:00")
    assert len(here.rows(fired)) == 2
    here.buy(1000, order="d")
    here.refund(1000, order="d")
    until(here, "2026-09-01 10:00")
    assert len(here.rows(fired)) == 2


def test_silence_is_noticed_once_until_it_is_broken(town: Opened, clock: Clock) -> None:
    """So long after the last purchase, or after joining; and again only after another one."""
    here = town(rules(more=trigger('on = "member.inactive"\nafter = "P2M"\npoints = 5')))
    here.enrol()
    until(here, "2026-07-31 21:59")
    assert here.balances() == (0, 0)
    until(here, "2026-07-31 22:00")
    assert here.balances() == (5, 0)  # which is not a purchase, but counts as activity: the clock starts anew
    clock.now = moment("2026-08-15 10:00")
    here.buy(1000, order="a")
    until(here, "2026-10-14 21:59")
    assert here.balances() == (15, 0)
    until(here, "2026-10-14 22:00")
    assert here.balances() == (20, 0)


def test_a_segment_is_entered_left_and_entered_again_within_its_limit(town: Opened, clock: Clock) -> None:
    """Each entry brings the gift as far as the limit lets it; staying in brings nothing."""
    segment = '[[segment]]\ncode = "quiet"\nmin_orders = 1\ninactive_for = "P1M"\n'
    said = 'on = "segment.entered"\nsegment = "quiet"\ngrant = "sample"\nlimit = { times = 2, per = "lifetime" }'
    here = town(rules(more=REWARD + segment + trigger(said)))
    here.enrol()
    for number, (bought, entered) in enumerate(
        [("2026-06-02 10:00", "2026-07-01 22:00"), ("2026-08-01 10:00", "2026-08-31 22:00"), ("2026-10-01 10:00", "")]
    ):
        until(here, bought)
        here.buy(1000, order=f"o{number}")
        assert len(grants(here)) == number
        if entered:
            clock.now = moment(entered) - SECOND
            here.sweep()
            assert len(grants(here)) == number
            until(here, entered)
            assert len(grants(here)) == number + 1
    until(here, "2027-03-01 10:00")
    assert len(grants(here)) == 2


def test_a_new_trigger_does_not_reach_back(town: Opened, ruled: Ruled) -> None:
    """Who is in the segment, silent or older already when a rule begins to wait for it gets nothing for that."""
    segment = '[[segment]]\ncode = "buyers"\nmin_orders = 1\n'
    here = town(rules(more=segment))
    here.enrol(birthday=(6, 2))
    here.buy(1000, order="a")
    until(here, "2026-06-20 10:00")
    said = (
        '[[trigger]]\ncode = "in"\non = "segment.entered"\nsegment = "buyers"\npoints = 1\n'
        '[[trigger]]\ncode = "born"\non = "member.birthday"\npoints = 10\n'
        '[[trigger]]\ncode = "quiet"\non = "member.inactive"\nafter = "P10D"\npoints = 100\n'
    )
    here.service = ruled(whole=rules(more=segment + said))
    with here.service.begin() as tx:
        (opened,) = programs.of_template(tx, "points")
        publish_program(tx, opened, here.service.in_force, actor="ann", now=here.clock.now)
    list(publish(here.service.begin, here.service.in_force, "points", now=here.clock.now))
    until(here, "2026-07-20 10:00")
    assert here.balances() == (10, 0)
    here.enrol("bob")
    here.buy(1000, order="b", customer="bob")
    until(here, "2026-07-20 10:01")
    assert here.balances("bob") == (11, 0)


def test_a_month_begins_once_though_a_day_waits_to_be_kept(town: Opened) -> None:
    """What comes with the first of a month comes once, and takes nothing of later, while a birthday is not kept yet."""
    here = town(rules(more=BIRTHDAY_RULE + PLEDGE))
    here.enrol(birthday=(6, 30))
    here.buy(10_000, order="a")
    here.clock.now = moment("2026-07-02 12:00")  # no worker has looked since the birthday
    here.buy(700, order="b")
    here.buy(300, order="c")
    assert here.balances() == (10, 0)
    until(here, "2026-07-02 12:05")
    assert here.balances() == (110, 0)
    assert here.rows("SELECT month::text, points FROM redemptions") == [("2026-07-01", 100)]


def test_rules_that_are_published_meanwhile_take_no_first_away(town: Opened, ruled: Ruled) -> None:
    """New rules that come between the first of a month and whoever looks after it leave to that what has begun."""
    before = rules(more=PLEDGE)
    here = town(before)
    here.enrol()
    here.buy(10_000, order="a")
    here.service = ruled(whole=before.replace("per = 100", "per = 50"))
    here.clock.now = moment("2026-07-01 10:00")
    with here.service.begin() as tx:
        (opened,) = programs.of_template(tx, "points")
        publish_program(tx, opened, here.service.in_force, actor="ann", now=here.clock.now)
    list(publish(here.service.begin, here.service.in_force, "points", now=here.clock.now))
    assert here.balances() == (100, 0)
    until(here, "2026-07-01 10:01")
    assert here.balances() == (0, 0)
    assert here.rows("SELECT month::text, points FROM redemptions") == [("2026-07-01", 100)]


@pytest.mark.parametrize("asleep", [False, True])
def test_what_comes_monthly_comes_as_often_as_its_limit_says(town: Opened, asleep: bool) -> None:
    """Twice a year, whoever looks after it each month or only once all of them have begun."""
    limited = '[[reward]]\ncode = "treat"\nkind = "amount_off"\nvalue = 300\ncost = 10\nauto = "monthly"\n'
    limited += 'limit = { times = 2, per = "calendar_year" }\n'
    here = town(rules(more=limited))
    here.enrol()
    here.buy(10_000, order="a")
    for month in ("2026-12-15 10:00",) if asleep else ("2026-07-01 10:00", "2026-08-01 10:00", "2026-12-15 10:00"):
        until(here, month)
    assert here.balances() == (80, 0)
    until(here, "2027-01-15 10:00")
    assert here.balances() == (70, 0)
    assert faults(here.service) == []


@pytest.mark.parametrize("asleep", [False, True])
def test_once_a_month_is_once_in_each(town: Opened, asleep: bool) -> None:
    """A limit of once a month takes none of three months away, whoever looks each month or after all of them."""
    limited = '[[reward]]\ncode = "treat"\nkind = "amount_off"\nvalue = 300\ncost = 10\nauto = "monthly"\n'
    limited += 'limit = { times = 1, per = "P1M" }\n'
    here = town(rules(more=limited))
    here.enrol()
    here.buy(10_000, order="a")
    for month in ("2026-09-15 10:00",) if asleep else ("2026-07-01 10:00", "2026-08-01 10:00", "2026-09-15 10:00"):
        until(here, month)
    assert here.balances() == (70, 0)
    assert faults(here.service) == []


@pytest.mark.parametrize("asleep", [False, True])
def test_what_comes_monthly_comes_by_the_tier_of_its_day(town: Opened, asleep: bool) -> None:
    """Of a tier through the end of a year the gift of December is the last, whoever looks then or weeks later."""
    tiers = """
        [tiers]
        measure = "spend"
        window = "calendar_year"
        valid = "end_of_next_calendar_year"
        [[tier]]
        code = "page"
        threshold = 0
        [[tier]]
        code = "novel"
        threshold = 10000
        [[reward]]
        code = "treat"
        kind = "amount_off"
        value = 300
        cost = 10
        auto = "monthly"
        min_tier = "novel"
    """
    here = town(rules(more=tiers))
    here.enrol()
    here.buy(30_000, order="a")
    until(here, "2027-11-15 10:00")
    before = here.balances()[0]
    for when in ("2027-12-01 00:00", "2027-12-31 23:59", "2028-01-01 00:00"):
        if not asleep:
            until(here, when)
    until(here, "2028-02-15 10:00")
    assert here.balances() == (before - 10, 0)
    assert here.rows("SELECT max(month)::text FROM redemptions") == [("2027-12-01",)]
    assert faults(here.service) == []
