"""Push to Apple: tells phones that a pass has changed, over HTTP/2 with the pass certificate.

Source: https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
"""

import time
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

import pycurl

from wallet_service.apple.apns_batch import Batch
from wallet_service.apple.apns_stream import Endpoint, Stream, failed
from wallet_service.apple.transfers import Transfers
from wallet_service.domain.errors import Fault, SettingsRefused
from wallet_service.domain.push import Later, Outcome, Push, Stop

TRIES = 3
PROVEN_FOR = 60.0
NO_DEVICE = "no-such-device"


class Apns:
    """Sends pushes to Apple; keeps its connections open between calls. Not shared between threads: one per worker.

    `url` is the service's address without a path, `key_pem` is not encrypted, `ca_file` replaces the platform's
    trusted roots. `window` bounds the pushes under way at once, spread over at most `connections`. `timeout` and
    `connect_timeout` are in seconds; the former runs from when a push is taken up, so take results promptly.
    Proxy settings of the environment and ~/.netrc are ignored.

    Raises: SettingsRefused if the address is not https, or the certificate or key is empty.
    """

    def __init__(
        self,
        *,
        url: str,
        certificate_pem: bytes,
        key_pem: bytes,
        ca_file: Path | None = None,
        push_type: str = "background",
        priority: int = 5,
        connections: int = 2,
        window: int = 1000,
        timeout: float = 30.0,
        connect_timeout: float = 10.0,
    ) -> None:
        _check(url, certificate_pem, key_pem)
        self._endpoint = Endpoint(url, certificate_pem, key_pem, ca_file, push_type, priority, timeout, connect_timeout)
        self._connections, self._window = connections, window
        self._transfers = self._new_transfers()
        self._idle: list[Stream] = []
        self._flying: dict[pycurl.Curl, Stream] = {}
        self._proven_at: float | None = None
        self._distrusted = False
        self._busy = False

    def send(self, pushes: Iterable[Push]) -> Generator[tuple[Push, Outcome], None, None]:
        """Send all of them and yield each one's outcome as it becomes known; `pushes` may be long, and is read lazily.

        The first push after a start, a fault or a minute's silence goes alone, so that a refused certificate or a
        dead connection costs one request and not a thousand. A Stop is given to all later pushes of its topic, and
        once the service is out of reach all the rest are put off, both without asking: a call ends in bounded time.

        Raises: RuntimeError if the previous call has not been read to its end.
        """
        if self._busy:
            raise RuntimeError("one send() at a time: read the previous one to its end, or close it")
        self._busy = True
        batch = Batch(pushes)
        try:
            while True:
                if self._distrusted and not self._flying:
                    self._reconnect()
                yield from self._launch(batch)
                if not self._flying:
                    return
                yield from self._land(batch)
        finally:
            self._recall()
            self._busy = False

    def probe(self, topic: str) -> str | None:
        """Push to a token that cannot exist; return None if that is all Apple complains of, else what is wrong.

        It tells whether the connection, the certificate and the topic are accepted, without reaching a phone.
        """
        push = Push(wallet_id=0, target=NO_DEVICE, topic=topic, revision=0)
        for _, end in self.send([push]):
            if isinstance(end, Stop | Later):
                return end.reason
        return None

    def close(self) -> None:
        """Close the connections; the object is of no use afterwards."""
        self._recall()
        self._transfers.close()
        for stream in self._idle:
            stream.curl.close()

    def _launch(self, batch: Batch) -> Iterator[tuple[Push, Outcome]]:
        """Take up as many pushes as there is room for; yield those whose outcome needs no asking."""
        while len(self._flying) < self._room():
            step = batch.next()
            if step is None:
                return
            push, attempt = step
            end = batch.foregone(push)
            if end is None:
                self._start(push, attempt)
            else:
                yield push, end

    def _land(self, batch: Batch) -> Iterator[tuple[Push, Outcome]]:
        """Wait until something ends and yield what that means; what deserves another try goes back into the batch."""
        good, bad = self._transfers.wait()
        for curl in good:
            stream = self._landed(curl)
            self._proven_at = time.monotonic()
            yield batch.settled(stream.push, stream.answered())
        for curl, code, message in bad:
            stream = self._landed(curl)
            end = self._fault(stream, code, message, batch)
            if end is not None:
                yield batch.settled(stream.push, end)

    def _fault(self, stream: Stream, code: int, message: str, batch: Batch) -> Outcome | None:
        """Return the outcome of a push that failed below HTTP, or None if it is to be tried again.

        A push is idempotent, so it is tried again even if it may have been taken. After a time-out no connection is
        trusted: libcurl would go on using one whose peer has silently gone away.
        """
        self._proven_at = None
        end = failed(code, message)
        if isinstance(end, Stop):
            return end
        timed_out = code == pycurl.E_OPERATION_TIMEDOUT
        self._distrusted |= timed_out
        if not timed_out and stream.attempt < TRIES:
            batch.retry(stream.push, stream.attempt + 1)
            return None
        if stream.alone:
            batch.give_up(Later(end.reason))
        return end

    def _room(self) -> int:
        """How many pushes may be under way: the window, or one until something has been answered lately."""
        if self._distrusted:
            return 0
        lately = self._proven_at is not None and time.monotonic() - self._proven_at < PROVEN_FOR
        return self._window if lately else 1

    def _start(self, push: Push, attempt: int) -> None:
        stream = self._idle.pop() if self._idle else Stream(self._endpoint)
        stream.load(push, attempt, alone=self._room() == 1)
        self._flying[stream.curl] = stream
        self._transfers.start(stream.curl)

    def _landed(self, curl: pycurl.Curl) -> Stream:
        self._transfers.forget(curl)
        stream = self._flying.pop(curl)
        self._idle.append(stream)
        return stream

    def _recall(self) -> None:
        for curl in list(self._flying):
            self._landed(curl)

    def _reconnect(self) -> None:
        self._transfers.close()
        self._transfers = self._new_transfers()
        self._distrusted = False

    def _new_transfers(self) -> Transfers:
        return Transfers(connections=self._connections, streams=self._window)


def _check(url: str, certificate_pem: bytes, key_pem: bytes) -> None:
    faults = []
    if not url.startswith("https://"):
        message = "must begin with https://; Apple's is https://api.push.apple.com"
        faults.append(Fault("WALLET_APPLE_APNS_URL", "", message))
    if not certificate_pem or not key_pem:
        message = "pushes need the pass certificate and its key: set this and WALLET_APPLE_KEY"
        faults.append(Fault("WALLET_APPLE_CERTIFICATE", "", message))
    if faults:
        raise SettingsRefused("Pushes cannot be sent:", faults)
