"""Letters are handed to a real mail server on this machine, and its answers are understood."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from mail_actors import PASSWORD, USER, Office, office

from wallet_service.domain.letters import Letter, Mail, Outcome
from wallet_service.mail.postman import MOST_ON_ONE, Postman
from wallet_service.sandbox.chain import Chain
from wallet_service.wiring import utc_now

SENDER = "cards@shop.example"
LETTER = Mail("let_1", "ann@home.example", Letter("sign_in", "en", "Your link", ("Here it is.",)))


@pytest.fixture
def server(chain: Chain, tmp_path: Path) -> Iterator[Office]:
    """A mail server with STARTTLS and a login."""
    with office(chain, tmp_path) as ready:
        yield ready


def postman(server: Office, url: str | None = None, *, trusted: bool = True) -> Postman:
    """Return a postman who knows the way there, and whom the server's authority is."""
    return Postman(url or server.url, sender=SENDER, ca_file=server.ca_file if trusted else None, timeout=5.0)


def send(server: Office, mail: Mail = LETTER, url: str | None = None) -> Outcome:
    """Send one letter, and say goodbye."""
    ready = postman(server, url)
    try:
        return ready.send(mail, at=utc_now())
    finally:
        ready.close()


def test_a_letter_arrives_over_starttls(server: Office) -> None:
    """The server asks for TLS and a login, and gets the letter with its sender and recipient."""
    assert send(server) == Outcome("sent", message_id="<let_1@shop.example>")
    (got,) = server.got
    assert (got.sender, got.to, got.encrypted) == (SENDER, ("ann@home.example",), True)
    assert got.message["Message-ID"] == "<let_1@shop.example>"
    assert "Here it is." in got.body("plain")


def test_a_letter_arrives_over_tls_from_the_beginning(chain: Chain, tmp_path: Path) -> None:
    """With smtps:// nothing is ever said in the clear."""
    with office(chain, tmp_path, implicit=True) as server:
        assert send(server).fate == "sent"
        assert server.got[0].encrypted


def test_many_letters_on_one_connection(server: Office) -> None:
    """A connection is kept between letters, until it has carried many; then there is a new one."""
    ready = postman(server)
    for number in range(MOST_ON_ONE + 1):
        assert ready.send(replace(LETTER, id=f"let_{number}"), at=utc_now()).fate == "sent"
    ready.close()
    assert (len(server.got), server.sessions) == (MOST_ON_ONE + 1, 2)


def test_a_server_that_is_not_who_it_says(server: Office) -> None:
    """A certificate that nobody vouches for stops everything before the password is said."""
    ready = postman(server, trusted=False)
    outcome = ready.send(LETTER, at=utc_now())
    assert outcome.fate == "stop"
    assert "certificate" in str(outcome.reason)
    assert server.got == []


def test_a_wrong_password(server: Office) -> None:
    """A refused login stops everything, and says so without the password."""
    outcome = send(server, url=server.url.replace(PASSWORD.replace(" ", "%20"), "other"))
    assert outcome == Outcome("stop", "the login is refused: 535")


def test_a_server_that_wants_a_login(server: Office) -> None:
    """Without one, the sender is refused, which stops everything."""
    outcome = send(server, url=f"smtp://localhost:{server.port}")
    assert (outcome.fate, outcome.reason) == ("stop", "the sender is refused: 530 5.7.0")


def test_nothing_is_said_in_the_clear_to_others(chain: Chain, tmp_path: Path) -> None:
    """A server that offers no TLS is only spoken to on this machine."""
    with office(chain, tmp_path, tls=False, login=False) as server:
        assert send(server).fate == "sent"
        far = f"smtp://{socket.gethostname()}:{server.port}"
        ready = Postman(far, sender=SENDER, timeout=5.0)
        assert ready.probe() in (
            Outcome("stop", "the server offers no STARTTLS; use smtps:// or another server"),
            Outcome("away", "no connection: ConnectionRefusedError"),
            Outcome("away", "no connection: gaierror"),
        )


