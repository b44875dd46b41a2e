"""The sandbox's pages against a service on a real socket: adding, buying, showing, breaking and guarding."""

import io
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pycurl
import pytest
import zxingcpp
from flask import Flask, Response, request
from flask.testing import FlaskClient
from page_actors import painted, png, started
from signed_passes import signed_pass
from standardwebhooks import Webhook

from wallet_service.sandbox.apns import SandboxApns
from wallet_service.sandbox.barcode import barcode_of, qr_svg
from wallet_service.sandbox.chain import Chain, make_chain
from wallet_service.sandbox.links import with_detected_links, with_links
from wallet_service.sandbox.server import Sandbox, Shop, create_sandbox, sandbox_of, serve
from wallet_service.sandbox.shop import NotForSale

PASS_TYPE = "pass.sandbox.wallet-service.loyalty"
TOKEN = "a-token-of-the-card"
SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtMTIzNA=="
ENDPOINT_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MIME = "application/vnd.apple.pkpass"
PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PATIENCE = 10.0


def now() -> datetime:
    """The tests' clock."""
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def chain() -> Chain:
    """A chain whose root the phone trusts."""
    return make_chain(now(), pass_type_identifier=PASS_TYPE)


@dataclass
class Service:
    """A service with one card: it takes webhooks, hands out the pass and answers devices."""

    chain: Chain
    url: str = ""
    balance: int = 1250
    events: list[dict[str, Any]] = field(default_factory=list)
    failure: int = 0
    mime: str = MIME
    extra: dict[str, Any] = field(default_factory=dict)
    changed: threading.Event = field(default_factory=threading.Event)

    def pkpass(self) -> bytes:
        """The signed pass."""
        balance = {"key": "balance", "label": "POINTS", "value": self.balance, "numberStyle": "PKNumberStyleDecimal"}
        terms = {
            "key": "terms",
            "label": "Terms",
            "value": "-",
            "attributedValue": "<a href='https://x.test/t'>All</a>",
        }
        content = {
            "formatVersion": 1,
            "passTypeIdentifier": PASS_TYPE,
            "serialNumber": "m 1/x",
            "teamIdentifier": "SANDBOX123",
            "organizationName": "Corner <Roasters>",
            "description": "Loyalty card",
            "logoText": "Roasters",
            "webServiceURL": self.url,
            "authenticationToken": TOKEN,
            "backgroundColor": "rgb(20, 30, 999)",
            "foregroundColor": "#FFEEDD",
            "barcodes": [
                {"format": "PKBarcodeFormatQR", "message": "m-1", "messageEncoding": "iso-8859-1", "altText": "M1"}
            ],
            "storeCard": {
                "headerFields": [balance | {"changeMessage": "You now have %@ points"}],
                "primaryFields": [{"key": "next", "label": "to a coffee", "value": "3 stamps"}],
                "secondaryFields": [{"key": "tier", "label": "TIER", "value": "Gold"}],
                "auxiliaryFields": [
                    {"key": "since", "label": "SINCE", "value": "2026", "textAlignment": "PKTextAlignmentRight"}
                ],
                "backFields": [terms, {"key": "note", "label": "Note", "value": "<b>bold</b>"}],
            },
        } | self.extra
        return pack(self.chain, content)


def pack(chain: Chain, content: dict[str, Any]) -> bytes:
    """A signed pass with that pass.json."""
    images = {"icon.png": png("teal"), "logo.png": png("navy"), "logo@2x.png": png("red"), "strip.png": png("brown")}
    return signed_pass(chain, content, images)


def create_service(service: Service) -> Flask:
    """The service's doors."""
    app = Flask(__name__)

    @app.get("/card")
    def card() -> Response:
        assert "iPhone" in request.headers["User-Agent"]
        return Response(service.pkpass(), content_type=service.mime)

    @app.route("/v1/devices/<device>/registrations/<path:rest>", methods=["POST", "DELETE"])
    def registration(device: str, rest: str) -> str:
        return ""

    @app.get("/v1/devices/<device>/registrations/<pass_type>")
    def listing(device: str, pass_type: str) -> dict[str, Any]:
        return {"serialNumbers": ["m 1/x"], "lastUpdated": "7"}

    @app.get("/v1/passes/<pass_type>/<path:serial>")
    def fetch(pass_type: str, serial: str) -> Response:
        return Response(service.pkpass(), headers={"Last-Modified": f"{len(service.events)}"})

    @app.post("/v1/log")
    def log() -> str:
        return ""

    @app.post("/webhook")
    def webhook() -> tuple[dict[str, Any], int]:
        headers = {name.lower(): value for name, value in request.headers.items()}
        event = Webhook(SECRET).verify(request.data, headers)
        service.events.append(event)
        return {"entered": not service.failure}, service.failure or 202

    return app


