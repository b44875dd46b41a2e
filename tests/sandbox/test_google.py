"""The sandbox's Google takes what Google takes, and refuses the rest in Google's way."""

import base64
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from actors import Clock
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from google_actors import CLASS, GOOGLES, ISSUER, OBJECT, Running, account_json, answering, running

from wallet_service.google.callback import verify
from wallet_service.google.callback_keys import KeyRing, http_fetch
from wallet_service.google.save_link import save_link
from wallet_service.sandbox.google import Behaviour, SandboxGoogle
from wallet_service.sandbox.google_callbacks import CallbackKeys
from wallet_service.sandbox.google_refusals import GoogleRefused, LinkNotSaved
from wallet_service.sandbox.google_traffic import Traffic

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
SCOPE = "https://www.googleapis.com/auth/wallet_object.issuer"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
NOTIFYING = {"message": {"header": "Hello", "body": "Cake!", "messageType": "TEXT_AND_NOTIFY"}}
SILENT = {"message": {"header": "Hello", "body": "Cake!"}}


class Shell:
    """Requests as a person types them: whatever one likes, with or without a token."""

    def __init__(self, here: Running, clock: Clock) -> None:
        self.here, self.clock = here, clock
        self.http = requests.Session()
        self.http.trust_env = False

    def claims(self, **changes: object) -> dict[str, Any]:
        """The claims of an assertion in good order."""
        now = int(self.clock().timestamp())
        claims = {"iss": self.here.account.email, "aud": f"{self.here.url}/token", "scope": SCOPE}
        return {each: value for each, value in (claims | {"iat": now, "exp": now + 3600} | changes).items() if value}

    def jwt(self, claims: object, *, key: rsa.RSAPrivateKey | None = None, alg: str = "RS256") -> str:
        """A signed token with these claims."""
        signed = ".".join(_base64(json.dumps(each).encode()) for each in ({"alg": alg}, claims))
        key = key or self.here.account.key
        return f"{signed}.{_base64(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def ask_for_token(self, assertion: str, grant: str = GRANT) -> requests.Response:
        """Ask with an assertion."""
        form = {"grant_type": grant, "assertion": assertion}
        return self.http.post(f"{self.here.url}/token", data=form, timeout=5)

    def sign_in(self) -> None:
        """Carry a token from now on."""
        token = self.ask_for_token(self.jwt(self.claims())).json()["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"

    def ask(self, method: str, path: str, body: object = None, **options: Any) -> requests.Response:
        """Ask the Wallet API."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
        url = f"{self.here.url}/walletobjects/v1/{path}"
        return self.http.request(method, url, data=data, timeout=5, **options)

    def put_card(self, **changes: object) -> None:
        """Make sure of a class and a card."""
        self.ask("POST", "loyaltyClass", CLASS | changes)
        assert self.ask("POST", "loyaltyObject", OBJECT).status_code == 200


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.fixture
def clock() -> Clock:
    """The sandbox's clock."""
    return Clock(NOW)


@pytest.fixture
def shell(clock: Clock) -> Iterator[Shell]:
    """A signed-in person at a running sandbox."""
    with running(clock=clock) as here:
        shell = Shell(here, clock)
        shell.sign_in()
        yield shell
        shell.http.close()


def refusal(answer: requests.Response) -> tuple[int, str]:
    """The status and reason of a refusal, which is in Google's shape."""
    error = answer.json()["error"]
    assert error["code"] == answer.status_code
    assert error["message"] == error["errors"][0]["message"]
    assert error["errors"][0]["domain"] == "walletobjects"
    return answer.status_code, error["errors"][0]["reason"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "nobody@example.com"}, "invalid_grant"),
        ({"iss": None}, "invalid_grant"),
        ({"aud": "https://example.com/token"}, "invalid_grant"),
        ({"scope": f"{SCOPE} openid"}, "invalid_scope"),
        ({"scope": None}, "invalid_scope"),
        ({"exp": int(NOW.timestamp())}, "invalid_grant"),
        ({"exp": int(NOW.timestamp()) + 3601}, "invalid_grant"),
        ({"iat": None}, "invalid_grant"),
    ],
)
def test_a_wrong_assertion_gets_no_token(shell: Shell, changes: dict[str, Any], code: str) -> None:
    """Issuer, audience, scope and times of an assertion must be right."""
    answer = shell.ask_for_token(shell.jwt(shell.claims(**changes)))
    assert (answer.status_code, answer.json()["error"]) == (400, code)


