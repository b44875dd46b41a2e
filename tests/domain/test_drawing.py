"""Each value that a look can name says what the standing holds, in the language's own way."""

import tomllib
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from msgspec import structs
from starter_actors import LANGUAGES, NAMES, NEW, SINCE, STARTERS, starter

from wallet_service.domain import drawing, face
from wallet_service.domain.drawing import Case
from wallet_service.domain.face import Field, Money, Stamps
from wallet_service.domain.look import Look, LookField, StampsTable
from wallet_service.domain.program import Program
from wallet_service.domain.reminder_words import NOTHING, REMINDER_WORDS
from wallet_service.domain.standing import Movement, Reminder, Standing
from wallet_service.domain.template import Template

DAY = date(2027, 1, 31)
BIRTHDAY = Reminder("birthday-gift", DAY, DAY, SINCE)


def said(starter_name: str, value: str, language: str = "en", **standing: Any) -> face.Value:
    """Return a value of a starter's member, with plain spaces."""
    return said_by(starter(starter_name), value, structs.replace(NEW, **standing), language)


def said_by(template: Template, value: str, standing: Standing, language: str = "en") -> face.Value:
    """Return a value, with plain spaces."""
    full = drawing.full(template.program, template.look.stamps)
    found = drawing.value(value, Case(standing, template.program, template.words[language], full))
    return found.replace("\N{NO-BREAK SPACE}", " ") if isinstance(found, str) else found


def changed(name: str, **tables: Any) -> Template:
    """Return a starter with whole tables of its programme replaced."""
    rules = tomllib.loads((STARTERS / name / "program.toml").read_text())
    return replace(starter(name), program=Program.model_validate(rules | tables))


def test_points_that_wait_are_told_while_there_are_some() -> None:
    """Nothing pending is no field; where the unit is money it is an amount of money."""
    assert said("coalition", "pending", pending=12) == 12
    assert said("coalition", "pending") == ""
    assert said("peak_design_like", "pending", pending=240) == Money(240, "USD", 2)
    assert said("peak_design_like", "balance", balance=0) == Money(0, "USD", 2)


@pytest.mark.parametrize(
    ("language", "dying", "text"),
    [
        ("en", 120, "120 points until Jan 31"),
        ("en", 1, "1 point until Jan 31"),
        ("ru", 22, "22 балла до 31 янв."),
        ("cs", 1234, "1 234 bodů do 31. 1."),
        ("ro", 20, "31 ian.: 20 de puncte"),
        ("en", 0, ""),
    ],
)
def test_what_expires_next_is_told_with_its_last_day(language: str, dying: int, text: str) -> None:
    """Amount and day are in the language's own form, and nothing is said where nothing expires."""
    assert said("coalition", "next_expiry", language, dying=dying, dying_on=DAY) == text


@pytest.mark.parametrize(
    ("expiry", "day"),
    [
        ({"mode": "calendar", "date": "12-31", "years": 1}, "Jan 31"),
        ({"mode": "calendar", "date": "12-31", "years": 2}, "Jan 31, 2027"),
        ({"mode": "rolling", "period": "P12M"}, "Jan 31"),
        ({"mode": "rolling", "period": "P12M", "round": "end_of_month"}, "Jan 31, 2027"),
        ({"mode": "rolling", "period": "P400D"}, "Jan 31, 2027"),
        ({"mode": "inactivity", "period": "P2Y"}, "Jan 31, 2027"),
        ({"mode": "none"}, "Jan 31"),
    ],
)
def test_days_that_may_be_far_are_told_with_their_year(expiry: dict[str, Any], day: str) -> None:
    """Where points live longer than a year, a day alone would be read as the next such day."""
    template = changed("coalition", points={"expiry": expiry})
    assert said_by(template, "next_expiry", structs.replace(NEW, dying=5, dying_on=DAY)) == f"5 points until {day}"


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "Jan 31, 2027"), ("ru", "31 янв. 2027"), ("cs", "31. 1. 2027"), ("ro", "31 ian. 2027")],
)
def test_last_days_are_short_and_have_a_year(language: str, text: str) -> None:
    """Tier and membership say until when, in the language's order, and nothing where they have no end."""
    assert said("sephora_like", "tier_until", language, tier_until=DAY) == text
    assert said("paid_vip", "member_until", language, member_until=DAY) == text
    assert said("paid_vip", "member_until", language) == said("sephora_like", "tier_until", language) == ""


