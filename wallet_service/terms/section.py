"""A part of a programme's terms."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """A title, and lines of whole sentences below it; there is at least one."""

    title: str
    lines: tuple[str, ...]
