"""What the service makes of a database that is away, full, or not ours."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import ProgrammingError
from starter_actors import SINCE

from wallet_service.apple.identity import Identity
from wallet_service.config import Settings
from wallet_service.domain.card import Card
from wallet_service.domain.errors import DatabaseUnusable
from wallet_service.domain.member import Membership, Position, Profile
from wallet_service.web import create_app
from wallet_service.wiring import Service, build, open_engine

HEADERS = {"Authorization": "ApplePass x"}
PASS = "/apple/v1/passes/pass.sandbox.wallet-service.loyalty/serial"


def client_on(engine: Engine, settings: Settings, identity: Identity) -> FlaskClient:
    """Return a client of a service on that database."""
    return create_app(build(settings, engine=engine, identity=identity)).test_client()


def test_missing_tables_are_told_with_the_command(service: Service) -> None:
    """A database without our tables is unusable, and the message says what makes them."""
    with service.begin() as tx:
        tx.execute(text("DROP TABLE device_logs"))

    with pytest.raises(DatabaseUnusable, match="wallet-service migrate"), service.begin() as tx:
        tx.execute(text("SELECT * FROM device_logs"))


def test_a_stamp_card_is_signed_with_its_stamps(service: Service) -> None:
    """Members with as many stamps share the static part of their passes, and another count has another one."""
    template = service.template("stamp_card")
    heads = []
    for number, balance in enumerate((6, 6, 7)):
        card = Card(number, f"serial-{number}", "0" * 32, service.identity.pass_type_identifier, 1, SINCE)
        member = Membership(
            id=number,
            program_id=1,
            public_id=f"mem_{number}",
            external_id=f"{number}",
            enrolled_at=SINCE,
            profile=Profile(locale="en"),
            position=Position(available=balance),
            card=card,
            card_code="CODE",
            voided=False,
            face_digest=b"",
            own_digest=None,
        )
        heads.append(service.sign(member, template).head)
    assert heads[0] is heads[1]
    assert heads[1] != heads[2]


def test_wrong_statement_of_ours_stays_a_crash(service: Service) -> None:
    """A statement that PostgreSQL does not understand is a fault of ours, and is not blamed on the database."""
    with pytest.raises(ProgrammingError), service.begin() as tx:
        tx.execute(text("SELEKT 1"))


def test_database_that_is_away_is_answered_with_503(settings: Settings, identity: Identity, tmp_path: Path) -> None:
    """While the database is away a phone is told to come again, not that we crashed."""
    away = open_engine(f"postgresql://nobody@/nothing?host={tmp_path}")
    answer = client_on(away, settings, identity).get(PASS, headers=HEADERS)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")


def test_pool_that_is_empty_is_answered_with_503(settings: Settings, identity: Identity, engine: Engine) -> None:
    """While every connection is taken a phone is told to come again."""
    narrow = create_engine(engine.url, pool_size=1, max_overflow=0, pool_timeout=0.1)
    with narrow.connect():
        answer = client_on(narrow, settings, identity).get(PASS, headers=HEADERS)
    narrow.dispose()

    assert answer.status_code == 503


def test_errors_of_the_database_hold_no_values(service: Service) -> None:
    """What an error says of a statement leaves out what was sent with it."""
    with pytest.raises(ProgrammingError) as error, service.begin() as tx:
        tx.execute(text("SELEKT :name"), {"name": "Ann Example"})

    assert "Ann" not in str(error.value)
