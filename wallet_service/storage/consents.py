"""What members agreed to, and no longer do; only ever added to, so that it can be shown what was agreed when."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, text

from wallet_service.domain.event import Consent
from wallet_service.domain.letters import Word

_ADD = text("""
    INSERT INTO consents (member_id, purpose, channel, granted, text_version, source, at)
    VALUES (:member_id, :purpose, :channel, :granted, :text_version, :source, :now)
""")
_ALL = text("""
    SELECT purpose, granted, channel, text_version, source, at FROM consents WHERE member_id = :member_id ORDER BY id
""")
_NOW = text("""
    SELECT DISTINCT ON (purpose, channel) purpose, granted, channel, text_version, source, at
    FROM consents WHERE member_id = :member_id ORDER BY purpose, channel, id DESC
""")
_WORDS = text("""
    SELECT DISTINCT ON (member_id) member_id, granted, at FROM consents
    WHERE member_id = ANY(:member_ids) AND purpose = :purpose AND (channel = :channel OR channel IS NULL)
    ORDER BY member_id, id DESC
""")


@dataclass(frozen=True, slots=True)
class Given:
    """A consent as it is kept: where it came from, and when."""

    consent: Consent
    source: str
    at: datetime


def add(tx: Connection, member_id: int, consents: Iterable[Consent], *, source: str, now: datetime) -> None:
    """Keep what a member has agreed to, or not."""
    for each in consents:
        values = {"member_id": member_id, "purpose": each.purpose, "channel": each.channel, "granted": each.granted}
        tx.execute(_ADD, values | {"text_version": each.text_version, "source": source, "now": now})


def history(tx: Connection, member_id: int) -> Sequence[Given]:
    """Return all that a member has agreed to, or not, as it came."""
    return [_given(row) for row in tx.execute(_ALL, {"member_id": member_id})]


def standing(tx: Connection, member_id: int) -> Sequence[Given]:
    """Return what holds now: the newest word for each purpose and channel."""
    return [_given(row) for row in tx.execute(_NOW, {"member_id": member_id})]


def words(tx: Connection, member_ids: Sequence[int], *, purpose: str, channel: str) -> dict[int, Word]:
    """Return the newest word of members on a purpose, by a channel or all, by the member; of none who said nothing."""
    values = {"member_ids": list(member_ids), "purpose": purpose, "channel": channel}
    return {row.member_id: Word(row.granted, row.at) for row in tx.execute(_WORDS, values)}


def _given(row: Row[tuple[object, ...]]) -> Given:
    return Given(Consent(row.purpose, row.granted, row.channel, row.text_version), row.source, row.at)