def test_a_forged_assertion_gets_no_token(shell: Shell) -> None:
    """Another key, another algorithm, another grant, or junk, is refused."""
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    good = shell.jwt(shell.claims())
    assert "Signature" in shell.ask_for_token(shell.jwt(shell.claims(), key=other)).json()["error_description"]
    for assertion in (
        shell.jwt(shell.claims(), alg="none"),
        "",
        "a.b",
        "é.é.é",
        shell.jwt([]),
        good + "é",
        "e30.W10.e30",
    ):
        assert shell.ask_for_token(assertion).json()["error"] == "invalid_grant"
    assert shell.ask_for_token(good, grant="password").json()["error"] == "unsupported_grant_type"


def test_googles_own_audience_is_taken(shell: Shell) -> None:
    """Google's Python library names Google's token address, whichever one it asks."""
    assert shell.ask_for_token(shell.jwt(shell.claims(aud=GOOGLES))).status_code == 200


def test_a_token_is_needed_and_ends(shell: Shell, clock: Clock) -> None:
    """Without a token, with an invented one, and after its hour, nothing is answered."""
    assert shell.ask("GET", f"loyaltyClass/{CLASS['id']}").status_code == 404
    for wrong in ("", "Bearer x", "Basic x"):
        answer = shell.ask("GET", f"loyaltyClass/{CLASS['id']}", headers={"Authorization": wrong})
        assert refusal(answer) == (401, "authError")
    clock.on(hours=1)
    assert shell.ask("GET", f"loyaltyClass/{CLASS['id']}").status_code == 401
    shell.sign_in()
    shell.here.google.revoke_tokens()
    assert shell.ask("GET", f"loyaltyClass/{CLASS['id']}").status_code == 401


def test_an_account_must_be_invited(shell: Shell) -> None:
    """An account that is no user of the issuer gets tokens and no access."""
    shell.here.google.admit(shell.here.account_json, invited=False)
    shell.sign_in()
    assert refusal(shell.ask("POST", "loyaltyClass", CLASS)) == (403, "permissionDenied")


def test_a_class_is_approved_at_once(shell: Shell) -> None:
    """Who asks for a review has it passed; what Google fills in may not be sent."""
    assert shell.ask("POST", "loyaltyClass", CLASS).json() == CLASS | {"reviewStatus": "APPROVED"}
    assert refusal(shell.ask("PUT", f"loyaltyClass/{CLASS['id']}", CLASS | {"reviewStatus": "APPROVED"}))[0] == 400
    assert refusal(shell.ask("PATCH", f"loyaltyClass/{CLASS['id']}", {"programName": "Club"}))[0] == 400
    draft = {"reviewStatus": "DRAFT"}
    assert "DRAFT again" in shell.ask("PATCH", f"loyaltyClass/{CLASS['id']}", draft).json()["error"]["message"]


def test_a_draft_has_no_objects(shell: Shell) -> None:
    """Objects need a class, and an approved one; a draft can be changed and approved."""
    assert refusal(shell.ask("POST", "loyaltyObject", OBJECT)) == (404, "classNotFound")
    for status, taken in (("DRAFT", 400), ("UNDER_REVIEW", 200)):
        for method, path in (("POST", "loyaltyClass"), ("PUT", f"loyaltyClass/{CLASS['id']}")):
            shell.ask(method, path, CLASS | {"reviewStatus": status})
        assert shell.ask("POST", "loyaltyObject", OBJECT).status_code == taken


def test_a_patch_merges(shell: Shell) -> None:
    """What is sent changes, arrays as a whole; null deletes, and the rest stays."""
    shell.put_card()
    modules = [{"id": each, "header": each, "body": each} for each in "ab"]
    path = f"loyaltyObject/{OBJECT['id']}"
    shell.ask("PATCH", path, {"textModulesData": modules})
    change = {"accountName": None, "loyaltyPoints": {"balance": {"int": 6}}, "textModulesData": modules[:1]}
    after = shell.ask("PATCH", path, change).json()
    assert "accountName" not in after
    assert after["loyaltyPoints"] == {"label": "Points", "balance": {"int": 6}}
    assert after["textModulesData"] == modules[:1]
    assert after["state"] == "ACTIVE"