@pytest.mark.parametrize(
    ("tier", "language", "text"),
    [("p3", "en", "3%"), ("p5", "ru", "5 %"), ("p10", "cs", "10 %"), ("gone", "en", ""), (None, "en", "")],
)
def test_the_discount_is_that_of_the_tier(tier: str | None, language: str, text: str) -> None:
    """It is written as a percentage, and left out where there is none."""
    assert said("discount_card", "discount", language, tier=tier) == text


def test_the_best_discount_counts_and_parts_of_a_percent_are_said() -> None:
    """Of several benefits the largest percentage is told, whatever else the tier has."""
    benefit = (
        {"code": "off3", "kind": "percent_off", "value": 250},
        {"code": "off5", "kind": "free_shipping"},
        {"code": "off10", "kind": "percent_off", "value": 125},
    )
    tier = ({"code": "p3", "threshold": 0, "benefits": ("off5", "off10", "off3")},)
    template = changed("discount_card", benefit=benefit, tier=tier)
    assert said_by(template, "discount", structs.replace(NEW, tier="p3")) == "2.5%"
    assert said_by(template, "discount", structs.replace(NEW, tier="p3"), "cs") == "2,5 %"


@pytest.mark.parametrize(
    ("tier", "qualifying", "text"),
    [
        ("bud", 0, "$350 to Bloom"),
        ("bud", 12345, "$226.55 to Bloom"),
        ("bud", -5, "$350 to Bloom"),
        ("bloom", 0, "$1,000 to Lotus"),  # kept from the year before
        ("bloom", 99999, "$0.01 to Lotus"),
        ("lotus", 0, "Top tier reached"),
        ("bloom", 100000, "Top tier reached"),  # reached, and in force with the next order
        (None, 0, "$350 to Bloom"),
    ],
)
def test_the_way_to_the_next_tier_is_in_what_is_measured(tier: str | None, qualifying: int, text: str) -> None:
    """Money is said as money; tiers below the member's own are not aims, whatever the new window says."""
    assert said("sephora_like", "next_tier", tier=tier, qualifying=qualifying) == text


@pytest.mark.parametrize(
    ("measure", "text"),
    [
        ("points_earned", "490 Stars to Gold"),
        ("balance", "490 Stars to Gold"),
        ("orders", "490 to Gold"),
        ("visits", "490 to Gold"),
        ("referrals", "490 to Gold"),
        ("membership", ""),
    ],
)
def test_other_measures_are_counted(measure: str, text: str) -> None:
    """Points have their unit, orders and the like are numbers; a paid membership is no way that one walks."""
    template = changed("starbucks_like", tiers={"measure": measure})
    assert said_by(template, "next_tier", structs.replace(NEW, tier="green", qualifying=10)) == text


def test_a_tier_is_named_by_language_programme_or_code() -> None:
    """The locale's name comes before the programme's; a tier that is gone has its code."""
    assert said("sephora_like", "tier", "ru", tier="bloom") == "Цветок"
    assert said("sephora_like", "tier", "en", tier="bloom") == "Bloom"
    assert said("sephora_like", "tier", "ru", tier="gone") == "gone"
    assert said("sephora_like", "tier", "ru") == ""


def test_a_cause_is_the_chosen_one_or_the_usual_one() -> None:
    """Who chose none gives to the default; a cause has its name in the language."""
    assert said("donation", "cause", "cs", cause="shelter") == "Útulek pro zvířata"
    assert said("donation", "cause", "en", cause="shelter") == "Animal shelter"
    assert said("donation", "cause", "en") == "Plant trees"
    assert said("points", "cause") == ""


