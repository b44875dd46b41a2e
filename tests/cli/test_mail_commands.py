"""`wallet-service mail`: how letters stand, and addresses that are not written to; nobody's address is printed."""

from pathlib import Path

import pytest
from actors import Shop, connected_shop
from command_actors import Command, at, commands
from sqlalchemy import Engine, text

from wallet_service.apple.identity import Identity
from wallet_service.config import Settings
from wallet_service.domain.letters import Letter
from wallet_service.domain.template import Template
from wallet_service.usecases.write_letter import write_letter
from wallet_service.web import create_app
from wallet_service.wiring import Service, build, utc_now

ROOT = Path(__file__).parent.parent.parent
ANN = "ann@home.example"


@pytest.fixture
def here(settings: Settings, engine: Engine, identity: Identity, starters: dict[str, Template]) -> Service:
    """A service of the folder in which the commands are typed, with a connected shop and its member."""
    typed = Settings(data_folder=settings.data_folder, templates=settings.templates)
    made = build(typed, engine=engine, clock=utc_now, identity=identity, loaded=starters)
    shop: Shop = connected_shop(made, create_app(made).test_client(), "shop")
    shop.enrol("ann")
    return made


@pytest.fixture
def command(here: Service) -> Command:
    """Type a command, and return what it prints."""
    return commands(at(here), "mail")


def write(service: Service, kind: str) -> str:
    """Write a letter to the address, and return its id."""
    with service.begin() as tx:
        program_id = tx.execute(text("SELECT id FROM programs")).scalar_one()
        letter = Letter(kind, "en", "A letter", ("Hello.",))  # type: ignore[arg-type]
        return write_letter(
            tx, service.vault, letter, program_id=program_id, member_id=None, to=ANN, now=service.clock()
        ).id


def test_letters_are_listed(here: Service, command: Command) -> None:
    """Each is listed with how it stands; a state lists those alone."""
    assert "no letters" in command("list")
    sent = write(here, "sign_in")
    assert here.post is not None
    here.post.deliver()
    command("suppress", ANN)
    dropped, waiting = write(here, "campaign"), write(here, "sign_in")
    shown = command("list")
    lines = [[each.strip() for each in line.split("  ")] for line in shown.splitlines() if "let_" in line]
    assert [(each[1], each[-1]) for each in lines] == [
        (waiting, "waiting"),
        (dropped, "dropped: suppressed"),
        (sent, "sent"),
    ]
    assert ANN not in shown
    assert command("list", "--state", "dropped").count("let_") == 1


def test_an_address_is_suppressed_and_allowed(here: Service, command: Command) -> None:
    """An address on the list is counted and not shown; allowed again, it is written to."""
    assert "There are none" in command("suppressed")
    command("suppress", "Ann@Home.example")
    shown = command("suppressed")
    assert "1 by_hand" in shown
    assert ANN not in shown
    assert "was by_hand" in command("allow", ANN)
    assert "was not suppressed" in command("allow", ANN)
    write(here, "campaign")
    assert "waiting" in command("list")


def test_what_cannot_be(command: Command) -> None:
    """What is no address, and a merchant that is none, are refused in words."""
    assert "no e-mail address" in command("suppress", "ann", ends=2)
    assert "no e-mail address" in command("allow", "@", ends=2)
    assert "nobody" in command("list", "--merchant", "nobody", ends=1)
