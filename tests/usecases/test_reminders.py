"""Triggers that notify: the card says it as long as it is true, and every phone tells it once."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from actors import Clock, Device, card_of
from town import Ruled, Town, moment, rules, settled_town

from wallet_service.domain.event import Customer, MemberUpdated
from wallet_service.sandbox.alerts import notify
from wallet_service.sandbox.chain import Chain
from wallet_service.sandbox.verify import OpenedPass, open_pass
from wallet_service.storage import programs
from wallet_service.usecases import audit
from wallet_service.usecases.merge import merge
from wallet_service.usecases.publish import publish
from wallet_service.usecases.publish_program import publish_program
from wallet_service.web import create_app

Opened = Callable[[str], Town]
ROLLING = 'expiry = { mode = "rolling", period = "P1M" }'


def trigger(said: str, code: str = "hint") -> str:
    """Return a trigger that says this, and reminds."""
    return f'[[trigger]]\ncode = "{code}"\n{said}\nnotify = ["pass"]\n'


SOON = trigger('on = "points.expiring"\nlead = "P7D"')


def until(here: Town, when: str) -> None:
    """Let the calendar do its work to the end at that moment."""
    here.clock.now = moment(when)
    while here.sweep().settled:
        pass


def shown(here: Town, customer: str = "ann") -> str:
    """Return what the card reminds of."""
    member = here.member(customer)
    face = here.service.in_force.of_source(here.source).draw(member.standing, "en")
    return str(next(each.value for each in face.fields() if each.key == "reminder"))


def told(here: Town, customer: str = "ann") -> tuple[int, str | None]:
    """Return the card's revision, and the field that it announces."""
    card = here.member(customer).card
    return card.revision, card.announced


def rebuilt(here: Town) -> bool:
    """Whether everything that is projected is the same, to the last byte, when it is made anew."""
    query = "SELECT balances::text FROM balances ORDER BY member_id"
    before = here.rows(query)
    same = audit.rebuild(here.service.begin, here.service.in_force, now=here.clock()) == (0, 0)
    return same and here.rows(query) == before


def test_points_are_reminded_of_before_they_die(town: Opened, clock: Clock) -> None:
    """A week ahead the card says how many until when, once for each day; and nothing more after their last day."""
    here = town(rules(points=ROLLING, more=SOON))
    here.enrol()
    here.buy(12_000, order="a")
    clock.now = moment("2026-06-03 10:00")
    here.buy(3_000, order="b")
    until(here, "2026-06-23 21:59")
    assert (shown(here), told(here)) == ("Nothing right now", (3, "balance"))
    until(here, "2026-06-23 22:00")
    assert (shown(here), told(here)) == ("120 points until Jun 30", (4, "reminder"))
    assert rebuilt(here)
    until(here, "2026-06-25 22:00")
    assert (shown(here), told(here)) == ("30 points until Jul 2; 120 points until Jun 30", (5, "reminder"))
    assert rebuilt(here)
    until(here, "2026-06-30 22:00")  # 120 points have died
    assert (shown(here), told(here)) == ("30 points until Jul 2", (6, "balance"))
    until(here, "2026-07-02 22:00")
    assert (shown(here), here.member().position.reminders) == ("Nothing right now", ())
    assert rebuilt(here)
    fired = here.rows("SELECT day::text, told_through::text FROM trigger_firings ORDER BY id")
    assert fired == [("2026-07-01", "2026-06-30"), ("2026-07-03", "2026-07-02")]


def test_what_is_spent_is_not_reminded_of(town: Opened, clock: Clock) -> None:
    """Spent before the day there is no reminder; after it there are fewer points, and none, and back if they return."""
    here = town(rules(points=f"{ROLLING}\nrefund = {{ earned = 'clamp_to_zero' }}", more=SOON))
    for customer in ("ann", "bob"):
        here.enrol(customer)
        here.buy(5_000, order=customer, customer=customer)
    here.refund(5_000, order="bob")
    until(here, "2026-06-23 22:00")
    assert [shown(here, each) for each in ("ann", "bob")] == ["50 points until Jun 30", "Nothing right now"]
    here.refund(2_000, order="ann")
    assert (shown(here), told(here)) == ("30 points until Jun 30", (4, "balance"))
    assert rebuilt(here)
    here.refund(5_000, order="ann")
    assert (shown(here), told(here)) == ("Nothing right now", (5, "balance"))
    assert rebuilt(here)
    clock.on(days=1)
    assert here.rows("SELECT count(*) FROM trigger_firings") == [(1,)]


