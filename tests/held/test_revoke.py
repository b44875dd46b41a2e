"""A card that is revoked: void in every wallet, and nothing of its member is left at Google."""

import io
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta

from actors import Clock, Device, Shop
from google_actors import ISSUER, Running
from held_actors import PAST_WINDOW, Holder, compared, delivered, later, looked

from wallet_service.sandbox.google import Behaviour, SandboxGoogle
from wallet_service.sandbox.google_store import Kind
from wallet_service.usecases.revoke import revoke
from wallet_service.usecases.serve import card_by_serial
from wallet_service.wiring import Service

OBJECT: Kind = "loyaltyObject"


def revoked(holder: Holder) -> None:
    """Revoke the card."""
    service = holder.service
    with service.begin() as tx:
        found = card_by_serial(tx, holder.serial)
        revoke(tx, found, service.template(found.template), now=service.clock())


def bare(holder: Holder) -> dict[str, object]:
    """What is left of a void card at Google."""
    ids = {"id": holder.target, "classId": f"{ISSUER}.program-points"}
    return {**ids, "state": "INACTIVE", "hasUsers": False}


def without_class(holder: Holder) -> dict[str, object]:
    """The card at Google, without its class."""
    return {name: value for name, value in holder.shown().items() if name != "classReference"}


def test_nothing_of_the_member_is_left(ann: Holder, shop: Shop, service: Service, clock: Clock) -> None:
    """Google is left with the ids of a void card: no barcode, name, points, texts."""
    shop.buy(12_000, order="1")
    later(service, clock, seconds=PAST_WINDOW)
    revoked(ann)

    assert later(service, clock, seconds=PAST_WINDOW).sent == 1
    assert without_class(ann) == bare(ann)
    assert looked(service).good
    clock.on(minutes=1)
    assert compared(service) == []


def test_messages_are_gone_too(ann: Holder, service: Service, google: SandboxGoogle) -> None:
    """Messages, which tell of the member's points, do not outlast the card."""
    news = {"id": "n", "header": "Papermoth", "body": "Ann, you have 42 points", "messageType": "TEXT"}
    google.change("addMessage", OBJECT, ann.target, {"message": news})
    revoked(ann)
    delivered(service)

    assert without_class(ann) == bare(ann)


def test_apple_pass_is_void(ann: Holder, device: Device, service: Service) -> None:
    """The same card in Apple Wallet is void at the phone's next fetch."""
    device.register(ann.card)
    revoked(ann)

    with zipfile.ZipFile(io.BytesIO(device.fetch(ann.card).data)) as archive:
        assert json.loads(archive.read("pass.json"))["voided"] is True


def test_revoked_twice(ann: Holder, service: Service, sandbox: Running) -> None:
    """Revoked again, the card stays as it is and nothing is sent."""
    revoked(ann)
    revision = ann.card.revision
    delivered(service)
    sandbox.asked.clear()
    revoked(ann)

    assert ann.card.revision == revision
    assert delivered(service).total == 0
    assert sandbox.calls == []


def test_events_go_on(ann: Holder, shop: Shop, service: Service, clock: Clock, sandbox: Running) -> None:
    """The account of a void card still counts, but the card shows none of it."""
    revoked(ann)
    delivered(service)
    sandbox.asked.clear()

    assert shop.buy(1_000, order="1")["balance"] == 10
    later(service, clock, seconds=PAST_WINDOW)
    assert without_class(ann) == bare(ann)


def test_revoking_tells_nobody(ann: Holder, shop: Shop, service: Service, google: SandboxGoogle) -> None:
    """A change that was to be told is not, once the card is void."""
    shop.buy(1_000, order="1")
    revoked(ann)
    delivered(service)

    assert google.notices() == []


def test_card_that_its_holder_has_removed(ann: Holder, service: Service, google: SandboxGoogle, clock: Clock) -> None:
    """Google keeps nothing of a member who had removed the card before it was revoked."""
    heard(ann, "del", clock)
    revoked(ann)

    assert delivered(service).sent == 1
    assert without_class(ann) == bare(ann)
    assert looked(service).good


def test_card_that_is_removed_while_it_is_revoked(
    ann: Holder, service: Service, google: SandboxGoogle, clock: Clock
) -> None:
    """That its holder removes a revoked card does not keep Google from forgetting the member."""
    google.behave(Behaviour(status=503, times=1))
    revoked(ann)
    delivered(service)
    heard(ann, "del", clock)

    assert later(service, clock, minutes=20).sent == 1
    assert without_class(ann) == bare(ann)


def test_card_that_was_never_taken(
    member: Callable[..., Holder], service: Service, google: SandboxGoogle, clock: Clock
) -> None:
    """A card that is revoked before Google has taken it arrives there as a void one, if at all."""
    ann = member("ann", name="Ann")
    google.behave(Behaviour(status=503))
    ann.click()
    google.behave(Behaviour())
    revoked(ann)
    later(service, clock, minutes=20)

    assert without_class(ann) == bare(ann)


def heard(holder: Holder, event: str, clock: Clock) -> None:
    """Have Google tell of the holder."""
    body = holder.google.callback_keys.sign(
        event,  # type: ignore[arg-type]
        class_id=f"{ISSUER}.program-points",
        object_id=holder.target,
        issuer_id=ISSUER,
        nonce=f"{event} {clock.now}",
        expires=clock.now + timedelta(hours=1),
    )
    assert holder.client.post("/google/callback", data=body).status_code == 200
