"""Messages on a card: news of the issuer's, of which Google holds ten and refuses the eleventh.

https://developers.google.com/wallet/reference/rest/v1/loyaltyobject/addmessage
"""

from collections.abc import Mapping, Sequence
from typing import Any

KEPT = 9  # of the ten that Google holds, so that one more fits


def message(message_id: str, header: str, body: str) -> dict[str, Any]:
    """Return a Message in one language, to be added to a card; of several with one id Google keeps all."""
    return {"id": message_id, "header": header, "body": body}


def pruned(messages: Sequence[Mapping[str, Any]], keep: int = KEPT) -> list[dict[str, Any]] | None:
    """Return what a card's messages must become so that one more fits, the newest `keep`; None if there is room.

    Google appends each message, so the first is the oldest. Those kept are sent back as texts without a notification,
    which they had when they were added.
    """
    if len(messages) <= keep:
        return None
    kept = messages[len(messages) - keep :]
    return [{**_without_kind(each), "messageType": "TEXT"} for each in kept]


def _without_kind(held: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message without the `kind` that Google may answer with, and calls deprecated."""
    return {name: value for name, value in held.items() if name != "kind"}
