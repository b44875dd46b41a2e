"""A mail server on this machine, as real ones are: TLS, a login, refusals with enhanced codes, and letters as read."""

import asyncio
import email
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from wallet_service.sandbox.chain import Chain

PATIENCE = 30.0
USER, PASSWORD = "shop", "pass word"


@dataclass(frozen=True)
class Got:
    """A letter as it came in: whom it was handed over for, and what it is."""

    sender: str
    to: tuple[str, ...]
    raw: bytes
    encrypted: bool

    @property
    def message(self) -> EmailMessage:
        """The message, read as mail programs read it."""
        return email.message_from_bytes(self.raw, policy=default)  # type: ignore[return-value]

    def body(self, kind: str) -> str:
        """Return what it says, as `plain` text or as `html`."""
        found = self.message.get_body((kind,))
        assert found is not None
        return str(found.get_content())

    @property
    def unsubscribe_path(self) -> str:
        """The path of the address that mail programs post to."""
        return "/" + str(self.message["List-Unsubscribe"]).strip("<>").split("/", 3)[3]


Answer = Callable[[str], str | None]  # what is answered to a command's argument; None is the usual


@dataclass
class Office:
    """A mail server: what came in, and what it answers to senders, recipients and texts.

    `implicit` says that it speaks TLS from the beginning. `before_answer` is waited for when a letter has been taken.
    """

    implicit: bool = False
    url: str = ""
    host: str = "localhost"
    port: int = 0
    ca_file: Path | None = None
    got: list[Got] = field(default_factory=list)
    sender: Answer = field(default=lambda _: None)
    recipient: Answer = field(default=lambda _: None)
    text: Answer = field(default=lambda _: None)
    before_answer: Callable[[], object] = field(default=lambda: None)
    peers: set[Any] = field(default_factory=set)

    @property
    def sessions(self) -> int:
        """How many connections there were."""
        return len(self.peers)

    def wait_for(self, number: int) -> list[Got]:
        """Return what came in, once that many have."""
        end = time.monotonic() + PATIENCE
        while len(self.got) < number:
            assert time.monotonic() < end, f"{len(self.got)} of {number} letters came"
            time.sleep(0.01)
        return self.got


class _Handler:
    def __init__(self, office: Office) -> None:
        self._office = office

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Count whoever comes."""
        self._office.peers.add(session.peer)
        session.host_name = hostname
        return responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Judge the sender."""
        refused = self._office.sender(address)
        if refused is None:
            envelope.mail_from = address
        return refused or "250 2.1.0 Ok"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Judge the recipient; one that takes its time keeps nobody else waiting."""
        refused = await asyncio.get_running_loop().run_in_executor(None, self._office.recipient, address)
        if refused is None:
            envelope.rcpt_tos.append(address)
        return refused or "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take the letter in, unless its text is refused."""
        content = envelope.content
        assert isinstance(content, bytes)
        refused = await asyncio.get_running_loop().run_in_executor(None, self._office.text, content.decode())
        if refused is None:
            letter = Got(
                str(envelope.mail_from), tuple(envelope.rcpt_tos), content, self._office.implicit or bool(session.ssl)
            )
            self._office.got.append(letter)
            await asyncio.get_running_loop().run_in_executor(None, self._office.before_answer)
        return refused or "250 2.0.0 Ok: queued"


def _authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=good, handled=False, auth_data=USER)


@contextmanager
def office(
    chain: Chain, folder: Path, *, implicit: bool = False, tls: bool = True, login: bool = True
) -> Iterator[Office]:
    """Serve mail on a free port; without `tls` nothing is encrypted, and without `login` everybody may send."""
    ready = Office(implicit)
    context = None
    if tls:
        chain.write(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "push_server_certificate.pem", folder / "push_server_key.pem")
        ready.ca_file = folder / "push_root.pem"
    options: dict[str, Any] = {"auth_require_tls": tls and not implicit, "hostname": "mail.example"}
    if tls and not implicit:
        options |= {"tls_context": context, "require_starttls": True}
    if login:
        options |= {"authenticator": _authenticate, "auth_required": True}
    else:
        options["auth_exclude_mechanism"] = ["LOGIN", "PLAIN"]

    def protocol() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it does not know that implicit TLS is TLS
            return SMTP(_Handler(ready), **options)

    with _serving(protocol, context if implicit else None) as port:
        who = f"{USER}:{PASSWORD.replace(' ', '%20')}@" if login else ""
        ready.port = port
        ready.url = f"{'smtps' if implicit else 'smtp'}://{who}localhost:{port}"
        yield ready


@contextmanager
def _serving(protocol: Callable[[], SMTP], context: ssl.SSLContext | None) -> Iterator[int]:
    """Serve a protocol on a thread of its own, and return the port."""
    loop, made = asyncio.new_event_loop(), []

    def noted() -> SMTP:
        made.append(protocol())
        return made[-1]

    server = loop.run_until_complete(loop.create_server(noted, "127.0.0.1", 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_end(server, made), loop).result(PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()


async def _end(server: asyncio.Server, made: list[SMTP]) -> None:
    """Close the door, and whatever is still open: a connection that is not let go of complains when it is collected."""
    server.close()
    for each in made:
        if each.transport is not None:
            each.transport.abort()
    mine = asyncio.current_task()
    others = [each for each in asyncio.all_tasks() if each is not mine]
    for each in others:
        each.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0)  # so that what was let go of is closed
    await asyncio.get_running_loop().shutdown_default_executor()
