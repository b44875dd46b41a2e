"""A template draws what a member sees, in the member's language, and knows when a change is worth a push."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from wallet_service.domain import face
from wallet_service.domain.errors import Fault
from wallet_service.domain.face import Face, Money, Stamps
from wallet_service.domain.look import Look
from wallet_service.domain.program import Program
from wallet_service.domain.template import Standing, Template, grouped
from wallet_service.storage import templates

POINTS = Path(__file__).parents[2] / "pass_templates" / "points"
SINCE = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
ANN = Standing(58, 58, "Ann", SINCE, "K7QM2XTD9FGH1234", tier="page")


def any_art(_: dict[str, bytes], __: str) -> Iterable[Fault]:
    """Take the pictures as they are."""
    return ()


LOADED = templates.load(POINTS, check_art=any_art)


@pytest.fixture
def points() -> Template:
    """The starter template."""
    return LOADED


def values(drawn: Face) -> dict[str, face.Value]:
    """Return what the card's fields show, by their keys."""
    return {each.key: each.value for each in drawn.fields()}


def look_of(points: Template, **changes: Any) -> Look:
    """Return the starter's look with whole tables replaced."""
    return Look.model_validate({**points.look.model_dump(by_alias=True), **changes})


def test_the_card_shows_the_standing(points: Template) -> None:
    """Balance, way to the next tier, tier, name, code and date stand in their fields, the code also in the barcode."""
    drawn = points.draw(ANN, "en")

    assert values(drawn) | {"terms": ""} == {
        "balance": 58,
        "progress": "42 points to Chapter",
        "tier": "Page",
        "member": "Ann",
        "contact": "Papermoth Coffee & Books\nhello@papermoth.example\n+420 000 000 000",
        "card_number": "K7QM 2XTD 9FGH 1234",
        "member_since": SINCE,
        "terms": "",
    }
    assert (drawn.barcode.message, drawn.barcode.alt_text) == (ANN.card_code, "K7QM 2XTD 9FGH 1234")
    assert drawn.description == "Papermoth loyalty card"


def test_a_field_without_a_value_is_left_out(points: Template) -> None:
    """A member without a name has no empty label on the card."""
    assert "member" not in values(points.draw(structs.replace(ANN, member_name=None), "en"))
    assert "member" not in values(points.draw(structs.replace(ANN, member_name=""), "en"))


def test_a_balance_of_zero_is_shown(points: Template) -> None:
    """Zero is a value, not the lack of one."""
    assert values(points.draw(structs.replace(ANN, balance=0, qualifying=0), "en"))["balance"] == 0


@pytest.mark.parametrize(
    ("qualifying", "tier", "progress"),
    [
        (-7, "Page", "100 points to Chapter"),
        (0, "Page", "100 points to Chapter"),
        (99, "Page", "1 point to Chapter"),
        (100, "Chapter", "400 points to Novel"),
        (500, "Novel", "Top tier reached"),
        (10**12, "Novel", "Top tier reached"),
    ],
)
def test_the_way_to_the_next_tier(points: Template, qualifying: int, tier: str, progress: str) -> None:
    """The card names the tier, and what is missing to the next one; a debt of points counts as none."""
    reached = points.program.tier_at(qualifying)
    assert reached is not None
    shown = values(points.draw(structs.replace(ANN, qualifying=qualifying, tier=reached.code), "en"))
    assert (shown["tier"], shown["progress"]) == (tier, progress)
    assert points.tier_name(reached.code, "en") == tier


@pytest.mark.parametrize(
    ("language", "count", "text"),
    [
        ("en", 1, "1 point"),
        ("en", 2, "2 points"),
        ("en", 21, "21 points"),
        ("en", 1000, "1,000 points"),
        ("ru", 1, "1 балл"),
        ("ru", 2, "2 балла"),
        ("ru", 5, "5 баллов"),
        ("ru", 11, "11 баллов"),
        ("ru", 21, "21 балл"),
        ("ru", 22, "22 балла"),
        ("ru", 1000, "1\xa0000 баллов"),
        ("cs", 1, "1 bod"),
        ("cs", 2, "2 body"),
        ("cs", 5, "5 bodů"),
        ("cs", 21, "21 bodů"),
        ("cs", 22, "22 bodů"),
        ("cs", 1000, "1\xa0000 bodů"),
        ("ro", 1, "1 punct"),
        ("ro", 2, "2 puncte"),
        ("ro", 5, "5 puncte"),
        ("ro", 19, "19 puncte"),
        ("ro", 21, "21 de puncte"),
        ("ro", 22, "22 de puncte"),
        ("ro", 101, "101 puncte"),
        ("ro", 1000, "1.000 de puncte"),
    ],
)
def test_counts_follow_the_language(points: Template, language: str, count: int, text: str) -> None:
    """Each language writes a number with its own grouping and puts the unit into the right plural form."""
    assert points.words[language].amount(count) == text


