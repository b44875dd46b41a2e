"""What a vendor holds of our cards, as it says itself: the other half of the proof that they are in step."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from wallet_service.domain.card import Card
from wallet_service.domain.face import Face
from wallet_service.domain.pass_class import PassClass
from wallet_service.domain.template import Template


@dataclass(frozen=True, slots=True)
class HeldCard:
    """A card at the vendor: its id there, whether somebody has saved it, and all that is held."""

    target: str
    installed: bool
    resource: Mapping[str, Any] = field(repr=False)


class Shelf(Protocol):
    """A vendor that can be asked what it holds; each method raises `VendorSilent` where it does not answer."""

    platform: str

    def class_differences(self, drawn: PassClass) -> list[str] | None:
        """Return in what the vendor's class differs from the drawn one, or None if it holds no such class."""
        ...

    def cards(self, drawn: PassClass) -> Iterator[HeldCard]:
        """Yield every card that the vendor holds of the class."""
        ...

    def holds(self, target: str) -> bool:
        """Return whether the vendor, asked for this one card, has it."""
        ...

    def differences(self, template: Template, face: Face, card: Card, held: HeldCard) -> list[str]:
        """Return in what the held card differs from the face; asks nobody."""
        ...
