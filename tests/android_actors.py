"""An Android phone in front of a service with one member, for tests: all of it on real sockets of this machine."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, request
from flask.testing import FlaskClient
from google_actors import CLASS, OBJECT, Running, running
from page_actors import png, started

from wallet_service.google.save_link import save_link
from wallet_service.sandbox.android import AndroidPhone
from wallet_service.sandbox.sandbox import Sandbox
from wallet_service.sandbox.server import Shop, create_sandbox, sandbox_of

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtMTIzNA=="
CARD, PROGRAM = str(OBJECT["id"]), str(CLASS["id"])
ROWS = {
    "cardTemplateOverride": {
        "cardRowTemplateInfos": [
            {"oneItem": {"item": {"firstValue": {"fields": [{"fieldPath": "object.loyaltyPoints.balance"}]}}}},
            {
                "twoItems": {
                    "startItem": {"firstValue": {"fields": [{"fieldPath": "object.secondaryLoyaltyPoints.balance"}]}},
                    "endItem": {"firstValue": {"fields": [{"fieldPath": "object.textModulesData['next']"}]}},
                }
            },
        ]
    }
}
WHOLE: dict[str, Any] = OBJECT | {
    "secondaryLoyaltyPoints": {"label": "Tier", "balance": {"string": "Gold"}},
    "textModulesData": [{"id": "next", "header": "Next", "body": "3 stamps"}],
    "barcode": {"type": "QR_CODE", "value": "CR-42", "alternateText": "CR 42"},
}


@dataclass
class Service:
    """A service with one member: it knows the way to the save page, and serves the class's images."""

    google: Running
    url: str = ""
    card: str = CARD
    status: int = 303
    location: str | None = None
    agents: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    image_kind: str = "image/png"

    def link(self) -> str:
        """The save link."""
        account, save_url = self.google.account, f"{self.google.url}/save"
        return save_link(
            self.card,
            service_account_email=account.email,
            key=account.key,
            key_id=None,
            origins=[],
            save_url=save_url,
            now=NOW,
        )

    def program(self, **changes: Any) -> dict[str, Any]:
        """The class, with images that are served here."""
        images = {name: {"sourceUri": {"uri": f"{self.url}/{name}.png"}} for name in ("programLogo", "heroImage")}
        return CLASS | images | {"classTemplateInfo": ROWS} | changes


def create_service(service: Service) -> Flask:
    """The service's doors."""
    app = Flask(__name__)

    @app.get("/add/google")
    def add() -> Response:
        service.agents.append(request.headers["User-Agent"])
        location = service.link() if service.location is None else service.location
        return Response("", service.status, {"Location": location} if location else {})

    @app.get("/<name>.png")
    def image(name: str) -> Response:
        service.fetched.append(request.headers["User-Agent"])
        return Response(png("navy"), content_type=service.image_kind)

    @app.post("/webhook")
    def webhook() -> tuple[dict[str, Any], int]:
        return {}, 202

    return app


@contextmanager
def serving(clock: Callable[[], datetime]) -> Iterator[Service]:
    """Run the service beside a Google that holds its class and one card."""
    with running(clock=clock, token_clock=lambda: datetime.now(UTC)) as google:
        service = Service(google)
        server = started(create_service(service))
        service.url = f"http://127.0.0.1:{server.port}"
        google.google.change("insert", "loyaltyClass", "", service.program())
        google.google.change("insert", "loyaltyObject", "", WHOLE)
        service.fetched.clear()
        yield service
        server.shutdown()
        server.server_close()


@dataclass
class Stand:
    """A sandbox with an Android phone, and a browser without a screen on its page."""

    sandbox: Sandbox
    client: FlaskClient
    service: Service

    @property
    def android(self) -> AndroidPhone:
        """The Android phone."""
        return self.sandbox.the_android()

    def page(self) -> str:
        """The page."""
        return self.client.get("/").get_data(as_text=True)

    def state(self) -> dict[str, Any]:
        """What the Android phone holds."""
        found: dict[str, Any] = self.client.get("/state.json").get_json()["android"]
        return found

    def save(self) -> dict[str, Any]:
        """Press the button, and return the card that is saved then."""
        assert self.client.post("/android/save").status_code == 200
        card: dict[str, Any] = self.state()["cards"][0]
        return card

    def write(self, **changes: Any) -> None:
        """Change the card as the service does."""
        self.service.google.google.change("update", "loyaltyObject", CARD, WHOLE | changes)

    def earn(self, points: int, **changes: Any) -> None:
        """Change the balance as the service does, so that Google notifies of it."""
        balance = {"label": "Points", "balance": {"int": points}}
        self.write(loyaltyPoints=balance, notifyPreference="NOTIFY_ON_UPDATE", **changes)

    def write_program(self, **changes: Any) -> None:
        """Change the class as the service does."""
        self.service.google.google.change("update", "loyaltyClass", PROGRAM, self.service.program(**changes))

    def message(self, kind: str, resource_id: str, **message: str) -> None:
        """Add a message, which Google notifies of if it says so."""
        body = {"message": {"header": "Hello", "body": "Cake!"} | message}
        self.service.google.google.change("addMessage", kind, resource_id, body)


@contextmanager
def standing(service: Service, clock: Callable[[], datetime], **options: Any) -> Iterator[Stand]:
    """Run a sandbox in front of the service."""
    given: dict[str, Any] = {"google": service.google.google, "google_add_url": "/add/google", "heartbeat": 0.05}
    shop = Shop(f"{service.url}/webhook", SECRET, "customer-1")
    app = create_sandbox(root_pem=b"", web_base_url=service.url, apns=None, shop=shop, clock=clock, **given | options)
    yield Stand(sandbox_of(app), app.test_client(), service)
    sandbox_of(app).stop()
