"""Google's door: what its signed news of holders changes, and what no other news does."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from actors import Clock, Shop
from flask.testing import FlaskClient
from google_actors import ISSUER, Running, answering
from held_actors import PAST_WINDOW, Holder, delivered, looked, wallet_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from listeners import listening
from sqlalchemy import text
from werkzeug.test import TestResponse

from wallet_service.config import Settings
from wallet_service.sandbox.google import SandboxGoogle
from wallet_service.sandbox.google_callbacks import CallbackKeys
from wallet_service.web import create_app
from wallet_service.wiring import Service

HOUR = timedelta(hours=1)
NONCES = (f"nonce-{number}" for number in itertools.count())


def signed(
    holder: Holder, event: Any, *, valid: timedelta = HOUR, keys: CallbackKeys | None = None, **more: str
) -> bytes:
    """The body of a callback as Google signs it."""
    facts = {"class_id": f"{ISSUER}.program-points", "object_id": holder.target, "issuer_id": ISSUER}
    facts |= {"nonce": next(NONCES)} | more
    return (keys or holder.google.callback_keys).sign(event, expires=holder.service.clock() + valid, **facts)


def called(holder: Holder, event: str, **more: Any) -> TestResponse:
    """Call back."""
    return holder.client.post("/google/callback", data=signed(holder, event, **more))


def rows(service: Service, table: str) -> list[dict[str, Any]]:
    """All that a table holds."""
    with service.read() as tx:
        return [dict(row) for row in tx.execute(text(f"SELECT * FROM {table}")).mappings()]


def installed(client: FlaskClient) -> float:
    """How many cards the metrics know to be on phones by way of Google."""
    lines = client.get("/metrics").text.splitlines()
    return float(next(each for each in lines if each.startswith('wallet_installed{platform="google"}')).split()[1])


def test_saved_card_counts_as_installed(ann: Holder, client: FlaskClient, clock: Clock) -> None:
    """A card is offered by us, and on a phone only once Google says so."""
    assert installed(client) == 0
    assert called(ann, "save").status_code == 200

    assert installed(client) == 1
    assert ann.row()["installed_at"] == clock.now


def test_removed_card_costs_no_request(
    ann: Holder, client: FlaskClient, shop: Shop, service: Service, sandbox: Running
) -> None:
    """Nobody sees a card that its holder removed, so its changes are not sent, and nobody calls it late."""
    called(ann, "save")
    assert called(ann, "del").status_code == 200
    shop.buy(1_000, order="1")

    assert delivered(service).total == 0
    assert sandbox.calls == []
    assert looked(service).good
    assert ann.row()["removed_at"] is not None
    assert 'wallet_installed{platform="google"}' not in client.get("/metrics").text


def test_merchant_is_told_of_what_is_news(ann: Holder, service: Service) -> None:
    """Saved and removed are messages to the merchant, once each however often Google or its holder repeats it."""
    ear = listening(service, types=("pass.*",))
    for event in ("save", "save", "del", "del", "save"):
        assert called(ann, event).status_code == 200

    assert ear.types() == ["pass.added", "pass.removed", "pass.added"]
    assert {(each["data"]["wallet"], each["data"]["serial_number"]) for each in ear.told()} == {("google", ann.serial)}


def test_card_that_is_saved_again_catches_up(ann: Holder, shop: Shop, service: Service, clock: Clock) -> None:
    """What changed while nobody had the card is sent when it is saved again."""
    called(ann, "del")
    shop.buy(1_000, order="1")
    clock.on(seconds=PAST_WINDOW)
    called(ann, "save")

    assert not looked(service).good
    assert delivered(service).sent == 1
    assert ann.balance() == 10
    assert looked(service).good


def test_card_that_is_asked_for_again_catches_up(ann: Holder, shop: Shop, service: Service, clock: Clock) -> None:
    """A click on the link has a removed card follow its changes again."""
    called(ann, "del")
    shop.buy(1_000, order="1")
    clock.on(seconds=PAST_WINDOW)

    assert ann.click().status_code == 303
    delivered(service)
    assert ann.balance() == 10


def test_the_same_news_twice(ann: Holder, client: FlaskClient, service: Service, clock: Clock) -> None:
    """News that comes again is answered as before and changes nothing."""
    body = signed(ann, "save")
    assert client.post("/google/callback", data=body).status_code == 200
    called(ann, "del")
    before = rows(service, "wallets")
    clock.on(minutes=1)

    assert client.post("/google/callback", data=body).status_code == 200
    assert rows(service, "wallets") == before


def test_older_news_does_not_undo_newer(ann: Holder) -> None:
    """A removal that arrives after the saving that followed it is not believed."""
    called(ann, "save", valid=2 * HOUR)
    before = ann.row()

    assert called(ann, "del", valid=HOUR).status_code == 200
    assert ann.row() == before


def test_nonces_are_forgotten_when_they_have_expired(ann: Holder, service: Service, clock: Clock) -> None:
    """A nonce is kept as long as its message would be believed, and no longer."""
    called(ann, "save")
    clock.on(minutes=30)
    called(ann, "save")
    assert len(rows(service, "nonces")) == 2
    clock.on(minutes=30)
    called(ann, "save")

    assert len(rows(service, "nonces")) == 2


@pytest.mark.parametrize(
    ("what", "facts"),
    [
        ("another issuer's", {"issuer_id": "3388000000099000009"}),
        ("another issuer's class", {"class_id": "3388000000099000009.program-points"}),
        ("expired", {"valid": timedelta(seconds=-1)}),
        ("no event", {"event": "saved"}),
        ("no nonce", {"nonce": ""}),
    ],
)
def test_unbelievable_news(ann: Holder, service: Service, what: str, facts: dict[str, Any]) -> None:
    """News that is signed, but for somebody else, too old or without sense, is refused and leaves nothing."""
    before = rows(service, "wallets")
    answer = called(ann, **{"event": "save"} | facts)

    assert answer.status_code == 401
    assert answer.get_json()["type"] == "urn:wallet-service:problem:callback-not-signed"
    assert "detail" not in answer.get_json()
    assert rows(service, "wallets") == before
    assert rows(service, "nonces") == []


def test_news_that_somebody_else_signed(ann: Holder, service: Service, clock: Clock) -> None:
    """News under keys that Google does not publish is refused and leaves nothing."""
    assert called(ann, "save", keys=CallbackKeys.make(clock.now)).status_code == 401
    assert rows(service, "nonces") == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(cut=st.integers(0, 2_000), junk=st.binary(max_size=40))
def test_junk(ann: Holder, service: Service, cut: int, junk: bytes) -> None:
    """Whatever bytes come, none but signed ones change anything."""
    body = signed(ann, "save")
    mangled = body[:cut] + junk + body[cut + len(junk) :]
    answer = ann.client.post("/google/callback", data=mangled if mangled != body else b"")

    assert answer.status_code == 401
    assert rows(service, "nonces") == []
    assert ann.row()["installed_at"] is None


def test_large_body_is_refused(ann: Holder, client: FlaskClient) -> None:
    """A body of 17 KB is refused by its size."""
    assert client.post("/google/callback", data=b"x" * 17 * 1024).status_code == 413
    assert client.get("/google/callback").status_code == 405


def test_card_that_is_not_ours(ann: Holder, service: Service) -> None:
    """News of a card that we do not know is answered, so that it does not come again, and changes nothing."""
    before = rows(service, "wallets")

    assert called(ann, "save", object_id=f"{ISSUER}.card-of-another").status_code == 200
    assert rows(service, "wallets") == before


def test_keys_that_cannot_be_had(
    ann: Holder, settings: Settings, another: Callable[[Settings], Service], clock: Clock
) -> None:
    """Without Google's keys nothing can be judged: the news may come again, and nothing is kept."""
    with answering(503, b"") as (url, asked):
        apart = another(settings.model_copy(update={"google_callback_keys_url": f"{url}/keys"}))
        client = create_app(apart).test_client()
        answers = [client.post("/google/callback", data=signed(ann, "save")) for _ in range(3)]

    assert [each.status_code for each in answers] == [503] * 3
    assert "Retry-After" in answers[0].headers
    assert asked == ["GET /keys"]
    assert rows(apart, "nonces") == []


def test_keys_that_were_changed(ann: Holder, google: SandboxGoogle, service: Service, clock: Clock) -> None:
    """News under new keys is believed as soon as Google publishes them."""
    called(ann, "del")
    clock.on(minutes=2)
    google.callback_keys = google.callback_keys.rotated(clock.now)

    assert called(ann, "save").status_code == 200
    assert ann.row()["installed_at"] == clock.now
    assert wallet_of(service).callback_keys()
