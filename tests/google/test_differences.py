"""What Google holds is compared with what is drawn, and only what would be drawn differently is a difference."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google_actors import ISSUER, faces, running
from hypothesis import given, settings
from msgspec import structs

from wallet_service.domain.face import Face
from wallet_service.domain.push import Sent
from wallet_service.domain.template import Standing
from wallet_service.google import loyalty
from wallet_service.google.change import CLASS, OBJECT, change
from wallet_service.google.differences import differences
from wallet_service.sandbox.google_merge import merged
from wallet_service.storage import templates

POINTS = templates.load(Path(__file__).parents[2] / "pass_templates" / "points", check_art=lambda _, __: ())
CLASS_ID, OBJECT_ID = loyalty.class_id(ISSUER, "points"), loyalty.object_id(ISSUER, "7f3c9a12")
SINCE = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
ANN = Standing(
    balance=58, qualifying=58, member_name="Ann", member_since=SINCE, card_code="K7QM2XTD9FGH1234", tier="page"
)
SHARED = loyalty.loyalty_class(
    POINTS,
    issuer_id=ISSUER,
    art_url="https://cards.example/art/{}".format,
    callback_url="https://cards.example/callback",
)

TEXT = {"defaultValue": {"language": "cs", "value": "Jinak"}}

Body = dict[str, Any]


def card(face: Face) -> Body:
    """The object of a face."""
    return loyalty.loyalty_object(face, issuer_id=ISSUER, class_id=CLASS_ID, object_id=OBJECT_ID)


ANNS = card(structs.replace(POINTS.draw(ANN, "en"), expires_at=SINCE))


def changed(body: Body, edit: Callable[[Body], Any]) -> Body:
    """A copy of a body after an edit."""
    held = copy.deepcopy(body)
    edit(held)
    return held


@settings(max_examples=200, deadline=None)
@given(face=faces())
def test_what_was_written_is_held(face: Face) -> None:
    """A change that is merged into nothing leaves no difference."""
    drawn = card(face)
    assert differences(drawn, merged({}, change(drawn))) == []


@settings(max_examples=300, deadline=None)
@given(old=faces(), new=faces())
def test_another_card_is_a_difference(old: Face, new: Face) -> None:
    """Two objects that are not equal differ, whichever of them is held; after the change they do not."""
    before, after = card(old), card(new)
    assert (differences(after, before) == []) is (before == after) is (differences(before, after) == [])
    assert differences(after, merged(before, change(after))) == []


def test_what_the_sandbox_holds_is_what_was_put() -> None:
    """Approval, holders, a class beside the object, a notification and news are no differences."""
    with running() as here:
        client = here.client()
        news = {"message": {"header": "H", "body": "B"}}
        for drawn, kind in ((SHARED, "loyaltyClass"), (ANNS, "loyaltyObject")):
            put = client.put_class if kind == "loyaltyClass" else client.put_object
            assert put(change(drawn)).meaning == put(change(drawn), notify=True).meaning == Sent()
            here.google.change("addMessage", kind, drawn["id"], news)
        assert differences(SHARED, client.get_class(CLASS_ID).resource) == []
        assert differences(ANNS, client.get_object(OBJECT_ID).resource) == []


@pytest.mark.parametrize("drawn", [SHARED, ANNS])
def test_what_others_add_is_no_difference(drawn: Body) -> None:
    """Members that are Google's own or that nobody draws are left alone, at the top and inside."""

    def add(held: Body) -> None:
        held |= {"kind": "walletobjects#x", "version": "7", "hasUsers": True, "hasLinkedDevice": True, "review": {}}
        held |= {"messages": [{"body": "B"}], "notifyPreference": "NOTIFY_ON_UPDATE", "classReference": dict(SHARED)}
        held |= {"imageModulesData": [{"id": "x"}], "enableSmartTap": False}
        for each in held.values():
            if isinstance(each, dict) and "id" not in each:
                each["kind"] = "walletobjects#part"
        for each in held["textModulesData"]:
            each["kind"] = "walletobjects#textModuleData"

    assert differences(drawn, changed(drawn, add)) == []


@pytest.mark.parametrize("drawn", [SHARED, ANNS])
def test_what_is_empty_is_absent(drawn: Body) -> None:
    """Members that were cleared may come back as empty lists, texts and tables, or as null."""
    blank = CLASS if drawn is SHARED else OBJECT
    bare = {name: value for name, value in drawn.items() if name not in blank}
    for empty in (None, "", [], {}):
        assert differences(bare, {**dict.fromkeys(blank, empty), **bare}) == []


@pytest.mark.parametrize("status", ["UNDER_REVIEW", "APPROVED"])
def test_an_approved_class_is_as_drawn(status: str) -> None:
    """It was sent for review, and the review takes no time."""
    assert differences(SHARED, SHARED | {"reviewStatus": status}) == []


