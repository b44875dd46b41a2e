"""Classes and objects are made to be as they should, whatever Google's answers on the way."""

import os
import ssl
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from google_actors import CLASS, ISSUER, OBJECT, Running, account_json, answering, machine_clock, running
from requests.adapters import BaseAdapter

from wallet_service.domain.push import Later, Refused, Sent, Stop
from wallet_service.google.answers import Answer, Missing, NotifyQuota
from wallet_service.google.client import ListCutShort, WalletObjects
from wallet_service.google.pace import Pace
from wallet_service.google.service_account import load_service_account
from wallet_service.sandbox.chain import Chain
from wallet_service.sandbox.google import Behaviour

LOCATION = {"latitude": 50.1, "longitude": 8.7}
HELLO = {"header": "Hello", "body": "There is cake today."}


@pytest.fixture
def here() -> Iterator[Running]:
    """A sandbox Google, empty."""
    with running() as found:
        yield found


@pytest.fixture
def client(here: Running) -> WalletObjects:
    """A client of it, with the class already put."""
    client = here.client()
    client.put_class(CLASS)
    return client


def held(here: Running, object_id: str = OBJECT["id"]) -> dict[str, Any]:
    """What the sandbox holds of an object."""
    return here.google.get("loyaltyObject", object_id)


def test_a_class_is_put_whether_or_not_it_exists(here: Running) -> None:
    """The first put inserts, since the patch finds nothing; the second changes."""
    client = here.client()
    first, second = client.put_class(CLASS), client.put_class(CLASS | {"programName": "Club"})
    assert first.meaning == second.meaning == Sent()
    assert first.resource["reviewStatus"] == "APPROVED"
    assert client.get_class(CLASS["id"]).resource["programName"] == "Club"


def test_an_object_is_put_whether_or_not_it_exists(here: Running, client: WalletObjects) -> None:
    """Three requests insert or change: patch and insert, or patch alone; what a change leaves out stays."""
    before = here.google.traffic.requests
    assert client.put_object(OBJECT).meaning == Sent()
    assert client.put_object({"id": OBJECT["id"], "accountName": "Eva"}).meaning == Sent()
    assert here.google.traffic.requests == before + 3
    assert held(here)["accountName"] == "Eva"
    assert held(here)["loyaltyPoints"] == OBJECT["loyaltyPoints"]


def test_null_clears_and_is_not_inserted(here: Running, client: WalletObjects) -> None:
    """A member that is null is left out of a new object and removed from an old one."""
    points = {"label": None, "balance": {"string": None, "int": 7}}
    client.put_object(OBJECT | {"accountName": None, "loyaltyPoints": points}, expect_new=True)
    assert "accountName" not in held(here)
    assert held(here)["loyaltyPoints"] == {"balance": {"int": 7}}
    client.put_object({"id": OBJECT["id"], "loyaltyPoints": {"balance": {"int": None, "string": "seven"}}})
    assert held(here)["loyaltyPoints"] == {"balance": {"string": "seven"}}


def test_an_object_expected_to_be_new_costs_one_request(here: Running, client: WalletObjects) -> None:
    """It is inserted at once; where it exists after all, it is changed."""
    before = here.google.traffic.requests
    client.put_object(OBJECT, expect_new=True)
    assert here.google.traffic.requests == before + 1
    assert client.put_object(OBJECT | {"accountName": "Eva"}, expect_new=True).meaning == Sent()
    assert held(here)["accountName"] == "Eva"


def test_a_lost_race_ends_in_a_change(here: Running, client: WalletObjects) -> None:
    """An object that appears between the patch and the insert is patched again."""
    client.put_object(OBJECT)
    here.google.behave(Behaviour(404, method="PATCH", times=1))
    assert client.put_object(OBJECT | {"accountName": "Eva"}).meaning == Sent()
    assert held(here)["accountName"] == "Eva"


def test_an_object_there_and_not_there_is_put_off(here: Running, client: WalletObjects) -> None:
    """A client does not go to and fro for ever."""
    client.put_object(OBJECT)
    here.google.behave(Behaviour(404, method="PATCH"))
    assert isinstance(client.put_object(OBJECT).meaning, Later)


