"""Google's root keys for callbacks: fetched when first needed, kept while they last, at most one fetch a minute."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import requests

from wallet_service.google.callback_roots import RootKeys, read_keys

MARGIN = timedelta(minutes=5)  # before the first key expires, its successor should be known
FLOOR = timedelta(seconds=60)  # two fetches are never closer than this, whatever arrives
CEILING = timedelta(hours=24)
LONGEST_PAUSE = timedelta(minutes=10)  # between fetches that fail
MOST_BYTES = 65_536  # of the published keys; a key takes about 200
TIMEOUTS = (3.0, 5.0)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Held:
    """What the ring holds: keys asked for at `since`, good until `due`; nothing is fetched again before `rested`."""

    keys: RootKeys
    since: datetime
    due: datetime
    rested: datetime
    failures: int = 0

    def fresh(self, now: datetime) -> bool:
        return self.since <= now < self.due

    def resting(self, now: datetime) -> bool:
        # A clock that was set back ends the rest, which could otherwise last for as long as it was set back.
        return self.since <= now < self.rested

    def unexpired(self, now: datetime) -> RootKeys:
        return tuple(each for each in self.keys if each.expires_at > now)


class KeyRing:
    """The root keys of this moment; safe to share between threads, of which one at a time fetches.

    Keys are kept until five minutes before the first of them expires, at least 60 seconds and at most 24 hours.
    A callback that no root signed may be the first after a rotation, so it may cause a fetch, but there is never
    more than one fetch in 60 seconds. A failed fetch keeps the old keys as long as they are valid; the pause after
    it grows from 60 seconds to ten minutes.
    """

    def __init__(self, fetch: Callable[[], bytes], clock: Callable[[], datetime]) -> None:
        """`fetch` returns the published JSON, or raises OSError (which requests' errors are) or ValueError."""
        self._fetch, self._clock = fetch, clock
        self._flight = threading.Lock()
        self._held = _Held((), since=_EPOCH, due=_EPOCH, rested=_EPOCH)

    def current(self) -> RootKeys:
        """Return the keys that are valid now; none if they cannot be had, which the log explains."""
        now = self._clock()
        if not self._held.fresh(now):
            # Only who has nothing to go on waits for another thread's fetch.
            self._renew(wait=not self._held.unexpired(now))
        return self._held.unexpired(now)

    def newer(self, tried: RootKeys) -> RootKeys:
        """Return the keys that are valid now and not among those tried in vain; fetch them if a fetch is due."""
        self._renew(wait=True)
        return tuple(each for each in self._held.unexpired(self._clock()) if each not in tried)

    def _renew(self, *, wait: bool) -> None:
        if not self._flight.acquire(blocking=wait):
            return
        try:
            now = self._clock()  # read after the wait: another thread may have fetched meanwhile
            if not self._held.resting(now):
                self._held = self._asked(now)
        finally:
            self._flight.release()

    def _asked(self, now: datetime) -> _Held:
        try:
            keys = read_keys(self._fetch(), now)
        except (OSError, ValueError) as error:
            return self._put_off(now, error)
        due = min(min(each.expires_at for each in keys) - MARGIN, now + CEILING)
        return _Held(keys, since=now, due=due, rested=now + FLOOR)

    def _put_off(self, now: datetime, error: Exception) -> _Held:
        failures = self._held.failures + 1
        pause = min(FLOOR * 2 ** min(failures - 1, 10), LONGEST_PAUSE)
        log.warning(
            "The root keys for Google's callbacks were not fetched (%s: %s). Check their URL; next try in %d s.",
            type(error).__name__,
            error,
            pause.total_seconds(),
        )
        return _Held(self._held.unexpired(now), since=now, due=now, rested=now + pause, failures=failures)


def http_fetch(url: str, session: requests.Session, *, timeouts: tuple[float, float] = TIMEOUTS) -> bytes:
    """Return what is published at `url`, at most 64 KiB, without following redirects.

    `timeouts` are the seconds to connect, and to wait for each part of the answer.

    Raises:
        requests.RequestException: when it cannot be had in time, whole and with status 200.
    """
    # Compressed, an answer could be small on the wire and huge in memory.
    headers = {"Accept-Encoding": "identity"}
    with session.get(url, headers=headers, timeout=timeouts, allow_redirects=False, stream=True) as response:
        if response.status_code != 200:
            raise requests.HTTPError(f"status {response.status_code}")
        body = bytearray()
        for part in response.iter_content(8192):
            body += part
            if len(body) > MOST_BYTES:
                raise requests.RequestException(f"more than {MOST_BYTES} bytes")
        return bytes(body)
