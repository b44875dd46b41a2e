"""Carries a message to an endpoint by libcurl: to an address that was checked, for so long, and nowhere else.

A name is looked up here, all its addresses are judged, and libcurl is given those; and each socket that it wants is
judged once more, by the very address that it would connect to. So nothing that answers differently the second time,
and nothing that two readers of an address understand differently, leads to a place that is not ours to reach.
"""

import queue
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pycurl

from wallet_service.domain.addresses import Reach, literal
from wallet_service.domain.outbound import Answer, Parcel
from wallet_service.outbound.signing import signed

LONGEST_ANSWER = 64 * 1024  # bytes of an answer that are read, its headers apart
MOST_ADDRESSES = 8
AGENT = "wallet-service-webhooks/1"
OWN_HEADERS = ("content-type: application/json", f"user-agent: {AGENT}", "expect:", "accept: */*")

Resolve = Callable[[str, int], list[str]]

ERRORS = {
    pycurl.E_OPERATION_TIMEDOUT: "timeout",
    pycurl.E_COULDNT_CONNECT: "no_connection",
    pycurl.E_COULDNT_RESOLVE_HOST: "no_address",
    pycurl.E_SSL_CONNECT_ERROR: "tls",
    pycurl.E_PEER_FAILED_VERIFICATION: "tls",
    pycurl.E_SSL_CIPHER: "tls",
}


class Courier:
    """Sends messages, safe to be used by many threads: each borrows a libcurl handle, which keeps its connections.

    `timeout` is in seconds, from the look-up to the end of the answer. `ca_file` is trusted instead of the platform's
    authorities. `resolve` returns the addresses of a host. Proxies of the environment and ~/.netrc are ignored, and
    redirects are not followed.
    """

    def __init__(
        self, *, reach: Reach, timeout: float, ca_file: Path | None = None, resolve: Resolve | None = None
    ) -> None:
        self._reach = reach
        self._timeout = timeout
        self._ca_file = ca_file
        self._resolve = resolve or look_up
        self._idle: queue.SimpleQueue[pycurl.Curl] = queue.SimpleQueue()

    def send(self, parcel: Parcel, *, at: datetime) -> Answer:
        """Send it, signed as of that time, and return what became of it."""
        headers = signed(parcel.message_id, parcel.body, secrets=parcel.secrets, at=at)
        return self.post(parcel.url, parcel.body, headers, at=at)

    def post(self, url: str, body: bytes, headers: Mapping[str, str], *, at: datetime) -> Answer:
        """Post JSON to where we may go, and return what was answered."""
        started = time.monotonic()
        parts = urlsplit(url)
        host, encrypted = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if encrypted else 80)
        try:
            addresses = [host] if literal(host) else self._resolve(host, port)
        except (OSError, UnicodeError):
            addresses = []
        if not addresses:
            return Answer(error="no_address", ms=_since(started))
        if not all(self._reach.allows(each, encrypted=encrypted) for each in addresses):
            return Answer(error="private_address", ms=_since(started))
        left = self._timeout - (time.monotonic() - started)
        if left <= 0:
            return Answer(error="timeout", ms=_since(started))
        trip = _Trip(self._reach, encrypted=encrypted)
        with self._borrowed() as curl:
            curl.setopt(pycurl.RESOLVE, [] if literal(host) else [_pinned(host, port, addresses)])
            return trip.make(curl, url, body, headers, at=at, timeout=left, started=started)

    def close(self) -> None:
        """Close the connections that nobody uses at the moment."""
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    @contextmanager
    def _borrowed(self) -> Iterator[pycurl.Curl]:
        try:
            curl = self._idle.get_nowait()
        except queue.Empty:
            curl = _new_curl(self._ca_file)
        try:
            yield curl
        finally:
            self._idle.put(curl)