def test_the_last_entries_stand_one_a_line() -> None:
    """The newest five, each with its day, the amount with its sign, and the kind of transaction."""
    movements = tuple(Movement(date(2026, 11, day), 1000 - day, "earn") for day in range(9, 1, -1))
    lines = str(said("coalition", "entries", movements=movements)).split("\n")
    assert lines[0] == "Nov 9, 2026 · +991 · Earned"
    assert [each.split(",")[0] for each in lines] == ["Nov 9", "Nov 8", "Nov 7", "Nov 6", "Nov 5"]

    spent = (Movement(DAY, -1250, "redeem"), Movement(DAY, 0, "activate"))
    assert (
        said("coalition", "entries", "ru", movements=spent)
        == "31 янв. 2027 · -1 250 · Списано\n31 янв. 2027 · 0 · Стало доступно"
    )
    assert said("peak_design_like", "entries", movements=spent[:1]) == "Jan 31, 2027 · -$12.50 · Redeemed"
    assert said("peak_design_like", "entries", movements=(Movement(DAY, 500, "earn"),)) == "Jan 31, 2027 · +$5 · Earned"
    assert said("coalition", "entries") == ""


def test_rewards_are_named() -> None:
    """What can be taken and what lies ready have their names in the language, and codes where there is none."""
    assert said("coalition", "rewards", "cs", rewards=("cinema-ticket", "gone")) == "Lístek do kina, gone"
    assert said("stamp_card", "granted", "ro", granted=("free-coffee",)) == "Cafea gratuită"
    assert said("stamp_card", "granted") == said("coalition", "rewards") == ""


@pytest.mark.parametrize(("balance", "filled"), [(-4, 0), (0, 0), (6, 6), (9, 9), (11, 9)])
def test_stamps_are_counted_up_to_a_full_card(balance: int, filled: int) -> None:
    """Field and picture say the same; a debt is no stamp, and what is beyond a card is not drawn."""
    drawn = starter("stamp_card").draw(structs.replace(NEW, balance=balance), "en")
    assert drawn.stamps == Stamps(filled, 9)
    assert [each.value for each in drawn.header] == [f"{filled} of 9"]


def test_a_card_is_as_full_as_its_table_or_its_reward_says() -> None:
    """A number stands for itself, a code for what the reward costs; without a table, the one that comes by itself."""
    program = starter("stamp_card").program
    table = {"filled": "#000000", "empty": "#ffffff"}
    assert drawing.full(program, StampsTable.model_validate({"of": 12, **table})) == 12
    assert drawing.full(program, StampsTable.model_validate({"of": "free-coffee", **table})) == 9
    assert drawing.full(program, StampsTable.model_validate({"of": "gone", **table})) is None
    assert drawing.full(program, None) == 9
    assert drawing.full(starter("donation").program, None) is None  # once a month is no full card


def test_a_programme_without_a_unit_shows_no_balance() -> None:
    """A discount card has nothing to count."""
    assert said("discount_card", "balance", balance=5) == said("paid_vip", "pending", pending=5) == ""


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_every_value_can_be_drawn_of_anybody(name: str, language: str) -> None:
    """A new member of any programme has each value, if only an empty one, unless the locale lacks its words."""
    for value in drawing.DRAWERS.keys() - {"next_tier", "next_expiry", "stamps"}:
        assert isinstance(said(name, value, language), str | int | Money) or value == "member_since"


SOON = ({"code": "soon", "on": "points.expiring", "lead": "P7D", "notify": ("pass",)},)
LATE = {"code": "last", "on": "points.expiring", "lead": "P1D", "notify": ("pass",)}
DAYS = (date(2027, 1, 31), date(2027, 2, 2))


def dying(day: date, points: int, trigger: str = "soon") -> Reminder:
    """Return a reminder that so many points can be spent through a day."""
    return Reminder(trigger, day, day, SINCE, points)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "30 points until Feb 2; 120 points until Jan 31"),
        ("ru", "30 баллов до 2 февр.; 120 баллов до 31 янв."),
        ("cs", "30 bodů do 2. 2.; 120 bodů do 31. 1."),
        ("ro", "2 feb.: 30 de puncte; 31 ian.: 120 de puncte"),
    ],
)
def test_dying_points_are_reminded_of_the_newest_first(language: str, text: str) -> None:
    """Each set of points that dies together is told with its last day, in the language's own form."""
    template = changed("coalition", trigger=SOON)
    told = (dying(DAYS[1], 30), dying(DAYS[0], 120))
    assert said_by(template, "reminder", structs.replace(NEW, reminders=told), language) == text
    assert said_by(template, "reminder", NEW, language) == ""