def test_a_put_replaces(shell: Shell) -> None:
    """What is left out is cleared."""
    shell.put_card()
    bare = {name: OBJECT[name] for name in ("id", "classId", "state")}
    assert shell.ask("PUT", f"loyaltyObject/{OBJECT['id']}", bare).json() == bare | {"hasUsers": False}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"accountname": "Ada"}, "accountname"),
        ({"state": None}, "state"),
        ({"state": "GONE"}, "state"),
        ({"loyaltyPoints": {"balance": {"string": "5"}}}, "balance"),
        ({"hasUsers": True}, "hasUsers"),
        ({"id": f"{ISSUER}.card-2"}, "Invalid resource ID"),
        ({"messages": [{"body": "x"}] * 11}, "messages"),
        ([], "JSON object"),
    ],
)
def test_a_body_must_keep_to_the_schema(shell: Shell, change: object, words: str) -> None:
    """What Google's schema does not have, or not so, is refused, also where only the merged object is wrong."""
    shell.put_card()
    answer = shell.ask("PATCH", f"loyaltyObject/{OBJECT['id']}", change)
    assert refusal(answer) == (400, "invalidResource")
    assert words in answer.json()["error"]["message"]


def test_ids_are_the_issuers(shell: Shell) -> None:
    """Another issuer's ids are no business of this account, and odd ones are refused."""
    assert refusal(shell.ask("POST", "loyaltyClass", CLASS | {"id": "3388.program"})) == (403, "permissionDenied")
    shell.put_card()
    assert refusal(shell.ask("POST", "loyaltyObject", OBJECT | {"classId": "3388.program"}))[0] == 403
    assert refusal(shell.ask("POST", "loyaltyObject", OBJECT | {"id": f"{ISSUER}.a b"}))[0] == 400
    assert refusal(shell.ask("POST", "loyaltyObject", OBJECT | {"id": ["x"]}))[0] == 400


def test_what_exists_is_not_inserted_and_what_does_not_is_not_changed(shell: Shell) -> None:
    """Inserting twice conflicts; reading and changing need something there."""
    shell.put_card()
    assert refusal(shell.ask("POST", "loyaltyObject", OBJECT)) == (409, "existingResource")
    assert refusal(shell.ask("POST", "loyaltyClass", CLASS)) == (409, "existingResource")
    none = {"id": f"{ISSUER}.none"}
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", none),
        ("PUT", "", OBJECT | none),
        ("POST", "/addMessage", SILENT),
    ):
        assert refusal(shell.ask(method, f"loyaltyObject/{none['id']}{path}", body)) == (404, "resourceNotFound")


def test_nothing_can_be_deleted(shell: Shell) -> None:
    """There is no such method."""
    shell.put_card()
    assert shell.ask("DELETE", f"loyaltyObject/{OBJECT['id']}").status_code == 405


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_junk_is_refused(shell: Shell, body: bytes) -> None:
    """What is no JSON is refused, whatever it is."""
    assert refusal(shell.ask("POST", "loyaltyClass", body)) == (400, "parseError")


def test_a_large_body_is_refused(shell: Shell) -> None:
    """A megabyte is more than any card holds."""
    assert refusal(shell.ask("POST", "loyaltyClass", b"x" * (1024 * 1024 + 1)))[0] == 413


def test_an_object_shows_its_class_and_whether_it_is_held(shell: Shell) -> None:
    """Reading an object brings its class along."""
    shell.put_card()
    found = shell.ask("GET", f"loyaltyObject/{OBJECT['id']}").json()
    assert found["hasUsers"] is False
    assert found["classReference"]["reviewStatus"] == "APPROVED"


def test_lists_come_in_pages(shell: Shell) -> None:
    """A list needs its filter, and goes on where its token says; without a number all comes at once."""
    shell.put_card()
    for number in (2, 3):
        shell.ask("POST", "loyaltyObject", OBJECT | {"id": f"{ISSUER}.card-{number}"})
    assert refusal(shell.ask("GET", "loyaltyObject")) == (400, "required")
    query = {"classId": CLASS["id"], "maxResults": "2"}
    first = shell.ask("GET", "loyaltyObject", params=query).json()
    assert [each["id"][-1] for each in first["resources"]] == ["1", "2"]
    second = shell.ask("GET", "loyaltyObject", params=query | {"token": first["pagination"]["nextPageToken"]}).json()
    assert [each["id"][-1] for each in second["resources"]] == ["3"]
    assert "nextPageToken" not in second["pagination"]
    assert len(shell.ask("GET", "loyaltyObject", params={"classId": CLASS["id"]}).json()["resources"]) == 3
    assert len(shell.ask("GET", "loyaltyClass", params={"issuerId": ISSUER}).json()["resources"]) == 1
    assert shell.ask("GET", "loyaltyObject", params={"classId": f"{ISSUER}.none"}).json()["resources"] == []


