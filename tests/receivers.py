"""Merchants' endpoints on this machine: real HTTP servers that take messages, or refuse them as real ones do."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

PATIENCE = 30.0


@dataclass(frozen=True)
class Got:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The message's id."""
        return self.headers["webhook-id"]

    @property
    def said(self) -> dict[str, Any]:
        """What the message says."""
        said: dict[str, Any] = json.loads(self.body)
        return said

    def verified(self, secret: str) -> dict[str, Any]:
        """Check the signature as the reference library does, and return what the message says."""
        said: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return said


class Door(BaseHTTPRequestHandler):
    """One request to a receiver, with which its behaviour does what it likes."""

    protocol_version = "HTTP/1.1"
    receiver: "Receiver"

    def do_POST(self) -> None:
        """Note the request and answer it."""
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        got = Got(self.path, headers, body)
        with self.receiver.lock:
            self.receiver.got.append(got)
        self.receiver.behave(self, got)

    def do_GET(self) -> None:
        """Note that somebody has followed a redirect, which nobody should."""
        self.receiver.strayed.append(self.path)
        self.answer(200)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer with a status."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


Behaviour = Callable[[Door, Got], None]


@dataclass
class Receiver:
    """What came in, and what becomes of it."""

    url: str = ""
    port: int = 0
    behave: Behaviour = field(default=lambda door, _: door.answer(200))
    got: list[Got] = field(default_factory=list)
    strayed: list[str] = field(default_factory=list)
    connections: list[Any] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def said(self) -> list[dict[str, Any]]:
        """What all messages say, in the order in which they came."""
        return [each.said for each in self.got]

    @property
    def types(self) -> list[str]:
        """Their types."""
        return [each["type"] for each in self.said]

    def wait_for(self, number: int) -> list[Got]:
        """Return what came in, once that many have."""
        end = time.monotonic() + PATIENCE
        while len(self.got) < number:
            assert time.monotonic() < end, f"{len(self.got)} of {number} messages came"
            time.sleep(0.01)
        return self.got


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    receiver: Receiver

    def get_request(self) -> Any:
        connection = super().get_request()
        self.receiver.connections.append(connection[1])
        return connection

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that left, or whose handshake failed."""


@contextmanager
def receiving(behave: Behaviour | None = None, *, tls: tuple[Path, Path] | None = None) -> Iterator[Receiver]:
    """Serve on a free port; `tls` are the files of a certificate for localhost and of its key."""
    receiver = Receiver()
    if behave:
        receiver.behave = behave
    server = _Server(("127.0.0.1", 0), type("OwnDoor", (Door,), {"receiver": receiver}))
    server.receiver = receiver
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    receiver.port = server.server_port
    receiver.url = f"https://localhost:{receiver.port}/in" if tls else f"http://127.0.0.1:{receiver.port}/in"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)


def answering(*statuses: int, **headers: str) -> Behaviour:
    """Return what answers with these statuses one after the other, and with the last one ever after."""
    left = list(statuses)
    lock = threading.Lock()

    def behave(door: Door, _: Got) -> None:
        with lock:
            status = left.pop(0) if len(left) > 1 else left[0]
        door.answer(status, **headers)

    return behave
