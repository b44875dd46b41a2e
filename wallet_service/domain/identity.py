"""What a person can be known by at a merchant's doors: an e-mail address, a phone number, an id at a shop system."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["email", "phone", "shopify", "woocommerce", "square", "stripe"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TYPED: tuple[Kind, ...] = ("email", "phone")  # which a till may well type for all its guests alike

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,250}\.[^@\s.]{2,63}")
_SEPARATORS = re.compile(r"[\s().\-/\u00a0]")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164
_PLAIN = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """One thing that a person is known by; make it with `identity`, which brings the value into its one form."""

    kind: Kind
    value: str

    @property
    def is_an_account(self) -> bool:
        """Whether it is an account at a shop system, which is one person's; addresses may be shared, or made up."""
        return self.kind not in TYPED


def identity(kind: Kind, value: str) -> Identity | None:
    """Return the identity, or None where the value is none of its kind.

    Addresses are compared without regard to case. A phone number has to begin with + or 00 and its country.
    """
    match kind:
        case "email":
            value = value.strip().lower()
            return Identity(kind, value) if _EMAIL.fullmatch(value) and value.isprintable() else None
        case "phone":
            value = _SEPARATORS.sub("", value)
            value = f"+{value[2:]}" if value.startswith("00") else value
            return Identity(kind, value) if _PHONE.fullmatch(value) else None
        case _:
            return Identity(kind, value) if _PLAIN.fullmatch(value) else None