@pytest.mark.parametrize("query", [{"issuerId": "7"}, {"classId": "7.program"}])
def test_what_another_issuer_holds_is_not_listed(shell: Shell, query: dict[str, str]) -> None:
    """Reading it is refused in the words in which writing it is."""
    kind = "loyaltyClass" if "issuerId" in query else "loyaltyObject"
    answer = shell.ask("GET", kind, params=query)
    assert refusal(answer) == (403, "permissionDenied")
    assert answer.content == shell.ask("POST", "loyaltyClass", CLASS | {"id": "7.program"}).content


def test_ten_messages_are_held(shell: Shell) -> None:
    """The eleventh is refused, and so is what is no message."""
    shell.put_card()
    path = f"loyaltyObject/{OBJECT['id']}/addMessage"
    answers = [shell.ask("POST", path, SILENT) for _ in range(11)]
    assert [each.status_code for each in answers] == [200] * 10 + [400]
    assert answers[0].json()["resource"]["messages"] == [SILENT["message"]]
    for junk in ({}, {"message": None}, {"message": {"text": "x"}}, []):
        assert refusal(shell.ask("POST", path, junk))[0] == 400


def test_three_messages_a_day_notify(shell: Shell, clock: Clock) -> None:
    """The fourth is refused with Google's words until a day has gone by; classes have a budget of their own."""
    shell.put_card()
    path = f"loyaltyObject/{OBJECT['id']}/addMessage"
    assert [shell.ask("POST", path, NOTIFYING).status_code for _ in range(4)] == [200, 200, 200, 403]
    answer = shell.ask("POST", path, NOTIFYING)
    assert refusal(answer) == (403, "quotaExceeded")
    assert f"Quota exceeded for issuer {ISSUER}" in answer.json()["error"]["message"]
    assert shell.ask("POST", f"loyaltyClass/{CLASS['id']}/addMessage", NOTIFYING).status_code == 200
    clock.on(hours=24)
    shell.sign_in()
    assert shell.ask("POST", path, NOTIFYING).status_code == 200


def test_three_changes_a_day_notify_and_the_fourth_is_silent(shell: Shell) -> None:
    """A change of points that asks for it notifies; beyond three it is written all the same. Other fields never do."""
    shell.put_card()
    path = f"loyaltyObject/{OBJECT['id']}"
    shell.ask("PATCH", path, {"accountName": "Eva", "notifyPreference": "NOTIFY_ON_UPDATE"})
    shell.ask("PATCH", path, {"loyaltyPoints": {"balance": {"int": 1}}})
    assert shell.here.google.notices() == []
    for points in range(10, 14):
        change = {"loyaltyPoints": {"balance": {"int": points}}, "notifyPreference": "NOTIFY_ON_UPDATE"}
        assert shell.ask("PATCH", path, change).status_code == 200
    assert [each.channel for each in shell.here.google.notices()] == ["fields"] * 3
    assert shell.ask("POST", f"{path}/addMessage", NOTIFYING).status_code == 200


def test_the_fourth_change_of_a_day_is_refused_on_demand(clock: Clock) -> None:
    """Where Google is strict it says so and writes nothing; without a notification the change is made."""
    with running(clock=clock, strict_notices=True) as here:
        shell = Shell(here, clock)
        shell.sign_in()
        shell.put_card()
        path = f"loyaltyObject/{OBJECT['id']}"
        changes = [{"loyaltyPoints": {"balance": {"int": points}}} for points in range(10, 14)]
        telling = {"notifyPreference": "NOTIFY_ON_UPDATE"}
        answers = [shell.ask("PATCH", path, each | telling) for each in changes]
        assert [each.status_code for each in answers] == [200, 200, 200, 403]
        assert refusal(answers[3]) == (403, "quotaExceeded")
        assert here.google.get("loyaltyObject", OBJECT["id"])["loyaltyPoints"]["balance"] == {"int": 12}
        assert shell.ask("PATCH", path, {"accountName": "Eva"} | telling).status_code == 200
        assert shell.ask("PATCH", path, changes[3]).status_code == 200
        clock.on(hours=24)
        shell.sign_in()
        assert shell.ask("PATCH", path, changes[0] | telling).status_code == 200
        shell.http.close()


