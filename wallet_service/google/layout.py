"""Where Google Wallet shows each field of a card: what holds it, and in which row it stands.

A class names the rows and holds the texts of the template, an object holds the values of its member: both ask here.
https://developers.google.com/wallet/retail/loyalty-cards/resources/template
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

MEMBERS = {
    "balance": "loyaltyPoints",
    "stamps": "loyaltyPoints",
    "tier": "secondaryLoyaltyPoints",  # a rewards tier stands on the class and is the same for every member
    "member_name": "accountName",
    "card_code": "accountId",
    "card_code_grouped": "accountId",
}
POINTS = ("loyaltyPoints", "secondaryLoyaltyPoints")
ITEMS = {
    1: ("oneItem", ("item",)),
    2: ("twoItems", ("startItem", "endItem")),
    3: ("threeItems", ("startItem", "middleItem", "endItem")),
}
MOST_IN_ROW = 3
MOST_TEXTS = 10  # text modules of a class that are shown, and as many of an object

Item = TypeVar("Item")


def members(fields: Iterable[tuple[str, str | None]]) -> dict[str, str | None]:
    """Return which member of the object holds each field, None for a text module; takes pairs of key and role.

    The first field of a role takes the member; a second one that shows the same becomes a text module. A field
    without a role is a text of the template, and a text module of the class.
    """
    held: dict[str, str | None] = {}
    for key, role in fields:
        member = MEMBERS.get(role or "")
        held[key] = None if member in held.values() else member
    return held


def rows(header: Sequence[Item], primary: Sequence[Item], others: Sequence[Item]) -> list[list[Item]]:
    """Return the rows of the card's front: header, primary, and the last three others; a fourth joins the primary."""
    front = [[*header], [*primary, *others[:-MOST_IN_ROW]], [*others[-MOST_IN_ROW:]]]
    return [row for row in front if row]


def class_texts(front: Iterable[Item], messages: Iterable[Item], back: Iterable[Item]) -> list[Item]:
    """Return the texts of a class in their order, of which Google shows the first ten.

    A front has no more than eight fields, so whatever else a template says, no row of it stays empty.
    """
    return [*front, *messages, *back]


def field_path(key: str, role: str | None, member: str | None) -> str:
    """Return how a template refers to a field of the class or the object."""
    if member is None:
        return f"{'class' if role is None else 'object'}.textModulesData['{key}']"
    return f"object.{member}.balance" if member in POINTS else f"object.{member}"


def template_row(paths: list[str]) -> dict[str, Any]:
    """Return a CardRowTemplateInfo that shows one, two or three fields."""
    shape, places = ITEMS[len(paths)]
    items = ({"firstValue": {"fields": [{"fieldPath": path}]}} for path in paths)
    return {shape: dict(zip(places, items, strict=True))}
