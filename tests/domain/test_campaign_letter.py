"""What a campaign writes is read strictly, each fault is named by its key, and places are filled in for each person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet_service.domain.campaign_letter import Knowing, Values, kept_letter, read_letter
from wallet_service.domain.errors import LetterRefused
from wallet_service.domain.letters import Channel

ALL = Knowing(("en", "ru", "cs"), "en", balance=True, tier=True)
FEW = Knowing(("en", "ru", "cs"), "en", balance=False, tier=False)
GOOD = """
[en]
subject = "Spring, {name}"
text = '''
Dear {name},
you have {balance} in {tier}.


  Come {{soon}}: {link}  '''
button = "See it, {name}"
no_name = "friend"
no_tier = "no tier yet"

[cs]
subject = "Jaro"
text = "Už je tu: {link}"
"""
SHORT = '[en]\ntext = "It is spring: {link}"\n'
ANN = Values("https://cards.example/l/abc", "Ann", "42 points", "Gold")


def faults(text: str, *, channel: Channel = "email", knowing: Knowing = ALL) -> list[tuple[str, str]]:
    """Return what is wrong with a letter, by its keys."""
    with pytest.raises(LetterRefused) as error:
        read_letter(text.encode(), channel=channel, knowing=knowing)
    return [(each.key, each.message) for each in error.value.faults]


def test_a_letter_for_somebody() -> None:
    """Places are filled in, paragraphs are what empty lines part, and the button leads to the person's own link."""
    letter = read_letter(GOOD.encode(), channel="email", knowing=ALL).written("en", ANN, sender="Shop")
    assert (letter.subject, letter.language, letter.sender, letter.kind) == ("Spring, Ann", "en", "Shop", "campaign")
    assert letter.paragraphs == (
        "Dear Ann,\nyou have 42 points in Gold.",
        "Come {soon}: https://cards.example/l/abc",
    )
    assert letter.button is not None
    assert (letter.button.text, letter.button.url) == ("See it, Ann", "https://cards.example/l/abc")


def test_a_letter_for_somebody_without_a_name_or_a_tier() -> None:
    """Where there is nothing to fill in, the file says what stands there."""
    letter = read_letter(GOOD.encode(), channel="email", knowing=ALL).written("en", Values("u", None, "0"), sender="S")
    assert letter.subject == "Spring, friend"
    assert "in no tier yet" in letter.paragraphs[0]


def test_the_language_of_a_letter() -> None:
    """Whoever speaks a language of the letter gets it in that one, everybody else in the programme's own."""
    letter = read_letter(GOOD.encode(), channel="email", knowing=ALL)
    wished = ["cs", "cs-CZ", "cs_CZ", "ru", "de", None, ""]
    assert [letter.language(each, "en") for each in wished] == ["cs", "cs", "cs", "en", "en", "en", "en"]


def test_a_letter_is_kept_as_it_was_read() -> None:
    """What a job keeps of a letter writes the same."""
    letter = read_letter(GOOD.encode(), channel="email", knowing=ALL)
    again = kept_letter(letter.kept(), channel="email")
    assert again.written("en", ANN, sender="S") == letter.written("en", ANN, sender="S")


def test_a_short_message() -> None:
    """A short message is a text that names the link."""
    letter = read_letter(SHORT.encode(), channel="sms", knowing=ALL).written("en", ANN, sender="Shop")
    assert (letter.channel, letter.paragraphs) == ("sms", ("It is spring: https://cards.example/l/abc",))


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("[en", "", "is not TOML"),
        ("", "en", "is missing"),
        (GOOD + "[css]\ntext = '{link}'\nsubject = 'x'", "css", "did you mean 'cs'"),
        (GOOD + "[xx]\ntext = '{link}'\nsubject = 'x'", "xx", "there are en, ru, cs"),
        ("en = 5", "en", "should be a table"),
        ("[cs]\nsubject = 'x'\ntext = '{link}'", "en", "is missing"),
        ("[en]\nsubject = 'x'", "en.text", "is missing"),
        ("[en]\ntext = '{link}'", "en.subject", "is missing"),
        ("[en]\nsubject = '  '\ntext = '{link}'", "en.subject", "is missing"),
        ("[en]\nsubject = 'x'\ntext = '{link}'\nbody = 'x'", "en.body", ""),
        ("[en]\nsubject = 'x'\ntext = '{link} {nmae}'", "en.text", "did you mean 'name'"),
        ("[en]\nsubject = 'x'\ntext = '{link} {}'", "en.text", "not known"),
        ("[en]\nsubject = 'x'\ntext = '{link} {0.__class__}'", "en.text", "not known"),
        ("[en]\nsubject = 'x'\ntext = '{link!r}'", "en.text", "nothing more"),
        ("[en]\nsubject = 'x'\ntext = '{link:>999999999}'", "en.text", "nothing more"),
        ("[en]\nsubject = 'x'\ntext = '{link'", "en.text", "brace that is left alone"),
        ("[en]\nsubject = 'x}'\ntext = '{link}'", "en.subject", "brace that is left alone"),
        ("[en]\nsubject = 'x'\ntext = 'Hello'", "en.text", "leads nowhere"),
        ("[en]\nsubject = 'x'\ntext = ' '\nbutton = 'Go'", "en.text", "is empty"),
        ("[en]\nsubject = 'x {name}'\ntext = '{link}'", "en.no_name", "is missing"),
        ("[en]\nsubject = 'x'\ntext = '{link} {tier}'", "en.no_tier", "is missing"),
        ('[en]\nsubject = "a\\nBcc: b"\ntext = "{link}"', "en.subject", "one line"),
        (f"[en]\nsubject = '{'x' * 151}'\ntext = '{{link}}'", "en.subject", "may have 150"),
        (f"[en]\nsubject = 'x'\ntext = 'x'\nbutton = '{'x' * 61}'", "en.button", "may have 60"),
    ],
)
def test_what_is_wrong_with_a_letter(text: str, key: str, said: str) -> None:
    """Each fault is named by its key and says what to do."""
    found = faults(text)
    assert key in [each for each, _ in found]
    assert any(said in message for each, message in found if each == key), found


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        (SHORT + 'subject = "x"', "en.subject", "remove it"),
        (SHORT + 'button = "x"', "en.button", "remove it"),
        (f'[en]\ntext = "{{link}}{"x" * 400}"', "en.text", "may have 400"),
        ('[en]\ntext = "Hello"', "en.text", "leads nowhere"),
    ],
)
def test_what_is_wrong_with_a_short_message(text: str, key: str, said: str) -> None:
    """A short message has nothing but its text."""
    assert [(each, said in message) for each, message in faults(text, channel="sms")] == [(key, True)]


def test_places_that_nobody_can_fill() -> None:
    """People of a file have no balance and no tier, and a programme may have neither."""
    assert [key for key, message in faults(GOOD, knowing=FEW) if "nobody who is written to" in message] == [
        "en.text",
        "en.text",
    ]


@given(st.text(), st.text(max_size=50))
def test_whoever_is_called_what(name: str, tier: str) -> None:
    """No name makes a paragraph, a line or a place of its own."""
    letter = read_letter(GOOD.encode(), channel="email", knowing=ALL)
    written = letter.written("en", Values("u", name, "{link}", tier), sender="S")
    assert len(written.paragraphs) == 2
    assert len(written.subject.splitlines()) == 1
    assert "{link}" in written.paragraphs[0]