@pytest.fixture
def service(chain: Chain) -> Iterator[Service]:
    """A running service."""
    service = Service(chain)
    server = started(create_service(service))
    service.url = f"http://127.0.0.1:{server.port}"
    yield service
    server.shutdown()
    server.server_close()


@pytest.fixture
def app(service: Service) -> Iterator[Flask]:
    """A sandbox in front of the service."""
    shop = Shop(f"{service.url}/webhook", SECRET, "customer-1", endpoint_secret=ENDPOINT_SECRET)
    app = create_sandbox(
        root_pem=service.chain.root,
        web_base_url=service.url,
        apns=None,
        shop=shop,
        clock=now,
        card_url="/card",
        heartbeat=0.05,
    )
    yield app
    sandbox_of(app).stop()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without a screen."""
    return app.test_client()


@pytest.fixture
def sandbox(app: Flask) -> Sandbox:
    """What is behind the pages."""
    return sandbox_of(app)


def home(client: FlaskClient) -> str:
    """The page."""
    return client.get("/").get_data(as_text=True)


def push(sandbox: Sandbox) -> None:
    """Deliver a push and wait until the phone has done what it asks for."""
    sandbox.pushed(sandbox.phone.push_token, "id", PASS_TYPE)
    assert sandbox.phone.settle(PATIENCE)


def test_the_first_page_offers_the_card(client: FlaskClient) -> None:
    """Before there is a card the phone offers to add it."""
    page = home(client)
    assert 'id="add"' in page
    assert 'id="buy"' in page
    assert "€42.00" in page
    assert client.get("/state.json").get_json()["cards"] == []


def test_adding_follows_the_card_link(client: FlaskClient) -> None:
    """The button downloads the card, verifies it and shows its fields with their keys and raw values."""
    answer = client.post("/phone/add")
    card = answer.get_json()["cards"][0]
    assert card["registered"]
    assert card["fields"]["balance"] == {"slot": "headerFields", "label": "POINTS", "value": 1250, "text": "1,250"}
    page = home(client)
    assert 'data-field="balance" data-value="1250"' in page
    assert 'class="field right" data-field="since"' in page
    assert 'data-field="tier" data-value="Gold"' in page
    assert 'id="add"' not in page
    assert TOKEN not in page


def test_a_form_without_scripts_leads_back_to_the_page(client: FlaskClient) -> None:
    """A browser without scripts is sent back to the page after each button."""
    answer = client.post("/phone/add", headers=PAGE)
    assert (answer.status_code, answer.location) == (303, "/")


def test_texts_of_the_pass_are_escaped(client: FlaskClient) -> None:
    """Markup in a pass is shown as text, but for links on the back."""
    client.post("/phone/add")
    page = home(client)
    assert "Corner &lt;Roasters&gt;" in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert '<a href="https://x.test/t" target="_blank" rel="noopener noreferrer">All</a>' in page


@pytest.mark.parametrize("mime", ["text/html", f"{MIME}; charset=utf-8"])
def test_a_link_to_something_else_is_explained(client: FlaskClient, service: Service, mime: str) -> None:
    """A card link that leads to another type than a pass is refused in words."""
    service.mime = mime
    answer = client.post("/phone/add")
    assert answer.status_code == 502
    assert f"with {mime}" in answer.get_json()["error"]
    assert mime in client.post("/phone/add", headers=PAGE).get_data(as_text=True)


def test_a_service_that_is_down_is_explained(chain: Chain) -> None:
    """Neither a dead card link nor a dead webhook address gives more than a clear message."""
    shop = Shop("http://127.0.0.1:9/webhook", SECRET, "customer-1")
    app = create_sandbox(
        root_pem=chain.root, web_base_url="http://127.0.0.1:9", apns=None, shop=shop, clock=now, card_url="/card"
    )
    client = app.test_client()
    for door in ("/phone/add", "/shop/buy"):
        answer = client.post(door)
        assert answer.status_code == 502
        assert "Is the service running" in answer.get_json()["error"]
    assert "No answer" in home(client)
    sandbox_of(app).stop()


def test_a_file_can_be_added(client: FlaskClient, service: Service) -> None:
    """A pass may be uploaded, and one that does not verify is refused in words."""
    pkpass = io.BytesIO(service.pkpass())
    assert client.post("/phone/add", data={"pass": (pkpass, "card.pkpass")}).status_code == 200
    answer = client.post("/phone/add", data={"pass": (io.BytesIO(b"junk"), "card.pkpass")})
    assert answer.status_code == 422
    assert "not a zip archive" in answer.get_json()["error"]


def test_a_sandbox_without_parts_says_so(chain: Chain) -> None:
    """Without shop, card link and push service the page says what is missing."""
    app = create_sandbox(root_pem=chain.root, web_base_url="http://127.0.0.1:9", apns=None, shop=None, clock=now)
    client = app.test_client()
    page = home(client)
    assert "No shop is connected" in page
    assert "No push service runs here" in page
    assert 'type="file"' in page
    for door in ("/phone/add", "/shop/buy"):
        assert client.post(door).status_code == 409
    assert client.post("/push-service/behave", data={"breakage": "429"}).status_code == 409
    sandbox_of(app).stop()


def test_buying_sends_a_signed_order(client: FlaskClient, service: Service) -> None:
    """A purchase goes out as a signed order.paid, and the page shows it without the secret or the whole signature."""
    assert client.post("/shop/buy").status_code == 200
    event = service.events[0]
    assert event["type"] == "order.paid"
    assert datetime.fromisoformat(event["timestamp"]).tzinfo is not None
    order = event["data"]
    assert order.pop("order_id").startswith("sandbox-")
    assert order == {"customer": {"id": "customer-1"}, "currency": "EUR", "eligible_minor": 4200}
    page = home(client)
    assert "order.paid" in page
    assert ">202<" in page
    assert "webhook-signature: v1," in page
    assert "…" in page
    assert SECRET not in page


def test_a_refund_names_the_last_order(client: FlaskClient, service: Service) -> None:
    """Refunds pay the orders back in full, the last one first, until none is left."""
    client.post("/shop/buy")
    client.post("/shop/buy", data={"amount": "7,50"})
    for _ in range(2):
        assert client.post("/shop/refund").status_code == 200
    paid, refunded = service.events[:2], service.events[2:]
    assert [event["data"]["order_id"] for event in refunded] == [event["data"]["order_id"] for event in reversed(paid)]
    assert [event["data"]["refunded_minor"] for event in refunded] == [750, 4200]
    answer = client.post("/shop/refund")
    assert answer.status_code == 422
    assert "Buy something first" in answer.get_json()["error"]


def test_a_refused_order_is_not_refunded(client: FlaskClient, service: Service) -> None:
    """Only what the service took can be paid back."""
    service.failure = 500
    assert client.post("/shop/buy").status_code == 502
    assert client.post("/shop/refund").status_code == 422


def test_an_adjustment_says_who_and_why(client: FlaskClient, service: Service) -> None:
    """An adjustment carries points, reason and actor."""
    assert client.post("/shop/adjust", data={"points": "-50", "reason": " Goodwill "}).status_code == 200
    assert service.events[0]["type"] == "points.adjusted"
    assert service.events[0]["data"] == {
        "customer": {"id": "customer-1"},
        "points": -50,
        "reason": "Goodwill",
        "actor": "sandbox shop",
    }


@pytest.mark.parametrize(
    ("door", "data"),
    [
        ("buy", {"amount": "0"}),
        ("buy", {"amount": "-1"}),
        ("buy", {"amount": "1,000"}),
        ("buy", {"amount": "1e5"}),
        ("buy", {"amount": "lots"}),
        ("buy", {"amount": "NaN"}),
        ("adjust", {"points": "0", "reason": "x"}),
        ("adjust", {"points": "1.5", "reason": "x"}),
        ("adjust", {"points": "9999999", "reason": "x"}),
        ("adjust", {"points": "5", "reason": " "}),
    ],
)
def test_what_cannot_be_sold_is_not_sent(
    client: FlaskClient, service: Service, door: str, data: dict[str, str]
) -> None:
    """Amounts and points that make no sense are refused before anything is sent."""
    assert client.post(f"/shop/{door}", data=data).status_code == 422
    assert service.events == []


def test_amounts_follow_the_currency() -> None:
    """Minor units are exact and have as many decimals as the currency."""
    assert Shop("", "", "", "EUR").minor("42.5") == 4250
    assert Shop("", "", "", "JPY").minor("42") == 42
    assert Shop("", "", "", "KWD").minor("1,125") == 1125
    with pytest.raises(NotForSale, match="JPY"):
        Shop("", "", "", "JPY").minor("42.5")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "does not accept the signature"),
        (404, "no webhook at this address"),
        (409, "came before"),
        (422, "refused the event"),
        (429, "slow down"),
        (500, "service failed"),
        (302, "refused the event"),
    ],
)
def test_a_failing_webhook_is_explained(client: FlaskClient, service: Service, status: int, words: str) -> None:
    """Each kind of refusal is shown with its status and what to do."""
    service.failure = status
    answer = client.post("/shop/buy")
    assert answer.status_code == 502
    assert words in answer.get_json()["error"]
    page = home(client)
    assert f'<strong class="bad">{status}</strong>' in page
    assert words in page


def told(client: FlaskClient, number: int, *, secret: str = ENDPOINT_SECRET, data: dict[str, Any] | None = None) -> int:
    """Tell the shop's own endpoint something, and return the status of its answer."""
    said = {"type": "points.earned", "timestamp": now().isoformat(), "data": {"points": number, "balance": 1000}}
    body = json.dumps(said | ({"data": data} if data else {}))
    headers = {
        "webhook-id": f"msg_{number}",
        "webhook-timestamp": str(int(now().timestamp())),
        "webhook-signature": Webhook(secret).sign(f"msg_{number}", now(), body),
    }
    return client.post("/shop/endpoint", data=body, headers=headers).status_code


