"""`wallet-service merchant`, `key` and `source add --merchant`: what they do, print, and refuse."""

import pytest
from actors import START
from command_actors import Command, at, commands
from sqlalchemy import Engine, text

from wallet_service import demo
from wallet_service.domain.api_key import SCOPES, read_token
from wallet_service.web import create_app
from wallet_service.wiring import Service


@pytest.fixture
def command(service: Service) -> Command:
    """Type a command, and get what it prints."""
    return commands(at(service))


def status(service: Service, key: str) -> int:
    """Return how a request with the key is answered."""
    client = create_app(service).test_client()
    return client.get("/api/v1/programs", headers={"Authorization": f"Bearer {key}"}).status_code


def test_a_key_is_given_used_listed_and_revoked(command: Command, service: Service, engine: Engine) -> None:
    """A merchant's key is shown once, opens the API, is listed with its last use, and opens nothing once revoked."""
    command("merchant", "add", "papermoth", "--name", "Papermoth")
    assert "papermoth  Papermoth" in command("merchant", "list")
    command("source", "add", "shop", "--merchant", "papermoth")
    printed = command("key", "add", "--merchant", "papermoth", "--scope", "till", "--name", "till 3")
    key = printed.split()[0]
    token = read_token(key)
    assert token is not None
    assert token.public_id in printed
    listed = command("key", "list")
    assert f"{token.public_id}  papermoth  never used  till 3" in listed
    assert "points:write" in listed
    assert "jobs:write" not in listed
    assert token.secret not in listed
    assert status(service, key) == 200
    assert f"last used {START:%Y-%m-%d %H:%M}" in command("key", "list")
    command("key", "revoke", token.public_id)
    assert "revoked" in command("key", "list")
    assert status(service, key) == 401
    with engine.connect() as connection:
        kept = str(connection.execute(text("SELECT * FROM api_keys")).all())
    assert token.secret not in kept


def test_a_key_opens_through_its_last_day(command: Command, service: Service) -> None:
    """The day that is given is the last one, in UTC."""
    command("source", "add", "shop")
    printed = {
        day: command("key", "add", "--scope", "programs:read", "--expires", day).split()[0]
        for day in (f"{START:%Y-%m-%d}", "2026-05-31")
    }
    assert [status(service, key) for key in printed.values()] == [200, 401]
    assert "expired 2026-05-31" in command("key", "list")


def test_what_cannot_be_added_is_refused(command: Command) -> None:
    """No merchant twice, no code that cannot be typed, no scope that there is not, no key for nobody."""
    command("merchant", "add", "papermoth")
    assert "is there already" in command("merchant", "add", "papermoth", ends=1)
    assert "small letters" in command("merchant", "add", "Paper Moth", ends=1)
    assert "Invalid value for '--scope'" in command("key", "add", "--scope", "points:read,points:write", ends=2)
    assert "There is no merchant 'nobody'" in command("key", "add", "--merchant", "nobody", "--scope", "till", ends=1)
    assert "There is no key 'key_x'" in command("key", "revoke", "key_x", ends=1)
    assert "There is no merchant 'nobody'" in command("source", "add", "shop", "--merchant", "nobody", ends=1)
    command("source", "add", "shop", "--merchant", "papermoth")
    assert "another merchant's" in command("source", "add", "other", ends=1)


def test_the_demo_has_a_key_of_its_own(service: Service) -> None:
    """The demo's key opens everything, and is the same whenever the demo is loaded."""
    loaded = demo.load(service)
    assert demo.load(service).api_key == loaded.api_key
    assert status(service, loaded.api_key) == 200
    client = create_app(service).test_client()
    shown = client.get(
        f"/api/v1/members/{loaded.member_id}", headers={"Authorization": f"Bearer {loaded.api_key}"}
    ).get_json()
    assert shown["name"] == demo.NAME
    assert len(SCOPES) > 10
