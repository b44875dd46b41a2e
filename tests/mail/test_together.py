"""From what causes a letter to the mail server and back: sent over TLS, unsubscribed by one click, or laid down."""

import email
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from email.policy import default
from pathlib import Path

import pytest
from actors import Clock, Shop, connected_shop
from flask.testing import FlaskClient
from mail_actors import Office, office
from pydantic import SecretStr
from sqlalchemy import Engine, text
from stage_actors import ROOT, wait_until

from wallet_service.apple.identity import Identity
from wallet_service.config import Settings
from wallet_service.doctor import examine
from wallet_service.domain.errors import MailNotSetUp
from wallet_service.domain.letters import Button, Letter
from wallet_service.sandbox.chain import Chain
from wallet_service.usecases.write_letter import Written, write_letter
from wallet_service.wiring import LETTER_LEASE, Service, build, utc_now

ANN = "ann@home.example"
SIGN_IN = Letter("sign_in", "ro", "Linkul tău", ("Iată-l.",), Button("Intră", "https://cards.example/x"), "Magazin")
CAMPAIGN = Letter("campaign", "en", "Spring", ("It is here.",), sender="Shop")


@pytest.fixture
def server(chain: Chain, tmp_path: Path) -> Iterator[Office]:
    """A mail server with STARTTLS and a login."""
    with office(chain, tmp_path / "office") as ready:
        yield ready


@pytest.fixture
def settings(settings: Settings, server: Office) -> Settings:
    """Settings with that mail server."""
    told = {"smtp_url": SecretStr(server.url), "smtp_ca_file": server.ca_file, "mail_from": "cards@shop.example"}
    return settings.model_copy(update=told)


@pytest.fixture
def service(settings: Settings, engine: Engine, identity: Identity) -> Iterator[Service]:
    """A service whose clock goes."""
    made = build(settings, clock=utc_now, engine=engine, identity=identity)
    yield made
    if made.post:
        made.post.carrier.close()


@pytest.fixture
def shop(service: Service, client: FlaskClient) -> Shop:
    """A connected shop, with a member who has agreed to news."""
    made = connected_shop(service, client, "shop")
    consent = {"purpose": "marketing", "channel": "email", "granted": True}
    made.answer("member.enrolled", {"customer": {"id": "ann", "email": ANN}, "consents": [consent]})
    return made


def write(service: Service, letter: Letter, to: str = ANN) -> Written:
    """Write a letter to the member."""
    with service.begin() as tx:
        row = tx.execute(text("SELECT id, program_id FROM members")).one()
        return write_letter(
            tx, service.vault, letter, program_id=row.program_id, member_id=row.id, to=to, now=service.clock()
        )


def post(service: Service) -> None:
    """Let a worker send what is due."""
    assert service.post is not None
    while service.post.deliver().total:
        pass


def states(engine: Engine) -> list[tuple[str, int]]:
    """Return how the letters stand, in the order in which they were written."""
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text("SELECT state, attempts FROM letters ORDER BY id"))]


def test_a_letter_arrives(service: Service, shop: Shop, server: Office) -> None:
    """What was asked for comes over TLS, in the language of who asked, and does not unsubscribe."""
    written = write(service, SIGN_IN)
    post(service)
    (got,) = server.got
    assert (got.to, got.encrypted) == ((ANN,), True)
    assert got.message["Message-ID"] == f"<{written.id}@shop.example>"
    assert got.message["From"] == "Magazin <cards@shop.example>"
    assert got.message["List-Unsubscribe"] is None
    assert '<html lang="ro">' in got.body("html")


def test_unsubscribed_by_one_click(service: Service, shop: Shop, server: Office, client: FlaskClient) -> None:
    """The address in the header, posted to as mail programs do, is the end of news, and of nothing else."""
    write(service, CAMPAIGN)
    post(service)
    path = server.got[0].unsubscribe_path
    assert path in server.got[0].body("plain").replace(service.settings.base_url, "")
    assert client.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert write(service, CAMPAIGN).why == "no_consent"
    write(service, SIGN_IN)
    post(service)
    assert [each.message["Subject"] for each in server.got] == ["Spring", "Linkul tău"]


def test_an_address_that_is_not_there(service: Service, shop: Shop, server: Office, engine: Engine) -> None:
    """A server that knows no such recipient is asked once, and never again for anything."""
    server.recipient = lambda _: "550 5.1.1 no such user"
    write(service, SIGN_IN)
    post(service)
    server.recipient = lambda _: None
    write(service, SIGN_IN)
    post(service)
    assert server.got == []
    assert states(engine) == [("dead", 1), ("dropped", 0)]


