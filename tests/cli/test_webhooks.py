"""`wallet-service webhook`: what it does, prints, and refuses."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from actors import Shop, connected_shop
from command_actors import Command, at, commands
from receivers import Receiver, answering, receiving
from sqlalchemy import Engine, text

from wallet_service.apple.identity import Identity
from wallet_service.config import Settings
from wallet_service.domain.template import Template
from wallet_service.web import create_app
from wallet_service.wiring import Service, build, utc_now

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def here(settings: Settings, engine: Engine, identity: Identity, starters: dict[str, Template]) -> Service:
    """A service of the folder in which the commands are typed."""
    typed = Settings(data_folder=settings.data_folder, templates=settings.templates)
    return build(typed, engine=engine, clock=utc_now, identity=identity, loaded=starters)


@pytest.fixture
def shop(here: Service) -> Shop:
    """A connected shop."""
    return connected_shop(here, create_app(here).test_client(), "shop")


@pytest.fixture
def command(here: Service) -> Command:
    """Type a command, and return what it prints; `ends` is the exit code that is expected."""
    return commands(at(here), "webhook")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A merchant's server."""
    with receiving() as ready:
        yield ready


def added(command: Command, *words: str) -> tuple[str, str]:
    """Add an endpoint, and return its id and its secret."""
    endpoint, secret = (line.split()[-1] for line in command("add", *words).splitlines()[-2:])
    return endpoint, secret


def test_an_endpoint_from_the_first_day_to_the_last(command: Command, receiver: Receiver) -> None:
    """Added, tried out, changed, given a new secret, listed, and removed."""
    endpoint, secret = added(command, receiver.url, "--type", "points.*", "--name", "the shop")
    assert endpoint.startswith("whe_")
    assert f"{endpoint} took it: answered 200" in command("test", endpoint)
    assert receiver.got[0].verified(secret)["type"] == "endpoint.test"
    new = command("rotate", endpoint).strip().splitlines()[-1]
    assert "is changed" in command("change", endpoint, "--type", "tier.upgraded", "--type", "reward.*")
    command("test", endpoint)
    assert receiver.got[1].verified(secret) == receiver.got[1].verified(new)
    listed = command("list")
    assert f"{endpoint} active" in listed
    assert "the shop: tier.upgraded, reward.*" in listed
    assert secret not in listed
    command("change", endpoint, "--everything")
    assert "reward" not in command("list")
    assert "is removed" in command("remove", endpoint)
    assert endpoint not in command("list")
    assert "There is no endpoint" in command("test", endpoint, ends=1)


def test_a_leaked_secret_signs_nothing_more(command: Command, receiver: Receiver) -> None:
    """Without an overlap the secret before is over at once."""
    endpoint, _ = added(command, receiver.url)
    new = command("rotate", endpoint, "--overlap", 0).strip().splitlines()[-1]
    command("test", endpoint)
    assert receiver.got[0].verified(new)
    assert receiver.got[0].headers["webhook-signature"].count("v1,") == 1


def test_what_was_sent_and_what_could_not_be(command: Command, receiver: Receiver, here: Service, shop: Shop) -> None:
    """The log names each try; a dead letter is shown whole, and sent again by its id or with all others."""
    endpoint, secret = added(command, receiver.url, "--type", "member.*")
    receiver.behave = answering(500, 500, 200)
    shop.enrol("ann")
    shop.enrol("bob")
    with here.begin() as tx:
        tx.execute(text("UPDATE webhook_messages SET attempts = 9"))
    deliver(here, receiver, 2)
    dead = command("dead", "--endpoint", endpoint)
    assert dead.count("given up after 10 tries: answered 500") == 2
    letters = json.loads(command("dead", "--json").partition("[")[1] + command("dead", "--json").partition("[")[2])
    assert [each["body"]["type"] for each in letters] == ["member.enrolled"] * 2
    assert command("log").count("500 in ") == 2
    assert "  2  http" in " ".join(command("list").split(" " * 5))
    first, second = (each["message"] for each in letters)
    assert "is sent again" in command("replay", first)
    assert "1 messages are sent again" in command("replay", "--endpoint", endpoint)
    assert "no message" in command("replay", first, ends=1)
    deliver(here, receiver, 4)
    assert {each.id for each in receiver.got} == {first, second}
    assert receiver.got[-1].verified(secret)
    assert f"{first}  member.enrolled" in command("log", "--message", first, "--limit", 1)
    assert command("dead").count("given up") == 0


def deliver(service: Service, receiver: Receiver, number: int) -> None:
    """Let a worker work until so many messages have come, and are settled."""
    for _ in range(600):
        service.dispatch.deliver()
        if len(receiver.got) >= number:
            break
    service.dispatch.finish()
    assert len(receiver.got) == number


def test_an_endpoint_that_said_that_it_is_gone(command: Command, receiver: Receiver, here: Service, shop: Shop) -> None:
    """The list says since when and why, and `enable` has what waited sent."""
    endpoint, _ = added(command, receiver.url)
    receiver.behave = answering(410, 200)
    shop.enrol("ann")
    deliver(here, receiver, 1)
    assert f"{endpoint} gone" in command("list")
    assert "it answered 410" in command("list")
    assert "is active" in command("enable", endpoint)
    deliver(here, receiver, 2)


def test_what_is_refused_is_said_in_words(command: Command, receiver: Receiver) -> None:
    """An address that cannot be used, no type of event, a merchant that nobody knows, too much and too little."""
    said = command("add", "https://10.1.2.3/", "--type", "points.earnt", ends=1)
    assert "private address" in said
    assert "'points.earnt' is no type of event" in said
    assert "no merchant 'nobody'" in command("list", "--merchant", "nobody", ends=1)
    assert "either" in command("replay", ends=2)
    endpoint, _ = added(command, receiver.url)
    assert "either" in command("change", endpoint, "--everything", "--type", "points.*", ends=2)
    receiver.behave = answering(404)
    assert "did not take it: answered 404" in command("test", endpoint, ends=1)
