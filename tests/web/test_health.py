"""What operators' machines ask: whether it lives, whether it is ready, and how far the cards are in step."""

import socket
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from actors import Clock, Device, Shop, card_of
from bulk_actors import Clerk
from flask.testing import FlaskClient
from listeners import listening
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, text

from wallet_service.domain.push import Outcome, Push, Sent
from wallet_service.links import card_url
from wallet_service.storage import endpoints, pipelined, wallets
from wallet_service.storage.embedded import Embedded
from wallet_service.usecases.deliver import Delivery
from wallet_service.web import create_app
from wallet_service.wiring import Service, open_engine


@pytest.fixture
def cut_off(service: Service) -> Iterator[FlaskClient]:
    """A client of a service whose database is away: nothing listens at its address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening, so that nobody else can take it meanwhile
        engine = open_engine(f"postgresql://nobody@127.0.0.1:{taken.getsockname()[1]}/nothing")
        yield create_app(replace(service, engine=engine, pipelined_engine=pipelined.open_engine(engine))).test_client()
        engine.dispose()


@pytest.fixture
def bare(service: Service, cluster: Embedded) -> Iterator[FlaskClient]:
    """A client of a service whose database has no tables yet."""
    engine = open_engine(cluster.url("postgres"))
    yield create_app(replace(service, engine=engine)).test_client()
    engine.dispose()


def test_healthz_says_that_the_process_lives(client: FlaskClient, cut_off: FlaskClient) -> None:
    """A process that answers lives, also while its database is away: restarting it would not help."""
    for each in (client, cut_off):
        answer = each.get("/healthz")
        assert (answer.status_code, answer.json) == (200, {"status": "alive"})


def test_readyz_is_200_when_all_is_well(client: FlaskClient) -> None:
    """A service with a database at its newest tables and a valid certificate is ready."""
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json == {"status": "ready", "checks": {"database": True, "certificate": True}}


def test_readyz_is_503_while_the_database_is_away(cut_off: FlaskClient) -> None:
    """A process without its database asks for no traffic."""
    answer = cut_off.get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {"status": "not ready", "checks": {"database": False, "certificate": True}}


def test_readyz_is_503_while_tables_are_missing(bare: FlaskClient) -> None:
    """A database that has not been migrated is not one that can be used."""
    answer = bare.get("/readyz")
    assert (answer.status_code, answer.json["checks"]["database"]) == (503, False)


def test_readyz_is_503_at_an_older_migration(client: FlaskClient, engine: Engine) -> None:
    """Tables of another version than the code's are not taken for its own."""
    with engine.begin() as tx:
        now = tx.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        tx.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    try:
        assert client.get("/readyz").status_code == 503
    finally:
        with engine.begin() as tx:
            tx.execute(text("UPDATE alembic_version SET version_num = :now"), {"now": now})


def test_readyz_is_503_when_the_certificate_has_ended(client: FlaskClient, service: Service, clock: Clock) -> None:
    """A service that cannot sign any more is not ready."""
    clock.now = service.identity.not_after + timedelta(seconds=1)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["checks"]) == (503, {"database": True, "certificate": False})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/webhooks/standard/shop"),
        ("POST", "/apple/v1/devices/d/registrations/p/s"),
        ("DELETE", "/apple/v1/devices/d/registrations/p/s"),
        ("GET", "/apple/v1/devices/d/registrations/p"),
        ("GET", "/apple/v1/passes/p/s"),
        ("POST", "/apple/v1/log"),
        ("GET", "/metrics"),
    ],
)
def test_every_door_is_503_while_the_database_is_away(cut_off: FlaskClient, method: str, path: str) -> None:
    """Whoever needs the database is asked to come back, in words that tell nothing of the inside."""
    answer = cut_off.open(path, method=method, json={"pushToken": "ab", "logs": ["x"]})
    assert answer.status_code == 503
    assert answer.mimetype == "application/problem+json"
    assert answer.json["type"] == "urn:wallet-service:problem:database-unusable"
    assert int(answer.headers["Retry-After"]) > 0
    assert "127.0.0.1" not in answer.text


def test_a_person_is_told_kindly_while_the_database_is_away(cut_off: FlaskClient, service: Service) -> None:
    """A customer with a good link sees a page and not a stack trace."""
    answer = cut_off.get(card_url("", service.secret_key, "0" * 24), headers={"Accept": "text/html"})
    assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert "Try again shortly" in answer.text


