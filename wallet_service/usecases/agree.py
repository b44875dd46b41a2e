"""A member says anew what they agree to: told by an event, as a merchant's program would."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.event import Consent, Customer, Event, MemberUpdated, content_hash
from wallet_service.storage import consents
from wallet_service.storage.consents import Given
from wallet_service.usecases.enter import Entering, enter
from wallet_service.usecases.operate import OpenProgram

KIND = "member.updated"
ACTOR = "member"


def agreed(tx: Connection, member_id: int) -> Sequence[Given]:
    """Return the newest word of a member on each purpose and channel."""
    return consents.standing(tx, member_id)


def agree(
    begin: Callable[[], AbstractContextManager[Connection]],
    said: Sequence[Consent],
    *,
    member_id: str,
    program: OpenProgram,
    key: str,
    pass_type_identifier: str,
    now: datetime,
) -> None:
    """Keep what a member, given by our id, agrees to and what no longer, beside all that was said before.

    Raises what `enter` raises.
    """
    fact = MemberUpdated(Customer(member_id=member_id), consents=tuple(said))
    enter(
        begin,
        Entering(Event(key, KIND, content_hash(KIND, fact), now, b"", fact)),
        program=program,
        key=key,
        kind="member.change",
        content={"member": member_id},
        actor=ACTOR,
        pass_type_identifier=pass_type_identifier,
        now=now,
    )
