"""A push service of our own that behaves as Apple's does: HTTP/2 over TLS, client certificate required.

It runs in a thread of the process that starts it and listens on the loopback interface only.
"""

import asyncio
import logging
import ssl
import tempfile
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from wallet_service.sandbox.apns_connection import Connection, Verdict
from wallet_service.sandbox.apns_rules import Request, is_well_formed, refusal
from wallet_service.sandbox.apns_tally import Counts, Tally
from wallet_service.sandbox.tls import TlsEnd

log = logging.getLogger(__name__)

START_TIMEOUT = 10.0

OnPush = Callable[[str, str, str], None]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How pushes that are in good order are treated: all of them, or those to `tokens`, or the next `times`.

    `delay` is in seconds. `stall` accepts and never answers, `reset` resets the stream, `hang_up` drops the
    connection. `goaway_after` is a number of requests per connection. `empty_data_frame` ends a 200 with an empty
    DATA frame, which trips some clients.
    """

    status: int = 200
    reason: str = ""
    timestamp: datetime | None = None
    tokens: frozenset[str] = frozenset()
    times: int | None = None
    action: Literal["answer", "stall", "reset", "hang_up"] = "answer"
    delay: float = 0.0
    empty_data_frame: bool = False
    goaway_after: int | None = None

    def verdict(self) -> Verdict:
        """Return what becomes of a request that this behaviour is meant for."""
        return Verdict(
            self.status,
            self.reason,
            None if self.timestamp is None else int(self.timestamp.timestamp() * 1000),
            self.action,
            self.delay,
            self.empty_data_frame,
            self.goaway_after,
        )


class SandboxApns:
    """The sandbox's push service; start it, or use it as a context manager.

    All PEM. `client_authorities` holds the intermediate and the root that sign pass certificates. `on_push(token,
    apns_id, topic)` is called for each accepted push, on the service's own thread: it must be quick. With
    `strict_tokens` only those tokens are known that `accept` was told of; otherwise any hexadecimal token is.
    """

    def __init__(
        self,
        *,
        certificate: bytes,
        key: bytes,
        client_authorities: bytes,
        port: int = 0,
        on_push: OnPush = lambda *_: None,
        strict_tokens: bool = False,
        max_concurrent_streams: int = 1000,
    ) -> None:
        self.port = port
        self._tls = _tls_context(certificate, key, client_authorities)
        self._on_push = on_push
        self._strict_tokens = strict_tokens
        self._max_concurrent_streams = max_concurrent_streams
        self._lock = threading.Lock()
        self._tokens: set[str] = set()
        self._retired: dict[str, datetime] = {}
        self._behaviour = Behaviour()
        self._left: int | None = None
        self._tally = Tally()
        self._ends: weakref.WeakSet[TlsEnd] = weakref.WeakSet()
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens; "localhost" is in the sandbox's server certificate as well."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def counts(self) -> Counts:
        """The counts as they stand."""
        return self._tally.counts()

    def pushes_to(self, token: str) -> int:
        """Return how many pushes the token got, as far as it is remembered (the last 100,000 tokens)."""
        return self._tally.pushes_to(token)

    def accept(self, token: str) -> None:
        """Know the token from now on, whatever it looks like."""
        with self._lock:
            self._tokens.add(token)
            self._retired.pop(token, None)

    def retire(self, token: str, at: datetime) -> None:
        """Treat the token as one whose pass was removed at that moment: 410 Unregistered."""
        with self._lock:
            self._tokens.discard(token)
            self._retired[token] = at

    def behave(self, behaviour: Behaviour) -> None:
        """Treat pushes in this way from now on, in place of any other; `Behaviour()` is the ordinary way."""
        with self._lock:
            self._behaviour, self._left = behaviour, behaviour.times

    def start(self) -> int:
        """Listen, and return the port.

        Raises: OSError if the port is taken.
        """
        ready: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="sandbox-apns", daemon=True)
        self._thread.start()
        self.port = ready.result(START_TIMEOUT)
        return self.port

    def stop(self) -> None:
        """Drop all connections and end the thread; does nothing if it is not running."""
        if self._thread is None or not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(START_TIMEOUT)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def opened(self) -> None:
        """Count a connection (called by it)."""
        self._tally.connected()

    def judge(self, request: Request, topic: str) -> Verdict:
        """Decide what becomes of a request (called by its connection), and count it."""
        with self._lock:
            verdict = self._verdict(request, topic)
        if verdict.status == 200 and verdict.action == "answer":
            self._tally.accepted(request.token, request.headers.get("apns-id", ""))
            self._tell(request, topic)
        else:
            self._tally.other()
        return verdict

    def _verdict(self, request: Request, topic: str) -> Verdict:
        if not topic:
            return Verdict(403, "BadCertificate")
        if (refused := refusal(request, topic)) is not None:
            return Verdict(refused.status, refused.reason)
        if request.token in self._retired:
            return Behaviour(410, "Unregistered", self._retired[request.token]).verdict()
        known = not self._strict_tokens and is_well_formed(request.token)
        if not known and request.token not in self._tokens:
            return Verdict(400, "BadDeviceToken")
        return self._behave(request.token)

    def _behave(self, token: str) -> Verdict:
        behaviour = self._behaviour
        if behaviour.tokens and token not in behaviour.tokens:
            return Verdict()
        if self._left is not None:
            if self._left == 0:
                return Verdict()
            self._left -= 1
        return behaviour.verdict()

    def _tell(self, request: Request, topic: str) -> None:
        try:
            self._on_push(request.token, request.headers.get("apns-id", ""), topic)
        except Exception:
            log.exception("what listens to the sandbox's pushes failed; the push counts as accepted all the same")

    def _run(self, ready: Future[int]) -> None:
        asyncio.run(self._serve(ready))

    async def _serve(self, ready: Future[int]) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        try:
            server = await self._loop.create_server(self._accept_connection, "127.0.0.1", self.port)
        except OSError as error:
            ready.set_exception(error)
            return
        ready.set_result(server.sockets[0].getsockname()[1])
        await self._stopping.wait()
        # All other tasks are connections just being accepted. asyncio loses their sockets if the server closes first.
        while accepting := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(accepting)
        server.close()
        for end in list(self._ends):
            end.abort()
        await asyncio.sleep(0)  # sockets are closed on the loop's next turn

    def _accept_connection(self) -> TlsEnd:
        end = TlsEnd(self._tls, Connection(self, self._max_concurrent_streams))
        self._ends.add(end)
        return end


def _tls_context(certificate: bytes, key: bytes, client_authorities: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])
    context.load_verify_locations(cadata=client_authorities.decode("ascii"))
    with tempfile.TemporaryDirectory(prefix="sandbox-apns-") as folder:
        # The ssl module reads keys from files only; the folder is private and gone in a moment.
        path = Path(folder) / "server.pem"
        path.touch(mode=0o600)
        path.write_bytes(key + b"\n" + certificate)
        context.load_cert_chain(path)
    return context
