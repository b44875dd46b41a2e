"""A merchant is told what happened: messages to its endpoints, written in the transaction in which it happens."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from wallet_service.domain.member import Membership
from wallet_service.domain.news import News, told
from wallet_service.storage import members, messages, programs
from wallet_service.storage.messages import Written


def tell(tx: Connection, program: str, member: Membership, news: Sequence[News], *, now: datetime) -> None:
    """Write what happened to a member, given as it stands afterwards, in this order; nothing if nobody listens.

    The customer is locked, so that messages of one member are written in the order in which things happened.
    """
    if member.listened and news:
        written = [Written(each.type, told(each, program=program, member=member)) for each in news]
        messages.write(tx, written, program_id=member.program_id, member_id=member.id, now=now)


def tell_of_card(
    tx: Connection, card_ids: Sequence[int], kind: str, facts: Mapping[str, Any], *, now: datetime
) -> None:
    """Write that phones or vendors have taken or given up members' cards, together with noting it.

    Of whoever was erased nothing more is told.
    """
    for found in members.find_by_cards(tx, card_ids).values():
        if found.member.listened and not found.member.erased:
            tell(tx, programs.code_of(tx, found.program_id), found.member, [News(kind, facts)], now=now)