def test_the_doctor_looks_at_the_mail_server(service: Service, settings: Settings, server: Office) -> None:
    """The doctor logs in, and says what is wrong where it cannot."""

    def found(changed: Settings) -> tuple[str, str]:
        made = build(changed, clock=utc_now, engine=service.engine, identity=service.identity)
        return next((each.state, each.text) for each in examine(lambda: made, changed) if each.about == "mail server")

    assert found(settings) == ("good", f"localhost:{server.port} takes letters from cards@shop.example")
    untrusted = settings.model_copy(update={"smtp_ca_file": None})
    assert found(untrusted)[0] == "wrong"
    assert "certificate" in found(untrusted)[1]
    none = settings.model_copy(update={"smtp_url": None})
    assert found(none)[0] == "mind"
    assert str(none.mail_folder) in found(none)[1]


def test_a_sandbox_without_a_mail_server(settings: Settings, service: Service, shop: Shop, engine: Engine) -> None:
    """Letters lie in a folder as files that mail programs open, readable by their owner alone."""
    sandbox = build(
        settings.model_copy(update={"smtp_url": None}), clock=Clock(), engine=engine, identity=service.identity
    )
    sandbox.check_mail()
    written = write(service, SIGN_IN)
    post(build(sandbox.settings, clock=utc_now, engine=engine, identity=service.identity))
    folder = sandbox.settings.mail_folder
    assert folder is not None
    (path,) = folder.iterdir()
    assert path.name.endswith(f"-sign_in-{written.id}.eml")
    assert path.stat().st_mode & 0o077 == 0
    message = email.message_from_bytes(path.read_bytes(), policy=default)
    assert message["To"] == ANN
    assert states(engine) == [("sent", 1)]


def test_outside_the_sandbox_without_a_mail_server(settings: Settings, service: Service) -> None:
    """Whoever is about to write a letter is told that it cannot be sent."""
    live = settings.model_copy(update={"smtp_url": None, "apple_certificate": "pass.pem", "apple_wwdr": "wwdr.pem"})
    made = build(live, clock=utc_now, engine=service.engine, identity=service.identity)
    assert made.post is None
    with pytest.raises(MailNotSetUp, match="WALLET_SMTP_URL"):
        made.check_mail()


def begin_worker(settings: Settings, engine: Engine, server: Office, folder: Path) -> subprocess.Popen[bytes]:
    """Return a worker, a process of its own, that sends letters by the server."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WALLET_")} | {
        "WALLET_DATA_FOLDER": str(settings.data_folder),
        "WALLET_DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "WALLET_SMTP_URL": server.url,
        "WALLET_SMTP_CA_FILE": str(server.ca_file),
        "WALLET_MAIL_FROM": "cards@shop.example",
    }
    with (folder / "worker.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "wallet_service", "worker"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )


def test_a_worker_that_is_killed(
    service: Service, shop: Shop, server: Office, settings: Settings, engine: Engine, tmp_path: Path
) -> None:
    """What nobody had settled goes once more after the lease, under the same id; the rest once. No row is added."""
    held = threading.Event()
    server.before_answer = lambda: held.wait(30)
    write(service, SIGN_IN)
    write(service, SIGN_IN, "bob@home.example")
    worker = begin_worker(settings, engine, server, tmp_path)
    try:
        wait_until(lambda: len(server.got) == 1)
    finally:
        worker.kill()
        worker.wait()
        held.set()
    assert states(engine) == [("waiting", 1), ("waiting", 1)]
    post(service)
    assert len(server.got) == 1
    late = build(settings, engine=engine, identity=service.identity, clock=Clock(utc_now() + LETTER_LEASE))
    post(late)
    assert late.post is not None
    late.post.carrier.close()
    first, again, other = server.got
    assert first.message["Message-ID"] == again.message["Message-ID"] != other.message["Message-ID"]
    assert [each.to for each in server.got] == [(ANN,), (ANN,), ("bob@home.example",)]
    assert states(engine) == [("sent", 2), ("sent", 2)]


def test_a_birthday_is_written_of(
    service: Service, client: FlaskClient, server: Office, settings: Settings, engine: Engine, tmp_path: Path
) -> None:
    """A worker finds the day, and its letter comes over TLS: it leads to the card, and one click is the end of such."""
    shop = connected_shop(service, client, "salon", template="sephora_like")
    consent = {"purpose": "marketing", "channel": "email", "granted": True}
    who = {"id": "ann", "email": ANN, "birthday": f"{utc_now():%m-%d}", "locale": "cs"}
    shop.answer("member.enrolled", {"customer": who, "consents": [consent]})
    worker = begin_worker(settings, engine, server, tmp_path)
    try:
        (got,) = server.wait_for(1)
        wait_until(lambda: states(engine) == [("sent", 1)])
    finally:
        worker.terminate()
        worker.wait()
    assert (got.to, got.encrypted) == ((ANN,), True)
    line = "Čeká na vás dárek k narozeninám"
    assert line in got.message["Subject"]
    assert line in got.body("plain").splitlines()
    path = re.findall(r"https?://[^/]+(/cards/\S+)", got.body("plain"))[0]
    assert client.get(path).status_code == 200
    assert client.post(got.unsubscribe_path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    with engine.connect() as connection:
        assert connection.execute(text("SELECT granted FROM consents ORDER BY id DESC LIMIT 1")).scalar_one() is False
