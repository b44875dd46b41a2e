"""The sandbox's push service refuses what Apple's does, and misbehaves when told to."""

import gc
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pycurl
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, Event, PingAckReceived, ResponseReceived, StreamEnded
from h2.settings import SettingCodes
from hyperframe.frame import Frame, GoAwayFrame, HeadersFrame

from wallet_service.sandbox.apns import Behaviour, SandboxApns
from wallet_service.sandbox.chain import Chain, make_chain

TOPIC = "pass.sandbox.wallet-service.loyalty"
TOKEN = "a1" * 32
ID = "123e4567-e89b-12d3-a456-426614174000"
BACKGROUND = ("apns-push-type: background", "apns-priority: 5")


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def chain() -> Chain:
    """The certificates of service and clients."""
    return make_chain(datetime.now(UTC))


@pytest.fixture(scope="module")
def folder(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each part of the chain as a file."""
    folder = tmp_path_factory.mktemp("chain")
    chain.write(folder)
    return folder


@pytest.fixture
def service(chain: Chain) -> Iterator[SandboxApns]:
    """A running push service."""
    with open_service(chain) as running:
        yield running


@pytest.fixture
def post(service: SandboxApns, folder: Path) -> Callable[..., Answer]:
    """A function that sends one request with the pass certificate."""

    def send(
        path: str = f"/3/device/{TOKEN}",
        headers: Sequence[str] = (f"apns-topic: {TOPIC}", *BACKGROUND),
        body: bytes = b"{}",
        method: str = "POST",
    ) -> Answer:
        return request(service.url + path, folder, headers=headers, body=body, method=method)

    return send


def open_service(chain: Chain, **settings: Any) -> SandboxApns:
    """A push service, not yet started."""
    return SandboxApns(
        certificate=chain.push_server_certificate,
        key=chain.push_server_key,
        client_authorities=chain.wwdr + chain.root,
        **settings,
    )


def request(
    url: str, folder: Path, *, headers: Sequence[str] = (), body: bytes = b"{}", method: str = "POST", who: str = "pass"
) -> Answer:
    """Send one request over a connection of its own."""
    lines: list[bytes] = []
    chunks: list[bytes] = []
    curl = pycurl.Curl()
    options: dict[int, object] = {
        pycurl.URL: url,
        pycurl.CUSTOMREQUEST: method,
        pycurl.POSTFIELDS: body,
        pycurl.HTTPHEADER: [*headers, "accept:", "content-type:"],
        pycurl.PATH_AS_IS: 1,
        pycurl.PROXY: "",
        pycurl.TIMEOUT: 5,
        pycurl.CAINFO: str(folder / "push_root.pem"),
        pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE,
        pycurl.HEADERFUNCTION: lines.append,
        pycurl.WRITEFUNCTION: chunks.append,
    }
    if who == "pass":
        options |= {pycurl.SSLCERT: str(folder / "pass_certificate.pem"), pycurl.SSLKEY: str(folder / "pass_key.pem")}
    if who == "server":
        options |= {pycurl.SSLCERT: str(folder / "push_server_certificate.pem")}
        options |= {pycurl.SSLKEY: str(folder / "push_server_key.pem")}
    try:
        for option, value in options.items():
            curl.setopt(option, value)
        curl.perform()
        pairs = (line.decode().partition(":") for line in lines if b":" in line)
        received = {name: value.strip() for name, _, value in pairs}
        raw = b"".join(chunks)
        return Answer(curl.getinfo(pycurl.RESPONSE_CODE), json.loads(raw) if raw else None, received)
    finally:
        curl.close()


def test_a_good_push_is_accepted(post: Callable[..., Answer], service: SandboxApns) -> None:
    """A push in good order gets a 200 without a body, and its own id back."""
    answer = post(headers=[f"apns-topic: {TOPIC}", *BACKGROUND, f"apns-id: {ID}"])
    assert (answer.status, answer.body, answer.headers["apns-id"]) == (200, None, ID)
    assert service.pushes_to(TOKEN) == service.counts.accepted == 1


def test_a_push_without_an_id_is_given_one(post: Callable[..., Answer]) -> None:
    """A push that names no id is answered with a fresh one."""
    assert post().headers["apns-id"] != post().headers["apns-id"]


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (f"apns-topic: {TOPIC}",),
        (f"apns-topic: {TOPIC}", "apns-priority: 10"),
        ("apns-push-type: alert", "apns-priority: 10", "apns-expiration: 1893456000"),
        ("apns-push-type: background", "apns-priority: 1", "apns-collapse-id: " + "c" * 64),
    ],
)
def test_what_apple_takes(post: Callable[..., Answer], headers: Sequence[str]) -> None:
    """The topic may be left out, because the certificate has one, and so may all other headers."""
    assert post(headers=headers).status == 200


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (("apns-topic: pass.of.somebody.else",), "TopicDisallowed"),
        (("apns-topic;",), "MissingTopic"),
        (("apns-push-type: background", "apns-priority: 10"), "BadPriority"),
        (("apns-priority: 7",), "BadPriority"),
        (("apns-push-type: wallet",), "InvalidPushType"),
        (("apns-id: 17",), "BadMessageId"),
        (("apns-expiration: soon",), "BadExpirationDate"),
        (("apns-collapse-id: " + "c" * 65,), "BadCollapseId"),
        ((f"apns-topic: {TOPIC}", f"apns-topic: {TOPIC}"), "DuplicateHeaders"),
    ],
)
def test_headers_that_apple_refuses(post: Callable[..., Answer], headers: Sequence[str], reason: str) -> None:
    """A wrong header is refused with Apple's reason for it."""
    answer = post(headers=headers)
    assert (answer.status, answer.body) == (400, {"reason": reason})


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "PayloadEmpty"),
        (b"[]", 400, "PayloadEmpty"),
        (b"\xff", 400, "PayloadEmpty"),
        (b'{"a":"' + b"x" * 4089 + b'"}', 413, "PayloadTooLarge"),
        (b"x" * 200_000, 413, "PayloadTooLarge"),
    ],
)
def test_bodies_that_apple_refuses(post: Callable[..., Answer], body: bytes, status: int, reason: str) -> None:
    """A body that is empty, no JSON object, or above 4096 bytes is refused."""
    answer = post(body=body)
    assert (answer.status, answer.body) == (status, {"reason": reason})


