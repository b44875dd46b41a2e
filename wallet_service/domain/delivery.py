"""What every webhook dialect makes of a request: first who sent what, then what it says in our own terms."""

from dataclasses import dataclass
from datetime import datetime

from wallet_service.domain.event import Event, Fact, PrivacyRequested, content_hash


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request that is shown to come from its source: its topic, and the sender's id of it where that is stable.

    A topic is the sender's own word ("orders/paid"). Ids that change with every try are None.
    """

    topic: str
    delivery_id: str | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that a request says: the type of our own events, when it happened, and the fact."""

    type: str
    occurred_at: datetime
    fact: Fact | PrivacyRequested


@dataclass(frozen=True, slots=True)
class Normalised:
    """All that a request says; or, where it says nothing that concerns us, why."""

    said: tuple[Said, ...] = ()
    ignored: str | None = None


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What was arranged for a source when it was connected.

    `url` is the address that the sender was given, which some sign; `test_mode` says that test orders count, too.
    """

    name: str
    url: str
    test_mode: bool = False


def event_of(said: Said, *, event_id: str, body: bytes) -> Event:
    """Return the event of that id that a body tells of; a request of privacy is none."""
    assert not isinstance(said.fact, PrivacyRequested)
    return Event(event_id, said.type, content_hash(said.type, said.fact), said.occurred_at, body, said.fact)
