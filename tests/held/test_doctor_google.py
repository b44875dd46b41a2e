"""What the doctor says of Google Wallet: each fault in plain words, with what to do about it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google_actors import ISSUER, Running, account_json, answering
from held_actors import Door, Holder, copied_template, forgotten

from wallet_service import doctor
from wallet_service.config import Settings
from wallet_service.doctor.finding import Finding
from wallet_service.doctor.google import examine
from wallet_service.sandbox.google import Behaviour, SandboxGoogle
from wallet_service.wiring import Service

pytestmark = pytest.mark.usefixtures("at_home")
Another = Callable[[Settings], Service]
Member = Callable[..., Holder]
ABOUT_CLASS = f"Google class {ISSUER}.program-points"


@pytest.fixture
def base_url(street: str) -> str:
    """Our public address: a port of this machine, so that the doctor reaches our doors."""
    return street


def found(service: Service) -> dict[str, Finding]:
    """The findings about Google, by what they are about."""
    return {each.about: each for each in examine(service)}


def wrong(service: Service) -> dict[str, str]:
    """What is wrong."""
    return {each.about: each.text for each in found(service).values() if each.state == "wrong"}


def test_sound_installation(ann: Holder, service: Service) -> None:
    """Where everything is right, each thing is called good, but the missing https of this machine and holders."""
    ann.google.save(ann.click().location.rpartition("/")[2])
    findings = found(service)

    assert {about for about, each in findings.items() if each.state != "good"} == {"Google's way here"}
    assert "approved, and just as it is drawn here" in findings[ABOUT_CLASS].text
    assert "1 cards are saved on phones" in findings["Google holders"].text
    assert len(findings) == 10


def test_nothing_is_changed(ann: Holder, service: Service, sandbox: Running) -> None:
    """The doctor only asks."""
    sandbox.asked.clear()
    found(service)

    assert {each.split()[0] for each in sandbox.calls} == {"GET"}


def test_not_set_up(service: Service) -> None:
    """Without a service account there is one line about it, and it is no fault."""
    assert [each.state for each in examine(replace(service, google_account=None))] == ["mind"]


@pytest.mark.parametrize(
    ("account", "words"),
    [
        ("/nowhere/key.json", "WALLET_GOOGLE_SERVICE_ACCOUNT: service account: cannot be read"),
        ("{}", "client_email"),
        ('{"type": "authorized_user"}', "type"),
    ],
)
def test_key_that_cannot_be_read(settings: Settings, another: Another, account: str, words: str) -> None:
    """A key file that is missing or something else keeps the service from starting, and the doctor says why."""
    broken = Settings.model_validate(settings.model_dump() | {"google_service_account": account})
    last = list(doctor.examine(lambda: another(broken), settings))[-1]

    assert (last.state, last.about) == ("wrong", "ServiceAccountRefused")
    assert "service account cannot be used" in last.text
    assert words in last.text


def test_account_that_google_does_not_know(settings: Settings, another: Another, sandbox: Running) -> None:
    """A service account without a token is told, and nothing further is asked of Google."""
    stranger = account_json(f"{sandbox.url}/token", client_email="stranger@example.iam.gserviceaccount.com")
    apart = another(Settings.model_validate(settings.model_dump() | {"google_service_account": stranger.decode()}))

    assert "account not found" in wrong(apart)["Google token"]
    assert "make a new JSON key" in wrong(apart)["Google token"]
    assert sandbox.calls == []


def test_account_that_was_not_invited(service: Service, google: SandboxGoogle, sandbox: Running) -> None:
    """A service account that the issuer did not invite is told how to be invited."""
    google.admit(sandbox.account_json, invited=False)

    assert ISSUER in wrong(service)["Google issuer"]
    assert "Invite the service account's e-mail address" in wrong(service)["Google issuer"]


def test_api_that_is_not_enabled(service: Service, google: SandboxGoogle) -> None:
    """A Cloud project without the Wallet API is told to enable it."""
    google.behave(Behaviour(status=403, reason="accessNotConfigured"))

    assert "Enable the Google Wallet API" in wrong(service)["Google issuer"]


def test_address_that_is_not_googles(settings: Settings, another: Another) -> None:
    """Where something else answers than the Wallet API, the setting to check is named."""
    with answering(200, b"<html>", "text/html") as (url, _):
        apart = another(settings.model_copy(update={"google_api_url": url}))

        assert "WALLET_GOOGLE_API_URL" in wrong(apart)["Google issuer"]


def test_no_class_yet(service: Service) -> None:
    """Before the first card it is said how the class will come to be."""
    finding = found(service)["Google classes"]

    assert finding.state == "mind"
    assert "the first customer who adds a card makes it" in finding.text


def test_class_that_is_missing(ann: Holder, service: Service, google: SandboxGoogle) -> None:
    """A class that Google should hold and does not is called wrong."""
    forgotten(google)

    assert wrong(service)[ABOUT_CLASS] == "is not there; a worker will put it"


def test_class_that_could_not_be_put(member: Member, service: Service, google: SandboxGoogle) -> None:
    """A class that Google has refused is called wrong, with Google's reason."""
    google.behave(Behaviour(status=400, message="Image cannot be loaded: x"))
    member("ann").click()
    google.behave(Behaviour())

    assert "Image cannot be loaded: x" in wrong(service)[ABOUT_CLASS]