@pytest.mark.parametrize("status", ["REJECTED", "DRAFT", None])
def test_a_class_that_was_not_approved_is_a_difference(status: str | None) -> None:
    """A rejected class shows no cards."""
    assert differences(SHARED, SHARED | {"reviewStatus": status}) == ["reviewStatus"]


def test_translations_come_in_any_order() -> None:
    """Their languages tell them apart."""

    def turn(held: Body) -> None:
        held["localizedProgramName"]["translatedValues"].reverse()
        held["textModulesData"][0]["localizedBody"]["translatedValues"].reverse()

    assert differences(SHARED, changed(SHARED, turn)) == []


@pytest.mark.parametrize("date", ["2026-06-01T10:00:00Z", "2026-06-01T12:00:00.000+02:00", "2026-06-01T10:00+00:00"])
def test_a_date_is_the_same_with_another_offset(date: str) -> None:
    """The moment counts, however it is written."""
    assert differences(ANNS, ANNS | {"validTimeInterval": {"end": {"date": date}}}) == []


@pytest.mark.parametrize("date", ["2026-06-01T10:00:01Z", "2026-06-01T10:00:00", "soon", "", None, 5])
def test_another_date_is_a_difference(date: object) -> None:
    """So is one without an offset, which is another moment in each place, and one that is none."""
    assert differences(ANNS, ANNS | {"validTimeInterval": {"end": {"date": date}}}) == ["validTimeInterval.end"]


@pytest.mark.parametrize(
    ("drawn", "held"),
    [
        ({"int": 5}, {"int": "5"}),
        ({"int": 0}, {}),
        ({"int": 0}, None),
        (
            {"money": {"currencyCode": "EUR", "micros": "5000000"}},
            {"money": {"currencyCode": "EUR", "micros": 5000000}},
        ),
        ({"money": {"currencyCode": "EUR", "micros": "0"}}, {"money": {"currencyCode": "EUR", "kind": "x"}}),
    ],
)
def test_a_number_is_the_same_in_other_forms(drawn: Body, held: Body | None) -> None:
    """Numbers may be texts, and a zero may be left out, for a balance of no kind can be nothing else."""
    points = {"label": "Points", "balance": drawn}
    other = {"label": "Points"} | ({"balance": held} if held is not None else {})
    assert differences(ANNS | {"loyaltyPoints": points}, ANNS | {"loyaltyPoints": other}) == []


@pytest.mark.parametrize(
    ("edit", "names"),
    [
        (lambda held: held["loyaltyPoints"].update(balance={"int": 59}), ["loyaltyPoints.balance"]),
        (lambda held: held["loyaltyPoints"].update(balance={"string": "58"}), ["loyaltyPoints.balance"]),
        (lambda held: held["loyaltyPoints"]["balance"].update(string="58"), ["loyaltyPoints.balance"]),
        (lambda held: held["loyaltyPoints"].pop("label"), ["loyaltyPoints.label"]),
        (lambda held: held.pop("loyaltyPoints"), ["loyaltyPoints"]),
        (lambda held: held.update(loyaltyPoints="58"), ["loyaltyPoints"]),
        (
            lambda held: held["barcode"].update(value="X", renderEncoding="UTF_8"),
            ["barcode.value", "barcode.renderEncoding"],
        ),
        (lambda held: held["textModulesData"].reverse(), ["textModulesData"]),
        (lambda held: held["textModulesData"].pop(), ["textModulesData"]),
        (lambda held: held["textModulesData"].append({"id": "terms"}), ["textModulesData"]),
        (lambda held: held["textModulesData"][0].update(localizedBody={}), []),
        (lambda held: held["textModulesData"][0].update(localizedBody=TEXT), ["textModulesData"]),
        (lambda held: held.update(state="EXPIRED", accountName="Eva"), ["state", "accountName"]),
        (lambda held: held.update(classId="1.other"), ["classId"]),
        (lambda held: held.clear(), list(ANNS)),
    ],
)
def test_differences_are_named(edit: Callable[[Body], Any], names: list[str]) -> None:
    """Each by the member, or the part of it, that is not as drawn; never by what it says."""
    assert differences(ANNS, changed(ANNS, edit)) == names


def test_what_a_void_card_still_shows_is_a_difference() -> None:
    """All that should have been cleared is named."""
    void = loyalty.retired(OBJECT_ID, CLASS_ID)
    held = {**ANNS, "messages": [{"body": "You have 42 points"}]}
    assert set(differences(void, held)) == held.keys() - {"id", "classId"}


def test_locations_count_where_they_may_be_used() -> None:
    """An issuer that may not use them holds none, and is not asked to."""
    bare = changed(SHARED, lambda held: held.pop("merchantLocations"))
    assert differences(SHARED, bare) == differences(bare, SHARED) == ["merchantLocations"]
    assert differences(SHARED, bare, locations=False) == differences(bare, SHARED, locations=False) == []
