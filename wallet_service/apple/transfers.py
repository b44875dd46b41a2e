"""Many libcurl transfers at once over few kept-alive connections, waited for with the platform's own selector."""

import selectors
import time

import pycurl

LONGEST_WAIT = 1.0

Failure = tuple[pycurl.Curl, int, str]


class Transfers:
    """A libcurl multi handle with its sockets and its timer. Not to be shared between threads.

    libcurl is driven by socket events (https://curl.se/libcurl/c/curl_multi_socket_action.html) because
    `CurlMulti.select` is a select(2): it is blind to descriptors above 1023, and to libcurl's own timers.
    """

    def __init__(self, *, connections: int, streams: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._due: float | None = None
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, connections)
        self._multi.setopt(pycurl.M_MAXCONNECTS, connections)
        # libcurl's own limit; the server's MAX_CONCURRENT_STREAMS is obeyed besides.
        self._multi.setopt(pycurl.M_MAX_CONCURRENT_STREAMS, streams)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)

    def start(self, curl: pycurl.Curl) -> None:
        """Begin a transfer; it moves on only within `wait`."""
        self._multi.add_handle(curl)

    def forget(self, curl: pycurl.Curl) -> None:
        """Take a transfer out, whether it has ended or not; its connection is kept."""
        self._multi.remove_handle(curl)

    def wait(self) -> tuple[list[pycurl.Curl], list[Failure]]:
        """Let transfers move on until something happens, a second at the longest; return the ended: good and failed.

        A failed one comes with libcurl's error code and message.
        """
        for key, events in self._selector.select(self._patience()):
            readable = pycurl.CSELECT_IN if events & selectors.EVENT_READ else 0
            writable = pycurl.CSELECT_OUT if events & selectors.EVENT_WRITE else 0
            self._multi.socket_action(key.fd, readable | writable)
        if self._due is not None and time.monotonic() >= self._due:
            self._due = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        _, good, failed = self._multi.info_read()
        return good, failed

    def close(self) -> None:
        """End all transfers and connections."""
        self._multi.close()
        self._selector.close()

    def _patience(self) -> float:
        if self._due is None:
            return LONGEST_WAIT
        return min(max(self._due - time.monotonic(), 0.0), LONGEST_WAIT)

    def _on_timer(self, milliseconds: int) -> None:
        self._due = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000

    def _on_socket(self, what: int, descriptor: int, *_: object) -> None:
        known = descriptor in self._selector.get_map()
        if what in (pycurl.POLL_REMOVE, pycurl.POLL_NONE):
            if known:
                self._selector.unregister(descriptor)
            return
        readable = selectors.EVENT_READ if what & pycurl.POLL_IN else 0
        writable = selectors.EVENT_WRITE if what & pycurl.POLL_OUT else 0
        change = self._selector.modify if known else self._selector.register
        change(descriptor, readable | writable)
