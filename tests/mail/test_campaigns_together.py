"""A campaign from the command to the reader: over a real mail server, a real gateway, and real worker processes."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from actors import Clock, Shop, connected_shop
from campaign_actors import LETTER, MESSAGE, TO_PROSPECTS, Campaigner, phone
from command_actors import Command, commands
from flask.testing import FlaskClient
from link_actors import IPHONE
from mail_actors import Office, office
from receivers import Receiver, receiving
from sqlalchemy import Engine
from stage_actors import ROOT, wait_until

from wallet_service.config import load
from wallet_service.sandbox.chain import Chain
from wallet_service.web import create_app
from wallet_service.wiring import LETTER_LEASE, Service, build, utc_now


@pytest.fixture
def server(chain: Chain, tmp_path: Path) -> Iterator[Office]:
    """A mail server with STARTTLS and a login."""
    with office(chain, tmp_path / "office") as ready:
        yield ready


@pytest.fixture
def gateway() -> Iterator[Receiver]:
    """A gateway of short messages that takes everything."""
    with receiving() as ready:
        yield ready


@pytest.fixture
def environment(
    tmp_path: Path, sandbox_files: Path, engine: Engine, server: Office, gateway: Receiver
) -> dict[str, str]:
    """The settings of commands and workers."""
    shutil.copytree(sandbox_files, tmp_path / "var" / "sandbox")
    return {
        "WALLET_DATA_FOLDER": str(tmp_path / "var"),
        "WALLET_TEMPLATES": str(ROOT / "pass_templates"),
        "WALLET_DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "WALLET_SMTP_URL": server.url,
        "WALLET_SMTP_CA_FILE": str(server.ca_file),
        "WALLET_MAIL_FROM": "cards@shop.example",
        "WALLET_SMS_URL": gateway.url,
        "WALLET_SMS_TOKEN": "t0ken",
    }


@pytest.fixture
def service(environment: dict[str, str], engine: Engine) -> Iterator[Service]:
    """A service with these settings, whose clock goes."""
    made = build(load(environment), clock=utc_now, engine=engine)
    yield made
    let_go(made)


def let_go(service: Service) -> None:
    """Close the connections of a service's postmen."""
    for post in (service.post, service.texts):
        if post:
            post.carrier.close()


def post(service: Service) -> None:
    """Let a worker send what is due."""
    for each in (service.post, service.texts):
        while each and each.deliver().total:
            pass


@pytest.fixture
def client(service: Service) -> FlaskClient:
    """A client of the web application."""
    return create_app(service).test_client()


@pytest.fixture
def shop(service: Service, client: FlaskClient) -> Shop:
    """A connected shop."""
    return connected_shop(service, client, "shop")


@pytest.fixture
def spring(service: Service, shop: Shop) -> Campaigner:
    """A campaign by e-mail."""
    return Campaigner(service, shop).begin()


@pytest.fixture
def command(environment: dict[str, str]) -> Command:
    """Type `campaign send`."""
    return commands(environment, "campaign", "send")


def test_from_the_command_to_unsubscribing(
    spring: Campaigner, command: Command, client: FlaskClient, server: Office, tmp_path: Path
) -> None:
    """What the dry run shows arrives; its link opens the member's card, and one click ends it for the next time."""
    spring.member("ann")
    spring.member("bob", locale="cs")
    spring.member("silent", agrees=None)
    letter = tmp_path / "spring.toml"
    letter.write_text(LETTER)
    told = command("spring", "--letter", letter, "--dry-run")
    assert "2 letters written" in told
    assert "1 not, for want of consent" in told
    assert "Subject: Jaro, Bob" in told
    assert spring.rows("SELECT count(*) FROM letters") == [(0,)]
    done = command("spring", "--letter", letter, "--wait")
    assert re.findall(r"\d not|\d letters.*", done) == re.findall(r"\d not|\d letters.*", told)
    post(spring.service)
    ann, bob = server.got
    assert (ann.to, ann.message["Subject"], bob.message["Subject"]) == (
        ("ann@home.example",),
        "Spring, Ann",
        "Jaro, Bob",
    )
    for got in (ann, bob):
        text = got.body("plain")
        assert got.message["Subject"] in told
        assert re.findall(r"https?://\S+/l/\S+", text)[0] in told
    link = re.findall(r"https?://[^/]+(/l/\S+)", ann.body("plain"))[0]
    assert "Add to Apple Wallet" in client.get(link, headers={"User-Agent": IPHONE}).text
    client.post(ann.unsubscribe_path, data={"List-Unsubscribe": "One-Click"})
    command("spring", "--letter", letter, "--wait")
    assert spring.result()[0] == {"written": 1, "no_consent": 2}


