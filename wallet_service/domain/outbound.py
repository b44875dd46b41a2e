"""What is sent to a merchant's endpoint, what an answer means, and when to try again.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol
from urllib.parse import SplitResult, urlsplit

from wallet_service.domain.addresses import Reach, literal

State = Literal["active", "disabled", "gone"]

# A message that was not taken is tried again after these, and a tenth time at the end: three days and a little.
LADDER = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
LONGEST_ASKED = timedelta(hours=24)  # that an endpoint may have one message wait
LONGEST_REST = timedelta(hours=1)  # that it may have all of them wait
GIVEN_UP_AFTER = timedelta(days=5)  # without a single message taken
SUSPECT = 5  # failures in a row, from which on an endpoint gets one message at a time, and rests in between
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=15)

GONE = 410
LONGEST_URL = 2000
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?|[0-9a-f:.]+")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message on its way to an endpoint; it is signed with each of the secrets that are live."""

    message_id: str
    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint said: its status, or in one word why it gave none, after so many milliseconds.

    `retry_after` is how long it asks us to wait. The words: `private_address`, `no_address`, `no_connection`, `tls`,
    `timeout`, `interrupted`; `secret` and `fault` are ours.
    """

    status: int | None = None
    error: str | None = None
    ms: int = 0
    retry_after: timedelta | None = None

    @property
    def taken(self) -> bool:
        """Whether the endpoint took the message; one that only leads elsewhere did not."""
        return self.status is not None and 200 <= self.status < 300

    def __str__(self) -> str:
        """Return it in a few words, as logs and people are told."""
        return f"answered {self.status}" if self.status is not None else str(self.error)


class Courier(Protocol):
    """Carries one message to an endpoint, safe to be used by many threads."""

    def send(self, parcel: Parcel, *, at: datetime) -> Answer:
        """Send it, signed as of that time, and return what became of it; never raises for an endpoint's fault."""
        ...


def next_try(answer: Answer, attempts: int, now: datetime, chance: random.Random) -> datetime | None:
    """Return when a message is tried again that was not taken for that many times; None once it is a dead letter.

    A little chance keeps messages that failed together from coming back together.
    """
    if attempts > len(LADDER):
        return None
    step = LADDER[attempts - 1]
    asked = min(answer.retry_after or timedelta(0), LONGEST_ASKED)
    return now + max(step + step * chance.random() / 10, asked)


def rest(answer: Answer, failures: int, chance: random.Random) -> timedelta:
    """Return how long an endpoint is left alone after so many failures in a row, whatever waits for it."""
    asked = min(answer.retry_after or timedelta(0), LONGEST_REST)
    if failures < SUSPECT:
        return asked
    ceiling = min(FIRST_PAUSE * int(2 ** min(failures - SUSPECT, 16)), LONGEST_PAUSE)
    return max(ceiling / 2 + ceiling * chance.random() / 2, asked)


def shares(wanting: Iterable[tuple[int, int]], under_way: Mapping[int, int], *, free: int, most: int) -> dict[int, int]:
    """Return how many more messages each endpoint may get, of those wanting: pairs of an endpoint and its failures.

    `under_way` says how many each has, `free` how many there is room for in all, `most` how many one may have. Nobody
    takes more than is left for the others: who has many under way waits while little room is left.
    """
    limits = {endpoint: 1 if failures >= SUSPECT else most for endpoint, failures in wanting}
    given = dict.fromkeys(limits, 0)
    left = free
    while left:
        has = {each: under_way.get(each, 0) + given[each] for each in given}
        able = [each for each in given if has[each] < min(limits[each], left)]
        if not able:
            break
        given[min(able, key=lambda each: has[each])] += 1
        left -= 1
    return {endpoint: number for endpoint, number in given.items() if number}


def url_fault(url: str, reach: Reach) -> str | None:
    """Return what is wrong with an endpoint's address, or None; where its name leads is looked at when it is used."""
    if len(url) > LONGEST_URL or not _PRINTABLE.fullmatch(url):
        return f"should be at most {LONGEST_URL} printable characters, and no blanks"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is not an address"
    if parts.scheme != "https" and not (parts.scheme == "http" and reach.private):
        return "should begin with https://"
    if not parts.hostname or not _HOST.fullmatch(parts.hostname) or port == 0:
        return "names no host; write one such as https://shop.example/webhooks"
    if parts.username is not None or parts.password is not None or "#" in url:
        return "should have neither a user nor a fragment"
    return _address_fault(parts, reach)


def _address_fault(parts: SplitResult, reach: Reach) -> str | None:
    address = literal(parts.hostname or "")
    if address is None or reach.allows(address, encrypted=parts.scheme == "https"):
        return None
    return "is a private address, to which webhooks are not sent (WALLET_WEBHOOKS_ALLOW_PRIVATE)"
