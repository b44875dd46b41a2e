"""How refusals and failures are told: documents for programs, pages for people, and never the inside of the house."""

import inspect
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from actors import Clock, Device, Shop, card_of
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from wallet_service.domain import errors
from wallet_service.domain.card import Card
from wallet_service.domain.errors import Fault, PassRefused, WalletError
from wallet_service.links import card_url
from wallet_service.storage.vault import Vault
from wallet_service.web import create_app
from wallet_service.web.errors import API_KINDS, KINDS, kind_of
from wallet_service.wiring import Service

PROBLEM = "application/problem+json"
COMMANDS_ONLY = {
    errors.NotSealed,
    errors.ReceiptRefused,
    errors.RightsRefused,
    errors.UnknownKey,
    errors.UnknownMerchant,
    errors.UnknownMetric,
}
BROWSER = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def card(service: Service, shop: Shop) -> Card:
    """Ann's card."""
    return card_of(service, shop.enrol("ann", name="Zora Quill")["serial_number"])


@dataclass
class Failing:
    """Makes no pass, for a reason that quotes the member's name."""

    kind: type[Exception]

    def make(self, face: Any, _: Card, **__: Any) -> Any:
        """Fail."""
        name = next(each.value for each in face.fields() if each.key == "member")
        if self.kind is PassRefused:
            raise PassRefused("The pass was not signed:", [Fault("pass.json", "member", f"{name} is too long")])
        raise self.kind(name)


def failing(service: Service, kind: type[Exception]) -> FlaskClient:
    """Return a client of a service that makes no passes."""
    return create_app(replace(service, passes=Failing(kind))).test_client()  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [RuntimeError, KeyError, RecursionError, MemoryError, UnicodeError, SystemError])
def test_a_crash_is_a_500_that_tells_nothing(
    service: Service, device: Device, card: Card, kind: type[Exception]
) -> None:
    """An error that nobody foresaw is answered without a trace of where it happened or what it quoted."""
    answer = replace(device, client=failing(service, kind)).fetch(card)
    assert (answer.status_code, answer.mimetype) == (500, PROBLEM)
    assert set(answer.json) == {"type", "title", "status"}
    for word in ("Zora", "Traceback", ".py", kind.__name__):
        assert word not in answer.text


def test_a_crash_is_logged_by_its_kind_and_place(service: Service, device: Device, card: Card) -> None:
    """The operator learns which error it was and where it happened, and nothing that it quoted."""
    client = replace(device, client=failing(service, RuntimeError))
    with capture_logs() as lines:
        client.fetch(card)
    (line,) = (each for each in lines if each["event"] == "request.crashed")
    assert (line["error"], line["log_level"]) == ("RuntimeError", "error")
    assert "in make" in line["stack"]
    assert "Zora" not in repr(line)


def test_a_person_meets_a_page_when_something_crashes(service: Service, card: Card) -> None:
    """A customer's browser shows a page of ours, with its policy, and not a trace."""
    link = card_url("", service.secret_key, card.serial_number)
    page = failing(service, RuntimeError).get(link, headers=BROWSER)
    assert (page.status_code, page.mimetype) == (500, "text/html")
    assert "Something went wrong on our side." in page.text
    assert "Content-Security-Policy" in page.headers
    assert "Zora" not in page.text


def test_a_card_that_cannot_be_signed_is_503(service: Service, device: Device, card: Card) -> None:
    """A pass that phones would refuse is not sent; the phone is asked to come back, and learns no reason."""
    answer = replace(device, client=failing(service, PassRefused)).fetch(card)
    assert (answer.status_code, answer.mimetype) == (503, PROBLEM)
    assert answer.json["type"] == "urn:wallet-service:problem:pass-refused"
    assert int(answer.headers["Retry-After"]) > 0
    assert "Zora" not in answer.text


def test_an_ended_certificate_is_503_at_the_card_and_nothing_at_the_shop(
    service: Service, device: Device, card: Card, shop: Shop, clock: Clock
) -> None:
    """Once the certificate has ended no card is signed, and events are taken as ever."""
    clock.now = service.identity.not_after + timedelta(days=1)
    answer = device.fetch(card)
    assert (answer.status_code, answer.json["type"]) == (503, "urn:wallet-service:problem:identity-refused")
    assert shop.adjust(5)["balance"] == 5


def test_a_secret_under_another_key_is_our_fault(service: Service, shop: Shop) -> None:
    """A stored secret that our key does not open is a failure of ours, and is told to nobody outside."""
    client = create_app(replace(service, vault=Vault("another key"))).test_client()
    answer = replace(shop, client=client).post("member.enrolled", {"customer": {"id": "eve"}})
    assert (answer.status_code, answer.mimetype) == (503, PROBLEM)
    assert "SECRET" not in answer.text


