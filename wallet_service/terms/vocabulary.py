"""What a template calls its unit and its own things in one language."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wallet_service.domain.words import Words

NAMED = ("tier", "reward", "benefit", "cause", "partner", "rule", "campaign", "event", "property", "sku", "tag")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The unit's plural forms by CLDR category, and names by table and code: `names["tier"]["gold"]`."""

    unit: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def name(self, table: str, code: str) -> str | None:
        """Return what a thing is called, or None."""
        return self.names.get(table, {}).get(code)


def of_table(table: Mapping[str, Any]) -> Vocabulary:
    """Return the vocabulary in a parsed `locales/*.toml`; what is no text is left out."""
    return Vocabulary(_texts(table.get("unit")), {name: _texts(table.get(name)) for name in NAMED})


def of_words(words: Words) -> Vocabulary:
    """Return the vocabulary in a template's words, which may keep each table of names by itself or all together."""
    together = getattr(words, "names", None)
    tables = together if isinstance(together, Mapping) else vars(words)
    return Vocabulary(words.unit, {name: _texts(tables.get(name)) for name in NAMED})


def _texts(table: object) -> dict[str, str]:
    if not isinstance(table, Mapping):
        return {}
    return {str(key): text for key, text in table.items() if isinstance(text, str) and text}
