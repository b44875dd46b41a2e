"""One HTTP/2 connection to the sandbox push service: reads requests, writes the verdicts it is given."""

import asyncio
import json
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from cryptography import x509
from cryptography.x509.oid import NameOID
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame

from wallet_service.sandbox.apns_rules import LARGEST_BODY, Request
from wallet_service.sandbox.tls import TlsEnd

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one request; `reason` and `timestamp` (milliseconds) go into the body of a refusal."""

    status: int = 200
    reason: str = ""
    timestamp: int | None = None
    action: Literal["answer", "stall", "reset", "hang_up"] = "answer"
    delay: float = 0.0
    empty_data_frame: bool = False
    goaway_after: int | None = None

    @property
    def body(self) -> bytes:
        """The JSON object that goes with a refusal, nothing with a 200."""
        if self.status == 200:
            return b""
        moment = {} if self.timestamp is None else {"timestamp": self.timestamp}
        return json.dumps({"reason": self.reason, **moment}).encode()


class Desk(Protocol):
    """What a connection needs of the service behind it; called on the event loop's thread."""

    def opened(self) -> None:
        """A client with a certificate that we trust has connected."""

    def judge(self, request: Request, topic: str) -> Verdict:
        """Decide what becomes of a request over a certificate for `topic`."""


@dataclass(slots=True)
class _Stream:
    """A request while it arrives, then its answer while it leaves."""

    headers: list[tuple[str, str]]
    body: bytearray = field(default_factory=bytearray)
    unsent: bytes | None = None


class Connection:
    """The server's end of one connection; obeys flow control, answers PING and SETTINGS (as `h2` does)."""

    def __init__(self, desk: Desk, max_concurrent_streams: int) -> None:
        self._desk = desk
        self._max_concurrent_streams = max_concurrent_streams
        self._http2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self._streams: dict[int, _Stream] = {}
        self._requests = 0
        self._leaving = False
        self._topic = ""

    def secured(self, outer: TlsEnd, certificate: bytes, protocol: str | None) -> None:
        """Begin, or hang up on a client that did not offer HTTP/2."""
        self._outer = outer
        self._desk.opened()
        if protocol != "h2":
            outer.close()
            return
        self._topic = _topic_of(certificate)
        # A limit given as an initial setting would hold at once, also for streams that a client opened in good
        # faith before it could know. As an update it holds from the client's acknowledgement on.
        self._http2.local_settings = Settings(
            client=False, initial_values={SettingCodes.MAX_CONCURRENT_STREAMS: 2**31 - 1}
        )
        self._http2.initiate_connection()
        self._http2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: self._max_concurrent_streams})
        self._flush()

    def received(self, data: bytes) -> None:
        """Take what the client has sent, and answer what is complete."""
        try:
            for event in self._http2.receive_data(data):
                self._handle(event)
        except ProtocolError as error:
            log.info("push client broke the protocol: %s", error)
            self._end()
        self._flush()

    def lost(self) -> None:
        """Forget all requests under way."""
        self._streams.clear()

    def _handle(self, event: Event) -> None:
        match event:
            case RequestReceived() if not self._leaving:
                self._streams[event.stream_id] = _Stream(
                    [(bytes(name).decode("latin-1"), bytes(value).decode("latin-1")) for name, value in event.headers]
                )
            case DataReceived():
                self._take(event)
            case StreamEnded() if event.stream_id in self._streams:
                self._finish(event.stream_id)
            case StreamReset():
                self._streams.pop(event.stream_id, None)
            case WindowUpdated() | RemoteSettingsChanged():
                for stream_id in [number for number, stream in self._streams.items() if stream.unsent is not None]:
                    self._pump(stream_id)
            case ConnectionTerminated():
                self._end()

    def _take(self, event: DataReceived) -> None:
        self._http2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        stream = self._streams.get(event.stream_id)
        if stream is not None and len(stream.body) <= LARGEST_BODY:
            stream.body += event.data

    def _finish(self, stream_id: int) -> None:
        stream = self._streams[stream_id]
        self._requests += 1
        verdict = self._desk.judge(_request(stream), self._topic)
        apns_id = dict(stream.headers).get("apns-id") or str(uuid.uuid4()).upper()
        if verdict.action == "hang_up":
            self._streams.clear()
            self._outer.abort()
        elif verdict.action == "reset":
            del self._streams[stream_id]
            self._http2.reset_stream(stream_id, ErrorCodes.INTERNAL_ERROR)
        elif verdict.action == "answer":
            self._after(verdict.delay, lambda: self._answer(stream_id, apns_id, verdict))
        if verdict.goaway_after is not None and self._requests >= verdict.goaway_after:
            self._go_away(stream_id)

    def _after(self, delay: float, action: Callable[[], None]) -> None:
        if delay:
            asyncio.get_running_loop().call_later(delay, action)
        else:
            action()

    def _answer(self, stream_id: int, apns_id: str, verdict: Verdict) -> None:
        if stream_id not in self._streams:
            return
        body = verdict.body
        silent = not body and not verdict.empty_data_frame
        kind = [("content-type", "application/json")] if body else []
        self._http2.send_headers(
            stream_id, [(":status", str(verdict.status)), ("apns-id", apns_id), *kind], end_stream=silent
        )
        if silent:
            self._done(stream_id)
        else:
            self._streams[stream_id].unsent = body
            self._pump(stream_id)
        self._flush()

    def _pump(self, stream_id: int) -> None:
        """Send as much of the answer as the client's window admits; the rest follows when it opens."""
        stream = self._streams[stream_id]
        body = stream.unsent or b""
        room = min(self._http2.local_flow_control_window(stream_id), self._http2.max_outbound_frame_size)
        if body and room <= 0:
            return
        stream.unsent = body[room:]
        self._http2.send_data(stream_id, body[:room], end_stream=not stream.unsent)
        if stream.unsent:
            self._pump(stream_id)
        else:
            self._done(stream_id)

    def _done(self, stream_id: int) -> None:
        del self._streams[stream_id]
        if self._leaving and not self._streams:
            self._flush()
            self._outer.close()

    def _go_away(self, last_stream_id: int) -> None:
        """Announce that no stream after this one will be looked at, answer those before it, then close.

        The frame is written by hand: after its own GOAWAY the `h2` library sends nothing else.
        """
        if self._leaving:
            return
        self._leaving = True
        self._streams = {number: stream for number, stream in self._streams.items() if number <= last_stream_id}
        self._flush()
        frame = GoAwayFrame(0, last_stream_id=last_stream_id, additional_data=b'{"reason":"Shutdown"}')
        self._outer.write(frame.serialize())
        if not self._streams:
            self._outer.close()

    def _end(self) -> None:
        """Write what is left and close; what has not been answered stays so."""
        self._streams.clear()
        self._flush()
        self._outer.close()

    def _flush(self) -> None:
        if data := self._http2.data_to_send():
            self._outer.write(data)


def _request(stream: _Stream) -> Request:
    headers = dict(stream.headers)
    return Request(
        method=headers.get(":method", ""),
        path=headers.get(":path", ""),
        headers=headers,
        repeated=len(headers) != len(stream.headers),
        body=bytes(stream.body),
    )


def _topic_of(certificate: bytes) -> str:
    """The pass type identifier is the user id of the subject."""
    names = x509.load_der_x509_certificate(certificate).subject.get_attributes_for_oid(NameOID.USER_ID)
    return str(names[0].value) if names else ""