def test_of_two_triggers_the_later_tells_of_the_same_points() -> None:
    """What one says of the points of a day, the other does not say beside it; and no more than three are told."""
    template = changed("coalition", trigger=(*SOON, LATE))
    words = {"en": replace(template.words["en"], names={"trigger": {"last": "Hurry: {points}, {date}"}})}
    template = replace(template, words=words)
    told = [dying(DAYS[0], 120, "last"), dying(DAYS[0], 120), dying(DAYS[1], 30)]
    standing = structs.replace(NEW, reminders=tuple(told))
    assert said_by(template, "reminder", standing) == "Hurry: 120 points, Jan 31; 30 points until Feb 2"
    many = tuple(dying(date(2027, 1, day), day) for day in range(1, 9))
    assert str(said_by(template, "reminder", structs.replace(NEW, reminders=many))).count(";") == 2


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("on", ["member.birthday", "member.anniversary", "member.inactive", "segment.entered"])
def test_every_occasion_has_words_in_every_language(on: str, language: str) -> None:
    """Where a locale has none of its own, it says what is usual; of a trigger that is gone it says nothing."""
    template = changed("small_shop", trigger=({"code": "day", "on": on, "notify": ("pass",)},))
    told = structs.replace(NEW, reminders=(Reminder("day", DAY, DAY, SINCE), Reminder("gone", DAY, DAY, SINCE)))
    assert said_by(template, "reminder", told, language) == REMINDER_WORDS[language][on]


