"""Who a shop system means: by its own id, by what the merchant put in, or by what is known of the person."""

import re

from wallet_service.domain.event import Customer
from wallet_service.domain.identity import Kind, identity

_MEMBER_ID = re.compile(r"mem_[0-9a-z]{8,40}")
_CARD_CODE = re.compile(r"[0-9A-Z]{12,24}")
_LONGEST_ID = 200
_SEPARATORS = re.compile(r"[\s-]")


def customer(
    kind: Kind,
    *,
    vendor_id: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    own_id: str | None = None,
    member_id: str | None = None,
    card_code: str | None = None,
) -> Customer | None:
    """Return the customer that a shop system tells of, or None for a guest of whom nothing is known.

    A member id or card code counts before an id, and `own_id`, which the merchant gives, before the vendor's. Buyers
    can fill such fields with anything: what cannot be one of ours is left out, and so is what is no address.
    """
    given: tuple[tuple[Kind, str | None], ...] = ((kind, vendor_id), ("email", email), ("phone", phone))
    identities = tuple(found for what, value in given if value and (found := identity(what, value)))
    member, code, name = as_member_id(member_id), as_card_code(card_code), _as_id(own_id) or vendor_id
    if member:
        return Customer(member_id=member, identities=identities)
    if code:
        return Customer(card_code=code, identities=identities)
    if name or identities:
        return Customer(id=name, identities=identities)
    return None


def as_member_id(text: str | None) -> str | None:
    """Return the id of a member of ours that a text is, if it can be one."""
    text = (text or "").strip()
    return text if _MEMBER_ID.fullmatch(text) else None


def as_card_code(text: str | None) -> str | None:
    """Return the code of a card of ours that a text is, however it was typed, if it can be one."""
    text = _SEPARATORS.sub("", text or "").upper()
    return text if _CARD_CODE.fullmatch(text) else None


def _as_id(text: str | None) -> str | None:
    text = (text or "").strip()
    return text if text.isprintable() and 0 < len(text) <= _LONGEST_ID else None
