"""A link is a few bytes, which say all that is its own; and whether it still works is worked out from what is known."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet_service.domain.errors import LinkOver, UnknownLink
from wallet_service.domain.links import (
    CHANNELS,
    FIRST_DAY,
    LAST_DAY,
    Campaign,
    Link,
    Prospect,
    Usage,
    Utm,
    check,
    last_day,
    packed,
    unpacked,
)

NOW = datetime(2027, 4, 1, 10, 0, tzinfo=UTC)
TODAY = date(2027, 4, 1)
SPRING = Campaign(7, 1, "spring", "Spring", "email", Utm(), None, None, None, NOW)
LINK = Link(7, "email", member=1)

NUMBERS = st.integers(0, 2**62)
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=50)
LINKS = st.builds(
    Link,
    campaign=NUMBERS,
    channel=st.sampled_from(CHANNELS),
    until=st.none() | st.dates(FIRST_DAY, LAST_DAY),
    limit=st.none() | st.integers(1, 1_000_000),
    content=st.none() | TEXTS,
).flatmap(
    lambda link: st.one_of(
        st.just(link),
        NUMBERS.map(lambda member: replace(link, member=member)),
        st.builds(Prospect, *(st.none() | TEXTS for _ in range(3))).map(lambda who: replace(link, prospect=who)),
    )
)


@given(LINKS)
def test_a_link_comes_back_as_it_was_packed(link: Link) -> None:
    """Whatever a link says is in its bytes, and nothing else is."""
    assert unpacked(packed(link)) == link


@given(LINKS, st.integers(0, 500))
def test_a_link_that_lost_its_end_is_none(link: Link, kept: int) -> None:
    """No beginning of a link is a link."""
    whole = packed(link)
    if kept < len(whole):
        with pytest.raises(UnknownLink):
            unpacked(whole[:kept])


@given(LINKS, st.binary(min_size=1, max_size=5))
def test_nothing_follows_on_a_link(link: Link, more: bytes) -> None:
    """There is one way to write a link."""
    with pytest.raises(UnknownLink):
        unpacked(packed(link) + more)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_link_or_refused(content: bytes) -> None:
    """Nothing but a link comes out, and nothing but one error."""
    try:
        link = unpacked(content)
    except UnknownLink:
        return
    assert isinstance(link, Link)


def test_a_members_link_is_a_dozen_bytes() -> None:
    """The commonest link is short, for it becomes a QR code and a message."""
    assert len(packed(Link(300, "sms", member=50_000_000, until=date(2027, 12, 31)))) <= 12


@pytest.mark.parametrize(
    "link",
    [
        replace(LINK, until=FIRST_DAY - timedelta(days=1)),
        replace(LINK, until=LAST_DAY + timedelta(days=1)),
        replace(LINK, member=-1),
        Link(7, "email", prospect=Prospect(name="x" * 201)),
        Link(7, "email", content="ж" * 101),
    ],
)
def test_what_no_link_can_say_is_refused(link: Link) -> None:
    """A day that is too far, a number below nothing and a text that is too long make no link."""
    with pytest.raises(ValueError, match=r"day|less|long"):
        packed(link)


def test_channels_keep_their_places() -> None:
    """Links that are out name a channel by its place."""
    assert CHANNELS[:8] == ("email", "sms", "messenger", "social", "site", "print", "till", "other")


def over(link: Link = LINK, campaign: Campaign = SPRING, usage: Usage | None = None, *, today: date = TODAY) -> str:
    """Return why a link does not work, or an empty text."""
    try:
        check(link, campaign, usage or Usage(), today=today, now=NOW)
    except LinkOver as error:
        return error.reason
    return ""


def test_a_link_works_to_the_end_of_its_last_day() -> None:
    """The earlier of the link's own last day and its campaign's counts."""
    short, long = TODAY, TODAY + timedelta(days=30)
    for own, whole in ((short, None), (None, short), (short, long), (long, short)):
        link, campaign = replace(LINK, until=own), replace(SPRING, until=whole)
        assert last_day(link, campaign) == short
        assert over(link, campaign) == ""
        assert over(link, campaign, today=TODAY + timedelta(days=1)) == "expired"
    assert over(today=LAST_DAY) == ""


def test_a_link_is_used_as_often_as_it_may_be() -> None:
    """Its own limit counts, then its campaign's; while its last use lasts it still works."""
    twice = replace(SPRING, limit=2)
    assert over(LINK, twice, Usage(1)) == ""
    assert over(LINK, twice, Usage(2)) == "used_up"
    assert over(replace(LINK, limit=3), twice, Usage(2)) == ""
    assert over(replace(LINK, limit=1), twice, Usage(1)) == "used_up"
    assert over(LINK, twice, Usage(2, NOW + timedelta(seconds=1))) == ""
    assert over(LINK, twice, Usage(2, NOW)) == "used_up"
    assert over(LINK, SPRING, Usage(1_000_000)) == ""


def test_a_revoked_link_does_not_work() -> None:
    """Nor does any link of a campaign that was revoked."""
    assert over(usage=Usage(revoked_at=NOW)) == "revoked"
    assert over(campaign=replace(SPRING, revoked_at=NOW)) == "revoked"


def test_where_visitors_come_from_is_told_in_the_words_of_statistics() -> None:
    """The campaign's words count; channel and code stand in, and a link's own variant comes first."""
    assert SPRING.utm_of(Link(7, "sms")).query() == {"utm_medium": "sms", "utm_campaign": "spring"}
    told = replace(SPRING, utm=Utm("newsletter", "mail", "easter", "eggs", "blue")).utm_of(
        Link(7, "sms", content="red")
    )
    assert told.query() == {
        "utm_source": "newsletter",
        "utm_medium": "mail",
        "utm_campaign": "easter",
        "utm_term": "eggs",
        "utm_content": "red",
    }
