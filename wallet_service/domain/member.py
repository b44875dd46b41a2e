"""A member of a programme together with the card and the standing it shows."""

from dataclasses import dataclass

from wallet_service.domain.card import Card
from wallet_service.domain.template import Standing


@dataclass(frozen=True, slots=True)
class Membership:
    """What one look at the database tells of a member; the digests are those of the card's newest revision.

    `id` is ours and internal, `public_id` ours and shown, `external_id` the merchant's own. `own_digest` is None where
    the card was last drawn by a version that knew none.
    """

    id: int
    public_id: str
    external_id: str
    locale: str | None
    card: Card
    face_digest: bytes
    own_digest: bytes | None
    standing: Standing
