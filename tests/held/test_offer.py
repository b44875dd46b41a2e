"""A click on "Add to Google Wallet": the card is there before its holder is, and nothing is lost when it cannot be."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from actors import Clock, Shop
from flask.testing import FlaskClient
from google_actors import ISSUER, Running
from held_actors import Holder, copied_template, delivered, looked

from wallet_service.config import Settings
from wallet_service.sandbox.chain import Chain
from wallet_service.sandbox.google import Behaviour, SandboxGoogle
from wallet_service.usecases.revoke import revoke
from wallet_service.usecases.serve import card_by_serial
from wallet_service.web import create_app
from wallet_service.web.words import WORDS
from wallet_service.wiring import Service, build

Member = Callable[..., Holder]
AWAY = Behaviour(status=503)


def test_first_click_makes_class_and_card(member: Member, google: SandboxGoogle, sandbox: Running) -> None:
    """The first click has Google hold the class and the card, and leads on to a short link of Google's."""
    ann = member("ann", name="Ann")
    answer = ann.click()

    assert answer.status_code == 303
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.location.startswith(f"{sandbox.url}/save/")
    assert len(answer.location) < 1800
    assert [each["id"] for each in google.all("loyaltyClass")] == [f"{ISSUER}.program-points"]
    assert (ann.balance(), ann.tier(), ann.shown()["accountName"]) == (0, "Page", "Ann")
    assert ann.shown()["barcode"]["value"] in ann.shown()["accountId"].replace(" ", "")


def test_second_click_asks_google_nothing(member: Member, sandbox: Running) -> None:
    """Once the card is held, a click makes a link and costs no request."""
    ann = member("ann")
    ann.click()
    sandbox.asked.clear()

    assert ann.click().status_code == 303
    assert sandbox.calls == []


def test_looking_at_the_link_makes_nothing(member: Member, sandbox: Running) -> None:
    """A program that asks for the headers alone costs no request and offers nothing."""
    ann = member("ann")

    assert ann.click("HEAD").status_code == 200
    assert sandbox.calls == []
    assert ann.row() == {}


@pytest.mark.parametrize("locale", ["en", "ru", "cs", "ro"])
def test_google_away(member: Member, google: SandboxGoogle, clock: Clock, locale: str) -> None:
    """While Google is away the member reads so in their own language, and a later click works."""
    ann = member("ann", locale=locale)
    google.behave(AWAY)
    answer = ann.click(Accept="text/html")

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert f'<html lang="{locale}">' in answer.text
    assert WORDS[locale]["later"] in answer.text
    assert ann.page in answer.text

    google.behave(Behaviour())
    clock.on(seconds=1)
    assert ann.click().status_code == 303
    assert ann.shown()["state"] == "ACTIVE"


def test_what_could_not_be_offered_is_delivered_all_the_same(
    member: Member, google: SandboxGoogle, service: Service, clock: Clock
) -> None:
    """A card that Google could not take at the click is taken later by a worker."""
    ann = member("ann")
    google.behave(AWAY)
    ann.click()
    google.behave(Behaviour())
    clock.on(minutes=20)

    assert delivered(service).sent == 1
    assert looked(service).good


def test_google_lets_nobody_in(member: Member, google: SandboxGoogle, service: Service, clock: Clock) -> None:
    """Where the service account is not invited, the member may come again, and drift says what to do."""
    ann = member("ann")
    google.behave(Behaviour(status=403))

    assert ann.click().status_code == 503
    report = looked(service)
    assert not report.good
    assert "Invite the service account" in report.stops[0].reason
    assert all("Invite the service account" in each.why for each in report.late)

    google.behave(Behaviour())
    assert ann.click().status_code == 303


def test_void_card_is_gone(member: Member, service: Service, sandbox: Running) -> None:
    """A card that was revoked is not offered, and its page says why."""
    ann = member("ann")
    with service.begin() as tx:
        revoke(tx, card_by_serial(tx, ann.serial), service.template("points"), now=service.clock())
    answer = ann.click()

    assert answer.status_code == 410
    assert WORDS["en"]["void"] in answer.text
    assert sandbox.calls == []


def test_forged_link(member: Member, client: FlaskClient, sandbox: Running) -> None:
    """A link that we did not sign offers nothing."""
    ann = member("ann")
    forged = ann.page[:-1] + ("A" if ann.page[-1] != "A" else "B")

    assert client.get(f"{forged}/google").status_code == 401
    assert sandbox.calls == []


def test_not_set_up(settings: Settings, service: Service, chain: Chain, shop: Shop, tmp_path: Path) -> None:
    """Without a service account there is no button, and its address is not there."""
    chain.write(tmp_path)
    bare = Settings(
        data_folder=tmp_path,
        templates=settings.templates,
        base_url="https://cards.example",
        secret_key=service.secret_key,
        apple_certificate=str(tmp_path / "pass_certificate.pem"),
        apple_key=str(tmp_path / "pass_key.pem"),
        apple_wwdr=str(tmp_path / "wwdr.pem"),
    )
    alone = build(bare, clock=service.clock, engine=service.engine)
    client = create_app(alone).test_client()
    page = Holder("ann", shop.enrol("ann")["serial_number"], alone, client, None).page  # type: ignore[arg-type]

    assert alone.google is None
    assert 'id="add-google"' not in client.get(page).text
    assert 'id="add-apple"' in client.get(page).text
    assert client.get(f"{page}/google").status_code == 404
    assert client.post("/google/callback", data=b"{}").status_code == 404


def test_unpublished_look_stops_no_click(
    member: Member, another: Callable[[Settings], Service], settings: Settings, tmp_path: Path, google: SandboxGoogle
) -> None:
    """While a new look is not published, cards are still offered, and the class stays as it was."""
    member("ann").click()
    before = google.all("loyaltyClass")
    folder = copied_template(tmp_path / "new", 'background = "#2b1f3d"', 'background = "#1f3d2b"')
    newer = another(settings.model_copy(update={"templates": folder}))
    bob = replace(member("bob"), service=newer, client=create_app(newer).test_client())

    assert bob.click().status_code == 303
    assert bob.shown()["state"] == "ACTIVE"
    assert google.all("loyaltyClass") == before