def test_merchant_locations_need_a_permission(clock: Clock) -> None:
    """An issuer that Google has not allowed to is refused in Google's words."""
    with running(clock=clock, merchant_locations=False) as here:
        shell = Shell(here, clock)
        shell.sign_in()
        answer = shell.ask("POST", "loyaltyClass", CLASS | {"merchantLocations": [{"latitude": 1.0, "longitude": 1.0}]})
        assert refusal(answer) == (400, "invalidResource")
        assert answer.json()["error"]["message"].startswith("Issuer not allowlisted for Merchant Locations.")
        shell.http.close()


@pytest.mark.parametrize(
    ("status", "body", "kind", "taken"),
    [
        (200, b"\x89PNG", "image/png", True),
        (404, b"\x89PNG", "image/png", False),
        (302, b"\x89PNG", "image/png", False),
        (200, b"<html>", "text/html", False),
        (200, b"", "image/png", False),
    ],
)
def test_images_of_a_class_are_fetched(shell: Shell, status: int, body: bytes, kind: str, taken: bool) -> None:
    """A class is taken only if its images on this machine can be fetched."""
    with answering(status, body, kind) as (url, asked):
        drawn = CLASS | {"heroImage": {"sourceUri": {"uri": f"{url}/hero.png"}}}
        answer = shell.ask("POST", "loyaltyClass", drawn)
        assert asked == ["GET /hero.png"]
        assert answer.ok is taken
        if not taken:
            assert refusal(answer) == (400, "invalidResource")
            assert answer.json()["error"]["message"] == f"Image cannot be loaded: {url}/hero.png"


def test_the_image_of_an_object_is_fetched(shell: Shell) -> None:
    """An object with a banner of its own is taken only if that can be fetched."""
    shell.ask("POST", "loyaltyClass", CLASS)
    for status, taken in ((404, False), (200, True)):
        with answering(status, b"\x89PNG", "image/png") as (url, asked):
            answer = shell.ask("POST", "loyaltyObject", OBJECT | {"heroImage": {"sourceUri": {"uri": f"{url}/6.png"}}})
            assert (asked, answer.ok) == (["GET /6.png"], taken)


def test_an_image_that_nobody_serves_is_refused(shell: Shell) -> None:
    """No connection is no image."""
    logo = {"programLogo": {"sourceUri": {"uri": "http://127.0.0.1:9/logo.png"}}}
    assert refusal(shell.ask("POST", "loyaltyClass", CLASS | logo))[0] == 400


def test_failures_come_on_demand(shell: Shell) -> None:
    """Some requests fail as wished, so many times, and then all is as before."""
    shell.put_card()
    path = f"loyaltyObject/{OBJECT['id']}"
    shell.here.google.behave(Behaviour(429, method="GET", times=2))
    assert shell.ask("PATCH", path, {"accountName": "Eva"}).status_code == 200
    assert [refusal(shell.ask("GET", path)) for _ in range(2)] == [(429, "rateLimitExceeded")] * 2
    assert shell.ask("GET", path).status_code == 200
    shell.here.google.behave(Behaviour(503, "backendError", "Try later."))
    assert shell.ask("GET", path).json()["error"]["message"] == "Try later."
    shell.here.google.behave(Behaviour(delay=0.01, body=b"junk"))
    assert shell.ask("PATCH", path, {"accountName": "Ida"}).content == b"junk"
    shell.here.google.behave(Behaviour())
    assert shell.ask("GET", path).json()["accountName"] == "Ida"


def test_the_busiest_second_is_remembered() -> None:
    """Requests are counted over every second, not only whole ones."""
    moments = iter([0.0, 0.6, 0.7, 1.2, 1.3, 5.0])
    traffic = Traffic(most_per_second=None, timer=lambda: next(moments))
    for _ in range(6):
        traffic.count()
    assert (traffic.requests, traffic.busiest_second) == (6, 4)