def test_an_object_without_its_class_is_missing_it(here: Running) -> None:
    """The caller learns that the class must be put first."""
    meaning = here.client().put_object(OBJECT).meaning
    assert meaning == Missing("404 classNotFound")


def test_what_is_not_there_is_missing(here: Running, client: WalletObjects) -> None:
    """Asking for what does not exist says so."""
    assert isinstance(client.get_class(f"{ISSUER}.none").meaning, Missing)
    assert isinstance(client.get_object(f"{ISSUER}.no ne").meaning, Missing)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_google_is_asked_again_later(here: Running, client: WalletObjects, status: int) -> None:
    """The write is put off, nothing is held of it, and it succeeds afterwards."""
    here.google.behave(Behaviour(status, times=1))
    answer = client.put_object(OBJECT)
    assert isinstance(answer.meaning, Later)
    assert answer.status == status
    assert here.google.all("loyaltyObject") == []
    assert client.put_object(OBJECT).meaning == Sent()


def test_a_token_that_ended_is_replaced_once(here: Running, client: WalletObjects) -> None:
    """A refused token is fetched anew and the write repeated; if that is refused too, all stops."""
    here.google.revoke_tokens()
    assert client.put_object(OBJECT).meaning == Sent()
    before = here.google.traffic.requests
    here.google.behave(Behaviour(401))
    answer = client.put_object(OBJECT)
    assert isinstance(answer.meaning, Stop)
    assert here.google.traffic.requests == before + 2


def test_an_account_that_was_not_invited_stops_all(here: Running) -> None:
    """The operator is told to invite it."""
    here.google.admit(here.account_json, invited=False)
    meaning = here.client().put_class(CLASS).meaning
    assert isinstance(meaning, Stop)
    assert "Invite" in meaning.reason


def test_an_api_that_is_not_enabled_stops_all(here: Running, client: WalletObjects) -> None:
    """The operator is told to enable it."""
    here.google.behave(Behaviour(403, "accessNotConfigured"))
    meaning = client.put_object(OBJECT).meaning
    assert isinstance(meaning, Stop)
    assert "Enable the Google Wallet API" in meaning.reason


def test_a_refused_body_is_about_that_card_only(here: Running, client: WalletObjects) -> None:
    """A card that Google refuses waits long with its reason; the next one is taken."""
    meaning = client.put_object(OBJECT | {"accountname": "Ada"}).meaning
    assert isinstance(meaning, Refused)
    assert "accountname" in meaning.reason
    assert meaning.wait.total_seconds() > 3600
    assert client.put_object(OBJECT).meaning == Sent()


def test_merchant_locations_are_given_up_where_not_allowed() -> None:
    """An issuer that may not use them gets its cards without, and Google is not asked a second time."""
    with running(merchant_locations=False) as here:
        client = here.client()
        assert client.put_class(CLASS | {"merchantLocations": [LOCATION]}).meaning == Sent()
        before = here.google.traffic.requests
        assert client.put_object(OBJECT | {"merchantLocations": [LOCATION]}, expect_new=True).meaning == Sent()
        assert here.google.traffic.requests == before + 1
        assert "merchantLocations" not in held(here)


def test_merchant_locations_are_kept_where_allowed(here: Running, client: WalletObjects) -> None:
    """Other refusals do not cost the locations."""
    assert isinstance(client.put_object(OBJECT | {"merchantLocations": [LOCATION], "x": 1}).meaning, Refused)
    client.put_object(OBJECT | {"merchantLocations": [LOCATION]})
    assert held(here)["merchantLocations"] == [LOCATION]


def test_a_notification_goes_with_one_write_only(here: Running, client: WalletObjects) -> None:
    """Holders hear of the write that says so, and of no other."""
    client.put_object(OBJECT)
    for points, notify in ((6, True), (7, False), (8, True)):
        client.put_object(OBJECT | {"loyaltyPoints": {"balance": {"int": points}}}, notify=notify)
    assert [each.channel for each in here.google.notices()] == ["fields", "fields"]
    assert "notifyPreference" not in held(here)


