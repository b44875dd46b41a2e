"""Why something earned what it did, as the books keep it."""

from typing import Literal

from msgspec import Struct

Reason = Literal["limit_reached", "budget_spent", "not_stackable", "cap_reached", "capped"]


class Refused(Struct, frozen=True):
    """A rule or campaign that did not count though it applied, and why.

    `limit_reached`; `budget_spent`; `not_stackable`: something that counts in its stead gave more; `cap_reached`: no
    more orders earn; `capped`: the order earned less than it would have.
    """

    code: str
    reason: Reason


class Grounds(Struct, frozen=True):
    """The `parts` that made all that was earned: code, kind, and points that are exact, "42" or "201/2".

    `refused` is what did not count. `spent` are the points that it took of campaigns' budgets, by their codes; an order
    keeps by itself what it takes.
    """

    parts: tuple[tuple[str, str, str], ...] = ()
    refused: tuple[Refused, ...] = ()
    spent: tuple[tuple[str, int], ...] = ()


UNFOUNDED = Grounds()
