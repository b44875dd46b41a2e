"""One card beside what Google holds of it, for whoever is asked why a phone shows something else."""

from actors import Shop
from held_actors import Holder, delivered, forgotten, wallet_of

from wallet_service.sandbox.google import Behaviour, SandboxGoogle
from wallet_service.storage import holdings
from wallet_service.usecases.drift import look_at
from wallet_service.usecases.serve import card_by_serial
from wallet_service.wiring import Service


def said(holder: Holder) -> tuple[list[str], str]:
    """How each wallet stands, and what Google says."""
    service = holder.service
    with service.read() as tx:
        found = card_by_serial(tx, holder.serial)
        seen = look_at(tx, found.member.card, now=service.clock())
    return [each.why for each in seen], wallet_of(service).compared(found)


def test_in_step(ann: Holder) -> None:
    """A card that Google has taken and nobody has saved is in step, and just as the ledger says."""
    assert said(ann) == (["in step"], "holds just what the card shows; nobody has saved it")


def test_behind(ann: Holder, shop: Shop, service: Service) -> None:
    """Until a change is sent, what differs is named."""
    shop.buy(1_000, order="1")
    whys, held = said(ann)
    assert whys == ["waits for a worker"]
    assert held.startswith("holds other loyaltyPoints.balance")
    delivered(service)
    assert said(ann)[0] == ["in step"]


def test_lost_or_silent(ann: Holder, google: SandboxGoogle) -> None:
    """A card that Google has lost, and a Google that does not answer, are told apart."""
    forgotten(google, "loyaltyClass")
    assert said(ann)[1] == "holds no such card"
    google.behave(Behaviour(status=503))
    assert said(ann)[1] == "cannot be compared: 503 backendError: Refused, as the sandbox was told to."


def test_removed(ann: Holder, service: Service) -> None:
    """A card that its holder has removed is called that, and not late."""
    heard = {"platform": "google", "target": ann.target, "now": service.clock(), "until": service.clock()}
    with service.begin() as tx:
        holdings.heard(tx, saved=True, **heard)
        holdings.heard(tx, saved=False, **heard)
    assert "its holder removed the card on 2026-06-01" in said(ann)[0][0]