def test_class_that_differs(ann: Holder, service: Service, google: SandboxGoogle) -> None:
    """A class that somebody changed at Google is minded, with the member and the command that mends it."""
    change = {"hexBackgroundColor": "#ff0000", "reviewStatus": "UNDER_REVIEW"}
    google.change("patch", "loyaltyClass", f"{ISSUER}.program-points", change)
    finding = found(service)[ABOUT_CLASS]

    assert (finding.state, finding.text) == (
        "mind",
        "differs in hexBackgroundColor; `wallet-service reconcile` puts that right",
    )


@pytest.mark.parametrize("options", [{"merchant_locations": False}])
def test_issuer_without_locations(ann: Holder, service: Service) -> None:
    """That an issuer may not use merchant locations is no difference of its class."""
    assert found(service)[ABOUT_CLASS].state == "good"


def test_look_that_is_not_published(ann: Holder, settings: Settings, another: Another, tmp_path: Path) -> None:
    """A new look is minded with the command that publishes it."""
    folder = copied_template(tmp_path / "new", 'background = "#2b1f3d"', 'background = "#1f3d2b"')
    newer = another(settings.model_copy(update={"templates": folder}))

    assert "run `wallet-service publish points`" in found(newer)[ABOUT_CLASS].text


def test_public_address_that_is_away(service: Service, door: Door) -> None:
    """Where our own doors do not answer as they should, each is named with its address."""
    door.app = None
    faults = wrong(service)

    assert {"Google pictures", "robots.txt", "Google callbacks"} <= faults.keys()
    assert "answers 503 instead of 200; does a proxy keep it from us?" in faults["Google pictures"]


def test_public_address_of_nobody(settings: Settings, another: Another) -> None:
    """Where nothing listens at our address, the process that should is named."""
    apart = another(settings.model_copy(update={"base_url": "http://127.0.0.1:1"}))
    finding = found(apart)["Google callbacks"]

    assert finding.state == "mind"
    assert "is `wallet-service web` running?" in finding.text


def test_no_callback_keys(settings: Settings, another: Another) -> None:
    """Without Google's keys no callback is believed, which is called wrong with the setting to check."""
    with answering(404, b"") as (url, _):
        apart = another(settings.model_copy(update={"google_callback_keys_url": f"{url}/keys"}))

        assert "WALLET_GOOGLE_CALLBACK_KEYS_URL" in wrong(apart)["Google callback keys"]


def test_nobody_has_saved_a_card(ann: Holder, service: Service) -> None:
    """While nobody has saved a card, it is said what a new issuer's demo mode looks like."""
    finding = found(service)["Google holders"]

    assert finding.state == "mind"
    assert "[TEST ONLY]" in finding.text


def test_no_secret_is_shown(ann: Holder, service: Service, settings: Settings) -> None:
    """Nothing that the doctor says holds the key or a token."""
    account: Any = settings.google_service_account
    key = account.get_secret_value()
    said = " ".join(each.text for each in examine(service))

    assert "PRIVATE KEY" in key
    assert "PRIVATE KEY" not in said
    assert "ya29" not in said