def test_a_message_beyond_the_days_three_can_be_sent_silently(here: Running, client: WalletObjects) -> None:
    """The fourth message is refused and nothing written; sent again without a notification it arrives."""
    client.put_object(OBJECT)
    meanings = [client.add_message(OBJECT["id"], HELLO, notify=True).meaning for _ in range(4)]
    assert meanings == [Sent(), Sent(), Sent(), NotifyQuota("403 quotaExceeded")]
    assert client.add_message(OBJECT["id"], HELLO).meaning == Sent()
    types = [each["messageType"] for each in held(here)["messages"]]
    assert types == ["TEXT_AND_NOTIFY"] * 3 + ["TEXT"]


def test_a_write_whose_notification_is_refused_can_be_made_silently(here: Running, client: WalletObjects) -> None:
    """The quota refusal of a write that notifies leads to the same write without."""
    client.put_object(OBJECT)
    here.google.behave(Behaviour(403, "quotaExceeded", times=1))
    assert isinstance(client.put_object(OBJECT, notify=True).meaning, NotifyQuota)
    assert client.put_object(OBJECT).meaning == Sent()


@pytest.mark.parametrize("strict", [True, False])
def test_a_fourth_change_of_a_day_arrives_whatever_google_does(strict: bool) -> None:
    """Where Google refuses it, it is made again silently; where Google is silent, it is made at once."""
    with running(strict_notices=strict) as here:
        client = here.client()
        client.put_class(CLASS)
        client.put_object(OBJECT)
        meanings = []
        for points in range(10, 14):
            body = OBJECT | {"loyaltyPoints": {"balance": {"int": points}}}
            meanings.append(client.put_object(body, notify=True).meaning)
            if isinstance(meanings[-1], NotifyQuota):
                client.put_object(body)
        assert meanings[:3] == [Sent()] * 3
        assert isinstance(meanings[3], NotifyQuota) is strict
        assert held(here)["loyaltyPoints"]["balance"] == {"int": 13}


def test_objects_are_listed_page_by_page(here: Running, client: WalletObjects) -> None:
    """All objects of a class come, over as many pages as it takes."""
    for number in range(5):
        client.put_object(OBJECT | {"id": f"{ISSUER}.card-{number}"}, expect_new=True)
    before = here.google.traffic.requests
    found = [each["id"] for each in client.list_objects(CLASS["id"], page=2)]
    assert found == [f"{ISSUER}.card-{number}" for number in range(5)]
    assert here.google.traffic.requests == before + 3


def test_a_list_that_breaks_off_is_not_taken_for_the_whole(here: Running, client: WalletObjects) -> None:
    """The error after the first page says why."""
    for number in range(3):
        client.put_object(OBJECT | {"id": f"{ISSUER}.card-{number}"}, expect_new=True)
    listing = client.list_objects(CLASS["id"], page=2)
    assert next(listing)["id"] == f"{ISSUER}.card-0"
    here.google.behave(Behaviour(503))
    with pytest.raises(ListCutShort, match="503 backendError"):
        list(listing)


def test_a_list_that_goes_in_circles_ends(here: Running) -> None:
    """A page token that comes again is not followed again: the list is cut short. What is no object is left out."""
    page = b'{"resources": [{"id": "1.a"}, 7], "pagination": {"nextPageToken": "x"}}'
    with answering(200, page) as (url, asked):
        client = here.client(api_url=url)
        listed = client.list_objects(CLASS["id"])
        assert [next(listed), next(listed)] == [{"id": "1.a"}] * 2
        with pytest.raises(ListCutShort, match="the same page came twice"):
            next(listed)
        assert len(asked) == 2


def test_every_request_has_a_turn_of_its_own(here: Running, client: WalletObjects) -> None:
    """The pace is kept for each request, the one for the token too."""
    here.google.revoke_tokens()
    client.put_object(OBJECT)
    tokens = 2
    assert here.turns == here.google.traffic.requests + tokens