@given(st.sampled_from(["en", "ru", "cs", "ro"]), st.integers(0, 10**12))
@settings(max_examples=100, deadline=None)
def test_every_count_can_be_said(language: str, count: int) -> None:
    """No number, however large, lacks a plural form."""
    words = LOADED.words[language]
    assert words.amount(count).endswith(tuple(words.unit.values()))


@pytest.mark.parametrize(
    ("wanted", "spoken"),
    [
        ("cs", "cs"),
        ("cs-CZ", "cs"),
        ("cs_CZ", "cs"),
        ("CS", "cs"),
        ("ru-Cyrl-RU", "ru"),
        ("ro-MD,ro;q=0.9", "ro"),
        ("de", "en"),
        ("csb", "en"),
        ("c", "en"),
        ("", "en"),
        (None, "en"),
        ("-", "en"),
        ("../cs", "en"),
        ("\0", "en"),
        ("英語", "en"),
        ("x" * 100_000, "en"),
    ],
)
def test_a_language_is_found_or_falls_back(points: Template, wanted: str | None, spoken: str) -> None:
    """A wish in any spelling finds its language; a language that is not spoken, or junk, gets the default one."""
    assert points.language(wanted) == spoken
    assert points.draw(ANN, wanted).language == spoken


@given(st.text())
@settings(max_examples=50, deadline=None)
def test_any_wish_draws_a_card(wanted: str) -> None:
    """No locale that a shop sends can keep a card from being drawn."""
    assert LOADED.draw(ANN, wanted).language in LOADED.words


standings = st.builds(
    Standing,
    balance=st.integers(-5, 5),
    qualifying=st.sampled_from([-1, 0, 1, 99, 100, 499, 500, 501]),
    member_name=st.sampled_from([None, "", "Ann", "ann"]),
    member_since=st.sampled_from([SINCE, SINCE.astimezone(timezone(timedelta(hours=5))), SINCE + timedelta(days=1)]),
    card_code=st.sampled_from(["AAAA", "AAAB"]),
    voided=st.booleans(),
    tier=st.sampled_from([None, "page", "novel", "gone"]),
)


@given(standings, standings, st.sampled_from(["en", "cs"]), st.sampled_from(["en", "cs"]))
@settings(max_examples=200, deadline=None)
def test_the_digest_changes_exactly_with_what_is_seen(
    one: Standing, other: Standing, language: str, another: str
) -> None:
    """Two standings have the same digest if, and only if, the cards drawn for them show the same."""
    drawn, redrawn = LOADED.draw(one, language), LOADED.draw(other, another)
    assert (drawn.digest() == redrawn.digest()) == (drawn == redrawn)


def seen_changes(drawn: Face) -> list[Face]:
    """Return the face with one visible thing changed, once for each of its parts."""
    first = drawn.header[0]
    others: dict[str, Any] = {
        "colors": [structs.replace(drawn.colors, label="#000000")],
        "barcode": [structs.replace(drawn.barcode, message="other"), structs.replace(drawn.barcode, alt_text=None)],
        "header": [
            (structs.replace(first, value=59),),
            (structs.replace(first, label="Other"),),
            (structs.replace(first, key="other"),),
            (structs.replace(first, value="58"),),
            (structs.replace(first, value=Money(58, "EUR", 2)),),
            (),
        ],
        "links": [drawn.links[::-1], drawn.links[:1]],
        "locations": [drawn.locations[::-1]],
        "messages": [()],
        "voided": [True],
        "expires_at": [SINCE],
        "stamps": [Stamps(1, 2), Stamps(2, 2)],
        "apple": [{**drawn.apple, "groupingIdentifier": "x"}, {}],
        "secondary": [drawn.auxiliary],
        "auxiliary": [drawn.secondary],
        "primary": [()],
        "back": [drawn.back[::-1]],
    }
    texts = {each.name: ["other"] for each in structs.fields(Face) if isinstance(getattr(drawn, each.name), str)}
    assert others.keys() | texts.keys() == {each.name for each in structs.fields(Face)}
    return [structs.replace(drawn, **{name: each}) for name, several in (others | texts).items() for each in several]


def test_digests_are_what_they_were_in_versions_before() -> None:
    """An update of the service alone changes no digest, or every phone would be told of cards that look the same."""
    drawn = Face(
        "en",
        "Shop",
        "Club",
        "A card",
        face.Colors("#112233", "#ffffff", "#aabbcc"),
        face.Barcode("qr", "CODE", "CODE"),
        primary=(face.Field("balance", "Points", Money(420, "EUR", 2), role="balance"),),
        back=(face.Field("since", "Since", SINCE, role="since"),),
        links=(face.Link("Shop", "https://shop.example"),),
        locations=(face.Location(50.1, 14.4),),
        stamps=Stamps(2, 9),
    )
    assert drawn.digest().hex() == "7f0214e6b6c6e218bd735abc72bf3c71682745cf1e328bebf19b9f4927f5e19e"
    assert drawn.own_digest().hex() == "c85e7bd8a31bf4180d396b4566e82d1c4a52b5b147ad17c25bf3df450dcb82c6"


