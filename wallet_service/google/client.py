"""Writes classes and objects to Google's Wallet API: one request at a time, each answer with its meaning.

Source: https://developers.google.com/wallet/reference/rest
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import orjson
import requests

from wallet_service.domain.errors import WalletError
from wallet_service.domain.push import Later, Outcome, Sent
from wallet_service.google.answers import (
    Answer,
    Exists,
    Meaning,
    Missing,
    read,
    refuses_locations,
    transport_failure,
)
from wallet_service.google.bearer import Bearer
from wallet_service.google.change import LOCATIONS
from wallet_service.google.pace import Pace, turn
from wallet_service.google.service_account import ServiceAccount

PREFIX = "/walletobjects/v1"
TIMEOUT = (5.0, 30.0)
PAGE = 200
CHANGES_OF_MIND = 3
HEADERS = {"Content-Type": "application/json", "User-Agent": "wallet-service (gzip)"}

Kind = Literal["loyaltyClass", "loyaltyObject"]
Body = Mapping[str, Any]

log = logging.getLogger(__name__)


def always() -> bool:
    """Say that there is time."""
    return True


class ListCutShort(WalletError):
    """Google did not give the whole list; `meaning` says why."""

    def __init__(self, class_id: str, meaning: Meaning) -> None:
        self.meaning = meaning
        super().__init__(f"The objects of class {class_id} could not all be listed: {meaning}. Try again.")


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    body: Body | None = None
    query: Mapping[str, str | int] | None = None
    notifying: bool = False
    class_alone: bool = False


class WalletObjects:
    """Google's classes and objects of one issuer. Not shared between threads: one per worker.

    `api_url` is the service's address, with or without `/walletobjects/v1`. `timeout` is in seconds, to connect and
    between bytes. A `session` given from outside keeps its own settings; otherwise proxies, CA bundles and ~/.netrc of
    the environment are ignored.

    `with pace():` is held around every single request, tokens' included, from before it is sent until its answer is
    read or it failed: so never more requests than there are turns are on their way or were answered in the last second.
    Google admits 20 a second for all workers together. An OSError instead of a turn (such as TimeoutError) means
    `Later`. `in_time` is asked once the turn has come: if it says no, nothing is sent, and the answer is `Later`.
    """

    in_time: Callable[[], bool]

    def __init__(
        self,
        *,
        api_url: str,
        service_account: ServiceAccount,
        pace: Pace,
        session: requests.Session | None = None,
        timeout: tuple[float, float] = TIMEOUT,
    ) -> None:
        self.in_time = always
        self._root = api_url.rstrip("/").removesuffix(PREFIX) + PREFIX
        self._pace = pace
        self._session = session or _own_session()
        self._timeout = timeout
        self._bearer = Bearer(service_account, session=self._session, pace=pace, timeout=timeout)
        self._locations_allowed = True

    def sign_in(self) -> Outcome | None:
        """Get an access token, or return what it means that there is none."""
        return self._bearer.fetch()

    def probe(self, issuer_id: str) -> Answer:
        """Ask for the issuer's first class, which tells whether the account may write there, and changes nothing."""
        return self._ask(_Request("GET", "/loyaltyClass", query={"issuerId": issuer_id, "maxResults": 1}))

    def put_class(self, body: Body, *, notify: bool = False) -> Answer:
        """Make the class be as its body says, whether or not it exists yet."""
        return self._put("loyaltyClass", body, expect_new=False, notify=notify)

    def put_object(self, body: Body, *, expect_new: bool = False, notify: bool = False) -> Answer:
        """Make the object be as its body says, whether or not it exists yet; `expect_new` tries to insert it first.

        A change merges: fields that the body leaves out stay as they are, those that it says are null are cleared.
        With `notify`, holders are told of the change, if it is one that Google tells of. Where the answer is
        `NotifyQuota`, nothing was written; where it is `Missing`, the object's class must be put first.
        """
        return self._put("loyaltyObject", body, expect_new=expect_new, notify=notify)

    def get_class(self, class_id: str) -> Answer:
        """Return the class as Google holds it, or `Missing`."""
        return self._ask(_Request("GET", _path("loyaltyClass", class_id), class_alone=True))

    def get_object(self, object_id: str) -> Answer:
        """Return the object as Google holds it, with its class in `classReference`; or `Missing`."""
        return self._ask(_Request("GET", _path("loyaltyObject", object_id)))

    def list_objects(self, class_id: str, *, page: int = PAGE) -> Iterator[Body]:
        """Yield every object of a class, asking for one page after the other.

        Raises: ListCutShort if a page is refused; what was yielded before it is true, but not all.
        """
        query: dict[str, str | int] = {"classId": class_id, "maxResults": page}
        seen: set[str] = set()
        while True:
            answer = self._ask(_Request("GET", "/loyaltyObject", query=query, class_alone=True))
            if not isinstance(answer.meaning, Sent):
                raise ListCutShort(class_id, answer.meaning)
            yield from _resources(answer.resource)
            token = _next_page(answer.resource)
            if not token:
                return
            if token in seen:
                raise ListCutShort(class_id, Later("the same page came twice"))
            seen.add(token)
            query["token"] = token

    def add_message(self, object_id: str, message: Body, *, notify: bool = False) -> Answer:
        """Add a message to the card; with `notify` the phone shows it, three times a day at most (`NotifyQuota`)."""
        kind = "TEXT_AND_NOTIFY" if notify else "TEXT"
        path = f"{_path('loyaltyObject', object_id)}/addMessage"
        return self._ask(_Request("POST", path, {"message": {**message, "messageType": kind}}, notifying=notify))

    def set_messages(self, object_id: str, messages: Sequence[Body]) -> Answer:
        """Make these the card's messages, in place of those it has; nothing else of the card changes."""
        return self._ask(_Request("PATCH", _path("loyaltyObject", object_id), {"messages": list(messages)}))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _put(self, kind: Kind, body: Body, *, expect_new: bool, notify: bool) -> Answer:
        """Patch or insert, and the other where the first shows that it was the wrong one, also in a race."""
        insert = expect_new
        for _ in range(CHANGES_OF_MIND):
            answer = self._write(kind, body, insert=insert, notify=notify)
            if not isinstance(answer.meaning, Exists if insert else Missing):
                return answer
            insert = not insert
        return Answer(Later(f"{body['id']} is there and not there by turns"), answer.status)

    def _write(self, kind: Kind, body: Body, *, insert: bool, notify: bool) -> Answer:
        answer = self._ask(self._request(kind, body, insert=insert, notify=notify))
        if not refuses_locations(answer) or LOCATIONS not in body or not self._locations_allowed:
            return answer
        log.warning("Google has not allowed this issuer to use merchant locations; cards are written without them.")
        self._locations_allowed = False
        return self._ask(self._request(kind, body, insert=insert, notify=notify))

    def _request(self, kind: Kind, body: Body, *, insert: bool, notify: bool) -> _Request:
        sent = {name: value for name, value in body.items() if name != LOCATIONS or self._locations_allowed}
        if insert:
            # A new card has nothing to clear and nobody to tell.
            return _Request("POST", f"/{kind}", _without_nulls(sent), class_alone=True)
        if notify:
            sent["notifyPreference"] = "NOTIFY_ON_UPDATE"
        return _Request("PATCH", _path(kind, body["id"]), sent, notifying=notify)

    def _ask(self, request: _Request) -> Answer:
        """Send a request; if its token is refused, once more with a fresh one."""
        answer = self._authorised(request, refresh=False)
        return self._authorised(request, refresh=True) if answer.status == 401 else answer

    def _authorised(self, request: _Request, *, refresh: bool) -> Answer:
        failure = self._bearer.fetch() if refresh or not self._bearer.fresh else None
        return Answer(failure) if failure else self._send(request)

    def _send(self, request: _Request) -> Answer:
        try:
            with turn(self._pace):
                if not self.in_time():
                    return Answer(Later("the turn came too late"))
                answer = self._session.request(
                    request.method,
                    self._root + request.path,
                    params=request.query,
                    data=None if request.body is None else orjson.dumps(request.body),
                    headers=HEADERS | self._bearer.headers(),
                    timeout=self._timeout,
                    allow_redirects=False,
                )
        except OSError as error:  # RequestException is one
            return Answer(transport_failure(error))
        return read(answer.status_code, answer.content, notifying=request.notifying, class_alone=request.class_alone)


def _own_session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


def _path(kind: Kind, resource_id: str) -> str:
    return f"/{kind}/{quote(resource_id, safe='')}"


def _without_nulls(body: Body) -> dict[str, Any]:
    given = {name: value for name, value in body.items() if value is not None}
    return {name: _without_nulls(value) if isinstance(value, dict) else value for name, value in given.items()}


def _resources(page: Body) -> list[Body]:
    found = page.get("resources")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _next_page(page: Body) -> str | None:
    pagination = page.get("pagination")
    token = pagination.get("nextPageToken") if isinstance(pagination, dict) else None
    return token if isinstance(token, str) else None
