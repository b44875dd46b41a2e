"""Links of campaigns: what one carries, how it becomes a few bytes, and whether it still works.

A link has no row anywhere before it is used for the first time, so it carries all that is its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Literal, get_args

from wallet_service.domain import codes
from wallet_service.domain.errors import LinkOver, UnknownLink

Channel = Literal["email", "sms", "messenger", "social", "site", "print", "till", "other"]
Kind = Literal["anyone", "member", "prospect"]
Over = Literal["expired", "used_up", "revoked", "gone"]

# Their places are written in links, so a new one goes to the end.
CHANNELS: tuple[Channel, ...] = get_args(Channel)
KINDS: tuple[Kind, ...] = get_args(Kind)

FIRST_DAY = date(2020, 1, 1)  # the days of links are counted from here, in two bytes
LAST_DAY = FIRST_DAY + timedelta(days=0xFFFF)
LONGEST = 200  # bytes of one text that a link carries
MOST_USES = 1_000_000
SHORT_BODY = 7  # letters of a short code before the last; 34 bits, for links that anyone may have
PERSONAL_BODY = codes.BODY  # of one that is somebody's own, which nobody must guess
USE_LASTS = timedelta(minutes=10)  # a download is repeated by browsers and wallets, and is still one use

_UNTIL, _LIMIT, _CONTENT = 0x04, 0x08, 0x10


@dataclass(frozen=True, slots=True)
class Prospect:
    """Somebody who is no member yet, as far as the sender of the link knows them.

    Whoever has an `external_id`, the merchant's own, can be enrolled with that alone.
    """

    external_id: str | None = None
    name: str | None = None
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says: for whom it is, of which campaign and channel, until which day and for how many uses.

    `member` is our internal number of a member. Of `member` and `prospect` at most one is given; a link with neither is
    for anyone. `content` tells variants of a mailing apart. `until` is the last day, in the programme's time zone.
    What is None is as the campaign says it.
    """

    campaign: int
    channel: Channel
    member: int | None = None
    prospect: Prospect | None = None
    until: date | None = None
    limit: int | None = None
    content: str | None = None

    @property
    def kind(self) -> Kind:
        """For whom the link is."""
        if self.member is not None:
            return "member"
        return "anyone" if self.prospect is None else "prospect"


