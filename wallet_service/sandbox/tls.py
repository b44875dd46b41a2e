"""The server's end of TLS on an asyncio connection, which tells a client why it is refused.

asyncio's own TLS drops the alert that a failed handshake leaves behind (`asyncio.sslproto` never writes it), so that a
client with a wrong certificate sees a broken connection instead of a reason.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Iterator
from typing import Protocol, cast

log = logging.getLogger(__name__)

HANDSHAKE_TIMEOUT = 10.0
LINGER = 1.0
CHUNK = 64 * 1024


class Inner(Protocol):
    """What speaks over a secured connection."""

    def secured(self, outer: "TlsEnd", certificate: bytes, protocol: str | None) -> None:
        """The handshake is over: here is the client's certificate (DER, b"" for none) and the ALPN protocol."""

    def received(self, data: bytes) -> None:
        """The client has sent this."""

    def lost(self) -> None:
        """The connection is gone; called only after `secured`."""


class TlsEnd(asyncio.Protocol):
    """Encrypts what `inner` writes, decrypts what it is to receive."""

    def __init__(self, context: ssl.SSLContext, inner: Inner) -> None:
        self._inner = inner
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._secured = self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Await the handshake (called by asyncio)."""
        self._transport = cast(asyncio.Transport, transport)
        self._deadline = asyncio.get_running_loop().call_later(HANDSHAKE_TIMEOUT, self.abort)

    def data_received(self, data: bytes) -> None:
        """Take encrypted bytes in (called by asyncio)."""
        if self._closing:
            return
        self._incoming.write(data)
        if not self._secured:
            self._shake_hands()
        if self._secured:
            for chunk in self._plain():
                self._inner.received(chunk)
            self._drain()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell `inner` (called by asyncio)."""
        log.debug("a TLS client is gone: %s", exc)
        self._closing = True
        self._deadline.cancel()
        if self._secured:
            self._inner.lost()

    def write(self, data: bytes) -> None:
        """Send; does nothing once the connection is being closed."""
        if not self._closing:
            self._tls.write(data)
            self._drain()

    def close(self) -> None:
        """Say goodbye and close."""
        if self._closing:
            return
        # This writes our goodbye, then complains that the client's has not come yet.
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        self._linger()

    def abort(self) -> None:
        """Close without a word."""
        self._closing = True
        self._transport.abort()

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._drain()
        except ssl.SSLError as error:
            log.info("refused a TLS client: %s", error)
            self._linger()
        else:
            self._secured = True
            self._deadline.cancel()
            self._drain()
            certificate = self._tls.getpeercert(binary_form=True)
            self._inner.secured(self, certificate or b"", self._tls.selected_alpn_protocol())

    def _plain(self) -> Iterator[bytes]:
        while not self._closing:
            try:
                chunk = self._tls.read(CHUNK)
            except ssl.SSLWantReadError:
                return
            except ssl.SSLError as error:
                log.info("lost a TLS client: %s", error)
                self.abort()
                return
            if not chunk:
                self.close()
                return
            yield chunk

    def _drain(self) -> None:
        if not self._closing and (data := self._outgoing.read()):
            self._transport.write(data)

    def _linger(self) -> None:
        """Close our half and discard what still comes in: a full close would answer it with a reset.

        A reset may overtake what was written last, which is what the client is to read.
        """
        self._drain()
        self._closing = True
        self._transport.write_eof()
        asyncio.get_running_loop().call_later(LINGER, self._transport.abort)
