"""Hands letters to a mail server over TLS, and reads its answers: https://www.rfc-editor.org/rfc/rfc5321."""

import re
import smtplib
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import unquote, urlsplit

from wallet_service.domain.letters import Fate, Mail, Outcome
from wallet_service.mail.message import domain_of, draw, message_id

TIMEOUT = 20.0  # seconds for each answer
IDLE = 5.0  # seconds after which a connection is asked whether it is still there
MOST_ON_ONE = 100  # letters; servers close connections that go on for ever
PORTS = {"smtp": 587, "smtps": 465}
HERE = ("127.0.0.1", "localhost", "::1")
POLICY = "7"
NOT_THE_ADDRESS = (("2", "2"), ("2", "3"), ("3", "4"))  # a mailbox that is full, a letter that is too large
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})\b")


class _Answered(Exception):
    """The server, or the way to it, has decided what becomes of the letter."""

    def __init__(self, fate: Fate, reason: str) -> None:
        self.outcome = Outcome(fate, reason)
        super().__init__()


class Postman:
    """Carries letters to one mail server, by one connection that is kept; used by one thread.

    `smtp` begins in the clear and goes on by STARTTLS, without which nothing is said but on this machine; `smtps` is
    TLS from the beginning. `ca_file` is trusted instead of the platform's authorities.
    """

    def __init__(self, url: str, *, sender: str, ca_file: Path | None = None, timeout: float = TIMEOUT) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        self._implicit = parts.scheme == "smtps"
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._sender = sender
        self._timeout = timeout
        self._tls = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        self._smtp: smtplib.SMTP | None = None
        self._carried = 0
        self._used_at = 0.0

    def send(self, mail: Mail, *, at: datetime) -> Outcome:
        """Hand a letter over, dated with that time, and return what became of it."""
        message = draw(mail, sender=self._sender, at=at)
        try:
            kept = self._connect()
            try:
                self._begin()
            except _Answered as answered:
                # A connection that was kept may have been closed meanwhile; of the letter nothing has been said yet.
                if not kept or answered.outcome.fate != "away":
                    raise
                self.close()
                self._connect()
                self._begin()
            self._hand_over(message)
        except _Answered as answered:
            self._after(answered.outcome)
            return answered.outcome
        self._carried += 1
        self._used_at = time.monotonic()
        if self._carried >= MOST_ON_ONE:
            self.close()
        return Outcome("sent", message_id=message_id(mail, self._sender))

    def probe(self) -> Outcome | None:
        """Connect and log in; return why no letter can be carried, or None."""
        try:
            self._connect()
        except _Answered as answered:
            return answered.outcome
        finally:
            self.close()
        return None

    def close(self) -> None:
        """Say goodbye, and let go of the connection."""
        if self._smtp:
            with suppress(OSError, smtplib.SMTPException):
                self._smtp.quit()
            self._smtp.close()
        self._smtp, self._carried = None, 0

    def _connect(self) -> bool:
        """Be connected and logged in; return whether that was so before.

        Raises `_Answered`.
        """
        if self._smtp and self._is_there(self._smtp):
            return True
        self.close()
        try:
            self._smtp = self._opened()
        except smtplib.SMTPAuthenticationError as error:
            raise _Answered(*_login_refused(error)) from None
        except smtplib.SMTPConnectError as error:
            raise _Answered("away" if error.smtp_code < 500 else "stop", f"greeted with {error.smtp_code}") from None
        except ssl.SSLCertVerificationError as error:
            raise _Answered("stop", f"certificate: {error.verify_message}") from None
        except (OSError, smtplib.SMTPException) as error:
            raise _Answered("away", f"no connection: {type(error).__name__}") from None
        return False

    def _is_there(self, smtp: smtplib.SMTP) -> bool:
        if time.monotonic() - self._used_at < IDLE:
            return True
        try:
            return bool(smtp.noop()[0] == 250)
        except (OSError, smtplib.SMTPException):
            return False

    def _opened(self) -> smtplib.SMTP:
        name = domain_of(self._sender)  # else the host's own name is looked up, which may take long
        if self._implicit:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, local_hostname=name, timeout=self._timeout, context=self._tls
            )
        else:
            smtp = smtplib.SMTP(self.host, self.port, local_hostname=name, timeout=self._timeout)
        try:
            smtp.ehlo_or_helo_if_needed()
            if not self._implicit:
                self._encrypt(smtp)
            if self._user:
                self._log_in(smtp)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _encrypt(self, smtp: smtplib.SMTP) -> None:
        if smtp.has_extn("starttls"):
            smtp.starttls(context=self._tls)
            smtp.ehlo()
        elif self.host not in HERE:
            raise _Answered("stop", "the server offers no STARTTLS; use smtps:// or another server")

    def _log_in(self, smtp: smtplib.SMTP) -> None:
        try:
            smtp.login(self._user, self._password)
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPServerDisconnected):
            raise
        except smtplib.SMTPException:  # it offers none, or none that is known here
            raise _Answered("stop", "the server takes no login; leave user and password out") from None

    def _begin(self) -> None:
        """Say whom the letter comes from. What is wrong with that is wrong with all letters."""
        assert self._smtp is not None
        code, said = self._say(lambda smtp: smtp.mail(parseaddr(self._sender)[1]))
        if code >= 500:
            raise _Answered("stop", _told("the sender is refused", code, said))
        if code != 250:
            raise _Answered("away", _told("the sender is put off", code, said))

    def _hand_over(self, message: EmailMessage) -> None:
        address = message["To"].addresses[0].addr_spec
        if not address.isascii():
            raise _Answered("refused", "an address with such letters is not carried")
        code, said = self._say(lambda smtp: smtp.rcpt(address))
        if code >= 500:
            raise _Answered(*_recipient_refused(code, said))
        if code not in (250, 251):
            raise _Answered("away" if code == 421 else "later", _told("the address is put off", code, said))
        code, said = self._say(lambda smtp: smtp.data(message.as_bytes()))
        if code >= 500:
            raise _Answered("refused", _told("the text is refused", code, said))
        if code != 250:
            raise _Answered("away" if code == 421 else "later", _told("the text is put off", code, said))

    def _say(self, command: Callable[[smtplib.SMTP], tuple[int, bytes]]) -> tuple[int, bytes]:
        assert self._smtp is not None
        try:
            return command(self._smtp)
        except smtplib.SMTPDataError as error:
            return error.smtp_code, error.smtp_error if isinstance(error.smtp_error, bytes) else b""
        except (OSError, smtplib.SMTPException) as error:
            raise _Answered("away", f"the connection broke: {type(error).__name__}") from None

    def _after(self, outcome: Outcome) -> None:
        """Take back the half of a letter that was said, so that the connection is good for the next one."""
        if self._smtp and outcome.fate in ("later", "refused", "bounced"):
            try:
                if self._smtp.rset()[0] == 250:
                    return
            except (OSError, smtplib.SMTPException):
                pass
        self.close()


def _login_refused(error: smtplib.SMTPAuthenticationError) -> tuple[Fate, str]:
    return ("away" if error.smtp_code < 500 else "stop"), f"the login is refused: {error.smtp_code}"


def _recipient_refused(code: int, said: bytes) -> tuple[Fate, str]:
    """Return whether there is no such address, or the server has something against the letter, or against us.

    By https://www.rfc-editor.org/rfc/rfc3463; policy, a full mailbox and a size say nothing of whether it is there.
    """
    reason = _told("the address is refused", code, said)
    if code in (530, 535, 538):
        return "stop", reason
    found = _ENHANCED.search(said.decode("ascii", "replace"))
    good = found is not None and (found[2] == POLICY or (found[2], found[3]) in NOT_THE_ADDRESS)
    return ("refused" if good else "bounced"), reason


def _told(what: str, code: int, said: bytes) -> str:
    """Return what the server said in numbers alone; its words may quote the address."""
    found = _ENHANCED.search(said.decode("ascii", "replace"))
    return f"{what}: {code}{f' {found[0]}' if found else ''}"