def test_the_shop_shows_what_it_is_told(client: FlaskClient) -> None:
    """The last twenty messages, the newest first, each once; what is not signed for the shop is refused."""
    assert "Nothing yet. Buy something, and the service tells" in home(client)
    assert [told(client, number) for number in (*range(1, 26), 25)] == [204] * 26
    assert told(client, 99, secret=SECRET) == 401
    assert client.post("/shop/endpoint", data=b"{}", headers={"webhook-id": "x"}).status_code == 401
    assert client.post("/shop/endpoint", data=b"", headers={"webhook-signature": "v1,é"}).status_code == 401
    heard = client.get("/state.json").get_json()["heard"]
    assert [each["id"] for each in heard] == [f"msg_{number}" for number in range(25, 5, -1)]
    assert heard[0]["text"] == "+25 points, balance 1,000"
    told(client, 26, data={"reward": "mug", "balance": 5, "tier": "<b>gold</b>"})
    page = home(client)
    assert 'data-id="msg_26"' in page
    assert "reward mug, balance 5, tier &lt;b&gt;gold&lt;/b&gt;" in page


def test_a_push_changes_the_page(client: FlaskClient, service: Service, sandbox: Sandbox) -> None:
    """After a purchase and a push the page shows the new balance, the notification and the way it came."""
    client.post("/phone/add")
    client.post("/shop/buy")
    service.balance = 1292
    push(sandbox)
    page = home(client)
    state = client.get("/state.json").get_json()
    assert 'data-field="balance" data-value="1292"' in page
    assert "You now have 1,292 points" in page
    assert "s</b> after the shop sent it" in page
    assert state["notification"]["text"] == "You now have 1,292 points"
    assert state["cards"][0]["last_modified"] == "1"
    assert [step["kind"] for step in state["timeline"]][-5:] == ["pushed", "listed", "fetched", "verified", "notified"]
    assert [TOKEN in json.dumps(state), sandbox.phone.push_token in json.dumps(state)] == [False, False]


