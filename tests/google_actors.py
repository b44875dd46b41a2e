"""A running sandbox Google for tests, with a service account that it knows; and faces of every kind."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from actors import START
from flask import Response, request
from hypothesis import strategies as st
from msgspec import structs

from wallet_service.domain.face import Barcode, Colors, Face, Field, Money
from wallet_service.google.client import WalletObjects
from wallet_service.google.service_account import ServiceAccount, load_service_account
from wallet_service.sandbox.google import SandboxGoogle, make_service_account
from wallet_service.sandbox.google_web import create_google, serve_google

GOOGLES = "https://oauth2.googleapis.com/token"
ISSUER = "3388000000022000001"
CLASS: dict[str, Any] = {
    "id": f"{ISSUER}.program-cafe",
    "issuerName": "Café Lumen",
    "programName": "Lumen Club",
    "programLogo": {"sourceUri": {"uri": "https://cards.example/logo.png"}},
    "reviewStatus": "UNDER_REVIEW",
}
OBJECT: dict[str, Any] = {
    "id": f"{ISSUER}.card-1",
    "classId": CLASS["id"],
    "state": "ACTIVE",
    "accountName": "Ada",
    "loyaltyPoints": {"label": "Points", "balance": {"int": 5}},
}


def machine_clock() -> datetime:
    """The machine's time, by which google-auth dates what it signs."""
    return datetime.now(UTC)


@cache
def _made_once() -> bytes:
    return make_service_account(GOOGLES)


@cache
def loaded_once() -> ServiceAccount:
    """The service account of this run."""
    return load_service_account(_made_once())


def account_json(address: str = GOOGLES, **changes: object) -> bytes:
    """A service account's JSON key; all of a run share one RSA key, which takes long to make."""
    return json.dumps(json.loads(_made_once()) | {"token_uri": address} | changes).encode()


@dataclass
class Running:
    """A sandbox that listens, and clients of it."""

    google: SandboxGoogle
    url: str
    account_json: bytes
    clients: list[WalletObjects] = field(default_factory=list)
    turns: int = 0
    asked: list[str] = field(default_factory=list)  # such as "PATCH loyaltyObject", in the order of arrival
    statuses: list[int] = field(default_factory=list)

    @property
    def account(self) -> ServiceAccount:
        """The account that it knows."""
        return replace(loaded_once(), token_uri=f"{self.url}/token")

    @property
    def calls(self) -> list[str]:
        """What its Wallet API was asked; tokens and keys are asked for besides."""
        return [each for each in self.asked if " loyalty" in each]

    @contextmanager
    def pace(self) -> Iterator[None]:
        """A turn, which is counted and always to be had."""
        self.turns += 1
        yield

    def client(self, **options: Any) -> WalletObjects:
        """A client, closed at the end."""
        given = {"api_url": self.url, "service_account": self.account, "pace": self.pace}
        self.clients.append(WalletObjects(**given | options))
        return self.clients[-1]


def _what(method: str, path: str) -> str:
    """A request without ids: the method, the kind, and what is done to it if that is more than writing it."""
    kind, *rest = path.removeprefix("/walletobjects/v1").strip("/").split("/")
    return " ".join([method, kind, *rest[1:]])


@contextmanager
def running(**options: Any) -> Iterator[Running]:
    """Run a sandbox Google on a free port."""
    google = SandboxGoogle(**{"issuer_id": ISSUER, "clock": machine_clock} | options)
    app = create_google(google)
    server = serve_google(app, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.port}"
    here = Running(google, url, account_json(f"{url}/token"))

    @app.before_request
    def arrives() -> None:
        here.asked.append(_what(request.method, request.path))

    @app.after_request
    def answered(answer: Response) -> Response:
        here.statuses.append(answer.status_code)
        return answer

    google.admit(here.account_json)
    yield here
    for client in here.clients:
        client.close()
    server.shutdown()
    server.server_close()


@contextmanager
def answering(
    status: int, body: bytes, kind: str = "application/json", *, tls: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Run a server that gives one answer to everything; yield its address and the lines of what was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def __getattr__(self, name: str) -> Callable[[], None]:
            if name.startswith("do_"):
                return self.answer
            raise AttributeError(name)

        def answer(self) -> None:
            asked.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


PLAIN = Face("en", "O", "P", "D", Colors("#000000", "#ffffff", "#ffffff"), Barcode("qr", "1"))
NAMES = ("balance", "tier", "next_tier", "member_name", "member_since", "card_code", "card_code_grouped")
TEXTS = st.text(max_size=30)
MOMENTS = st.integers(-(10**9), 10**10).map(lambda seconds: START + timedelta(seconds=seconds))
VALUES = st.one_of(
    TEXTS,
    st.integers(),
    st.builds(Money, st.integers(-(10**20), 10**20), st.sampled_from(["JPY", "EUR", "KWD"]), st.integers(0, 9)),
    MOMENTS,
)
KEYS = st.text("abcxyz019_-", max_size=8).map(lambda rest: f"k{rest}")
FIELDS = st.builds(Field, KEYS, TEXTS, VALUES, st.none() | TEXTS, st.none() | st.sampled_from(NAMES))


@st.composite
def faces(draw: st.DrawFn) -> Face:
    """Draw a face whose fields have each a key of their own, in any of the slots."""
    fields = draw(st.lists(FIELDS, max_size=16, unique_by=lambda each: each.key))
    cuts = sorted(draw(st.lists(st.integers(0, len(fields)), min_size=4, max_size=4)))
    slots = [tuple(fields[start:end]) for start, end in zip([0, *cuts], [*cuts, len(fields)], strict=True)]
    formats = st.sampled_from(["qr", "pdf417", "aztec", "code128"])
    return structs.replace(
        PLAIN,
        barcode=draw(st.builds(Barcode, formats, TEXTS, st.none() | TEXTS)),
        header=slots[0],
        primary=slots[1],
        secondary=slots[2],
        auxiliary=slots[3],
        back=slots[4],
        voided=draw(st.booleans()),
        expires_at=draw(st.none() | MOMENTS),
    )
