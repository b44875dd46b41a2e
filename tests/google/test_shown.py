"""Before a card is sent, both wallets say what they will show of it, where, and what they will cut."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs
from PIL import Image

from wallet_service.apple import shown as apple
from wallet_service.domain.face import Barcode, Colors, Face, Field, Link, Location, Message, Money
from wallet_service.domain.shown import Shown, cut, plain, report
from wallet_service.domain.template import Standing
from wallet_service.google import shown as google
from wallet_service.storage import templates

POINTS = templates.load(Path(__file__).parents[2] / "pass_templates" / "points", check_art=lambda _, __: ())
SINCE = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
ANN = Standing(
    balance=58, qualifying=58, member_name="Ann", member_since=SINCE, card_code="K7QM2XTD9FGH1234", tier="page"
)
PLAIN = Face("en", "O", "P", "D", Colors("#000000", "#ffffff", "#ffffff"), Barcode("qr", "A1"))


def by_key(all_shown: list[Shown]) -> dict[str, Shown]:
    """Return what is shown by slot and key."""
    return {f"{each.slot} {each.key}": each for each in all_shown}


def both(face: Face, place: str) -> tuple[Shown, Shown]:
    """Return what Apple Wallet and what Google Wallet show of one text."""
    return by_key(apple.shown(face))[place], by_key(google.shown(face))[place]


@pytest.mark.parametrize("language", ["en", "ru", "cs", "ro"])
def test_every_field_of_the_starter_is_shown_in_both_wallets(language: str) -> None:
    """Neither wallet leaves a field of the starter out, in any language."""
    face = POINTS.draw(ANN, language)
    for wallet in (apple, google):
        found = by_key(wallet.shown(face))
        for slot in ("header", "primary", "secondary", "auxiliary", "back"):
            for each in getattr(face, slot):
                assert found[f"{slot} {each.key}"].where is not None
                assert found[f"{slot} {each.key}"].text == plain(each.value)


def test_the_starters_fields_have_their_places() -> None:
    """The balance stands first in both wallets, and what is on the back of one is among the details of the other."""
    face = POINTS.draw(ANN, "en")
    places = {key: [each.where for each in both(face, key)] for key in by_key(apple.shown(face))}
    assert places == {
        "brand organization": ["notifications", "card title"],
        "brand program": ["beside the logo", "card title"],
        "colors background": ["front", "front"],
        "colors text": ["front", None],
        "colors label": ["front", None],
        "header balance": ["header", "front, row 1"],
        "primary progress": ["on the strip", "front, row 2"],
        "secondary tier": ["front row", "front, row 3"],
        "auxiliary member": ["front row", "front, row 3"],
        "back contact": ["back", "details"],
        "back card_number": ["back", "details"],
        "back member_since": ["back", "details"],
        "back terms": ["back", "details"],
        "barcode alt_text": ["below the barcode", "below the barcode"],
        "message welcome": ["back", "details"],
        "link 1": ["back", "details"],
        "link 2": ["back", "details"],
        "location 1": ["lock screen", None],
        "location 2": ["lock screen", None],
    }


@pytest.mark.parametrize(
    ("field", "cuts"),
    [
        (Field("k", "L", "Chapter", role="tier"), (None, None)),
        (Field("k", "L", "Страница", role="tier"), (None, 7)),
        (Field("k", "L", 1234567, role="balance"), (None, None)),
        (Field("k", "L", 12345678, role="balance"), (None, 7)),
        (Field("k", "L", Money(99999, "EUR", 2), role="balance"), (None, None)),
        (Field("k", "L", Money(1000000, "EUR", 2), role="balance"), (None, 7)),
        (Field("k", "L", "A" * 17, role="member_name"), (16, None)),
        (Field("k", "L", "A" * 21, role="member_name"), (16, 20)),
        (Field("k", "L", "A" * 30), (16, None)),
        (Field("k", "L", "A" * 31), (16, 30)),
    ],
)
def test_a_text_that_is_too_long_is_cut(field: Field, cuts: tuple[int | None, int | None]) -> None:
    """Each wallet says after how many characters it may cut."""
    found = both(structs.replace(PLAIN, header=(field,)), "header k")
    assert tuple(each.cut_at for each in found) == cuts


def test_fields_in_one_row_share_its_room() -> None:
    """The more fields stand in a row, the earlier each of them is cut."""
    row = tuple(Field(f"k{index}", "L", "A" * 40) for index in range(4))
    cuts = {}
    for count in range(1, 5):
        found = both(
            structs.replace(PLAIN, secondary=row[:1], auxiliary=row[1:count]),
            f"{'auxiliary k1' if count > 1 else 'secondary k0'}",
        )
        cuts[count] = tuple(each.cut_at for each in found)
    assert cuts == {1: (20, 30), 2: (20, 15), 3: (13, 10), 4: (10, 10)}


def test_google_shows_ten_text_modules() -> None:
    """What comes after the tenth is not shown, and the note says why; a field with a member of its own is."""
    back = tuple(Field(f"k{index:02}", "L", "T", role="next_tier") for index in range(12))
    found = by_key(google.shown(structs.replace(PLAIN, back=(*back, Field("tier", "Tier", "Gold", role="tier")))))
    missing = [each for each in found.values() if each.slot == "back" and each.where is None]
    assert [each.key for each in missing] == ["k10", "k11"]
    assert all("10 text modules of a member's own" in each.note for each in missing)
    assert found["back tier"].where == "details"


def test_google_shows_ten_texts_that_all_members_share() -> None:
    """They are counted apart from the member's own: the front first, then messages, then the back."""
    face = structs.replace(
        PLAIN,
        auxiliary=(Field("front", "L", "T"), Field("progress", "L", "T", role="next_tier")),
        messages=tuple(Message(f"m{index}", "H", "B") for index in range(8)),
        back=(Field("b0", "L", "T"), Field("b1", "L", "T"), Field("since", "L", "T", role="member_since")),
    )
    found = by_key(google.shown(face))
    missing = [each for each in found.values() if each.where is None and each.slot != "colors"]
    assert [(each.key, each.note) for each in missing] == [
        ("b1", "Google shows 10 text modules that all members share, and this one comes after them")
    ]
    more = by_key(
        google.shown(structs.replace(face, messages=(*face.messages, Message("m8", "H", "B"), Message("m9", "H", "B"))))
    )
    assert [each.key for each in more.values() if each.where is None and each.slot != "colors"] == ["b0", "b1", "m9"]
    assert more["auxiliary front"].where == "front, row 1"


