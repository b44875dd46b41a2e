"""Every route by every kind of caller, own and foreign: made from the description, so that no route is forgotten."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from actors import Clock
from api_actors import NOWHERE, Program, Request, World, renamed, requests_of, told_of

from wallet_service.domain.api_key import SCOPES, read_token
from wallet_service.usecases.admit import revoke_key
from wallet_service.web.api import ROUTES, samples

Look = Callable[[], dict[str, tuple[int, str]]]


def strangers(world: World, clock: Clock) -> dict[str, Program]:
    """Return everybody who has no key that opens anything."""
    token = world.mine.key()
    expired = world.mine.key(lasts=timedelta(hours=1))
    clock.on(hours=1)
    revoked = world.mine.key()
    with world.service.begin() as tx:
        revoke_key(tx, known(revoked), now=clock())
    there, _, secret = token.rpartition("_")
    return {
        name: Program(world.client, given)
        for name, given in {
            "nobody": None,
            "empty": "",
            "nonsense": "letmein",
            "unknown": f"wk_0000000000000000_{secret}",
            "wrong secret": f"{there}_{'0' * 64}",
            "secret of another key": f"{there}_{expired.rpartition('_')[2]}",
            "too long": token + "0",
            "expired": expired,
            "revoked": revoked,
        }.items()
    }


def known(token: str) -> str:
    """Return the id of a key."""
    read = read_token(token)
    assert read
    return read.public_id


def examples(world: World) -> list[Request]:
    """Return the example of each route."""
    found = requests_of(world.client.get("/api/openapi.json").get_json())
    assert [each.name for each in found] == [each.name for each in ROUTES]
    return found


def kept(contents: Look) -> dict[str, tuple[int, str]]:
    """Return all that is in the database, but for what keys are counted by."""
    return {name: each for name, each in contents().items() if name not in ("api_keys", "rates")}


def test_without_a_key_in_force_nothing_opens(world: World, clock: Clock, contents: Look) -> None:
    """Whoever has no key in force gets 401 on every route, to the letter the same whatever is wrong with it."""
    ready = [each.told(world.names(told_of(each))) for each in examples(world)]
    callers = strangers(world, clock)
    before = kept(contents)
    answers = {
        (answer.status_code, answer.data, answer.headers["WWW-Authenticate"], answer.mimetype)
        for each in ready
        for caller in callers.values()
        for answer in [caller.ask(each)]
    }
    assert len(answers) == 1
    ((status, _, scheme, mimetype),) = answers
    assert (status, scheme, mimetype) == (401, "Bearer", "application/problem+json")
    assert kept(contents) == before


def test_another_scheme_opens_nothing(world: World) -> None:
    """A key that is sent by another scheme than Bearer is none."""
    token = world.mine.key()
    for given in (token, f"Basic {token}", f"ApplePass {token}", f"Bearer{token}"):
        assert Program(world.client, None).send("GET", "/programs", headers={"Authorization": given}).status_code == 401
    assert (
        Program(world.client, None).send("GET", "/programs", headers={"Authorization": f"bearer {token}"}).status_code
        == 200
    )


def test_each_route_needs_its_own_scope_and_no_other(world: World, contents: Look) -> None:
    """A key with all other scopes gets 403 and the name of the one it lacks; that one alone opens the route."""
    for each in examples(world):
        request = each.told(world.names(told_of(each)))
        lacking = world.mine.program(*[scope for scope in SCOPES if scope != each.scope])
        before = kept(contents)
        answer = lacking.ask(request)
        assert (answer.status_code, answer.get_json()["scope"]) == (403, each.scope), each.name
        assert answer.get_json()["type"] == "urn:wallet-service:problem:scope-missing"
        assert kept(contents) == before
        assert each.scope in SCOPES
        program = world.mine.program(*[scope for scope in SCOPES if scope == each.scope])
        assert program.ask(request).status_code == each.status, each.name


def test_what_is_anothers_does_not_exist(world: World, contents: Look) -> None:
    """Another merchant's key gets for each id the answer that it gets for an id that is nowhere, or nothing of ours."""
    rival = world.other.program()
    for each in examples(world):
        if each.method != "GET" and not any(sample in told_of(each) for sample in NOWHERE):
            continue  # it names nothing, and so does something of the caller's own
        names = world.names(told_of(each))
        before = kept(contents)
        foreign, unknown = (rival.ask(each.told(told)) for told in (names, names | NOWHERE))
        plain = renamed(foreign.text, {real: NOWHERE.get(sample, real) for sample, real in names.items()})
        assert (foreign.status_code, plain) == (unknown.status_code, unknown.text), each.name
        assert not any(real in foreign.text for real in names.values()) or foreign.status_code == 404, each.name
        assert foreign.status_code in (200, 404), each.name
        if foreign.status_code == 200:
            assert samples.PROGRAM not in foreign.text.lower(), each.name
        assert kept(contents) == before


def test_ids_in_a_path_are_anothers_or_nobodys_alike(world: World) -> None:
    """A route with an id in its path answers 404 to another merchant, never that there is such an id."""
    rival = world.other.program()
    paths = [each for each, route in zip(examples(world), ROUTES, strict=True) if route.takes("path")]
    assert len(paths) > 3
    for each in paths:
        assert rival.ask(each.told(world.names(told_of(each)))).status_code == 404, each.name


def test_another_programme_is_not_reached_by_its_code(world: World) -> None:
    """The code of another merchant's programme is unknown, whether it is asked for, listed by, or written to."""
    rival, names = world.other.program(), world.names(samples.HOLD)
    for answer in (
        rival.send("GET", f"/programs/{samples.PROGRAM}"),
        rival.send("GET", f"/members?program={samples.PROGRAM}"),
        rival.send(
            "POST",
            "/holds",
            json={"member": {"id": names[samples.MEMBER]}, "program": samples.PROGRAM, "points": 1},
        ),
    ):
        assert (answer.status_code, answer.get_json()["type"]) == (404, "urn:wallet-service:problem:unknown-program")


@pytest.mark.parametrize("how", ["id", "external_id", "card_code"])
def test_a_member_of_anothers_programme_is_nobody_in_ones_own(world: World, how: str) -> None:
    """However a member is named, with one's own programme or without, another merchant's is unknown."""
    rival, names = world.other.program(), world.names("")
    shown = world.mine.program().send("GET", f"/members/{names[samples.MEMBER]}").get_json()
    name = shown["cards"][0]["code"] if how == "card_code" else shown[how]
    for program in ({}, {"program": "dillybasket"}):
        answer = rival.send("POST", "/holds", json={"member": {how: name}, "points": 1} | program)
        assert answer.get_json()["type"] == "urn:wallet-service:problem:member-not-found"
        assert answer.status_code == 404
