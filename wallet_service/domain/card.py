"""A member's card: its identity, its secret, and how its revisions advance."""

from datetime import datetime, timedelta

from msgspec import Struct


class Card(Struct, frozen=True):
    """One card as it stands; `revision` counts the faces it has had, `modified_at` is its Last-Modified.

    `serial_number` and `authentication_token` never change once a phone holds the card:
    https://developer.apple.com/documentation/walletpasses/pass
    """

    id: int
    serial_number: str
    authentication_token: str
    pass_type_identifier: str
    revision: int
    modified_at: datetime
    announced: str | None = None


class Revised(Struct, frozen=True):
    """A card in its new revision; `own_changed` says that it shows something else of its member's own."""

    card: Card
    digest: bytes
    own_digest: bytes
    own_changed: bool


def next_modified_at(last: datetime, now: datetime) -> datetime:
    """Return the Last-Modified of a card's next revision: a whole second later than the last one at the least.

    HTTP dates have whole seconds, so two revisions within one second would otherwise share a date and the
    second of them would be answered with 304.
    """
    return max(now.replace(microsecond=0), last + timedelta(seconds=1))
