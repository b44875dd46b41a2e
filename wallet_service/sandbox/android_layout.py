"""Which values stand where on a loyalty card: the rows that its class's template names, and the details below.

Source: https://developers.google.com/wallet/retail/loyalty-cards/resources/template
"""

from collections.abc import Iterator, Mapping
from typing import Any

from wallet_service.sandbox.android_fields import Field, Part

PLACES = ("item", "startItem", "middleItem", "endItem")
VALUES = ("firstValue", "secondValue")
USUAL_ROW = ("object.loyaltyPoints.balance", "object.secondaryLoyaltyPoints.balance")

Cell = tuple[Field, ...]  # one value, or two that are written with a stroke between them


def rows(program: Part, found: Mapping[str, Field]) -> list[list[Cell]]:
    """Return the rows of the card's front; without a template Google shows the balances."""
    override = (program.get("classTemplateInfo") or {}).get("cardTemplateOverride")
    if override:
        drawn = [_row(info, found) for info in override.get("cardRowTemplateInfos") or ()]
    else:
        usual: list[Cell] = [(found[path],) for path in USUAL_ROW if path in found]
        drawn = [usual]
    return [row for row in drawn if row]


def details(found: Mapping[str, Field], front: list[list[Cell]]) -> list[Field]:
    """Return the values that do not stand on the front already."""
    shown = {field for row in front for cell in row for field in cell}
    return [field for field in found.values() if field not in shown]


def _row(info: Part, found: Mapping[str, Field]) -> list[Cell]:
    shape: Mapping[str, Any] = next((each for each in info.values() if each), {})
    cells = [tuple(_values(shape[place], found)) for place in PLACES if place in shape]
    return [cell for cell in cells if cell]


def _values(item: Part, found: Mapping[str, Field]) -> Iterator[Field]:
    """Yield the first and second value of an item: of several fields the first that the card has."""
    for name in VALUES:
        choices = (item.get(name) or {}).get("fields") or ()
        paths = [str(each.get("fieldPath") or "").replace('"', "'") for each in choices]
        yield from [found[path] for path in paths if path in found][:1]
