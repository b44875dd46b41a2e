"""What a wallet vendor holds once for all cards of a programme: its look, and every text that is not a member's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class PassClass:
    """The class of a template as it is drawn now; `digest` tells one drawing of it from another.

    `target` is its id at the vendor, `program` the programme's code, `body` what is written there.
    """

    platform: str
    program: str
    target: str
    digest: bytes
    body: Mapping[str, Any] = field(repr=False)
