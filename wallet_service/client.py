"""A client of the API for merchants' programs: what changes something is sent again safely until it is answered.

It needs `requests`, and nothing else of this package, so that it can be copied into another program.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal, TypedDict
from uuid import uuid4

import requests

TRIES = 5
FIRST_PAUSE = 0.5  # seconds; twice as long after each try that failed
LONGEST_PAUSE = 60.0
AGAIN = (429, 503)
MOST = 200  # of a list on one page
CSV = "text/csv"
PIECE = 64 * 1024  # bytes of a file that are held at once
# Whoever comes through none of these tries was not heard, or was not answered: with the same key it is done once.
UNHEARD = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)

Query = Mapping[str, str | int | bool | None]
Problems = Sequence[Mapping[str, str]]


class Balance(TypedDict):
    """Points of a member; `dying` are those that die next, after their `last_day`."""

    available: int
    pending: int
    held: int
    dying: dict[str, Any] | None


class Member(TypedDict):
    """A member as the card shows it."""

    id: str
    program: str
    external_id: str
    name: str | None
    balance: Balance
    tier: dict[str, Any] | None
    cards: list[dict[str, Any]]


class LookUp(TypedDict):
    """What a till is told of a card; `name` if the member has agreed to that."""

    member_id: str
    name: str | None
    active: bool
    balance: int
    tier: str | None
    benefits: list[dict[str, Any]]
    ready: list[dict[str, Any]]
    rewards: list[dict[str, Any]]


class Discount(TypedDict):
    """A way to pay `minor` less, or why it cannot be had."""

    kind: Literal["benefit", "reward"]
    code: str
    minor: int
    points: int
    available: bool
    reasons: list[dict[str, Any]]


class Quote(TypedDict):
    """What an order would come to, if it were paid now."""

    member_id: str
    points: int
    pending: int
    balance: int
    tier: str | None
    discounts: list[Discount]
    best: str | None


class Hold(TypedDict):
    """Points that are set apart, or were."""

    id: str
    status: Literal["open", "captured", "voided", "expired"]
    member_id: str
    points: int
    captured: int | None
    balance: int
    held: int
    lost_if_voided: int | None
    died: int | None


class Entered(TypedDict, total=False):
    """What came of an event."""

    event_id: str
    type: str
    status: str
    member_id: str | None
    points: int | None
    balance: int | None
    claim_url: str | None


class Job(TypedDict):
    """How far a job is, and what has come of it."""

    id: str
    kind: Literal["import", "export"]
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    total: int
    done: int
    refused: int
    result: dict[str, int]
    has_file: bool
    last_error: str | None


class AskedJob(TypedDict):
    """A job that workers will do, with about so many rows."""

    id: str
    rows: int


class Link(TypedDict, total=False):
    """A link of a campaign: of a member's `member_id` says whose, a short one has a `code`."""

    url: str
    campaign: str
    channel: str
    until: str | None
    limit: int | None
    member_id: str | None
    code: str


class ApiRefused(Exception):
    """The service refused a request, or could not be reached: then the status is 0 and the type `unreachable`.

    `type` never changes, such as `insufficient-balance`; `errors` say which fields are wrong, `said` is all of it.
    """

    def __init__(self, status: int, type_: str, title: str, said: Mapping[str, Any] | None = None) -> None:
        self.status, self.type, self.title = status, type_, title
        self.said: Mapping[str, Any] = said or {}
        self.errors: Problems = self.said.get("errors", ())
        faults = [f"  {each.get('field')}: {each.get('message')}" for each in self.errors]
        super().__init__("\n".join([f"{self.said.get('detail') or title} ({type_})", *faults]))