def test_activity_takes_the_reminder_of_inactivity_away(town: Opened, clock: Clock) -> None:
    """Where points die together, buying keeps them alive and the card reminds of nothing; later it does again."""
    here = town(rules(points='expiry = { mode = "inactivity", period = "P2M" }', more=SOON))
    here.enrol()
    here.buy(5_000, order="a")
    until(here, "2026-07-24 22:00")
    assert shown(here) == "50 points until Jul 31"
    here.buy(1_000, order="b")
    assert (shown(here), told(here)[1]) == ("Nothing right now", "balance")
    assert rebuilt(here)
    until(here, "2026-09-17 22:00")
    assert (shown(here), told(here)[1]) == ("60 points until Sep 24", "reminder")


@pytest.mark.parametrize(
    ("on", "told_at", "over_at", "line"),
    [
        ('on = "member.birthday"', "2026-08-13 22:00", "2026-08-20 22:00", "Happy birthday!"),
        (
            'on = "member.birthday"\nwindow = { before = "P3D", after = "P14D" }',
            "2026-08-10 22:00",
            "2026-08-28 22:00",
            "Happy birthday!",
        ),
        ('on = "member.anniversary"', "2027-05-31 22:00", "2027-06-07 22:00", "It is your anniversary with us"),
        (
            'on = "member.inactive"\nafter = "P2M"',
            "2026-07-31 22:00",
            "2026-08-07 22:00",
            "We have not seen you for a while",
        ),
        (
            'on = "segment.entered"\nsegment = "quiet"',
            "2026-06-30 22:00",
            "2026-07-07 22:00",
            "There is something new for you",
        ),
    ],
)
def test_other_days_are_told_for_a_week_or_for_their_window(
    town: Opened, on: str, told_at: str, over_at: str, line: str
) -> None:
    """Each day has its line, which is announced as it comes and goes without a word."""
    quiet = '[[segment]]\ncode = "quiet"\ninactive_for = "P1M"\n'
    here = town(rules(more=(quiet if "segment" in on else "") + trigger(on)))
    here.enrol(birthday=(8, 14))
    if "segment" in on:
        here.buy(1_000, order="a")
    until(here, str(moment(told_at).replace(minute=0, hour=21))[:16])
    assert shown(here) == "Nothing right now"
    until(here, told_at)
    assert (shown(here), told(here)[1]) == (line, "reminder")
    assert rebuilt(here)
    until(here, str(moment(over_at).replace(hour=21))[:16])
    assert shown(here) == line
    until(here, over_at)
    assert (shown(here), told(here)[1]) == ("Nothing right now", None)
    assert rebuilt(here)


def test_whoever_comes_back_is_not_missed_any_more(town: Opened, clock: Clock) -> None:
    """Points that the trigger itself gives change nothing; a purchase after it does, and so does leaving a segment."""
    missed = 'on = "member.inactive"\nafter = "P2M"\npoints = 5'
    quiet = '[[segment]]\ncode = "quiet"\ninactive_for = "P1M"\n'
    entered = trigger('on = "segment.entered"\nsegment = "quiet"', "entered")
    here = town(rules(more=quiet + trigger(missed) + entered))
    here.enrol()
    here.buy(1_000, order="a")
    until(here, "2026-06-30 22:00")
    assert shown(here) == "There is something new for you"
    until(here, "2026-07-31 22:00")
    assert (shown(here), here.balances()) == ("We have not seen you for a while", (15, 0))
    clock.on(hours=9)
    here.buy(1_000, order="b")
    assert (shown(here), told(here)[1]) == ("Nothing right now", "balance")


def test_a_gift_is_told_before_its_reminder(town: Opened) -> None:
    """One change is announced: where a birthday brings points, the reminder; both stand on the card."""
    here = town(rules(more=trigger('on = "member.birthday"\npoints = 5')))
    here.enrol(birthday=(8, 14))
    until(here, "2026-08-13 22:00")
    assert (shown(here), told(here), here.balances()) == ("Happy birthday!", (2, "reminder"), (5, 0))