def test_a_server_without_a_login(chain: Chain, tmp_path: Path) -> None:
    """Where the server takes no login, a user and a password in the address are told to be too much."""
    with office(chain, tmp_path, login=False) as server:
        outcome = send(server, url=f"smtp://{USER}:x@localhost:{server.port}")
    assert outcome == Outcome("stop", "the server takes no login; leave user and password out")


@pytest.mark.parametrize(
    ("answer", "fate", "reason"),
    [
        ("550 5.1.1 <ann@home.example>: no such user", "bounced", "the address is refused: 550 5.1.1"),
        ("550 no such user ann@home.example", "bounced", "the address is refused: 550"),
        ("550 5.4.1 recipient address rejected", "bounced", "the address is refused: 550 5.4.1"),
        ("552 5.2.2 mailbox full", "refused", "the address is refused: 552 5.2.2"),
        ("550 5.7.1 relaying denied", "refused", "the address is refused: 550 5.7.1"),
        ("530 5.7.0 log in first", "stop", "the address is refused: 530 5.7.0"),
        ("450 4.2.0 greylisted", "later", "the address is put off: 450 4.2.0"),
        ("421 4.3.2 going down", "away", "the address is put off: 421 4.3.2"),
    ],
)
def test_refused_recipients(server: Office, answer: str, fate: str, reason: str) -> None:
    """Each kind of refusal has its consequence; the reason is told in numbers, for words may hold the address."""
    server.recipient = lambda _: answer
    assert send(server) == Outcome(fate, reason)  # type: ignore[arg-type]
    assert server.got == []


@pytest.mark.parametrize(
    ("answer", "fate"),
    [("554 5.7.1 spam", "refused"), ("452 4.3.1 disk full", "later"), ("421 4.3.2 going down", "away")],
)
def test_refused_texts(server: Office, answer: str, fate: str) -> None:
    """A text that is refused says nothing of the address."""
    server.text = lambda _: answer
    assert send(server).fate == fate


@pytest.mark.parametrize(("answer", "fate"), [("553 5.7.1 not yours", "stop"), ("451 4.7.0 slow down", "away")])
def test_refused_senders(server: Office, answer: str, fate: str) -> None:
    """What is wrong with the sender is wrong with all letters."""
    server.sender = lambda _: answer
    assert send(server).fate == fate


def test_after_a_refusal_the_next_letter_goes(server: Office) -> None:
    """On the same connection, a letter that was refused leaves nothing behind for the next one."""
    server.recipient = lambda address: "550 5.1.1 no" if address.startswith("ann@") else None
    ready = postman(server)
    assert ready.send(LETTER, at=utc_now()).fate == "bounced"
    assert ready.send(replace(LETTER, to="bob@home.example"), at=utc_now()).fate == "sent"
    ready.close()
    assert [each.to for each in server.got] == [("bob@home.example",)]
    assert server.sessions == 1


def test_a_connection_that_was_closed_meanwhile(chain: Chain, tmp_path: Path) -> None:
    """What was kept and is gone is opened anew, and the letter is carried by that."""
    with office(chain, tmp_path) as first:
        ready = postman(first)
        assert ready.send(LETTER, at=utc_now()).fate == "sent"
        turns = iter(["421 4.4.2 idle for too long", None])
        first.sender = lambda _: next(turns)
        assert ready.send(LETTER, at=utc_now()).fate == "sent"
        assert (len(first.got), first.sessions) == (2, 2)
    assert ready.send(LETTER, at=utc_now()).fate == "away"


def test_an_address_that_no_server_takes(server: Office) -> None:
    """A name with letters that are not ASCII needs what few servers do; it says nothing of other letters."""
    assert send(server, replace(LETTER, to="анна@home.example")).fate == "refused"
    assert server.got == []


def test_a_server_that_is_away() -> None:
    """Nobody there is no fault of the letter."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        ready = Postman(f"smtp://localhost:{taken.getsockname()[1]}", sender=SENDER, timeout=1.0)
        assert ready.send(LETTER, at=utc_now()) == Outcome("away", "no connection: ConnectionRefusedError")


def test_a_probe(server: Office) -> None:
    """A probe logs in and sends nothing; what is wrong is told."""
    assert postman(server).probe() is None
    assert postman(server, trusted=False).probe() is not None
    assert server.got == []