def test_a_push_for_another_phone_wakes_nobody(sandbox: Sandbox) -> None:
    """A push goes to the phone whose token it names."""
    other = sandbox.add_phone("Other")
    sandbox.pushed("00" * 32, "id", PASS_TYPE)
    sandbox.pushed(other.push_token, "id", PASS_TYPE)
    assert sandbox.phone.timeline() == ()
    assert len(other.timeline()) == 1


def test_the_back_of_the_card_works(client: FlaskClient, service: Service) -> None:
    """Refresh fetches, the switch switches, and removing empties the phone."""
    client.post("/phone/add")
    service.balance = 7
    card = client.post("/phone/refresh").get_json()["cards"][0]
    assert card["fields"]["balance"]["value"] == 7
    for on in ("false", "true"):
        card = client.post("/phone/automatic-updates", data={"serial": "m 1/x", "on": on}).get_json()["cards"][0]
        assert card["automatic_updates"] == (on == "true")
        assert f'aria-checked="{on}"' in home(client)
    assert client.post("/phone/remove", data={"serial": "m 1/x"}).get_json()["cards"] == []
    answer = client.post("/phone/remove", data={"serial": "m 1/x"})
    assert answer.status_code == 404
    assert client.post("/phone/remove", data={}).status_code == 400


def test_images_and_colors_come_from_the_pass(client: FlaskClient) -> None:
    """Images are served as they are in the pass, colours as a style sheet, and nothing else of it is."""
    assert client.get("/phone/cards/m 1/x/images/logo.png").status_code == 404
    client.post("/phone/add")
    sources = re.search(r'class="logo" src="([^"]+)" srcset="([^"]+)"', home(client))
    assert sources is not None
    answer = client.get(sources[1])
    assert (answer.data, answer.mimetype) == (png("navy"), "image/png")
    assert [part.split()[1] for part in sources[2].split(", ")] == ["1x", "2x"]
    for name in ("pass.json", "signature", "none.png"):
        assert client.get(f"/phone/cards/m 1/x/images/{name}").status_code == 404
    css = client.get("/phone/colors.css").get_data(as_text=True)
    assert css == '[data-card="0"]{--background:rgb(20 30 255);--foreground:#FFEEDD;--label:#FFEEDD;--on-strip:#FFEEDD}'