def test_more_requests_than_a_second_holds_are_refused() -> None:
    """With a limit the next request is refused, and taken when a second has gone by."""
    moments = iter([0.0, 0.5, 0.9, 1.6])
    traffic = Traffic(most_per_second=2, timer=lambda: next(moments))
    traffic.count()
    traffic.count()
    with pytest.raises(GoogleRefused, match="Quota exceeded"):
        traffic.count()
    traffic.count()


@pytest.fixture
def link(shell: Shell) -> Callable[..., requests.Response]:
    """Follow a save link with these claims changed, or the given payload."""

    def follow(payload: object = None, **changes: object) -> requests.Response:
        payload = payload or {"loyaltyObjects": [{"id": OBJECT["id"]}]}
        claims = {"iss": shell.here.account.email, "aud": "google", "typ": "savetowallet", "iat": 1, "payload": payload}
        jwt = shell.jwt(claims | changes)
        return shell.http.get(f"{shell.here.url}/save/{jwt}", timeout=5)

    return follow


def test_a_save_link_saves_and_calls_back(shell: Shell, clock: Clock) -> None:
    """The card is held afterwards, and the issuer gets a callback that it can verify; so it is on removal."""
    account = shell.here.account
    with answering(200, b"") as (url, asked):
        shell.put_card(callbackOptions={"url": f"{url}/google/callback"})
        link = save_link(
            OBJECT["id"],
            service_account_email=account.email,
            key=account.key,
            key_id=account.key_id,
            origins=[],
            save_url=f"{shell.here.url}/save",
            now=clock(),
        )
        for _ in range(2):
            page = shell.http.get(link, timeout=5)
            assert (page.status_code, "Lumen Club" in page.text) == (200, True)
        assert shell.here.google.get("loyaltyObject", OBJECT["id"])["hasUsers"] is True
        removed = shell.http.post(f"{shell.here.url}/saved/{OBJECT['id']}/remove", timeout=5)
        assert "The card was removed" in removed.text
    assert asked == ["POST /google/callback"] * 2
    assert shell.here.google.get("loyaltyObject", OBJECT["id"])["hasUsers"] is False
    assert [(each.event, each.status) for each in shell.here.google.called()] == [("save", 200), ("del", 200)]


def test_callbacks_are_signed_with_the_published_keys(shell: Shell, clock: Clock) -> None:
    """What the keys' address publishes verifies the callbacks, also after the keys are rotated."""
    google = shell.here.google
    google.callback_keys = google.callback_keys.rotated(clock())
    keys = KeyRing(lambda: http_fetch(f"{shell.here.url}/keys", shell.http), clock)
    envelope = google.callback_keys.sign(
        "save",
        class_id=CLASS["id"],
        object_id=OBJECT["id"],
        issuer_id=ISSUER,
        nonce="n",
        expires=clock() + timedelta(minutes=1),
    )
    assert verify(envelope, keys=keys, issuer_id=ISSUER, now=clock()).event == "save"


def test_an_issuer_that_does_not_answer_changes_nothing(shell: Shell, link: Callable[..., requests.Response]) -> None:
    """The card is saved though nobody takes the callback."""
    shell.put_card(callbackOptions={"url": "http://127.0.0.1:9/callback"})
    assert link().status_code == 200
    assert [each.status for each in shell.here.google.called()] == [None]


def test_a_fat_link_brings_its_card(shell: Shell, link: Callable[..., requests.Response]) -> None:
    """A link may carry class and object whole; they are entered if new, and left alone if not."""
    assert link({"loyaltyClasses": [CLASS], "loyaltyObjects": [OBJECT]}).status_code == 200
    assert link({"loyaltyObjects": [OBJECT | {"accountName": "Eva"}]}).status_code == 200
    assert shell.here.google.get("loyaltyObject", OBJECT["id"])["accountName"] == "Ada"