def test_a_survivor_is_reminded_of_what_the_other_was_told(town: Opened, clock: Clock) -> None:
    """Of two members who become one, the card that is left goes on reminding, and is not told again."""
    here = town(rules(points=ROLLING, more=SOON))
    for customer in ("ann", "bob"):
        here.enrol(customer)
    here.buy(5_000, order="a", customer="bob")
    until(here, "2026-06-23 22:00")
    here.do(lambda each: merge(each, merged=Customer(id="bob"), survivor=Customer(id="ann"), reason="one person"))
    assert (shown(here), told(here)[1]) == ("50 points until Jun 30", "reminder")
    until(here, "2026-06-24 22:00")
    assert told(here)[0] == 2
    assert rebuilt(here)


def test_rules_that_remind_of_nothing_take_the_line_from_the_card(ruled: Ruled, clock: Clock) -> None:
    """Once a version without the trigger is published, no card shows what it had told."""
    here = settled_town(ruled(whole=rules(points=ROLLING, more=SOON)), clock)
    here.enrol()
    here.buy(5_000, order="a")
    until(here, "2026-06-23 22:00")
    assert here.member().standing.reminders
    later = ruled(whole=rules(points=ROLLING))
    with later.begin() as tx:
        (opened,) = programs.of_template(tx, "points")
        publish_program(tx, opened, later.in_force, actor="a person", now=clock())
    list(publish(later.begin, later.in_force, "points", now=clock()))
    assert here.member().standing.reminders == ()


def seen(here: Town, chain: Chain) -> OpenedPass:
    """Return the pass as a phone has it once it has fetched it."""
    client = create_app(here.service).test_client()
    card = card_of(here.service, here.member().card.serial_number)
    device = Device(client, card.pass_type_identifier)
    return open_pass(device.fetch(card).data, root_pem=chain.root, now=here.clock())


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "120 points until Jun 30"),
        ("ru", "120 баллов until 30 июн."),
        ("cs", "120 bodů until 30. 6."),
        ("ro", "120 de puncte until 30 iun."),
    ],
)
def test_an_iphone_tells_it_once(town: Opened, chain: Chain, language: str, line: str) -> None:
    """The field is on the card before, so that its change is told, in the member's language; not when it goes."""
    here = town(rules(points=ROLLING, more=SOON))
    here.enrol(locale=language)
    here.buy(12_000, order="a")
    passes = [seen(here, chain)]
    for when in ("2026-06-23 22:00", "2026-06-24 22:00", "2026-06-30 22:00"):
        until(here, when)
        passes.append(seen(here, chain))

    def alert(old: OpenedPass, new: OpenedPass) -> str | None:
        found = notify(old, new, number=1, language=language, now=here.clock())
        return found.text.replace("\N{NO-BREAK SPACE}", " ") if found else None

    first, again, gone = (alert(*pair) for pair in pairwise(passes))
    assert (first, again) == (line, None)
    assert gone is not None
    assert "0" in gone  # the balance, after the points have died


def test_a_birthday_that_is_told_within_its_window_is_reminded_of(town: Opened) -> None:
    """Told by an event after the day, it is on the card with the next look of the calendar."""
    here = town(rules(more=trigger('on = "member.birthday"\nwindow = { after = "P14D" }')))
    here.enrol()
    until(here, "2026-06-20 10:00")
    here.say("member.updated", MemberUpdated(Customer(id="ann"), birthday=(6, 10)))
    until(here, "2026-06-20 10:01")
    assert (shown(here), told(here)[1]) == ("Happy birthday!", "reminder")


def test_what_is_kept_of_a_reminder(town: Opened) -> None:
    """A balance keeps trigger, day, last day, when it was told, points, and whether it stands."""
    here = town(rules(points=ROLLING, more=SOON))
    here.enrol()
    here.buy(5_000, order="a")
    until(here, "2026-06-23 22:00")
    found: list[Any] = json.loads(here.rows("SELECT reminders::text FROM balances")[0][0])
    assert found == [["hint", "2026-07-01", "2026-06-30", "2026-06-23T22:00:00+00:00", 50, True]]