class Turns(requests.Session):
    """A pace, and a session that notes how many turns are held when a request goes out and when its answer is read."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.given = self.held = 0
        self.noted: list[int] = []

    @contextmanager
    def pace(self) -> Iterator[None]:
        """A turn."""
        self.given += 1
        self.held += 1
        try:
            yield
        finally:
            self.held -= 1

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Note the turns around a request."""
        self.noted.append(self.held)
        try:
            return super().send(request, **options)
        finally:
            self.noted.append(self.held)


def test_a_turn_is_held_until_the_answer_is_read(here: Running) -> None:
    """Token and write have one turn each, from before they are sent until their answers are there; none is kept."""
    turns = Turns()
    client = here.client(session=turns, pace=turns.pace)
    assert client.put_class(CLASS).meaning == Sent()
    assert turns.noted == [1] * 6
    assert (turns.given, turns.held) == (3, 0)


def test_a_turn_is_given_back_where_no_answer_comes(here: Running) -> None:
    """A request that fails on its way does not keep its turn."""
    turns = Turns()
    client = here.client(session=turns, pace=turns.pace, api_url="http://127.0.0.1:9")
    client.get_class(CLASS["id"])
    assert (turns.noted, turns.given, turns.held) == ([1] * 4, 2, 0)


@contextmanager
def no_turn() -> Iterator[None]:
    """A pace that never gives a turn."""
    raise TimeoutError("all taken")
    yield


def too_late() -> AbstractContextManager[None]:
    """A pace that fails when it is asked, and not on entering."""
    raise ConnectionResetError


@pytest.mark.parametrize(("pace", "name"), [(no_turn, "TimeoutError"), (too_late, "ConnectionResetError")])
def test_without_a_turn_nothing_is_sent(here: Running, pace: Pace, name: str) -> None:
    """A write that gets no turn is put off and says so; no token was asked for either."""
    turns = Turns()
    answer = here.client(session=turns, pace=pace).put_class(CLASS)
    assert answer == Answer(Later(f"no turn to ask Google ({name})"))
    assert turns.noted == []


def test_a_write_may_lack_its_turn_when_its_token_had_one(here: Running) -> None:
    """The turn after the token's may fail to come as well, and means the same."""
    turns = Turns()
    left = [no_turn(), turns.pace()]
    answer = here.client(session=turns, pace=left.pop).put_class(CLASS)
    assert answer == Answer(Later("no turn to ask Google (TimeoutError)"))
    assert here.google.traffic.requests == 0