def test_the_largest_body_is_taken(post: Callable[..., Answer]) -> None:
    """A body of 4096 bytes is in good order."""
    assert post(body=b'{"a":"' + b"x" * 4088 + b'"}').status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", f"/3/device/{TOKEN}", 405, "MethodNotAllowed"),
        ("POST", f"/4/device/{TOKEN}", 404, "BadPath"),
        ("POST", f"/3/device/{TOKEN}/x", 404, "BadPath"),
        ("POST", f"/3/device/{TOKEN}?x=1", 404, "BadPath"),
        ("POST", "/3/device/", 400, "MissingDeviceToken"),
        ("POST", "/3/device/not-hexadecimal", 400, "BadDeviceToken"),
        ("POST", "/3/device/abc", 400, "BadDeviceToken"),
    ],
)
def test_requests_that_apple_refuses(
    post: Callable[..., Answer], method: str, path: str, status: int, reason: str
) -> None:
    """A wrong method, path or token is refused."""
    answer = post(path=path, method=method)
    assert (answer.status, answer.body) == (status, {"reason": reason})


@pytest.mark.parametrize(("who", "alert"), [("nobody", "certificate required"), ("server", "unknown ca")])
def test_certificates_that_apple_refuses(service: SandboxApns, folder: Path, who: str, alert: str) -> None:
    """Without a certificate, or with one that Apple has not signed, TLS itself is refused, and says why."""
    with pytest.raises(pycurl.error, match=alert):
        request(f"{service.url}/3/device/{TOKEN}", folder, who=who)
    assert service.counts.connections == 0


def test_a_client_without_http2_is_hung_up_on(service: SandboxApns, folder: Path) -> None:
    """A client that offers no h2 gets no answer."""
    context = client_context(folder)
    context.set_alpn_protocols(["http/1.1"])
    connection = http.client.HTTPSConnection("127.0.0.1", service.port, context=context, timeout=5)
    connection.request("POST", f"/3/device/{TOKEN}", b"{}")
    with pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()
    connection.close()


def test_strict_tokens(chain: Chain, folder: Path) -> None:
    """With strict tokens only those are known that were accepted before, whatever they look like."""
    with open_service(chain, strict_tokens=True) as service:
        service.accept("phone-1")
        assert request(f"{service.url}/3/device/phone-1", folder).status == 200
        assert request(f"{service.url}/3/device/{TOKEN}", folder).body == {"reason": "BadDeviceToken"}


