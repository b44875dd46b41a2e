"""What Google holds beside what the cards say: every difference is found, named and mended."""

from collections.abc import Callable
from typing import Any

import pytest
from actors import Clock, Shop
from google_actors import ISSUER, Running
from held_actors import Door, Holder, compared, delivered, forgotten, looked
from listeners import listening
from sqlalchemy import text

from wallet_service.domain.errors import VendorSilent
from wallet_service.sandbox.google import Behaviour, SandboxGoogle
from wallet_service.usecases.reconcile import Finding
from wallet_service.wiring import Service

Member = Callable[..., Holder]
CLASS = f"{ISSUER}.program-points"
pytestmark = pytest.mark.usefixtures("at_home")


@pytest.fixture
def base_url(street: str) -> str:
    """Our public address: a port of this machine, so that callbacks arrive while the door is open."""
    return street


@pytest.fixture
def bob(member: Member, ann: Holder, clock: Clock) -> Holder:
    """A second member whose card Google holds since a while."""
    holder = member("bob")
    holder.click()
    clock.on(minutes=1)
    return holder


def test_nothing_to_find(bob: Holder, service: Service, sandbox: Running) -> None:
    """Where all is as it should be, a comparison costs one request for the class, one for its cards, finds nothing."""
    sandbox.asked.clear()

    assert compared(service) == []
    assert sandbox.calls == ["GET loyaltyClass", "GET loyaltyObject"]


TAMPERED: list[tuple[dict[str, Any], str]] = [
    ({"loyaltyPoints": {"balance": {"int": 9_999}}}, "loyaltyPoints.balance"),
    ({"accountName": "Mallory"}, "accountName"),
    ({"state": "INACTIVE"}, "state"),
    ({"barcode": {"value": "somebody else's"}}, "barcode.value"),
    ({"textModulesData": None}, "textModulesData"),
    ({"validTimeInterval": {"end": {"date": "2026-01-01T00:00:00Z"}}}, "validTimeInterval"),
]


@pytest.mark.parametrize(("change", "named"), TAMPERED, ids=[named for _, named in TAMPERED])
def test_card_that_was_changed_at_google(
    ann: Holder,
    bob: Holder,
    service: Service,
    google: SandboxGoogle,
    sandbox: Running,
    change: dict[str, Any],
    named: str,
) -> None:
    """A card that somebody changed at Google is found, named by member, and mended by the next delivery alone."""
    before = ann.shown()
    google.change("patch", "loyaltyObject", ann.target, change)

    assert compared(service) == [Finding(ann.target, f"the card differs in {named}", mended=True)]
    assert not looked(service).good
    sandbox.asked.clear()
    assert delivered(service).sent == 1
    assert len(sandbox.calls) == 2  # it may be gone, so it is inserted first
    assert ann.shown() == before
    assert compared(service) == []
    assert looked(service).good


def test_message_of_others_is_no_difference(ann: Holder, service: Service, google: SandboxGoogle) -> None:
    """News that somebody adds in Google's console is left alone."""
    google.change("addMessage", "loyaltyObject", ann.target, {"message": {"id": "n", "header": "H", "body": "B"}})

    assert compared(service) == []


def test_mended_card_tells_nobody(ann: Holder, shop: Shop, service: Service, google: SandboxGoogle) -> None:
    """That a card is put right is no news for its holder."""
    google.change("patch", "loyaltyObject", ann.target, {"loyaltyPoints": {"balance": {"int": 9_999}}})
    compared(service)
    delivered(service)

    assert google.notices() == []


def test_class_that_was_changed_at_google(ann: Holder, service: Service, google: SandboxGoogle) -> None:
    """A class that somebody changed at Google is found and put again; its cards are not written."""
    before = google.get("loyaltyClass", CLASS)
    google.change("patch", "loyaltyClass", CLASS, {"hexBackgroundColor": "#ff0000", "reviewStatus": "UNDER_REVIEW"})

    assert compared(service) == [Finding(CLASS, "the class differs in hexBackgroundColor", mended=True)]
    assert not looked(service).good
    assert delivered(service).total == 0
    assert google.get("loyaltyClass", CLASS) == before
    assert looked(service).good


def test_card_that_is_missing(ann: Holder, bob: Holder, service: Service, google: SandboxGoogle) -> None:
    """Cards that Google does not hold any more are found and made anew."""
    forgotten(google, "loyaltyClass")

    assert {(each.target, each.text) for each in compared(service)} == {
        (ann.target, "the card is missing"),
        (bob.target, "the card is missing"),
    }
    assert delivered(service).sent == 2
    assert (ann.balance(), bob.balance()) == (0, 0)