@dataclass(frozen=True, slots=True)
class Utm:
    """Where visitors are said to come from, in the words that shops' own statistics know."""

    source: str | None = None
    medium: str | None = None
    campaign: str | None = None
    term: str | None = None
    content: str | None = None

    def query(self) -> dict[str, str]:
        """Return the parameters of an address."""
        given = {f"utm_{each.name}": getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign that links belong to: what holds for all of them where they say nothing else.

    `until` is the last day of every link, `limit` how often each may be used, `id` is ours and internal.
    """

    id: int
    program_id: int
    code: str
    name: str
    channel: Channel
    utm: Utm
    until: date | None
    limit: int | None
    revoked_at: datetime | None
    created_at: datetime

    def utm_of(self, link: Link) -> Utm:
        """Return where those who follow a link come from."""
        own = self.utm
        return Utm(
            source=own.source,
            medium=own.medium or link.channel,
            campaign=own.campaign or self.code,
            term=own.term,
            content=link.content or own.content,
        )


@dataclass(frozen=True, slots=True)
class Usage:
    """What became of a link since it was first used; one that was not has none of this.

    While `in_use_until` has not come, what is done belongs to the use that has been counted.
    """

    uses: int = 0
    in_use_until: datetime | None = None
    revoked_at: datetime | None = None


def short_code(typed: str) -> str | None:
    """Return the short code of a link, anyone's or somebody's own, from how it was typed; None if it cannot be one."""
    return codes.as_made(typed, SHORT_BODY) or codes.as_made(typed, PERSONAL_BODY)


def last_day(link: Link, campaign: Campaign) -> date | None:
    """Return the last day on which a link works; None for one that has none."""
    days = [each for each in (link.until, campaign.until) if each is not None]
    return min(days, default=None)


def check(link: Link, campaign: Campaign, usage: Usage, *, today: date, now: datetime) -> None:
    """Make sure that a link still works; `today` is the day in the programme's time zone.

    Raises `LinkOver`.
    """
    if campaign.revoked_at or usage.revoked_at:
        raise LinkOver("revoked")
    last = last_day(link, campaign)
    if last is not None and today > last:
        raise LinkOver("expired")
    limit = limit_of(link, campaign)
    if limit is not None and usage.uses >= limit and not (usage.in_use_until and now < usage.in_use_until):
        raise LinkOver("used_up")


def limit_of(link: Link, campaign: Campaign) -> int | None:
    """Return how often a link may be used."""
    return campaign.limit if link.limit is None else link.limit


def packed(link: Link) -> bytes:
    """Return a link as bytes: a dozen for a member's.

    Raises `ValueError` for a text, a day or a number that is too long for a link.
    """
    flags = KINDS.index(link.kind)
    parts = [_number(link.campaign)]
    if link.until is not None:
        flags |= _UNTIL
        if not FIRST_DAY <= link.until <= LAST_DAY:
            raise ValueError(f"{link.until} is no day of a link; they go from {FIRST_DAY} to {LAST_DAY}")
        parts.append((link.until - FIRST_DAY).days.to_bytes(2))
    if link.limit is not None:
        flags |= _LIMIT
        parts.append(_number(link.limit))
    if link.content:
        flags |= _CONTENT
        parts.append(_text(link.content))
    if link.member is not None:
        parts.append(_number(link.member))
    elif link.prospect is not None:
        parts += [_text(each) for each in (link.prospect.external_id, link.prospect.name, link.prospect.locale)]
    return bytes((flags, CHANNELS.index(link.channel))) + b"".join(parts)


def unpacked(content: bytes) -> Link:
    """Return the link that was packed into these bytes.

    Raises `UnknownLink` for bytes that no link was packed into.
    """
    try:
        return _read(iter(content))
    except (StopIteration, IndexError, UnicodeDecodeError, ValueError):
        raise UnknownLink from None


def _read(given: Iterator[int]) -> Link:
    flags, channel = next(given), next(given)
    kind = KINDS[flags & 0x03]
    campaign = _read_number(given)
    until = FIRST_DAY + timedelta(days=next(given) << 8 | next(given)) if flags & _UNTIL else None
    limit = _read_number(given) if flags & _LIMIT else None
    content = _read_text(given) if flags & _CONTENT else None
    member = _read_number(given) if kind == "member" else None
    prospect = None
    if kind == "prospect":
        prospect = Prospect(_read_text(given), _read_text(given), _read_text(given))
    if next(given, None) is not None or flags >= _CONTENT << 1:
        raise ValueError("there is more than a link")
    return Link(campaign, CHANNELS[channel], member, prospect, until, limit, content)


def _number(value: int) -> bytes:
    """Return a number in as few bytes as it needs: seven bits each, the lowest first."""
    if value < 0:
        raise ValueError(f"{value} is less than nothing")
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _read_number(given: Iterator[int]) -> int:
    found = shift = 0
    while (byte := next(given)) & 0x80:
        found |= (byte & 0x7F) << shift
        shift += 7
        if shift > 63:
            raise ValueError("a number has no end")
    return found | byte << shift


def _text(value: str | None) -> bytes:
    encoded = (value or "").encode()
    if len(encoded) > LONGEST:
        raise ValueError(f"a text of {len(encoded)} bytes is too long for a link; {LONGEST} are the most")
    return _number(len(encoded)) + encoded


def _read_text(given: Iterator[int]) -> str | None:
    length = _read_number(given)
    encoded = bytes(islice(given, length))
    if len(encoded) < length:
        raise ValueError("a text ends too soon")
    return encoded.decode() or None