def test_a_retired_token_is_unregistered_until_it_comes_back(post: Callable[..., Answer], service: SandboxApns) -> None:
    """A retired token answers 410 with the moment in milliseconds, and 200 once it is accepted again."""
    service.retire(TOKEN, datetime(2026, 1, 1, 0, 0, 0, 500000, UTC))
    answer = post()
    assert (answer.status, answer.body) == (410, {"reason": "Unregistered", "timestamp": 1767225600500})
    service.accept(TOKEN)
    assert post().status == 200


def test_behaviour_for_some_tokens_and_some_times(post: Callable[..., Answer], service: SandboxApns) -> None:
    """A behaviour holds for its tokens and its number of times, then the ordinary way returns."""
    service.behave(Behaviour(429, "TooManyRequests", tokens=frozenset([TOKEN]), times=1))
    assert post(path="/3/device/bb").status == 200
    assert [post().status for _ in range(2)] == [429, 200]


def test_pushes_are_told(chain: Chain, folder: Path) -> None:
    """Each accepted push is told with token, id and topic; a listener that fails does not fail the push."""
    told: list[tuple[str, str, str]] = []

    def listen(*push: str) -> None:
        told.append((push[0], push[1], push[2]))
        raise RuntimeError("a listener's fault")

    with open_service(chain, on_push=listen) as service:
        assert request(f"{service.url}/3/device/{TOKEN}", folder, headers=[f"apns-id: {ID}"]).status == 200
        assert request(f"{service.url}/3/device/zz", folder).status == 400
    assert told == [(TOKEN, ID, TOPIC)]


def test_counts(post: Callable[..., Answer], service: SandboxApns) -> None:
    """Accepted pushes, different ids, other requests and connections are counted."""
    for path in ("/3/device/aa", "/3/device/aa", "/3/device/zz"):
        post(path=path, headers=[f"apns-id: {ID}"])
    counts = service.counts
    assert (counts.accepted, counts.distinct_ids, counts.other, counts.connections) == (2, 1, 1, 3)
    assert (service.pushes_to("aa"), service.pushes_to("zz")) == (2, 0)


def test_a_taken_port_is_an_error(chain: Chain, service: SandboxApns) -> None:
    """A second service on the same port does not start, and says so."""
    with pytest.raises(OSError, match="in use"):
        open_service(chain, port=service.port).start()


def test_stop_may_be_said_twice(chain: Chain) -> None:
    """Stopping what has stopped, or was never started, does nothing."""
    service = open_service(chain)
    service.stop()
    service.start()
    service.stop()
    service.stop()


def client_context(folder: Path) -> ssl.SSLContext:
    """A TLS context with the pass certificate that offers h2."""
    context = ssl.create_default_context(cafile=str(folder / "push_root.pem"))
    context.load_cert_chain(folder / "pass_certificate.pem", folder / "pass_key.pem")
    context.set_alpn_protocols(["h2"])
    return context


class Frames:
    """A client that sees frames."""

    def __init__(self, port: int, folder: Path, settings: dict[SettingCodes | int, int] | None = None) -> None:
        """Connect, and say hello with these settings."""
        plain = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.tls = client_context(folder).wrap_socket(plain, server_hostname="127.0.0.1")
        self.http2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.http2.initiate_connection()
        self.http2.update_settings(settings or {})
        self.flush()

    def push(self, stream: int, token: str = TOKEN) -> None:
        """Send a push on the stream."""
        names = {":method": "POST", ":scheme": "https", ":authority": "localhost", ":path": f"/3/device/{token}"}
        self.http2.send_headers(stream, list(names.items()))
        self.http2.send_data(stream, b"{}", end_stream=True)

    def flush(self) -> None:
        """Write what is to be written."""
        self.tls.sendall(self.http2.data_to_send())

    def read(self, until: Callable[[list[Event]], bool]) -> list[Event]:
        """Read until the events suffice, or the connection ends."""
        events: list[Event] = []
        while not until(events) and (data := self.tls.recv(65536)):
            events += self.http2.receive_data(data)
            self.flush()
        return events


@pytest.fixture
def frames(service: SandboxApns, folder: Path) -> Iterator[Frames]:
    """A connected client that sees frames."""
    client = Frames(service.port, folder)
    yield client
    client.tls.close()


def parsed(data: bytes) -> Iterator[Frame]:
    """The frames in what a service has sent."""
    while data:
        frame, length = Frame.parse_frame_header(memoryview(data[:9]))
        frame.parse_body(memoryview(data[9 : 9 + length]))
        yield frame
        data = data[9 + length :]


