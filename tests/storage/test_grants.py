"""The role that web and workers use does its work, and cannot change what is only added to."""

import os
from collections.abc import Iterator

import pytest
from actors import Clock, Device, card_of, connected_shop
from bulk_actors import Clerk
from click.testing import CliRunner
from history import RULES, Story, live, published, with_rules
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from wallet_service.apple.identity import Identity
from wallet_service.cli import main
from wallet_service.config import Settings
from wallet_service.domain.errors import RightsRefused
from wallet_service.storage import grants
from wallet_service.usecases.audit import audit
from wallet_service.web import create_app
from wallet_service.wiring import Service, build, open_engine

ROLE = f"wallet app {os.getpid()}"  # a name that has to be quoted


@pytest.fixture
def role(engine: Engine) -> Iterator[str]:
    """A role that may log in and nothing else."""
    with engine.begin() as tx:
        tx.execute(text(f"CREATE ROLE \"{ROLE}\" LOGIN PASSWORD 'app'"))
    yield ROLE
    with engine.begin() as tx:
        tx.execute(text(f'DROP OWNED BY "{ROLE}"'))
        tx.execute(text(f'DROP ROLE "{ROLE}"'))


@pytest.fixture
def restricted(engine: Engine, role: str, settings: Settings, identity: Identity, clock: Clock) -> Iterator[Service]:
    """A service that works as that role."""
    with engine.begin() as tx:
        grants.grant(tx, role)
    limited = open_engine(make_url(engine.url).set(username=role, password="app").render_as_string(False))
    yield build(settings, clock=clock, engine=limited, identity=identity)
    limited.dispose()


def tables(engine: Engine) -> list[str]:
    """Return the tables that have the trigger."""
    query = "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'append_only' ORDER BY 1"
    with engine.begin() as tx:
        return list(tx.execute(text(query)).scalars())


def test_the_role_does_all_the_work(restricted: Service, clock: Clock) -> None:
    """Events, phones, the calendar, holds, seals, checks and figures all work with those rights alone."""
    client = create_app(restricted).test_client()
    shop = connected_shop(restricted, client, "shop")
    card = card_of(restricted, shop.enrol("cid")["serial_number"])
    device = Device(client, restricted.identity.pass_type_identifier)
    assert device.register(card).status_code == 201
    shop.buy(8_000, order="o1", customer="cid")
    shop.refund(1_000, order="o1")
    assert device.list().status_code == 200
    assert device.fetch(card).status_code == 200
    service = published(with_rules(restricted, RULES))
    live(Story(service, clock))
    assert Clerk(restricted).bring("external_id,balance\neve,5\nfay,x\n").state == "done"
    assert restricted.prune_jobs() == 0
    assert restricted.seal() > 20
    assert client.get("/metrics").status_code == client.get("/readyz").status_code == 200
    assert client.get("/.well-known/ledger-head.json").status_code == 200
    with service.read() as tx:
        assert audit(tx, service.in_force, most=9).good


WITHOUT_ID = {
    "ledger_seals": "position",
    "hold_outcomes": "hold_id",
    "sealed_transactions": "seal",
    "exposures": "arm",
    "opening_balances": "points",
}


def test_rights_and_triggers_both_refuse(restricted: Service, engine: Engine, clock: Clock) -> None:
    """The role has no right to change what is only added to, and the owner is refused by the trigger."""
    live(Story(with_rules(restricted, RULES), clock))
    restricted.seal()
    assert len(tables(engine)) > 10
    for table in tables(engine):
        column = WITHOUT_ID.get(table, "id")
        for statement in (
            f"UPDATE {table} SET {column} = DEFAULT",
            f"DELETE FROM {table}",
            f"TRUNCATE {table} CASCADE",
        ):
            with pytest.raises(ProgrammingError, match="permission denied"), restricted.begin() as tx:
                tx.execute(text(statement))
            with pytest.raises(IntegrityError, match=r"append-only|cannot truncate"), engine.begin() as tx:
                tx.execute(text(statement))
    for statement in (
        "ALTER TABLE lots DISABLE TRIGGER append_only",
        "SET session_replication_role = replica",
        "DROP TABLE lots CASCADE",
        "CREATE TABLE mine (id int)",
        "UPDATE alembic_version SET version_num = 'x'",
    ):
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), restricted.begin() as tx:
            tx.execute(text(statement))


def test_a_right_that_was_given_before_is_taken(engine: Engine, role: str) -> None:
    """Whatever the role could do before, afterwards it can only add."""
    with engine.begin() as tx:
        tx.execute(text(f'GRANT ALL ON ALL TABLES IN SCHEMA public TO "{role}"'))
        kept = grants.grant(tx, role)
        for right in ("UPDATE", "DELETE", "TRUNCATE", "TRIGGER", "REFERENCES"):
            query = text("SELECT has_table_privilege(:role, :table, :right)")
            for table in kept:
                assert not tx.execute(query, {"role": role, "table": table, "right": right}).scalar_one()


def test_roles_that_no_rights_bind_are_refused(engine: Engine) -> None:
    """A superuser, who owns the tables too, and a role that is not there are refused by name."""
    with engine.begin() as tx:
        with pytest.raises(RightsRefused, match="superuser"):
            grants.grant(tx, "postgres")
        with pytest.raises(RightsRefused, match="no role 'nobody_here'"):
            grants.grant(tx, "nobody_here")


def test_the_command_grants(service: Service, role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`migrate --grant` brings the tables up to date and names the tables that the role may only add to."""
    monkeypatch.setenv("WALLET_DATABASE_URL", service.engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("WALLET_DATA_FOLDER", str(service.settings.data_folder))
    monkeypatch.setenv("WALLET_TEMPLATES", str(service.settings.templates))
    done = CliRunner().invoke(main, ["migrate", "--grant", role])
    assert done.exit_code == 0, done.output
    assert "ledger_entries" in done.output
