"""What the doctor says of installations that have something wrong."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from actors import START, Clock, Shop, connected_shop
from bulk_actors import Clerk
from listeners import listening
from sqlalchemy import Engine, text

from wallet_service.apple.identity import Identity
from wallet_service.config import Settings
from wallet_service.doctor import Finding, examine
from wallet_service.domain.template import Template
from wallet_service.storage import endpoints, wallets
from wallet_service.wiring import Service, build, open_engine

Examine = Callable[..., dict[str, Finding]]


@pytest.fixture
def found(settings: Settings, engine: Engine, identity: Identity, clock: Clock) -> Examine:
    """A way to examine an installation, parts replaced at will, that returns the last finding about each thing.

    Nothing listens at its sandbox's ports, also where a demo runs on the same machine.
    """
    settings = settings.model_copy(update={"sandbox_google_port": 1, "sandbox_apns_port": 1})

    def run(**parts: object) -> dict[str, Finding]:
        def open_service() -> Service:
            return build(settings, **({"clock": clock, "engine": engine, "identity": identity} | parts))  # type: ignore[arg-type]

        local = Settings(data_folder=settings.data_folder, base_url="http://127.0.0.1:1")
        return {finding.about: finding for finding in examine(open_service, local)}

    return run


def test_sound_installation(found: Examine) -> None:
    """Identity, certificates, tables and books are called good."""
    findings = found()

    good = {"templates", "identity", "certificate", "WWDR certificate", "database", "ledger", "delivery"}
    good.add("Google service account")
    assert {about for about, finding in findings.items() if finding.state == "good"} == good


def test_certificate_that_ends_soon(found: Examine, identity: Identity, clock: Clock) -> None:
    """A certificate that ends within a month is minded, with the day and what to do."""
    clock.now = identity.not_after - timedelta(days=7)

    finding = found()["certificate"]
    assert finding.state == "mind"
    assert "in 7 days" in finding.text
    assert "make a new one" in finding.text


def test_expired_certificate(found: Examine, settings: Settings, engine: Engine, clock: Clock) -> None:
    """An expired certificate keeps the service from starting, and the doctor says which date has passed."""
    open_by_settings = build(settings, clock=Clock(START), engine=engine)
    clock.now = open_by_settings.identity.not_after + timedelta(days=1)

    findings = found(identity=None)
    assert findings["IdentityRefused"].state == "wrong"
    assert f"{open_by_settings.identity.not_after:%Y-%m-%d}" in findings["IdentityRefused"].text


def test_database_that_does_not_answer(found: Examine, tmp_path: Path) -> None:
    """A database out of reach is called wrong, without a stack trace."""
    away = open_engine(f"postgresql://nobody@/nothing?host={tmp_path}")

    assert found(engine=away)["database"].state == "wrong"


def test_tables_that_are_missing(found: Examine, engine: Engine) -> None:
    """A database without our tables is called wrong, with the command that makes them."""
    with engine.begin() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '0000'"))

    assert "wallet-service migrate" in found()["database"].text


def test_balance_that_was_tampered_with(found: Examine, engine: Engine, shop: object) -> None:
    """A balance that is not the sum of its entries is called wrong and named."""
    shop.enrol("ann")  # type: ignore[attr-defined]
    with engine.begin() as tx:
        tx.execute(text("UPDATE balances SET available = 1000000"))

    finding = found()["ledger"]
    assert finding.state == "wrong"
    assert "mem_" in finding.text


def test_delivery_that_has_stopped(settings: Settings, service: Service, clock: Clock) -> None:
    """While delivery is stopped, the doctor says since when and why."""
    with service.begin() as tx:
        wallets.stop(tx, "apple", "403 BadCertificate", until=clock.now + timedelta(minutes=5), now=clock.now)

    wrong = [finding for finding in examine(lambda: service, settings) if finding.state == "wrong"]
    assert any("403 BadCertificate" in finding.text for finding in wrong)


def test_endpoint_that_was_stopped(settings: Settings, service: Service, shop: Shop, clock: Clock) -> None:
    """An endpoint that is sent nothing any more is minded, with the reason and the command; its address is not said."""
    ear = listening(service, "https://shop.example/a-token-in-the-path")
    shop.enrol()
    with service.begin() as tx:
        endpoints.stop(tx, ear.row_id, state="gone", reason="it answered 410", now=clock.now)
        tx.execute(text("UPDATE webhook_messages SET state = 'dead', due_at = NULL, settled_at = now()"))

    findings = {finding.about: finding for finding in examine(lambda: service, settings)}
    finding = findings[f"endpoint {ear.id}"]
    assert (finding.state, findings["dead letters"].state) == ("mind", "mind")
    assert "it answered 410" in finding.text
    assert f"webhook enable {ear.id}" in finding.text
    assert not any("a-token-in-the-path" in each.text for each in findings.values())


def test_jobs_that_failed(settings: Settings, service: Service, shop: Shop, clock: Clock) -> None:
    """Each is minded with what kept it, the newest by name, as long as its file is kept."""
    clerk = Clerk(service)
    for _ in range(5):
        clerk.give_up(clerk.ask("external_id\nann\n"))
    found = [each for each in examine(lambda: service, settings) if each.about.startswith("job")]
    assert [each.state for each in found] == ["mind"] * 4
    assert "import failed after 0 of 1 rows: the disk is full; see `wallet-service job show job_" in found[0].text
    assert found[-1].text.startswith("2 more have failed")
    clock.on(days=settings.job_keep_days)
    assert not [each for each in examine(lambda: service, settings) if each.about.startswith("job")]


def test_push_service_that_is_not_there(found: Examine) -> None:
    """A push service that does not answer is called wrong, with its address."""
    finding = found()["push service"]

    assert finding.state == "wrong"
    assert "127.0.0.1" in finding.text


def test_a_form_that_no_letter_can_be_sent_for(
    settings: Settings, engine: Engine, identity: Identity, clock: Clock, starters: dict[str, Template]
) -> None:
    """Where a template verifies addresses and there is no mail server, nobody can join, and that is wrong."""
    live = settings.model_copy(update={"apple_certificate": "a.pem", "apple_apns_url": "https://127.0.0.1:1"})
    template = starters["points"]
    assert template.look.join is not None
    look = template.look.model_copy(update={"join": template.look.join.model_copy(update={"verify": "email"})})
    for loaded, state in ((starters, "mind"), ({**starters, "points": replace(template, look=look)}, "wrong")):

        def opened(loaded: dict[str, Template] = loaded) -> Service:
            return build(live, clock=clock, engine=engine, identity=identity, loaded=loaded)

        (finding,) = [each for each in examine(opened, settings) if each.about == "mail server"]
        assert (finding.state, "points" in finding.text) == (state, state == "wrong")


def test_reminders_that_no_letter_can_be_sent_for(
    settings: Settings, engine: Engine, identity: Identity, clock: Clock, starters: dict[str, Template], shop: Shop
) -> None:
    """Rules in force that promise letters which cannot be sent are wrong; files that nobody has opened are not."""
    live = settings.model_copy(update={"apple_certificate": "a.pem", "apple_apns_url": "https://127.0.0.1:1"})

    def told(chosen: Settings) -> list[tuple[str, str]]:
        made = build(chosen, clock=clock, engine=engine, identity=identity, loaded=starters)
        return [
            (each.state, each.text) for each in examine(lambda: made, settings) if each.about.startswith("reminders")
        ]

    assert told(live) == []
    connected_shop(
        build(live, clock=clock, engine=engine, identity=identity, loaded=starters),
        shop.client,
        "salon",
        template="sephora_like",
    )
    ((state, text),) = told(live)
    assert state == "wrong"
    assert "sephora_like" in text
    assert "WALLET_SMTP_URL" in text
    assert told(settings) == []