def test_google_shows_shared_texts_in_the_phones_language() -> None:
    """What stands on the class is not in the member's language, and the note says so; a value of the member's is."""
    notes = {key: each.note for key, each in by_key(google.shown(POINTS.draw(ANN, "cs"))).items()}
    words = "in the phone's language, not the member's"
    assert {key for key, note in notes.items() if note == words} == {
        *("brand organization", "brand program", "back contact", "back terms", "message welcome", "link 1", "link 2")
    }
    assert notes["auxiliary member"] == notes["back card_number"] == f"its label is {words}"
    assert notes["primary progress"] == ""


def test_google_shortens_labels_and_tells_of_changes_in_its_own_words() -> None:
    """What the template says otherwise is named in the note."""
    fields = (
        Field("balance", "Your points", 1, "Now %@", role="balance"),
        Field("name", "A" * 16, "Ann", "Now %@", role="member_name"),
        Field("text", "A" * 36, "T"),
    )
    found = by_key(google.shown(structs.replace(PLAIN, back=fields)))
    assert found["back balance"].note == (
        "its label 'Your points' may be cut after 9 characters; "
        "a change is told in Google's words, not in the template's"
    )
    phones = "in the phone's language, not the member's"
    assert found["back name"].note == (
        f"its label {'A' * 16!r} may be cut after 15 characters; "
        f"a change is told by a message on the card; its label is {phones}"
    )
    assert found["back text"].note == f"its label {'A' * 36!r} may be cut after 35 characters; {phones}"
    message = structs.replace(PLAIN, messages=(Message("m", "A" * 36, "B"),))
    assert by_key(google.shown(message))["message m"].note == found["back text"].note