def test_other_barcodes_are_told_in_words(client: FlaskClient, service: Service) -> None:
    """A barcode that is no QR code is not drawn; its text is shown."""
    barcode = {"format": "PKBarcodeFormatPDF417", "message": "m", "messageEncoding": "utf-8", "altText": "CODE M"}
    service.extra = {"barcodes": [barcode], "voided": True}
    client.post("/phone/add")
    page = home(client)
    assert "PDF417 barcode: this simulator draws QR codes only" in page
    assert "CODE M" in page
    assert "no longer valid" in page


def test_posts_from_other_sites_are_refused(client: FlaskClient, service: Service) -> None:
    """A post that another site's page made a browser send does nothing; the page's own and a script's go through."""
    for headers in (
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://localhost:1"},
    ):
        assert client.post("/shop/buy", headers=headers).status_code == 403
    assert service.events == []
    own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/shop/buy", headers=own).status_code == 200


def test_everything_is_served_from_here(client: FlaskClient, service: Service) -> None:
    """The policy allows nothing from elsewhere and nothing inline, and the page needs nothing of the kind."""
    client.post("/phone/add")
    answer = client.get("/")
    page = answer.get_data(as_text=True)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert re.findall(r"\sstyle=|\son\w+=|<style", page) == []
    assert re.findall(r"<script(?! src=\"/static/)", page) == []
    assert set(re.findall(r'(?:src|href)="(https?://[^"]+)"', page)) == {service.url, "https://x.test/t"}
    for name in ("sandbox.css", "sandbox.js", "icon.svg"):
        with client.get(f"/static/{name}") as file:
            assert file.status_code == 200
            assert "http" not in file.get_data(as_text=True).replace("http://www.w3.org/2000/svg", "")