class _Trip:
    """One request and its answer; `refused` says that a socket was wanted to where we may not go."""

    def __init__(self, reach: Reach, *, encrypted: bool) -> None:
        self._reach = reach
        self._encrypted = encrypted
        self._read = 0
        self._retry_after: str | None = None
        self._opened: list[socket.socket] = []
        self.refused = False

    def make(
        self,
        curl: pycurl.Curl,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        at: datetime,
        timeout: float,
        started: float,
    ) -> Answer:
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.HTTPHEADER, [*OWN_HEADERS, *(f"{name}: {value}" for name, value in headers.items())])
        curl.setopt(pycurl.POSTFIELDS, body)
        curl.setopt(pycurl.TIMEOUT_MS, max(int(timeout * 1000), 1))
        curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        curl.setopt(pycurl.WRITEFUNCTION, self._write)
        curl.setopt(pycurl.HEADERFUNCTION, self._header)
        failed = 0
        try:
            curl.perform()
        except pycurl.error as error:
            failed = int(error.args[0] or 0)
        finally:
            for each in self._opened:  # libcurl has descriptors of its own of those
                each.close()
        status = int(curl.getinfo(pycurl.RESPONSE_CODE))
        # Once a status has come, it is the answer, whatever becomes of the rest.
        if status >= 200:
            return Answer(status, ms=_since(started), retry_after=_asked(self._retry_after, at))
        word = "private_address" if self.refused else ERRORS.get(failed, "interrupted")
        return Answer(error=word, ms=_since(started))

    def _open_socket(self, _: int, address: Any) -> socket.socket | int:
        family, kind, protocol, where = address
        if family not in (socket.AF_INET, socket.AF_INET6) or not self._allows(where[0]):
            self.refused = True
            return pycurl.SOCKET_BAD
        self._opened.append(socket.socket(family, kind, protocol))
        return self._opened[-1]

    def _allows(self, address: str | bytes) -> bool:
        text = address if isinstance(address, str) else address.decode("ascii", "replace")
        return self._reach.allows(text, encrypted=self._encrypted)

    def _write(self, data: bytes) -> int:
        """Take the answer's body, which nobody reads; what is too long ends the request."""
        return self._count(data)

    def _header(self, line: bytes) -> int:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"retry-after":
            self._retry_after = value.strip().decode("ascii", "replace")
        return self._count(line)

    def _count(self, data: bytes) -> int:
        self._read += len(data)
        return len(data) if self._read <= LONGEST_ANSWER else -1


def look_up(host: str, port: int) -> list[str]:
    """Return the addresses of a host as this machine knows them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))[:MOST_ADDRESSES]


def _new_curl(ca_file: Path | None) -> pycurl.Curl:
    curl = pycurl.Curl()
    options: dict[int, object] = {
        pycurl.POST: 1,
        pycurl.PATH_AS_IS: 1,
        pycurl.PROTOCOLS: pycurl.PROTO_HTTPS | pycurl.PROTO_HTTP,
        pycurl.FOLLOWLOCATION: 0,
        pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_1_1,
        pycurl.SSLVERSION: pycurl.SSLVERSION_TLSv1_2,
        pycurl.NOSIGNAL: 1,
        # An empty string, unlike none, also turns off the proxies of the environment.
        pycurl.PROXY: "",
        pycurl.NETRC: pycurl.NETRC_IGNORED,
    }
    if ca_file is not None:
        options[pycurl.CAINFO] = str(ca_file)
    for option, value in options.items():
        curl.setopt(option, value)
    return curl


def _pinned(host: str, port: int, addresses: list[str]) -> str:
    """Return the entry by which libcurl looks nothing up; an earlier one of the same host is replaced."""
    shown = ",".join(f"[{each}]" if ":" in each else each for each in addresses)
    return f"{host}:{port}:{shown}"


def _asked(retry_after: str | None, at: datetime) -> timedelta | None:
    """Return how long an endpoint asks us to wait, in seconds or until a date; None for nothing that can be read."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 10:
        return timedelta(seconds=int(retry_after))
    try:
        until = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return None
    return max((until if until.tzinfo else until.replace(tzinfo=UTC)) - at, timedelta(0))


def _since(started: float) -> int:
    return int((time.monotonic() - started) * 1000)
