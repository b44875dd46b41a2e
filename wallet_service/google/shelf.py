"""What Google holds of our cards, asked and compared.

https://developers.google.com/wallet/reference/rest/v1/loyaltyobject/list
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from wallet_service.domain.card import Card
from wallet_service.domain.errors import VendorSilent
from wallet_service.domain.face import Face
from wallet_service.domain.pass_class import PassClass
from wallet_service.domain.push import Sent
from wallet_service.domain.shelf import HeldCard
from wallet_service.domain.template import Template
from wallet_service.google.answers import Missing
from wallet_service.google.change import LOCATIONS
from wallet_service.google.client import ListCutShort
from wallet_service.google.clients import Clients
from wallet_service.google.differences import differences


class GoogleShelf:
    """Asks Google; `draw` makes the loyalty object of a card's face."""

    platform = "google"

    def __init__(self, clients: Clients, draw: Callable[[Template, Face, Card], Mapping[str, Any]]) -> None:
        self._clients = clients
        self._draw = draw

    def class_differences(self, drawn: PassClass) -> list[str] | None:
        """Return in what Google's class differs from the drawn one, or None if there is none.

        Raises: VendorSilent.
        """
        with self._clients.one() as client:
            answer = client.get_class(drawn.target)
        if isinstance(answer.meaning, Missing):
            return None
        if not isinstance(answer.meaning, Sent):
            raise VendorSilent(f"Google did not show class {drawn.target}: {answer.meaning}")
        # An issuer that may not use locations has its class written without them.
        return differences(drawn.body, answer.resource, locations=bool(answer.resource.get(LOCATIONS)))

    def cards(self, drawn: PassClass) -> Iterator[HeldCard]:
        """Yield every object of the class; a class that is not there has none.

        Raises: VendorSilent.
        """
        with self._clients.one() as client:
            try:
                for each in client.list_objects(drawn.target):
                    yield HeldCard(str(each.get("id", "")), bool(each.get("hasUsers")), each)
            except ListCutShort as error:
                if isinstance(error.meaning, Missing):
                    return
                raise VendorSilent(str(error)) from error

    def holds(self, target: str) -> bool:
        """Return whether Google, asked for this one object, has it.

        Raises: VendorSilent.
        """
        with self._clients.one() as client:
            answer = client.get_object(target)
        if not isinstance(answer.meaning, Sent | Missing):
            raise VendorSilent(f"Google did not say whether it holds {target}: {answer.meaning}")
        return isinstance(answer.meaning, Sent)

    def differences(self, template: Template, face: Face, card: Card, held: HeldCard) -> list[str]:
        """Return in what the object differs from the face; asks nobody."""
        return differences(self._draw(template, face, card), held.resource)
