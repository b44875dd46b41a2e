"""Draws a letter as a message: plain text and the same in HTML, with the headers that mail programs look for."""

from datetime import datetime
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import parseaddr
from typing import cast

from jinja2 import Environment, PackageLoader

from wallet_service.domain.letters import Mail, one_line
from wallet_service.mail.words import LANGUAGE, WORDS

LONGEST_SUBJECT = 200
LONGEST_NAME = 100


class _Whole(UnstructuredHeader):
    """A header that is never folded: one long word would be encoded, and whoever reads it would find no address."""

    name: str

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
for _name in ("list-unsubscribe", "list-unsubscribe-post", "message-id"):
    _HEADERS.map_to_type(_name, cast(type[BaseHeader], _Whole))
POLICY = SMTP.clone(header_factory=_HEADERS)
_ENVIRONMENT = Environment(loader=PackageLoader("wallet_service.mail"), autoescape=True, keep_trailing_newline=True)


def draw(mail: Mail, *, sender: str, at: datetime) -> EmailMessage:
    """Return the message; `sender` is a mailbox, whose name is that of the letter's sender if it has none.

    Raises `ValueError` for an address that no message can carry.
    """
    letter, subject = mail.letter, _plain(mail.letter.subject)[:LONGEST_SUBJECT]
    name, address = parseaddr(sender)
    message = EmailMessage(policy=POLICY)
    message["Subject"] = subject
    message["From"] = Address(_plain(name or letter.sender or "")[:LONGEST_NAME], addr_spec=address)
    message["To"] = _address(mail.to)
    message["Date"] = at
    message["Message-ID"] = message_id(mail, sender)
    if mail.unsubscribe_url:
        message["List-Unsubscribe"] = f"<{mail.unsubscribe_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    else:
        message["Auto-Submitted"] = "auto-generated"
    if any(len(str(each).splitlines()) > 1 for each in message.values()):
        raise ValueError("a header would have had more than one line")
    words = WORDS.get(letter.language.split("-")[0], WORDS[LANGUAGE])
    message.set_content(_text(mail, words), cte="quoted-printable")
    page = _ENVIRONMENT.get_template("letter.html")
    html = page.render(letter=letter, subject=subject, words=words, unsubscribe_url=mail.unsubscribe_url)
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    message["Content-Language"] = one_line(letter.language)  # now, for the body took such headers with it
    return message


def message_id(mail: Mail, sender: str) -> str:
    """Return what a letter is known by in the world, the same at each try, so that a second copy is seen to be one."""
    return f"<{mail.id}@{domain_of(sender)}>"


def domain_of(sender: str) -> str:
    """Return the domain of a mailbox."""
    return parseaddr(sender)[1].rpartition("@")[2]


def _plain(text: str) -> str:
    """Return a text as a header may have it: in one line, and with nothing that is taken for an encoded word.

    The library decodes those even where they are ours to encode, and a line break may hide in one.
    """
    return one_line(text).replace("=?", "= ?")


def _address(to: str) -> Address:
    user, _, domain = to.rpartition("@")
    return Address(username=user, domain=domain if domain.isascii() else domain.encode("idna").decode())


def _text(mail: Mail, words: dict[str, str]) -> str:
    letter = mail.letter
    parts = [*([letter.sender] if letter.sender else []), *letter.paragraphs]
    if letter.button:
        parts.append(f"{letter.button.text}:\n{letter.button.url}")
    if mail.unsubscribe_url:
        parts.append(f"-- \n{words['why']}\n{words['unsubscribe']}: {mail.unsubscribe_url}")
    return "\n\n".join(parts) + "\n"