def test_a_barcode_without_text_below_has_one_at_google() -> None:
    """Apple leaves the room empty, Google writes the code."""
    assert "barcode alt_text" not in by_key(apple.shown(PLAIN))
    assert by_key(google.shown(PLAIN))["barcode alt_text"].text == "A1"


def test_places_without_a_text_have_nothing_to_show() -> None:
    """Only what the template says near a place can be missing there."""
    face = structs.replace(PLAIN, locations=(Location(50.1, 14.4), Location(50.2, 14.5, "We are near")))
    assert [each.key for each in apple.shown(face) if each.slot == "location"] == ["2"]
    assert [each.key for each in google.shown(face) if each.slot == "location"] == ["2"]


def test_long_messages_and_links_are_cut_by_google_alone() -> None:
    """The back of Apple's card has room for all."""
    face = structs.replace(
        PLAIN, messages=(Message("m", "H", "A" * 501),), links=(Link("A" * 21, "https://a.example"),)
    )
    assert [each.cut_at for each in both(face, "message m")] == [None, 500]
    assert [each.cut_at for each in both(face, "link 1")] == [None, 20]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Gold", "Gold"),
        (-7, "-7"),
        (Money(1250, "EUR", 2), "12.50 EUR"),
        (Money(-5, "KWD", 3), "-0.005 KWD"),
        (Money(1200, "JPY", 0), "1200 JPY"),
        (SINCE, "2026-06-01"),
    ],
)
def test_values_are_written_plainly(value: str | int | Money | datetime, text: str) -> None:
    """A table of texts needs no language."""
    assert plain(value) == text


def test_a_text_that_just_fits_is_not_cut() -> None:
    """The room is the last length that fits."""
    assert cut("1234567", 7) is None
    assert cut("12345678", 7) == 7


def test_each_picture_has_its_place_in_each_wallet() -> None:
    """Google shows no wide logo, and says of a picture that is too small for it how large it must be."""
    assert [each.where for each in apple.pictures(POINTS.art)] == ["notifications", "top left", "behind primary"]
    assert [each.where for each in google.pictures(POINTS.art)] == ["logo, in a circle", None, "below the barcode"]
    small = io.BytesIO()
    Image.new("RGB", (180, 180)).save(small, "PNG")
    (icon,) = google.pictures({"icon": small.getvalue()})
    assert "180x180, too small for Google Wallet" in icon.note


def test_the_report_is_a_table_with_notes() -> None:
    """Both wallets stand side by side, in columns that line up for every script."""
    one = [Shown("header", "points", "header", "5"), Shown("back", "word", "back", "語" * 20)]
    other = [
        Shown("header", "points", "row 1", "5", 7),
        Shown("back", "word", None, "語" * 20, note="there is no room"),
        Shown("barcode", "alt", "below", "cafe\u0301\ntwo lines"),
    ]
    assert report("points", one, other) == [
        "points           Text                             Apple Wallet  Google Wallet",
        "-------  ------  -------------------------------  ------------  ---------------",
        "header   points  5                                header        row 1, cut at 7",
        f"back     word    {'語' * 15}…  back          not shown",
        "barcode  alt     cafe\u0301 two lines                   -             below",
        "",
        "Google Wallet, back word: there is no room",
    ]


def test_an_empty_report_is_its_heading() -> None:
    """Nothing to show is no error."""
    assert report("none", [], [])[0] == "none    Text  Apple Wallet  Google Wallet"
