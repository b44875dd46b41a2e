"""Tokens of links: short, sealed, alike each time, and of one spelling."""

import base64
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import BadSignature

from wallet_service.domain.errors import UnknownLink
from wallet_service.domain.links import Link, Prospect
from wallet_service.links import (
    CampaignLinks,
    card_links,
    form_mark,
    join_url,
    letter_url,
    mark,
    member_url,
    session_cookies,
    short_url,
)

KEY, OTHER = "a secret key of the tests, " * 2, "another key of the tests, " * 2
LINKS = CampaignLinks(KEY)
MEMBERS = Link(300, "email", member=50_000_000, until=date(2027, 12, 31), limit=1)
ANN = Link(3, "sms", prospect=Prospect("crm-18273", "Ann Example", "cs"), until=date(2027, 12, 31))
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def refused(token: str, links: CampaignLinks = LINKS) -> bool:
    """Whether a token opens nothing."""
    try:
        links.open(token)
    except UnknownLink:
        return True
    return False


def test_a_token_opens_to_the_link() -> None:
    """What was closed is opened, and tokens are short."""
    assert LINKS.open(LINKS.token(MEMBERS)) == MEMBERS
    assert LINKS.open(LINKS.token(ANN)) == ANN
    assert len(LINKS.token(MEMBERS)) <= 40
    assert len(LINKS.token(ANN)) <= 64


def test_nothing_of_a_person_can_be_read_in_a_token() -> None:
    """Names and ids are encrypted."""
    raw = base64.urlsafe_b64decode(LINKS.token(ANN) + "==")
    for secret in (b"Ann", b"crm", b"18273", b"cs"):
        assert secret not in raw


def test_a_link_has_the_same_token_each_time() -> None:
    """Whoever makes the links of a mailing again gets the very same ones, and each person another one."""
    assert LINKS.token(ANN) == CampaignLinks(KEY).token(ANN)
    assert len({LINKS.token(Link(1, "email", member=number)) for number in range(1000)}) == 1000


def test_every_letter_counts() -> None:
    """A token with any one letter changed, dropped, doubled or swapped with its neighbour opens nothing."""
    token = LINKS.token(ANN)
    changed = {
        f"{token[:at]}{letter}{token[at + 1 :]}" for at in range(len(token)) for letter in LETTERS + "=. +/\u0430"
    }
    changed |= {token[:at] + token[at + 1 :] for at in range(len(token))}
    changed |= {token[:at] + token[at] + token[at:] for at in range(len(token))}
    changed |= {token[:at] + token[at + 1] + token[at] + token[at + 2 :] for at in range(len(token) - 1)}
    changed |= {token[:length] for length in range(len(token))} | {f"{token}=", f"{token}A", f" {token}", token.lower()}
    assert [each for each in changed - {token} if not refused(each)] == []


@given(st.text(max_size=100) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_nobody_makes_up_a_token(token: str) -> None:
    """Whatever is tried is refused as one thing."""
    assert refused(token)


def test_a_token_of_another_key_opens_nothing() -> None:
    """Nor does one of another kind of link, under the same key."""
    assert refused(CampaignLinks(OTHER).token(ANN))
    assert refused(card_links(KEY).dumps("0" * 24))


def test_a_previous_key_still_opens_what_it_closed() -> None:
    """Links that are out outlive a change of the key; new ones are closed under the new one, and a third opens none."""
    old, new = LINKS.token(ANN), CampaignLinks(OTHER, KEY)
    assert new.open(old) == ANN
    assert new.token(ANN) == CampaignLinks(OTHER).token(ANN) != old
    assert refused(old, CampaignLinks(OTHER))
    assert refused(old, CampaignLinks("a third key of the tests, " * 2, OTHER))
    assert card_links(OTHER, KEY).loads(card_links(KEY).dumps("serial")) == "serial"
    assert card_links(OTHER, KEY).dumps("serial") == card_links(OTHER).dumps("serial")


@pytest.mark.parametrize("serial", [str(number) for number in range(8)])
def test_the_link_of_a_card_has_one_spelling(serial: str) -> None:
    """No other last letter opens the link, although three of them stand for the same bits."""
    token = card_links(KEY).dumps(serial)
    for letter in LETTERS.replace(token[-1], ""):
        with pytest.raises(BadSignature):
            card_links(KEY).loads(token[:-1] + letter)


def test_a_mark_is_a_tokens_own() -> None:
    """A link is known by its token, from which the mark is made, and from a mark no token is."""
    assert mark("a") == mark("a") != mark("b")
    assert len(mark("a")) == 16


def test_addresses_say_where_they_lead() -> None:
    """A short code stands in an address without dashes, and whoever joins is handed what the link says."""
    assert short_url("https://cards.example", "7KQ2-M9XA") == "https://cards.example/s/7KQ2M9XA"
    assert join_url("https://cards.example", "points") == "https://cards.example/join/points"
    told = join_url("https://cards.example", "a b", via="x", query={"utm_source": "a&b"})
    assert told == "https://cards.example/join/a%20b?via=x&utm_source=a%26b"


@pytest.mark.parametrize("token", ["", "A", "AQ", "AA" * 20, "A" * 5000, "é" * 40, "AQ\n" * 12])
def test_odd_tokens_are_refused(token: str) -> None:
    """Nothing, too little, too much, and letters that no token has."""
    assert refused(token)


def test_pages_of_members_have_addresses() -> None:
    """They are the programme's, and a letter's link says what it is for."""
    assert member_url("https://cards.example", "a b") == "https://cards.example/members/a%20b"
    assert letter_url("https://cards.example", "sign_in", "points", "x") == (
        "https://cards.example/members/points/sign-in/x"
    )


def test_a_session_is_its_keys_alone() -> None:
    """A cookie that another key has signed holds no session, and its forms carry another mark."""
    cookie = session_cookies("k" * 32).dumps("token")
    assert session_cookies("k" * 32).loads(cookie) == "token"
    with pytest.raises(BadSignature):
        session_cookies("l" * 32).loads(cookie)
    assert len({form_mark(key * 32, session) for key in "kl" for session in ("one", "two")}) == 4