def test_class_and_cards_are_missing(bob: Holder, service: Service, google: SandboxGoogle) -> None:
    """Where Google holds nothing any more, everything is made anew, class first."""
    forgotten(google)

    assert [each.text for each in compared(service)] == ["the class is missing", *["the card is missing"] * 2]
    assert delivered(service).sent == 2
    assert looked(service).good


def test_news_that_were_lost(
    ann: Holder, shop: Shop, service: Service, google: SandboxGoogle, door: Door, sandbox: Running
) -> None:
    """Who saved or removed a card while our door was closed is found by asking Google, and told to the merchant."""
    ear = listening(service, types=("pass.*",))
    app, door.app = door.app, None
    link = ann.click().location.rpartition("/")[2]
    google.save(link)
    assert ann.row()["installed_at"] is None
    door.app = app

    assert [each.text for each in compared(service)] == ["somebody has saved the card, and we were not told"]
    assert ann.row()["installed_at"] is not None

    door.app = None
    google.remove(ann.target)
    door.app = app
    assert [each.text for each in compared(service)] == ["nobody has the card any more, and we were not told"]
    assert ear.types() == ["pass.added", "pass.removed"]
    shop.buy(1_000, order="1")
    sandbox.asked.clear()
    assert delivered(service).total == 0
    assert sandbox.calls == []


def test_unknown_card(ann: Holder, service: Service, google: SandboxGoogle) -> None:
    """A card at Google that is not ours is reported, and left as it is."""
    stranger = f"{ISSUER}.card-stranger"
    google.change("insert", "loyaltyObject", "", {"id": stranger, "classId": CLASS, "state": "ACTIVE"})

    assert compared(service) == [Finding(stranger, "the vendor holds a card that is not ours", mended=False)]
    assert google.get("loyaltyObject", stranger)["state"] == "ACTIVE"


def test_looking_alone_finds_the_same_and_mends_nothing(
    ann: Holder, bob: Holder, member: Member, service: Service, google: SandboxGoogle, door: Door, clock: Clock
) -> None:
    """Looked at without mending, the same is found, and nothing is written anywhere."""
    gone = member("gone")
    gone.click()
    clock.on(minutes=1)
    whole = google._store.snapshot()
    del whole["loyaltyObject"][gone.target]
    google._store.restore(whole)
    google.change("patch", "loyaltyObject", ann.target, {"accountName": "Mallory"})
    google.change("patch", "loyaltyClass", CLASS, {"heroImage": None, "reviewStatus": "UNDER_REVIEW"})
    app, door.app = door.app, None
    google.save(bob.click().location.rpartition("/")[2])
    door.app = app
    before = ann.row()["sent"], bob.row()["installed_at"], google.all("loyaltyClass"), google.all("loyaltyObject")
    found = compared(service, mend=False)
    delivered(service)

    assert sorted(each.text for each in found) == [
        "somebody has saved the card, and we were not told",
        "the card differs in accountName",
        "the card is missing",
        "the class differs in heroImage",
    ]
    assert not any(each.mended for each in found)
    after = ann.row()["sent"], bob.row()["installed_at"], google.all("loyaltyClass"), google.all("loyaltyObject")
    assert after == before
    assert {each.text for each in compared(service)} == {each.text for each in found}


def test_change_on_its_way_is_no_difference(
    ann: Holder, shop: Shop, service: Service, clock: Clock, google: SandboxGoogle
) -> None:
    """A card that is to be sent anyway is not called different."""
    shop.buy(1_000, order="1")

    assert compared(service) == []
    delivered(service)
    assert compared(service) == []


def test_vendor_that_does_not_answer(ann: Holder, service: Service, google: SandboxGoogle) -> None:
    """Where Google does not show its list, nothing is taken for missing."""
    google.behave(Behaviour(status=503, method="GET"))
    with pytest.raises(VendorSilent, match="503"):
        compared(service)
    google.behave(Behaviour())

    assert looked(service).good
    assert delivered(service).total == 0


def test_programme_that_nobody_has_asked_for(member: Member, service: Service, google: SandboxGoogle) -> None:
    """Before the first card of a programme is offered there is nothing at Google to be listed."""
    member("ann")
    google.behave(Behaviour(status=404, method="GET"))

    assert compared(service) == []


def test_card_from_before_google(ann: Holder, service: Service, google: SandboxGoogle) -> None:
    """A card that is older than the service's way to Google is compared like any other."""
    with service.begin() as tx:
        tx.execute(text("UPDATE cards SET own_digest = NULL"))
    google.change("patch", "loyaltyObject", ann.target, {"accountName": "Mallory"})

    assert [each.text for each in compared(service)] == ["the card differs in accountName"]
