"""What is written into the form by which one joins is read strictly, and every fault is told by its field."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet_service.domain.addresses import block_of
from wallet_service.domain.event import Consent
from wallet_service.domain.identity import Identity
from wallet_service.domain.join_form import consents, read_answers, text_version
from wallet_service.domain.look import AskTable, ConsentTable, JoinTable

ALL = JoinTable(ask=AskTable(name="required", email="required", phone="required", birthday="required"), terms="T")
GOOD = {
    "name": "  Ann   Example ",
    "email": "Ann@Home.example",
    "phone": "+420 000 000 000",
    "birthday_day": "29",
    "birthday_month": "2",
    "terms": "1",
}


def test_answers_come_into_their_one_form() -> None:
    """Spaces go, addresses are brought into the form in which they are compared; 29 February is a birthday."""
    joining, wrong = read_answers(ALL, GOOD)
    assert wrong == {}
    assert (joining.name, joining.birthday) == ("Ann Example", (2, 29))
    assert joining.addresses == (Identity("email", "ann@home.example"), Identity("phone", "+420000000000"))


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"name": " "}, {"name": "missing"}),
        ({"name": "A" * 201}, {"name": "name"}),
        ({"name": "A\x00b"}, {"name": "name"}),
        ({"email": "ann"}, {"email": "email"}),
        ({"phone": "777 123 456"}, {"phone": "phone"}),
        ({"birthday_day": "30"}, {"birthday": "birthday"}),
        ({"birthday_day": ""}, {"birthday": "birthday"}),
        ({"birthday_day": "", "birthday_month": ""}, {"birthday": "missing"}),
        ({"birthday_day": "9" * 30}, {"birthday": "birthday"}),
        ({"terms": ""}, {"terms": "tick"}),
        ({"email": "", "terms": ""}, {"email": "missing", "terms": "tick"}),
    ],
)
def test_a_fault_is_told_by_its_field(change: dict[str, str], wrong: dict[str, str]) -> None:
    """What is missing, and what cannot be, are told apart."""
    assert read_answers(ALL, GOOD | change)[1] == wrong


def test_what_is_not_asked_is_not_taken() -> None:
    """A field that the programme does not have is left alone, whatever is sent in it."""
    table = JoinTable(ask=AskTable(name="no", email="no", phone="no", birthday="no"))
    joining, wrong = read_answers(table, GOOD | {"email": "nonsense"})
    assert (joining.name, joining.birthday, joining.addresses, wrong) == (None, None, (), {})


@given(st.dictionaries(st.sampled_from([*GOOD, "age"]), st.text(max_size=30)))
def test_whatever_is_sent_is_read_or_refused(said: dict[str, str]) -> None:
    """No answer is an error of ours, and none that is refused is taken by half."""
    joining, wrong = read_answers(ALL, said)
    assert wrong or (joining.name and joining.birthday and len(joining.addresses) == 2)


def test_each_consent_names_the_text_that_was_shown() -> None:
    """What is ticked is kept with a version that changes with the wording; what is not ticked is not kept."""
    news = (ConsentTable(purpose="news", channel="email", text="@a"), ConsentTable(purpose="study", text="@b"))
    table = JoinTable(terms="@t", consent=news)
    kept = consents(table, {"terms": "1", "consent-1": "1"}, {"@t": "Terms", "@b": "Study"}.__getitem__)
    assert kept == (
        Consent("terms", True, None, text_version("Terms")),
        Consent("study", True, None, text_version("Study")),
    )
    assert text_version("Study") != text_version("Study.")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.7", "203.0.113.250", True),
        ("203.0.113.7", "203.0.114.7", False),
        ("203.0.113.7", "::ffff:203.0.113.8", True),
        ("2a00:1:2:3400::1", "2a00:1:2:34ff::9", True),
        ("2a00:1:2:3400::1", "2a00:1:2:3500::1", False),
        (None, "no address", True),
    ],
)
def test_neighbours_share_a_block(one: str | None, other: str, same: Any) -> None:
    """A block is a /24, or a /56 of IPv6; what is no address is one block of its own."""
    assert (block_of(one) == block_of(other)) is same