def test_the_page_speaks_to_screen_readers(client: FlaskClient) -> None:
    """Notification and balance are announced, each input has a label, and each button a name."""
    client.post("/phone/add")
    page = home(client)
    assert '<div id="notification" role="status" aria-live="polite"' in page
    assert '<p id="announcer" class="unseen" aria-live="polite">' in page
    inputs = set(re.findall(r'<input id="([^"]+)"', page))
    assert inputs == {"amount", "points", "reason"}
    assert inputs <= set(re.findall(r'<label for="([^"]+)"', page))
    for button in re.findall(r"<button[^>]*>.*?</button>", page, re.DOTALL):
        assert "aria-label" in button or re.sub(r"<[^>]+>", "", button).strip()


@pytest.mark.parametrize(
    ("message", "encoding"),
    [
        ("CR-7F3C-22A9", "iso-8859-1"),
        ("0123456789", "iso-8859-1"),
        ("Müller 42", "iso-8859-1"),
        ("балл ☕", "utf-8"),
        ("x" * 900, "ascii"),
    ],
)
def test_the_qr_code_reads_back(message: str, encoding: str) -> None:
    """A scanner reads exactly the bytes of the pass's message."""
    barcode = {"format": "PKBarcodeFormatQR", "message": message, "messageEncoding": encoding, "altText": '"A"'}
    drawn = barcode_of({"barcodes": [barcode]})
    assert drawn is not None
    assert drawn.svg is not None
    assert 'aria-label="QR code &#34;A&#34;"' in drawn.svg
    read = zxingcpp.read_barcodes(painted(str(drawn.svg)))
    assert [each.bytes for each in read] == [message.encode(encoding)]


@pytest.mark.parametrize(("message", "encoding"), [("x" * 3000, "ascii"), ("☕", "iso-8859-1"), ("x", "no-such")])
def test_a_message_that_no_qr_code_holds_is_not_drawn(message: str, encoding: str) -> None:
    """Too long a message, or one that its encoding cannot write, leaves the text only."""
    drawn = barcode_of({"barcodes": [{"format": "PKBarcodeFormatQR", "message": message, "messageEncoding": encoding}]})
    assert drawn is not None
    assert drawn.svg is None


def test_the_first_barcode_that_phones_know_is_shown() -> None:
    """Formats of the newest phones only are passed over; without any other there is no barcode."""
    new = {"format": "PKBarcodeFormatEAN13", "message": "1", "messageEncoding": "utf-8"}
    old = {"format": "PKBarcodeFormatAztec", "message": "1", "messageEncoding": "utf-8"}
    shown = barcode_of({"barcodes": [new, old]})
    assert shown is not None
    assert shown.name == "Aztec"
    assert barcode_of({"barcodes": [new]}) is None
    assert barcode_of({}) is None
    assert "<svg" in qr_svg(b"x", label="x")


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a < b & c", "a &lt; b &amp; c"),
        ("<a href='tel:+49 30'>Call</a>", '<a href="tel:+49 30" target="_blank" rel="noopener noreferrer">Call</a>'),
        ("<a href='mailto:a@b.test'>M", '<a href="mailto:a@b.test" target="_blank" rel="noopener noreferrer">M</a>'),
        ("<a href='javascript:alert(1)'>x</a>", "x"),
        ("<a href='java\nscript:alert(1)'>x</a>", "x"),
        ("<a href='data:text/html,x'>x</a>", "x"),
        ("<a href='//x.test'>x</a>", "x"),
        ("<a href='http://[x'>x</a>", "x"),
        ("<a href='https://x.test/?a=1&amp;b=\"'>x</a>", None),
        ("<img src=x onerror=alert(1)>x<br>y", "x\ny"),
        ("<script>alert(1)</script>", "alert(1)"),
        ("</a>x", "x"),
    ],
)
def test_only_safe_links_stay(text: str, html: str | None) -> None:
    """Links to http, https, tel and mailto stay; every other markup becomes text or goes."""
    expected = html or '<a href="https://x.test/?a=1&amp;b=&#34;" target="_blank" rel="noopener noreferrer">x</a>'
    assert with_links(text) == expected


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("See https://x.test/a?b=1&c.", "See [https://x.test/a?b=1&amp;c]https://x.test/a?b=1&amp;c</a>."),
        ("Papermoth\nhi@x.test", "Papermoth\n[mailto:hi@x.test]hi@x.test</a>"),
        ("(http://x.test)", "([http://x.test]http://x.test</a>)"),
        ("javascript:alert(1) <b> a@b", "javascript:alert(1) &lt;b&gt; a@b"),
    ],
)
def test_addresses_in_plain_text_become_links(text: str, html: str) -> None:
    """Web and mail addresses on the back can be followed though the pass does not mark them."""
    expected = re.sub(r"\[(.*?)\]", r'<a href="\1" target="_blank" rel="noopener noreferrer">', html)
    assert with_detected_links(text) == expected