def test_the_environment_changes_nothing(here: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Proxies, CA bundles and ~/.netrc of the machine are not used."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(tmp_path / "none.pem"))
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login mallory password x\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", os.fspath(netrc))
    assert here.client().put_class(CLASS).meaning == Sent()


def test_a_certificate_that_is_not_trusted_stops_all(
    here: Running, chain: Chain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Over TLS the usual authorities count, also where REQUESTS_CA_BUNDLE names a file that is not there."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    pem = tmp_path / "server.pem"
    pem.write_bytes(chain.push_server_key + b"\n" + chain.push_server_certificate)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    with answering(200, b"{}", tls=tls) as (url, asked):
        meaning = here.client(api_url=url).put_class(CLASS).meaning
        assert isinstance(meaning, Stop)
        assert "certificate is not trusted" in meaning.reason
        assert asked == []


def test_a_session_of_ones_own_keeps_its_settings(
    here: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A session that reads the environment breaks on what is wrong there; no exception comes through."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    client = here.client(session=requests.Session(), api_url="https://127.0.0.1:9")
    assert isinstance(client.put_class(CLASS).meaning, Later)


def test_nothing_else_of_googles_is_asked(here: Running) -> None:
    """Neither the token nor the account is shown to any other server, not even behind our back."""
    session, elsewhere = requests.Session(), Elsewhere()
    session.trust_env = False
    session.mount("https://", elsewhere)
    before = set(threading.enumerate())
    assert here.client(session=session).put_class(CLASS).meaning == Sent()
    for thread in set(threading.enumerate()) - before:
        if "process_request" not in thread.name:  # those serve the kept-alive connection, and go on
            thread.join(1)
    assert elsewhere.asked == []


class Elsewhere(BaseAdapter):
    """What would carry requests to servers of the outside world."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Note the request and fail."""
        self.asked.append(str(request.url))
        raise requests.ConnectionError

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("suffix", ["", "/", "/walletobjects/v1", "/walletobjects/v1/"])
def test_the_address_may_name_the_version(here: Running, suffix: str) -> None:
    """The API's address is taken with and without its path."""
    assert here.client(api_url=here.url + suffix).put_class(CLASS).meaning == Sent()


@pytest.mark.parametrize("junk", [b"", b"<html>", b"[]", b"\xff"])
def test_a_junk_answer_is_no_success(here: Running, client: WalletObjects, junk: bytes) -> None:
    """200 without a resource is tried again later."""
    here.google.behave(Behaviour(200, body=junk))
    assert isinstance(client.put_object(OBJECT, expect_new=True).meaning, Later)


def test_a_junk_refusal_is_judged_by_its_status(here: Running, client: WalletObjects) -> None:
    """A body that cannot be read breaks nothing."""
    here.google.behave(Behaviour(503, body=b"\xff<html>"))
    assert isinstance(client.put_object(OBJECT).meaning, Later)


def test_an_address_where_nothing_listens_is_tried_later(here: Running) -> None:
    """No connection means later; the answer has no status."""
    answer = here.client(api_url="http://127.0.0.1:9").put_class(CLASS)
    assert isinstance(answer.meaning, Later)
    assert answer.status == 0


@pytest.mark.parametrize(("status", "requests_made"), [(404, 2), (302, 1)])
def test_an_address_of_something_else_stops_all(here: Running, status: int, requests_made: int) -> None:
    """Where a web page answers, the setting is wrong, and redirects are not followed with our token."""
    with answering(status, b"<html>", "text/html") as (url, asked):
        meaning = here.client(api_url=url).put_class(CLASS).meaning
        assert isinstance(meaning, Stop)
        assert "WALLET_GOOGLE_API_URL" in meaning.reason
        assert len(asked) == requests_made


def test_a_key_that_google_does_not_know_stops_all(here: Running) -> None:
    """The operator is told to make a new key."""
    stranger = load_service_account(account_json(f"{here.url}/token", client_email="stranger@example.com"))
    meaning = here.client(service_account=stranger).put_class(CLASS).meaning
    assert isinstance(meaning, Stop)
    assert "invalid_grant" in meaning.reason
    assert here.google.traffic.requests == 0


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, b"", Later),
        (503, b"<html>", Later),
        (429, b"{}", Later),
        (200, b"<html>", Later),
        (200, b"[]", Later),
        (200, b"null", Later),
        (200, b"\xff", Later),
        (200, b"{}", Stop),
        (200, b'{"access_token": 7}', Later),
        (200, b'{"access_token": "x", "expires_in": "soon"}', Later),
        (200, b'{"access_token": "x", "expires_in": 1e400}', Later),
        (404, b"<html>", Stop),
        (400, b'{"error": "invalid_grant"}', Stop),
        (400, b'{"error": {"a": 1}}', Stop),
        (400, b"[]", Later),
        (302, b"", Stop),
    ],
)
def test_a_token_service_can_answer_anything(here: Running, status: int, body: bytes, kind: type) -> None:
    """Each answer of a token service that is no token means stop or later, and it is asked but once."""
    with answering(status, body) as (url, asked):
        account = load_service_account(account_json(f"{url}/token"))
        meaning = here.client(service_account=account).put_class(CLASS).meaning
        assert isinstance(meaning, kind)
        assert asked == ["POST /token"]
        assert here.google.traffic.requests == 0


def test_a_token_is_asked_for_once_and_kept(here: Running, client: WalletObjects) -> None:
    """As long as a token lasts no other is fetched."""
    for _ in range(3):
        client.put_object(OBJECT)
    assert here.turns == here.google.traffic.requests + 1


def test_google_asked_too_fast_is_asked_again_later() -> None:
    """Beyond the requests that Google takes in a second, the rest is put off."""
    with running(most_per_second=2, clock=machine_clock) as here:
        client = here.client()
        meanings = [client.get_class(CLASS["id"]).meaning for _ in range(4)]
        assert [type(each) for each in meanings] == [Missing, Missing, Later, Later]
        assert here.google.busiest_second == 4