def test_a_missing_template_is_our_fault(service: Service, device: Device, card: Card) -> None:
    """A programme whose template is gone is a failure of ours."""
    client = create_app(replace(service, templates={})).test_client()
    answer = replace(device, client=client).fetch(card)
    assert (answer.status_code, answer.mimetype) == (503, PROBLEM)
    assert "template" not in answer.text


def test_every_kind_has_a_type_and_a_title_of_its_own() -> None:
    """A kind of problem always has one status and one title, so that programs can tell kinds apart."""
    assert all(title.endswith(".") and kind == kind.lower() for _, _, kind, title in API_KINDS)
    by_kind = {kind: (status, title) for _, status, kind, title in API_KINDS}
    assert all(by_kind[kind] == (status, title) for _, status, kind, title in (*KINDS, *API_KINDS))


def test_every_error_is_answered_by_a_row_or_never_leaves_a_command() -> None:
    """Whoever adds an error decides what it is at the doors; only what commands alone can meet has no status."""
    family = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, WalletError)]
    left = {each for each in family if kind_of(each) is None}
    assert left == COMMANDS_ONLY | {WalletError, errors.FaultsError}


def test_every_fault_of_an_event_is_named(shop: Shop) -> None:
    """A sender learns of all faults at once, each with its place and what to do."""
    answer = shop.post("order.paid", {"order_id": "", "customer": {}, "currency": "eur", "eligible_minor": -1})
    assert (answer.status_code, answer.mimetype) == (422, PROBLEM)
    assert [each["field"] for each in answer.json["errors"]] == [
        "data.currency",
        "data.customer",
        "data.eligible_minor",
        "data.order_id",
    ]
    assert all(each["message"] for each in answer.json["errors"])


def test_a_refusal_says_how_to_authenticate(device: Device, card: Card, client: FlaskClient) -> None:
    """Every 401 names the scheme that would open the door."""
    assert device.fetch(card, token="wrong").headers["WWW-Authenticate"] == "ApplePass"
    assert client.post("/webhooks/standard/shop").headers["WWW-Authenticate"] == "Webhook"


def test_a_wrong_method_names_the_right_ones(client: FlaskClient) -> None:
    """405 says which methods there are."""
    answer = client.delete("/apple/v1/log")
    assert (answer.status_code, answer.mimetype) == (405, PROBLEM)
    assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


def test_head_of_a_refusal_has_no_body(client: FlaskClient) -> None:
    """HEAD of what does not exist is answered with the status alone."""
    answer = client.head("/nowhere")
    assert (answer.status_code, answer.data) == (404, b"")


@pytest.mark.parametrize(
    ("accept", "mimetype"),
    [
        (None, PROBLEM),
        ("", PROBLEM),
        ("*/*", PROBLEM),
        ("application/*", PROBLEM),
        ("application/json", PROBLEM),
        ("application/problem+json;q=0.1", PROBLEM),
        ("text/html;q=0.5, application/json", PROBLEM),
        ("text/plain", PROBLEM),
        ("text/html;q=nan", PROBLEM),
        (";;,,q=;", PROBLEM),
        ("\x00ü", PROBLEM),
        ("text/html", "text/html"),
        ("text/html, */*;q=0.1", "text/html"),
        ("TEXT/HTML, application/json;q=0.9", "text/html"),
    ],
)
def test_the_form_of_a_refusal_follows_what_is_accepted(client: FlaskClient, accept: str | None, mimetype: str) -> None:
    """Only who prefers HTML gets a page."""
    answer = client.get("/nowhere", headers={} if accept is None else {"Accept": accept})
    assert (answer.status_code, answer.mimetype) == (404, mimetype)


def test_a_refusal_is_never_kept(client: FlaskClient) -> None:
    """No cache keeps a refusal, so that it does not outlive its reason."""
    for answer in (client.get("/nowhere"), client.get("/cards/x/card.pkpass"), client.post("/apple/v1/log")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_an_address_with_a_doubled_slash_is_led_to_the_right_one(device: Device, card: Card) -> None:
    """Wallets that put a slash too many between address and path still get their card."""
    answer = device.client.get(
        f"/apple//v1/passes/{device.pass_type}/{card.serial_number}",
        headers={"Authorization": f"ApplePass {card.authentication_token}"},
        follow_redirects=True,
    )
    assert answer.status_code == 200