def read_until(stream: socket.socket, words: bytes) -> bytes:
    """What arrives up to some words."""
    received = b""
    while words not in received:
        received += stream.recv(65536)
    return received


def until(truth: Callable[[], bool]) -> None:
    """Wait until something is true."""
    limit = time.monotonic() + PATIENCE
    while not truth():
        assert time.monotonic() < limit
        time.sleep(0.01)


def pages_threads() -> int:
    """How many threads answer the pages' requests."""
    return sum("process_request_thread" in thread.name for thread in threading.enumerate())


def test_live_updates_end_with_the_browser(app: Flask, sandbox: Sandbox) -> None:
    """An open page hears of changes; once it is closed nothing of it is left, and stopping ends the rest."""
    server = serve(app, "127.0.0.1", 0)
    before = pages_threads()
    request_line = b"GET /phone/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as stream:
        stream.sendall(request_line)
        first = read_until(stream, b"still here")
        assert b"text/event-stream" in first
        assert b"event: phone" in first
        sandbox.phone.wake(PASS_TYPE)
        assert b"no card of that type" in read_until(stream, b"event: phone\n")
        assert pages_threads() > before
    until(lambda: pages_threads() == before)
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as stream:
        stream.sendall(request_line)
        read_until(stream, b"still here")
        sandbox.stop()
        until(lambda: pages_threads() == before)
    server.shutdown()
    server.server_close()


def pushed_over_http2(apns: SandboxApns, chain: Chain, folder: Path, token: str) -> int:
    """Send a push as the service does, and return the status."""
    chain.write(folder)
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, f"https://localhost:{apns.port}/3/device/{token}")
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2_0)
    curl.setopt(pycurl.CAINFO, str(folder / "push_root.pem"))
    curl.setopt(pycurl.SSLCERT, str(folder / "pass_certificate.pem"))
    curl.setopt(pycurl.SSLKEY, str(folder / "pass_key.pem"))
    curl.setopt(pycurl.POSTFIELDS, "{}")
    curl.setopt(pycurl.HTTPHEADER, [f"apns-topic: {PASS_TYPE}", "apns-push-type: background", "apns-priority: 5"])
    curl.setopt(pycurl.WRITEDATA, io.BytesIO())
    curl.perform()
    status = curl.getinfo(pycurl.RESPONSE_CODE)
    curl.close()
    return int(status)


def test_the_push_service_can_be_broken(service: Service, tmp_path: Path) -> None:
    """A push over HTTP/2 wakes the phone; after a button of the page the same push is answered with 503."""
    chain = service.chain
    app = create_sandbox(
        root_pem=chain.root, web_base_url=service.url, apns=None, shop=None, clock=now, card_url="/card"
    )
    sandbox, client = sandbox_of(app), app.test_client()
    sandbox.apns = apns = SandboxApns(
        certificate=chain.push_server_certificate,
        key=chain.push_server_key,
        client_authorities=chain.wwdr + chain.root,
        on_push=sandbox.pushed,
    )
    with apns:
        client.post("/phone/add")
        service.balance = 1300
        assert pushed_over_http2(apns, chain, tmp_path, sandbox.phone.push_token) == 200
        assert sandbox.phone.settle(PATIENCE)
        assert client.get("/state.json").get_json()["cards"][0]["fields"]["balance"]["value"] == 1300
        assert client.post("/push-service/behave", data={"breakage": "503"}).get_json()["push_service"] == "503"
        assert "ServiceUnavailable" in home(client)
        assert pushed_over_http2(apns, chain, tmp_path, sandbox.phone.push_token) == 503
        assert client.post("/push-service/behave", data={"breakage": "none"}).status_code == 200
        assert client.post("/push-service/behave", data={"breakage": "odd"}).status_code == 409
        assert pushed_over_http2(apns, chain, tmp_path, sandbox.phone.push_token) == 200
    sandbox.stop()