@pytest.mark.parametrize(
    ("payload", "changes", "words"),
    [
        (None, {}, "does not exist"),
        (None, {"iss": "nobody@example.com"}, "account not found"),
        (None, {"aud": "apple"}, "aud"),
        (None, {"typ": "JWT"}, "typ"),
        (None, {"iat": "now"}, "iat"),
        ([1], {}, "no loyaltyObjects"),
        ({"loyaltyObjects": [{"id": 7}, 8]}, {}, "no loyaltyObjects"),
        ({"loyaltyObjects": [OBJECT | {"state": "GONE"}]}, {}, "state"),
        ({"loyaltyObjects": [OBJECT]}, {}, "loyaltyClass"),
        (None, {"origins": ["x" * 1800]}, "1800"),
    ],
)
def test_a_bad_link_saves_nothing(
    shell: Shell, link: Callable[..., requests.Response], payload: object, changes: dict[str, Any], words: str
) -> None:
    """A link that Google would refuse says why."""
    answer = link(payload, **changes)
    assert answer.status_code == 400
    assert words in answer.text
    assert shell.here.google.all("loyaltyObject") == []


def test_a_new_issuer_in_demo_mode_refuses_ordinary_customers(
    shell: Shell, link: Callable[..., requests.Response]
) -> None:
    """Testers alone can save its cards, which say that they are a test; once it may publish, all can."""
    shell.put_card()
    shell.here.google.demo = True
    refused = link()
    assert (refused.status_code, "User not allowed to save the pass" in refused.text) == (400, True)
    assert shell.here.google.get("loyaltyObject", OBJECT["id"])["hasUsers"] is False
    page = shell.http.get(f"{refused.url}?tester", timeout=5)
    assert (page.status_code, "<h1>[TEST ONLY] Lumen Club</h1>" in page.text) == (200, True)
    shell.here.google.demo = False
    assert "<h1>Lumen Club</h1>" in link().text


def test_a_tester_saves_without_a_page(shell: Shell) -> None:
    """A phone that is a tester's saves in demo mode; any other does not."""
    google = SandboxGoogle(issuer_id=ISSUER, clock=lambda: NOW, demo=True)
    google.admit(account_json())
    google.change("insert", "loyaltyClass", "", CLASS)
    google.change("insert", "loyaltyObject", "", OBJECT)
    payload = {"loyaltyObjects": [{"id": OBJECT["id"]}]}
    jwt = shell.jwt(
        {"iss": shell.here.account.email, "aud": "google", "typ": "savetowallet", "iat": 1} | {"payload": payload}
    )
    with pytest.raises(LinkNotSaved, match="User not allowed"):
        google.save(jwt)
    assert [each["hasUsers"] for each in google.save(jwt, tester=True)] == [True]


def test_the_page_shows_names_as_text(shell: Shell, link: Callable[..., requests.Response]) -> None:
    """Markup in a name stays text."""
    shell.put_card(programName="<script>alert(1)</script>")
    answer = link()
    assert "<script>" not in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_another_site_removes_no_card(shell: Shell) -> None:
    """The button works from its own page alone; a card that is not there cannot be removed."""
    shell.put_card()
    url = f"{shell.here.url}/saved/{OBJECT['id']}/remove"
    assert shell.http.post(url, headers={"Sec-Fetch-Site": "cross-site"}, timeout=5).status_code == 403
    assert shell.http.post(f"{shell.here.url}/saved/{ISSUER}.none/remove", timeout=5).status_code == 404


def test_listeners_hear_of_every_change(shell: Shell, link: Callable[..., requests.Response]) -> None:
    """Each write, message, save and removal is told, by id; a listener that fails does no harm."""
    heard: list[str] = []

    def fail(_: str) -> None:
        raise RuntimeError

    shell.here.google.listen(fail)
    shell.here.google.listen(heard.append)
    shell.put_card()
    shell.ask("PATCH", f"loyaltyObject/{OBJECT['id']}", {"accountName": "Eva"})
    shell.ask("POST", f"loyaltyObject/{OBJECT['id']}/addMessage", SILENT)
    link()
    shell.here.google.remove(OBJECT["id"])
    assert heard == [CLASS["id"], *[OBJECT["id"]] * 5]


def test_one_of_many_inserts_wins(shell: Shell) -> None:
    """Of several inserts of the same object at once, one is taken and the others conflict."""
    shell.ask("POST", "loyaltyClass", CLASS)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: shell.ask("POST", "loyaltyObject", OBJECT).status_code, range(8)))
    assert sorted(answers) == [200] + [409] * 7


def test_callback_keys_may_be_given() -> None:
    """Keys that were kept sign after a restart, too."""
    keys = CallbackKeys.make(NOW)
    google = SandboxGoogle(issuer_id=ISSUER, clock=lambda: NOW, callback_keys=keys)
    google.admit(account_json())
    assert google.callback_keys is keys
