"""What the doctor finds: one thing that was looked at, and how it is."""

from dataclasses import dataclass
from typing import Literal

State = Literal["good", "mind", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and what was found."""

    state: State
    about: str
    text: str