def test_points_of_a_reminder_may_go_without_a_word() -> None:
    """Some of them are spent, and the balance is told of; another set of points is another reminder."""
    template = changed("small_shop", trigger=SOON)
    field = LookField(key="r", label="R", value="reminder", change="%@")
    template = replace(template, look=template.look.model_copy(update={"back": (field,)}))
    before, after = (
        structs.replace(NEW, balance=150, reminders=(dying(DAYS[0], 120),)),
        structs.replace(NEW, balance=100),
    )
    less = structs.replace(after, reminders=(dying(DAYS[0], 100),))
    other = structs.replace(after, reminders=(dying(DAYS[1], 30), dying(DAYS[0], 120)))
    told = [template.announcement(before, "en", each, template.draw(each, "en")) for each in (less, other)]
    assert told == ["balance", "r"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_announces_is_on_the_card_before(language: str) -> None:
    """A phone tells of no field that it sees for the first time, so reminders and rewards are there while empty."""
    fields = {each.key: each.value for each in starter("sephora_like").draw(NEW, language).fields()}
    assert fields["granted"] == fields["reminder"] == NOTHING[language]
    assert "rewards" not in fields  # which nobody is told of


@pytest.mark.parametrize("change", [{}, {"change": "%@"}])
def test_a_trigger_that_reminds_needs_a_field_that_tells(change: dict[str, str]) -> None:
    """Without a field whose change is told, `notify` would do nothing."""
    program = changed("coalition", trigger=SOON).program
    field = LookField(key="r", label="R", value="reminder", **change)
    look = starter("coalition").look.model_copy(update={"back": (field,)})
    found = [each.message for each in drawing.faults(program, look, "pass.toml")]
    assert found == ([] if change else [found[0]])
    assert change or "'soon' would tell" in found[0]


def announced(before: dict[str, Any], after: dict[str, Any], *, starter_name: str = "small_shop") -> str | None:
    """Return which field of a starter's card is announced when its member changes."""
    template = starter(starter_name)
    new = structs.replace(NEW, **after)
    return template.announcement(structs.replace(NEW, **before), "en", new, template.draw(new, "en"))


@pytest.mark.parametrize(
    ("name", "before", "after", "key"),
    [
        ("small_shop", {}, {"balance": 5, "granted": ("mug",)}, "granted"),
        ("small_shop", {"granted": ("mug",)}, {"balance": 5}, "balance"),
        ("small_shop", {"granted": ("mug",)}, {}, None),
        ("small_shop", {"granted": ("mug", "ship-free")}, {"balance": 1, "granted": ("mug",)}, "balance"),
        ("small_shop", {"granted": ("mug",)}, {"granted": ("mug", "ship-free")}, "granted"),
        ("sephora_like", {}, {"balance": 9, "tier": "bloom", "granted": ("sample",)}, "tier"),
        ("sephora_like", {"tier": "bud"}, {"tier": "bud", "balance": 9, "granted": ("sample",)}, "granted"),
        ("sephora_like", {}, {"balance": 9, "reminders": (BIRTHDAY,)}, "reminder"),
        ("sephora_like", {}, {"granted": ("sample",), "reminders": (BIRTHDAY,)}, "granted"),
        ("sephora_like", {"reminders": (BIRTHDAY,)}, {"balance": 9, "reminders": (BIRTHDAY,)}, "balance"),
        ("sephora_like", {"reminders": (BIRTHDAY,)}, {}, None),
        ("stamp_card", {"balance": 8}, {"balance": 0, "granted": ("free-coffee",)}, "granted"),
        ("stamp_card", {"balance": 7}, {"balance": 8}, "stamps"),
        ("discount_card", {"tier": "p3"}, {"tier": "p5"}, "discount"),
        ("paid_vip", {"tier": "vip"}, {"tier": "free"}, "status"),
        ("coalition", {}, {"pending": 5}, None),
    ],
)
def test_the_weightiest_change_is_announced(
    name: str, before: dict[str, Any], after: dict[str, Any], key: str | None
) -> None:
    """A tier comes before a reward that is new, that before the balance; what is taken away from a list is no news."""
    assert announced(before, after, starter_name=name) == key


def test_whatever_has_no_weight_of_its_own_comes_last_in_order() -> None:
    """Two other fields that change are told of in the order of the card."""
    template = starter("small_shop")
    one, other = (Field(key, key, 1, f"{key}: %@", role=role) for key, role in (("a", "pending"), ("b", "cause")))
    blank = structs.replace(template.draw(NEW, "en"), header=(), primary=(), secondary=(), auxiliary=(), back=())
    assert template.announcement(NEW, "en", NEW, structs.replace(blank, header=(one, other))) == "a"
    balance = Field("c", "c", 1, "c: %@", role="balance")
    assert template.announcement(NEW, "en", NEW, structs.replace(blank, header=(one, other), back=(balance,))) == "c"


@pytest.mark.parametrize(
    ("field", "programme", "message"),
    [
        ({"value": "balance"}, "discount_card", "no [unit]"),
        ({"value": "entries"}, "paid_vip", "no [unit]"),
        ({"value": "tier_until"}, "coalition", "no [tiers]"),
        ({"value": "member_until"}, "coalition", "no [membership]"),
        ({"value": "discount"}, "coalition", "no [benefit]"),
        ({"value": "cause"}, "coalition", "no [cause]"),
        ({"value": "reminder"}, "coalition", "no [[trigger]]"),
        ({"value": "granted"}, "points", "no [reward]"),
        ({"value": "stamps"}, "coalition", "`auto`"),
    ],
)
def test_a_field_that_would_always_be_empty_is_a_fault(field: dict[str, str], programme: str, message: str) -> None:
    """What the programme does not have cannot be shown by its look."""
    look = starter("points").look.model_dump(by_alias=True, exclude_none=True)
    slots: dict[str, Any] = dict.fromkeys(("header", "primary", "secondary", "auxiliary"), ())
    shown = Look.model_validate({**look, **slots, "back": ({"key": "x", "label": "X", **field},)})
    (fault,) = drawing.faults(starter(programme).program, shown, "pass.toml")
    assert fault.key == "back[0].value"
    assert message in fault.message
