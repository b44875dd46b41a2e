"""The vendors' own artwork for their buttons, which the operator has taken from them under their terms.

It may not be changed and is not ours to give, so the service ships none: without it, pages have plain buttons.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from wallet_service.domain.errors import Fault, SettingsRefused

LARGEST = 256 * 1024  # bytes
_NAME = re.compile(r"(apple|google)(-[a-z]{2})?\.(svg|png)")
_TYPES = {"svg": "image/svg+xml", "png": "image/png"}


@dataclass(frozen=True, slots=True)
class Badge:
    """One picture, byte by byte as the vendor made it; `version` changes when it does."""

    mimetype: str
    content: bytes
    version: str


def load_badges(folder: Path) -> dict[str, Badge]:
    """Return the pictures of a folder by vendor and language: `apple-cs`, or `apple` for every other language.

    Raises `SettingsRefused` for a folder that cannot be read, and for files that are no pictures.
    """
    try:
        found = sorted(each for each in folder.iterdir() if each.suffix in (".svg", ".png"))
    except OSError as error:
        raise _refused([f"cannot be read: {error.strerror}"]) from None
    faults = [fault for each in found if (fault := _fault(each))]
    if faults:
        raise _refused(faults)
    return {each.stem: _badge(each) for each in found}


def _fault(path: Path) -> str | None:
    if not _NAME.fullmatch(path.name):
        return f"holds {path.name}; a badge is named like apple-en.svg, google-cs.png or google.svg"
    content = path.read_bytes()
    if len(content) > LARGEST:
        return f"holds {path.name}, which is larger than {LARGEST // 1024} KiB"
    if not (content.startswith(b"\x89PNG\r\n\x1a\n") if path.suffix == ".png" else b"<svg" in content[:4096]):
        return f"holds {path.name}, which is no {path.suffix[1:].upper()}"
    return None


def _badge(path: Path) -> Badge:
    content = path.read_bytes()
    return Badge(_TYPES[path.suffix[1:]], content, hashlib.sha256(content).hexdigest()[:12])


def _refused(faults: list[str]) -> SettingsRefused:
    return SettingsRefused("The badges cannot be used.", [Fault("WALLET_BADGES", "", each) for each in faults])