def figures(client: FlaskClient) -> dict[str, float]:
    """Return what /metrics tells."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    return {
        " ".join((sample.name, *sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def test_metrics_count_what_there_is(client: FlaskClient, service: Service, shop: Shop, device: Device) -> None:
    """Cards, phones, and how many of them have not been told or have not fetched, are read off the database."""
    days = service.identity.days_left(service.clock())
    nothing = {
        "wallet_cards": 0,
        "wallet_cards_behind": 0,
        "wallet_classes_behind": 0,
        "wallet_wallets": 0,
        "wallet_wallets_unsent": 0,
        "wallet_wallets_unfetched": 0,
        "wallet_events": 0,
        "wallet_ledger_unsealed": 0,
        "wallet_delivery_stopped": 0,
        "wallet_webhooks_waiting": 0,
        "wallet_webhooks_dead": 0,
        "wallet_webhooks_stopped": 0,
        "wallet_letters_waiting": 0,
        "wallet_letters_dead": 0,
        "wallet_certificate_days_left": days,
        "wallet_inbound failed": 0,
        "wallet_inbound unmatched": 0,
        "wallet_inbound attention": 0,
        "wallet_jobs waiting": 0,
        "wallet_jobs running": 0,
        "wallet_jobs failed": 0,
    }
    assert figures(client) == nothing
    card = card_of(service, shop.enrol("ann")["serial_number"])
    shop.enrol("bob")
    device.register(card)
    assert figures(client) == nothing | {
        "wallet_cards": 2,
        "wallet_cards_behind": 1,
        "wallet_installed apple": 1,
        "wallet_wallets": 1,
        "wallet_wallets_unsent": 1,
        "wallet_events": 2,
    }
    Delivery("apple", Obliging(), service.begin, service.clock, lease=timedelta(seconds=60), batch=10).deliver()
    assert figures(client)["wallet_wallets_unsent"] == 0
    assert figures(client)["wallet_wallets_unfetched"] == 1
    device.list()
    device.fetch(card)
    assert figures(client)["wallet_wallets_unfetched"] == 0


def test_metrics_tell_that_delivery_is_stopped(client: FlaskClient, service: Service) -> None:
    """A stop of delivery is a figure that an alarm can watch."""
    with service.begin() as tx:
        wallets.stop(tx, "apple", "certificate", until=service.clock(), now=service.clock())
    assert figures(client)["wallet_delivery_stopped"] == 1


def test_metrics_tell_how_messages_stand(client: FlaskClient, service: Service, shop: Shop) -> None:
    """Messages that wait, dead letters, and endpoints that were stopped are figures that an alarm can watch."""
    ear = listening(service)
    shop.enrol("ann")
    shop.enrol("bob")
    with service.begin() as tx:
        endpoints.stop(tx, ear.row_id, state="gone", reason="it said so", now=service.clock())
        bury = "UPDATE webhook_messages SET state = 'dead', due_at = NULL, settled_at = now() WHERE id = "
        tx.execute(text(f"{bury} (SELECT min(id) FROM webhook_messages)"))
    found = figures(client)
    kinds = ("waiting", "dead", "stopped")
    assert [found[f"wallet_webhooks_{kind}"] for kind in kinds] == [1, 1, 1]


def test_metrics_tell_how_jobs_stand(client: FlaskClient, service: Service, shop: Shop, clock: Clock) -> None:
    """Jobs that wait and that have failed are figures that an alarm can watch; what failed long ago is none."""
    clerk = Clerk(service)
    asked = [clerk.ask("external_id\nann\n") for _ in range(2)]
    assert figures(client)["wallet_jobs waiting"] == 2
    clerk.give_up(asked[0])
    assert [figures(client)[f"wallet_jobs {state}"] for state in ("waiting", "failed")] == [1, 1]
    clock.on(days=service.settings.job_keep_days)
    assert figures(client)["wallet_jobs failed"] == 0


def test_metrics_name_nobody(client: FlaskClient, service: Service, shop: Shop, device: Device) -> None:
    """Counts are told, and no member, card, phone or shop."""
    answer = shop.enrol("ann", name="Zora")
    card = card_of(service, answer["serial_number"])
    device.register(card)
    said = client.get("/metrics").text
    for secret in ("Zora", "ann\n", answer["member_id"], card.serial_number, device.library, shop.secret):
        assert secret not in said


class Obliging:
    """A push service that takes everything."""

    def send(self, pushes: Iterable[Push]) -> Iterator[tuple[Push, Outcome]]:
        """Take the pushes."""
        for push in pushes:
            yield push, Sent()
