"""The values of a loyalty card as Google Wallet writes them: in the phone's language, each with its label.

Source: https://developers.google.com/wallet/reference/rest/v1/loyaltyobject
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from babel import numbers

Part = Mapping[str, Any]

POINTS = {"loyaltyPoints": "balance", "secondaryLoyaltyPoints": "tier"}
ACCOUNT = {"accountName": "member_name", "accountId": "card_code"}
TIERS = {"rewardsTier": "rewards_tier", "secondaryRewardsTier": "secondary_rewards_tier"}
MICROS = 1_000_000
MOST_MODULES = 10


@dataclass(frozen=True, slots=True)
class Field:
    """A value on the card; `key` names it for scripts, `value` is the raw one, `text` what the phone shows."""

    key: str
    label: str
    text: str
    value: int | float | str


def fields(card: Part, program: Part, language: str) -> dict[str, Field]:
    """Return every field that an object and its class hold, by the path with which a template refers to it."""
    found = {
        **dict(_points(card, language)),
        **dict(_account(card, program, language)),
        **dict(_tiers(program, language)),
        **dict(_modules("object", card, language)),
        **dict(_modules("class", program, language)),
    }
    return {path: field for path, field in found.items() if field.text}


def said(part: Part, name: str, language: str) -> str:
    """Return a text of a class or object, "" if there is none; its localised twin comes before the plain one."""
    strings = part.get(f"localized{name[0].upper()}{name[1:]}")
    return _translated(strings, language) if isinstance(strings, Mapping) else str(part.get(name) or "")


def number(balance: Part, language: str) -> tuple[int | float | str, str]:
    """Return the raw value of a balance and how the phone writes it; money is counted in millionths of a unit."""
    if isinstance(balance.get("money"), Mapping):
        money = balance["money"]
        amount = Decimal(money.get("micros") or 0) / MICROS
        return f"{amount.normalize():f}", numbers.format_currency(
            amount, str(money.get("currencyCode")), locale=language
        )
    for kind in ("int", "double"):
        if kind in balance:
            return balance[kind], numbers.format_decimal(balance[kind], locale=language)
    text = str(balance.get("string") or "")
    return text, text


def modules(part: Part) -> Sequence[Part]:
    """Return the text modules that are shown: ten of an object and ten of its class."""
    return tuple(part.get("textModulesData") or ())[:MOST_MODULES]


def _points(card: Part, language: str) -> Iterator[tuple[str, Field]]:
    for name, key in POINTS.items():
        points = card.get(name)
        if points and points.get("balance"):
            value, text = number(points["balance"], language)
            yield f"object.{name}.balance", Field(key, said(points, "label", language), text, value)


def _account(card: Part, program: Part, language: str) -> Iterator[tuple[str, Field]]:
    for name, key in ACCOUNT.items():
        text = str(card.get(name) or "")
        yield f"object.{name}", Field(key, said(program, f"{name}Label", language), text, text)


def _tiers(program: Part, language: str) -> Iterator[tuple[str, Field]]:
    for name, key in TIERS.items():
        text = said(program, name, language)
        yield f"class.{name}", Field(key, said(program, f"{name}Label", language), text, text)


def _modules(owner: str, part: Part, language: str) -> Iterator[tuple[str, Field]]:
    for index, module in enumerate(modules(part)):
        # A module without an id can be read among the details, but no template can refer to it.
        key = str(module.get("id") or f"{owner}_module_{index}")
        text = said(module, "body", language)
        yield f"{owner}.textModulesData['{key}']", Field(key, said(module, "header", language), text, text)


def _translated(strings: Part, language: str) -> str:
    """Return the translation for the phone's language, of another place if need be, else the default."""
    default = strings.get("defaultValue") or {}
    offered = {_tag(each): str(each.get("value") or "") for each in (*strings.get("translatedValues", ()), default)}
    wanted = language.replace("_", "-").lower()
    for tag in (wanted, wanted.partition("-")[0]):
        if tag in offered:
            return offered[tag]
    return str(default.get("value") or "")


def _tag(translation: Part) -> str:
    return str(translation.get("language") or "").lower()
