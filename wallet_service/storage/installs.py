"""When cards came into wallets and left them again, for the funnel; not of members who object to that, or were erased.

Wallets themselves are forgotten when they go, so whatever adds or drops one writes it down by these parts of its query.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

_OF_MEMBER = text("""
    SELECT platform, installed_at, removed_at FROM installs JOIN cards ON cards.id = card_id
    WHERE cards.member_id = :member_id ORDER BY installed_at, installs.id
""")
_FORGET = text("DELETE FROM installs USING cards WHERE cards.id = card_id AND cards.member_id = :member_id")


def came(rows: str) -> str:
    """Return the statement that notes, at `:now`, wallets given as rows of `card_id`, `platform` and `device`."""
    return f"""
        INSERT INTO installs (card_id, platform, device, installed_at)
        SELECT card_id, platform, device, :now FROM {rows}
        WHERE NOT EXISTS (
            SELECT FROM objections JOIN cards ON cards.member_id = objections.member_id WHERE cards.id = card_id)
        AND NOT EXISTS (
            SELECT FROM members JOIN cards ON cards.member_id = members.id
            WHERE cards.id = card_id AND erased_at IS NOT NULL)
        ON CONFLICT (card_id, platform, device) WHERE removed_at IS NULL DO NOTHING
    """


def left(rows: str) -> str:
    """Return the statement that notes, at `:now`, that such wallets are gone; which device it was is forgotten."""
    return f"""
        UPDATE installs SET removed_at = :now, device = NULL FROM {rows} AS gone
        WHERE installs.card_id = gone.card_id AND installs.platform = gone.platform
          AND installs.device = gone.device AND installs.removed_at IS NULL
    """


@dataclass(frozen=True, slots=True)
class Install:
    """That a member's card is in a wallet, or was; `removed_at` is None while it is."""

    platform: str
    installed_at: datetime
    removed_at: datetime | None


def of_member(tx: Connection, member_id: int) -> list[Install]:
    """Return when a member's cards came into wallets and left them."""
    return [Install(*row) for row in tx.execute(_OF_MEMBER, {"member_id": member_id})]


def forget(tx: Connection, member_id: int) -> None:
    """Forget when a member's card came into wallets and left them."""
    tx.execute(_FORGET, {"member_id": member_id})