def test_every_visible_part_is_in_the_digest(points: Template) -> None:
    """Changing any one part of a face, of each kind that a face has, changes the digest, each to another one."""
    drawn = points.draw(ANN, "en")
    digests = [each.digest() for each in (drawn, *seen_changes(drawn))]
    assert len(set(digests)) == len(digests)


def test_a_change_message_alone_is_not_seen(points: Template) -> None:
    """Other words for a change, while nothing changes, are no reason for a push."""
    drawn = points.draw(ANN, "en")
    reworded = structs.replace(
        drawn, header=tuple(structs.replace(each, change_message="New: %@") for each in drawn.header)
    )
    assert reworded.digest() == drawn.digest()


def test_the_same_moment_looks_the_same_in_every_time_zone(points: Template) -> None:
    """A date in another time zone, as the database may name it, is no change."""
    elsewhere = SINCE.astimezone(timezone(timedelta(hours=-7)))
    drawn = structs.replace(points.draw(ANN, "en"), expires_at=SINCE)
    again = structs.replace(points.draw(structs.replace(ANN, member_since=elsewhere), "en"), expires_at=elsewhere)
    assert again.digest() == drawn.digest()


@pytest.mark.parametrize(
    ("before", "after", "announced"),
    [
        ({}, {"balance": 59, "qualifying": 59}, "balance"),
        ({}, {"balance": 120, "qualifying": 120, "tier": "chapter"}, "tier"),
        ({"balance": 120, "tier": "chapter"}, {"balance": 0, "qualifying": 0}, "tier"),
        ({}, {"tier": "chapter"}, "tier"),
        ({}, {"qualifying": 59}, None),
        ({}, {"member_name": "Anna"}, None),
        ({}, {"voided": True}, None),
        ({}, {}, None),
    ],
)
def test_one_change_is_announced_and_a_tier_wins(
    points: Template, before: dict[str, Any], after: dict[str, Any], announced: str | None
) -> None:
    """The member is told of the tier if it changed, else of the balance, else of nothing."""
    new = structs.replace(ANN, **after)
    assert points.announcement(structs.replace(ANN, **before), "cs", new, points.draw(new, "cs")) == announced


def test_a_change_of_language_announces_one_thing_at_the_most(points: Template) -> None:
    """A tier's name in another language is a changed value, and the only one that is announced."""
    assert points.announcement(ANN, "en", ANN, points.draw(ANN, "ru")) == "tier"


def test_change_messages_are_in_the_card_s_language(points: Template) -> None:
    """The words of a change come from the locale, with the place for the new value."""
    messages = {each.key: each.change_message for each in points.draw(ANN, "ru").fields() if each.change_message}
    assert messages == {"balance": "Теперь на вашей карте баллов: %@", "tier": "Теперь ваш уровень: %@"}


def test_money_is_drawn_as_money(points: Template) -> None:
    """Where the unit is money, the balance is an amount in the programme's currency, exact to its last decimal."""
    rules = points.program.model_dump(by_alias=True) | {"unit": {"code": "credit", "is_money": True}}
    credit = replace(points, program=Program.model_validate(rules))
    balance = values(credit.draw(structs.replace(ANN, balance=1299), "en"))["balance"]

    assert balance == Money(1299, "EUR", 2)
    assert [str(Money(1299, "", each).decimal) for each in (0, 2, 3)] == ["1299", "12.99", "1.299"]


def test_a_programme_without_tiers_claims_none(points: Template) -> None:
    """Fields for a tier and the way to the next one stay off the card; nobody is told of a top that does not exist."""
    rules = points.program.model_dump(by_alias=True) | {"tiers": None, "tier": ()}
    flat = replace(points, program=Program.model_validate(rules))
    shown = values(flat.draw(structs.replace(ANN, tier=None), "en"))

    assert flat.tier_name(None, "en") == ""
    assert shown.keys() & {"tier", "progress"} == set()
    assert shown["balance"] == 58


def test_texts_of_the_template_s_own_stand_for_themselves(points: Template) -> None:
    """A label without "@" is shown as it is, in every language."""
    bare = replace(points, look=look_of(points, header=[{"key": "b", "label": "100 %", "text": "{points}"}]))
    (drawn,) = bare.draw(ANN, "cs").header
    assert (drawn.label, drawn.value) == ("100 %", "{points}")


def test_a_barcode_may_go_without_text(points: Template) -> None:
    """Without alt_text the code is not printed below the barcode."""
    plain = look_of(points, barcode={"format": "aztec", "alt_text": None})
    barcode = replace(points, look=plain).draw(ANN, "en").barcode
    assert (barcode.format, barcode.alt_text) == ("aztec", None)


@pytest.mark.parametrize(("code", "read"), [("", ""), ("ABC", "ABC"), ("ABCD", "ABCD"), ("ABCDE", "ABCD E")])
def test_codes_are_read_aloud_in_fours(code: str, read: str) -> None:
    """A code is grouped by four characters without a space at the end."""
    assert grouped(code) == read