def ended(count: int) -> Callable[[list[Event]], bool]:
    """Tell whether so many streams have ended."""
    return lambda events: sum(isinstance(event, StreamEnded) for event in events) >= count


def test_ping_is_answered(frames: Frames) -> None:
    """A PING comes back."""
    frames.http2.ping(b"12345678")
    frames.flush()
    events = frames.read(lambda seen: any(isinstance(event, PingAckReceived) for event in seen))
    assert any(isinstance(event, PingAckReceived) and event.ping_data == b"12345678" for event in events)


def test_the_limit_of_streams_is_announced(frames: Frames) -> None:
    """The client learns of the limit of concurrent streams."""
    frames.push(1)
    frames.flush()
    frames.read(ended(1))
    assert frames.http2.remote_settings.max_concurrent_streams == 1000


def test_a_closed_window_is_respected(service: SandboxApns, folder: Path) -> None:
    """A body waits for the client's window, and comes in pieces as it opens."""
    frames = Frames(service.port, folder, {SettingCodes.INITIAL_WINDOW_SIZE: 0})
    frames.push(1, token="zz")
    frames.flush()
    frames.read(lambda seen: any(isinstance(event, ResponseReceived) for event in seen))
    body = b""
    while True:
        frames.http2.increment_flow_control_window(10, stream_id=1)
        frames.flush()
        events = frames.read(lambda seen: any(isinstance(event, DataReceived) for event in seen))
        body += b"".join(event.data for event in events if isinstance(event, DataReceived))
        if ended(1)(events):
            break
    frames.tls.close()
    assert json.loads(body) == {"reason": "BadDeviceToken"}


def test_goaway_names_the_last_stream_and_answers_it(service: SandboxApns, folder: Path) -> None:
    """After GOAWAY the streams up to the one it names are answered, the later ones are not, and the connection ends."""
    service.behave(Behaviour(goaway_after=2, delay=0.05))
    frames = Frames(service.port, folder)
    for stream in (1, 3, 5, 7):
        frames.push(stream)
    frames.flush()
    data = b""
    while chunk := frames.tls.recv(65536):
        data += chunk
    frames.tls.close()
    sent = list(parsed(data))
    (goaway,) = [frame for frame in sent if isinstance(frame, GoAwayFrame)]
    assert (goaway.last_stream_id, goaway.additional_data) == (3, b'{"reason":"Shutdown"}')
    assert [frame.stream_id for frame in sent if isinstance(frame, HeadersFrame)] == [1, 3]
    assert service.counts.accepted == 2


def test_the_clients_goaway_ends_the_connection(frames: Frames) -> None:
    """When the client says GOAWAY, the service closes."""
    frames.http2.close_connection()
    frames.flush()
    assert frames.tls.recv(65536) is not None
    while frames.tls.recv(65536):
        pass


def test_a_broken_protocol_is_answered_with_goaway(frames: Frames) -> None:
    """A DATA frame on stream 0 ends the connection with a GOAWAY."""
    frames.tls.sendall(bytes(9))
    events = frames.read(lambda seen: any(isinstance(event, ConnectionTerminated) for event in seen))
    assert any(isinstance(event, ConnectionTerminated) for event in events)


def test_a_stalled_push_is_not_answered(service: SandboxApns, folder: Path) -> None:
    """A stalled stream stays open while a later one on the same connection is answered."""
    service.behave(Behaviour(action="stall", tokens=frozenset(["aa"])))
    frames = Frames(service.port, folder)
    frames.push(1, token="aa")
    frames.push(3)
    frames.flush()
    events = frames.read(ended(1))
    frames.tls.close()
    assert [event.stream_id for event in events if isinstance(event, StreamEnded)] == [3]


def test_stopping_drops_clients_that_are_still_shaking_hands(chain: Chain) -> None:
    """A client that never finishes its handshake does not keep the service from stopping."""
    service = open_service(chain)
    service.start()
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(b"\x16\x03\x01")
        time.sleep(0.05)
        service.stop()
        assert client.recv(10) == b""
    assert not [thread for thread in threading.enumerate() if thread.name == "sandbox-apns"]


def test_stopping_drops_clients_that_are_just_being_accepted(chain: Chain) -> None:
    """Clients that connect at the very moment of the stop leave nothing open behind."""
    for _ in range(10):
        service = open_service(chain)
        service.start()
        clients = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(3)]
        service.stop()
        for client in clients:
            client.close()
        del service
    gc.collect()