class _Bearer(requests.auth.AuthBase):
    """The key; given as `auth`, since requests would put what it finds in a .netrc in place of a header."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


@dataclass
class Client:
    """Calls the API at an address such as `https://cards.example/api/v1`; not to be shared between threads.

    Every write gets an idempotency key, a fresh one unless you give your own: give one that you can make again, such as
    the order's id, and what a crash has cut short can be sent again, too. `tries` are made at the most, with pauses as
    the service asks for them.
    """

    url: str
    key: str = field(repr=False)
    tries: int = TRIES
    timeout: tuple[float, float] = (5.0, 30.0)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    chance: random.Random = field(default_factory=random.Random, repr=False)
    session: requests.Session = field(default_factory=requests.Session, repr=False)

    # Anything.

    def call(
        self, method: str, path: str, body: object = None, *, key: str | None = None, query: Query | None = None
    ) -> Any:
        """Send a request, and return what is answered; a query's None is left out.

        Raises `ApiRefused`.
        """
        return self._send(method, path, key=key, query=query, json=body).json()

    def every(self, path: str, **query: str | int | bool | None) -> Iterator[Any]:
        """Yield all of a list, page after page, each asked for when it is needed."""
        cursor: str | None = None
        while True:
            page = self.call("GET", path, query={**query, "limit": MOST, "cursor": cursor})
            yield from page["data"]
            cursor = page.get("next")
            if cursor is None:
                return

    # Programmes and members.

    def programs(self) -> list[dict[str, Any]]:
        """Return your programmes."""
        found: list[dict[str, Any]] = self.call("GET", "/programs")["data"]
        return found

    def member(self, member_id: str) -> Member:
        """Return a member by our id."""
        found: Member = self.call("GET", f"/members/{member_id}")
        return found

    def members(self, *, external_id: str | None = None, program: str | None = None) -> Iterator[Member]:
        """Yield members: all of a programme, or the one with your own id."""
        yield from self.every("/members", external_id=external_id, program=program)

    # At the till.

    def look_up(self, card_code: str, *, program: str | None = None) -> LookUp:
        """Tell of a scanned card whose it is, and what they can take."""
        found: LookUp = self.call("POST", "/look-ups", _given(member={"card_code": card_code}, program=program))
        return found

    def quote(self, member_id: str, order: Mapping[str, Any]) -> Quote:
        """Tell what an order would come to."""
        told: Quote = self.call("POST", "/quotes", {"member": {"id": member_id}, "order": dict(order)})
        return told

    def hold(self, member_id: str, points: int, *, reference: str | None = None, key: str | None = None) -> Hold:
        """Set points apart."""
        body = _given(member={"id": member_id}, points=points, reference=reference)
        held: Hold = self.call("POST", "/holds", body, key=key)
        return held

    def capture(self, hold_id: str, points: int | None = None, *, key: str | None = None) -> Hold:
        """Use held points up: so many, or all; the rest goes back."""
        captured: Hold = self.call("POST", f"/holds/{hold_id}/capture", _given(points=points), key=key)
        return captured

    def void(self, hold_id: str, *, key: str | None = None) -> Hold:
        """Give held points back."""
        voided: Hold = self.call("POST", f"/holds/{hold_id}/void", key=key)
        return voided

    def tell(self, event: Mapping[str, Any], *, key: str | None = None) -> Entered:
        """Tell of an event: `type`, `timestamp` and `data`."""
        entered: Entered = self.call("POST", "/events", dict(event), key=key)
        return entered

    # Jobs and files.

    def bring(
        self,
        file: BinaryIO,
        *,
        mimetype: str = CSV,
        program: str | None = None,
        dry_run: bool = False,
        key: str | None = None,
    ) -> AskedJob:
        """Bring members in from an open file, which is read from where it stands, anew for each try."""
        query: Query = {"program": program, "dry_run": dry_run}
        headers = {"Content-Type": mimetype}
        answer = self._send("POST", "/imports", key=key, query=query, data=_rewound(file), headers=headers)
        asked: AskedJob = answer.json()
        return asked

    def export(self, *, program: str | None = None, key: str | None = None) -> AskedJob:
        """Have all members written into a file."""
        asked: AskedJob = self.call("POST", "/exports", _given(program=program), key=key)
        return asked

    def job(self, job_id: str) -> Job:
        """Return a job as it stands."""
        found: Job = self.call("GET", f"/jobs/{job_id}")
        return found

    def jobs(self, *, program: str | None = None) -> Iterator[Job]:
        """Yield jobs, newest first."""
        yield from self.every("/jobs", program=program)

    def file(self, job_id: str, what: Literal["file", "refused"] = "file", *, mimetype: str = CSV) -> Iterator[bytes]:
        """Yield the bytes of the file that an export has made, or of the rows that an import refused."""
        headers = {"Accept": mimetype}
        with self._send("GET", f"/jobs/{job_id}/{what}", headers=headers, stream=True) as answer:
            yield from answer.iter_content(PIECE)

    # Links.

    def campaigns(self) -> Iterator[dict[str, Any]]:
        """Yield campaigns, oldest first."""
        yield from self.every("/campaigns")

    def link(
        self,
        campaign: str,
        *,
        member_id: str | None = None,
        prospect: Mapping[str, str] | None = None,
        key: str | None = None,
        **said: str | int | None,
    ) -> Link:
        """Make a link for a member, or for somebody who is none yet; `said` are channel, until, limit and content."""
        member = {"id": member_id} if member_id else None
        body = _given(member=member, prospect=dict(prospect) if prospect else None, **said)
        made: Link = self.call("POST", f"/campaigns/{campaign}/links", body, key=key)
        return made

    def short_link(self, campaign: str, *, key: str | None = None, **said: str | int | None) -> Link:
        """Make a link with a short code for anyone, to be printed."""
        made: Link = self.call("POST", f"/campaigns/{campaign}/short-links", _given(**said), key=key)
        return made

    def links(
        self,
        campaign: str,
        file: BinaryIO | None = None,
        *,
        mimetype: str = CSV,
        key: str | None = None,
        **said: str | int | None,
    ) -> Iterator[bytes]:
        """Yield the bytes of a file of links: for each member, or for each row of an open file of people."""
        path = f"/campaigns/{campaign}/{'prospect' if file else 'member'}-links"
        headers = {"Accept": mimetype} | ({"Content-Type": mimetype} if file else {})
        data = _rewound(file) if file else None
        with self._send("POST", path, key=key, query=said, headers=headers, data=data, stream=True) as answer:
            yield from answer.iter_content(PIECE)

    def revoke_link(self, link: str, *, key: str | None = None) -> None:
        """End a link, by its address or its short code."""
        self.call("POST", "/links/revoke", {"link": link}, key=key)

    def funnel(self, by: str = "campaign", **asked: str | None) -> Iterator[dict[str, Any]]:
        """Yield how far people came, told apart by campaign, channel, link or wallet; of a `campaign`, or of all."""
        yield from self.every("/funnel", by=by, **asked)

    # Shops and webhooks.

    def inbound(self, *, status: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield what shops have delivered, newest first."""
        yield from self.every("/inbound", status=status)

    def endpoints(self) -> list[dict[str, Any]]:
        """Return the endpoints that are told what happens."""
        found: list[dict[str, Any]] = self.call("GET", "/webhook-endpoints")["data"]
        return found

    def _send(
        self,
        method: str,
        path: str,
        *,
        key: str | None = None,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        data: Callable[[], BinaryIO] | None = None,
        stream: bool = False,
    ) -> requests.Response:
        sent = dict(headers or {})
        if method != "GET":
            sent["Idempotency-Key"] = key or str(uuid4())
        params = {name: _text(value) for name, value in (query or {}).items() if value is not None}
        pause = FIRST_PAUSE
        for number in range(self.tries):
            last = number == self.tries - 1
            try:
                answer = self.session.request(
                    method,
                    self.url.rstrip("/") + path,
                    params=params,
                    headers=sent,
                    json=json,
                    data=data() if data else None,
                    auth=_Bearer(self.key),
                    timeout=self.timeout,
                    allow_redirects=False,  # the key is for this address alone
                    stream=stream,
                )
            except UNHEARD as error:
                if last:
                    why = {"detail": f"The service did not answer: {type(error).__name__}"}
                    raise ApiRefused(0, "unreachable", "The service did not answer", why) from error
            else:
                if answer.status_code < 300:
                    return answer
                if last or answer.status_code not in AGAIN:
                    raise _refusal(answer)
                pause = max(pause, _asked_pause(answer))
            self.sleep(min(pause, LONGEST_PAUSE) * self.chance.uniform(1.0, 1.25))
            pause *= 2
        raise AssertionError("there is at least one try")


def _rewound(file: BinaryIO) -> Callable[[], BinaryIO]:
    """Return what gives an open file as it stands now, for each try."""
    begin = file.tell()

    def again() -> BinaryIO:
        file.seek(begin)
        return file

    return again


def _given(**named: object) -> dict[str, object]:
    return {name: value for name, value in named.items() if value is not None}


def _text(value: str | int | bool | None) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _asked_pause(answer: requests.Response) -> float:
    asked = answer.headers.get("Retry-After", "")
    return float(asked) if asked.isdecimal() else 0.0


def _refusal(answer: requests.Response) -> ApiRefused:
    """Return what a refusal says, also where it is a proxy's and no problem document."""
    try:
        said = answer.json()
    except requests.JSONDecodeError:
        said = None
    if not isinstance(said, dict):
        return ApiRefused(answer.status_code, "no-problem-document", f"The answer was {answer.status_code}")
    kind = str(said.get("type", "")).rpartition(":")[2] or "no-type"
    return ApiRefused(answer.status_code, kind, str(said.get("title", answer.status_code)), said)
