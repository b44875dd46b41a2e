"""A letter as a message: what mail programs read of it, and that nobody's name or address becomes a header."""

import email
from dataclasses import replace
from datetime import timedelta
from email.policy import SMTP

import pytest
from actors import START
from hypothesis import event, example, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from wallet_service.domain.identity import identity
from wallet_service.domain.letters import Button, Letter, Mail, one_line
from wallet_service.mail.message import draw
from wallet_service.mail.words import WORDS
from wallet_service.web.words import LANGUAGES

SENDER = "cards@shop.example"
LETTER = Letter(
    "campaign",
    "cs",
    "Jaro začíná",
    ("Dobrý den, Anno <b>,", "máte 42 bodů.\nA víc."),
    Button("Otevřít", "https://cards.example/l/abc?a=1&b=2"),
    "Obchod",
)
MAIL = Mail("let_1", "ann@home.example", LETTER, "https://cards.example/unsubscribe/" + "t" * 200)
HEADERS = {
    *("subject", "from", "to", "date", "message-id", "content-language", "mime-version", "content-type"),
    *("list-unsubscribe", "list-unsubscribe-post"),
}
ASKED_FOR = HEADERS - {"list-unsubscribe", "list-unsubscribe-post"} | {"auto-submitted"}

anything = st.text(st.characters(codec="utf-8"), max_size=80) | st.sampled_from(
    ["a\r\nBcc: all@shop.example", "a\nb", "\r\n\r\nbody", "a\u2028b\u0085c\x0bd\x00", "a: b", "=?utf-8?q?=0ABcc:_x?="]
)

local_parts = st.from_regex(r"[=?QqbB0-9A-Da-d\"<>,;:()\\.]{1,20}@home\.example", fullmatch=True)


def read(mail: Mail, sender: str = SENDER) -> email.message.EmailMessage:
    """Draw a letter, and read it as a mail program does."""
    raw = draw(mail, sender=sender, at=START).as_bytes()
    return email.message_from_bytes(raw, policy=SMTP)  # type: ignore[return-value]


def test_what_a_letter_of_a_campaign_says() -> None:
    """Subject, sender, date and id are headers; text and HTML say the same, in the letter's language."""
    message = read(MAIL)
    assert {name.lower() for name in message} == HEADERS
    assert (message["Subject"], message["From"], message["To"]) == (
        "Jaro začíná",
        "Obchod <cards@shop.example>",
        "ann@home.example",
    )
    assert (message["Message-ID"], message["Date"].datetime) == ("<let_1@shop.example>", START)
    text, html = (str(message.get_body((kind,)).get_content()) for kind in ("plain", "html"))  # type: ignore[union-attr]
    for each in (text, html):
        assert "42 bodů" in each
        assert MAIL.unsubscribe_url in each
        assert WORDS["cs"]["unsubscribe"] in each
    assert '<html lang="cs">' in html
    assert "Anno &lt;b&gt;" in html
    assert 'href="https://cards.example/l/abc?a=1&amp;b=2"' in html
    assert not any(each in html for each in ("<script", "<img", "<link"))


def test_unsubscribing_by_one_click() -> None:
    """Marketing has both headers of RFC 8058, each whole on a line of its own however long the address is."""
    raw = draw(MAIL, sender=SENDER, at=START).as_bytes()
    assert f"\r\nList-Unsubscribe: <{MAIL.unsubscribe_url}>\r\n".encode() in raw
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
    assert b"\nAuto-Submitted" not in raw


def test_what_somebody_asked_for() -> None:
    """A letter that was asked for has no way to unsubscribe, and tells other machines not to answer."""
    message = read(replace(MAIL, letter=replace(LETTER, kind="sign_in"), unsubscribe_url=None))
    assert {name.lower() for name in message} == ASKED_FOR
    assert message["Auto-Submitted"] == "auto-generated"


def test_a_sender_with_a_name_keeps_it() -> None:
    """The name in the settings counts for more than that of the letter."""
    assert read(MAIL, "Cards <cards@shop.example>")["From"] == "Cards <cards@shop.example>"


def test_the_same_letter_has_the_same_id() -> None:
    """A letter that is sent once more is known by the same Message-ID, so that a second copy is seen to be one."""
    first, later = (draw(MAIL, sender=SENDER, at=START + timedelta(hours=each)) for each in (0, 1))
    assert first["Message-ID"] == later["Message-ID"]


@pytest.mark.parametrize(
    ("to", "written"),
    [
        ("ann@domů.example", "ann@xn--dom-o1a.example"),
        ("a,b@home.example", '"a,b"@home.example'),
        ('a"<x>@home.example', '"a\\"<x>"@home.example'),
    ],
)
def test_unusual_addresses(to: str, written: str) -> None:
    """A domain goes in the form that mail servers know, and a name that means something to them is quoted."""
    assert read(replace(MAIL, to=to))["To"] == written


def test_words_are_there_in_every_language() -> None:
    """Each language of the pages has all the words of letters."""
    assert set(WORDS) == set(LANGUAGES)
    assert len({frozenset(each) for each in WORDS.values()}) == 1


@profile(deadline=None)
@given(anything, anything, anything | local_parts, st.lists(anything, max_size=3))
@example("a\r\nBcc: x@y.example", "b\nSubject: c", "ann@home.example\r\nBcc:x", ["\r\n.\r\nMAIL FROM:<x@y.example>"])
def test_nothing_that_is_said_becomes_a_header(subject: str, sender: str, to: str, paragraphs: list[str]) -> None:
    """Whatever a name, a subject or a text holds, a message has the headers that it should have, and one recipient."""
    known = identity("email", to) or identity("email", "ann@home.example")
    assert known is not None
    mail = replace(
        MAIL,
        to=known.value,
        letter=replace(LETTER, subject=subject, sender=sender, paragraphs=tuple(paragraphs)),
    )
    try:
        message = read(mail)
    except ValueError:
        event("an address that no message carries")
        assert "=?" in known.value or not known.value.isascii()
        return
    assert {name.lower() for name in message} == HEADERS
    assert len(message["To"].addresses) == len(message["From"].addresses) == 1
    assert message["From"].addresses[0].addr_spec == SENDER


@given(anything)
def test_one_line_is_one(text: str) -> None:
    """A text that goes into a header has one line and no control characters, and a second time changes nothing."""
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert one_line(line) == line
