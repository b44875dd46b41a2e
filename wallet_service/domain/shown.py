"""What a wallet shows of a card, where it shows it and what it cuts; and two wallets side by side."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from wallet_service.domain.face import Money, Value

LONGEST_TEXT = 32  # columns of the table that a card's text may take
GAP = "  "


@dataclass(frozen=True, slots=True)
class Shown:
    """One text of a card in one wallet: a field of a slot, a link, a message, a place, a name or a colour.

    `where` is None when the wallet cannot show it. `cut_at` is the number of characters after which the wallet may
    cut the text, None if it has room for all of it. `note` says why, or how this wallet differs; it may be empty.
    """

    slot: str
    key: str
    where: str | None
    text: str
    cut_at: int | None = None
    note: str = ""


def plain(value: Value) -> str:
    """Return a value as plain text in no particular language: `1250`, `12.50 EUR`, `2026-06-01` (the day in UTC)."""
    if isinstance(value, Money):
        return f"{value.decimal:f} {value.currency}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).date().isoformat()
    return str(value)


def cut(text: str, room: int) -> int | None:
    """Return the room, in characters, if the text is longer; None if it fits."""
    return room if len(text) > room else None


def report(name: str, apple: list[Shown], google: list[Shown]) -> list[str]:
    """Return the lines of a plain table, one row a text with a column for each wallet; notes follow below it."""
    one, other = ({(each.slot, each.key): each for each in wallet} for wallet in (apple, google))
    rows: list[tuple[str, ...]] = [(name, "", "Text", "Apple Wallet", "Google Wallet")]
    for place in one | other:
        found = [wallet.get(place) for wallet in (one, other)]
        text = next(each.text for each in found if each)
        rows.append((*place, _short(text), *map(_cell, found)))
    return [*_table(rows), *_notes("Apple Wallet", apple), *_notes("Google Wallet", google)]


def _cell(shown: Shown | None) -> str:
    if shown is None:
        return "-"
    if shown.where is None:
        return "not shown"
    return shown.where if shown.cut_at is None else f"{shown.where}, cut at {shown.cut_at}"


def _notes(wallet: str, all_shown: list[Shown]) -> Iterator[str]:
    for each in all_shown:
        if each.note:
            yield f"{wallet}, {each.slot} {each.key}: {each.note}"


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = [GAP.join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    rule = GAP.join("-" * width for width in widths)
    return [lines[0], rule, *lines[1:], ""]


def _short(text: str) -> str:
    line = " ".join(text.split())
    if _width(line) <= LONGEST_TEXT:
        return line
    while _width(line) >= LONGEST_TEXT:
        line = line[:-1]
    return f"{line}…"


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """Return the columns that a text takes in a terminal: two for an ideograph, none for a combining accent."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text
    )