def test_people_of_a_file(spring: Campaigner, command: Command, server: Office, tmp_path: Path) -> None:
    """Whoever is no member yet gets a link to become one; rows that are no good are reported."""
    letter, people = tmp_path / "letter.toml", tmp_path / "people.csv"
    letter.write_text(TO_PROSPECTS)
    people.write_text("email,name,external_id\nnew@home.example,Nora,n1\nnothing,Nobody,n2\n")
    told = command("spring", "--letter", letter, "--to", people, "--dry-run")
    assert "1 letters written" in told
    assert "1 rows refused" in told
    command("spring", "--letter", letter, "--to", people, "--wait", ends=1)
    post(spring.service)
    (got,) = server.got
    assert got.message["Subject"] == "Join us, Nora"
    assert got.message["List-Unsubscribe"] is not None


def test_what_cannot_be_sent(spring: Campaigner, command: Command, tmp_path: Path) -> None:
    """A letter with faults, a campaign that is none and a file that is not there are told, and nothing is done."""
    letter = tmp_path / "spring.toml"
    letter.write_text(LETTER.replace("{balance}", "{blance}"))
    assert "did you mean 'balance'" in command("spring", "--letter", letter, "--dry-run", ends=1)
    letter.write_text(LETTER)
    assert "no campaign 'summer'" in command("summer", "--letter", letter, ends=1)
    letter.write_text(TO_PROSPECTS)
    assert "No such file" in command("spring", "--letter", letter, "--to", tmp_path / "none.csv", ends=1)
    assert spring.rows("SELECT count(*) FROM jobs") == [(0,)]


def test_a_short_message(
    service: Service, shop: Shop, command: Command, client: FlaskClient, gateway: Receiver, tmp_path: Path
) -> None:
    """Members with a number who agreed to that get a text with a short address, which is theirs alone."""
    texting = Campaigner(service, shop, channel="sms").begin()
    texting.member("ann")
    texting.member("silent", agrees=None)
    letter = tmp_path / "text.toml"
    letter.write_text(MESSAGE)
    told = command("spring", "--letter", letter, "--dry-run")
    assert texting.rows("SELECT count(*) FROM links") == [(0,)]
    command("spring", "--letter", letter, "--wait")
    post(service)
    (got,) = gateway.got
    said = json.loads(got.body)
    assert (said["to"], got.headers["authorization"]) == (phone("ann"), "Bearer t0ken")
    assert said["text"] in told
    code = re.findall(r"/s/([0-9A-Z]{12})$", said["text"])[0]
    answer = client.get(f"/s/{code}", headers={"User-Agent": IPHONE})
    assert answer.status_code == 303
    assert "Add to Apple Wallet" in client.get(answer.headers["Location"], headers={"User-Agent": IPHONE}).text
    other = code[:-2] + ("2" if code[-2] != "2" else "3") + code[-1]
    assert client.get(f"/s/{other}").status_code == 404
    assert texting.rows("SELECT state FROM letters") == [("sent",)]


def test_a_worker_that_is_killed(
    spring: Campaigner, environment: dict[str, str], engine: Engine, server: Office, tmp_path: Path
) -> None:
    """Killed while it writes and sends, a worker leaves nobody with two rows; the one letter under way comes twice."""
    names = [f"m{number}" for number in range(8)]
    for name in names:
        spring.member(name)
    spring.ask()
    held = threading.Event()

    def hold() -> None:
        if len(server.got) == 3:
            held.wait(30)

    server.before_answer = hold
    process = {name: value for name, value in os.environ.items() if not name.startswith("WALLET_")} | environment
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "wallet_service", "worker"], cwd=ROOT, env=process, stdout=log, stderr=log
        )
    try:
        wait_until(lambda: len(server.got) == 3)
    finally:
        worker.kill()
        worker.wait()
        held.set()
    spring.work()
    late = build(spring.service.settings, engine=engine, clock=Clock(utc_now() + LETTER_LEASE))
    post(late)
    let_go(late)
    assert spring.rows("SELECT state, count(*) FROM letters GROUP BY state") == [("sent", 8)]
    to = [each.to[0] for each in server.got]
    assert sorted(set(to)) == [f"{name}@home.example" for name in names]
    assert len(to) == 9
    assert len({str(each.message["Message-ID"]) for each in server.got}) == 8
