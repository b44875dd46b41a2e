"""The .pkpass package: static files hashed and laid out once, three entries added for each pass."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from struct import Struct
from zlib import crc32

import orjson

from wallet_service.apple.signature import Signer
from wallet_service.domain.errors import Fault, PassRefused

OWN_NAMES = frozenset(("pass.json", "manifest.json", "signature"))

# Records of a ZIP file: PKWARE APPNOTE.TXT, sections 4.3.7 (local), 4.3.12 (central) and 4.3.16 (end).
# What local and central have in common: version, flags, method, time, date, checksum, two sizes, length of the name.
COMMON = Struct("<5H3IH")
END = Struct("<4s4H2IH")
VERSION = 20
LOCAL_START, LOCAL_END = b"PK\3\4", bytes(2)
CENTRAL_START = b"PK\1\2" + bytes((VERSION, 3))  # 3 is Unix, which makes the attributes below file modes
CENTRAL_END = bytes(8) + (0o100644 << 16).to_bytes(4, "little")
LOCAL_SIZE = len(LOCAL_START) + COMMON.size + len(LOCAL_END)
STORED = 0
UTF8_NAME = 1 << 11
TIME, DATE = 0, 0x0021  # 1 January 1980, 00:00: packages of equal content have equal bytes


@dataclass(frozen=True, slots=True)
class SignedPass:
    """A .pkpass in two parts: `head` is shared by all passes of a bundle, `tail` is this one's own."""

    head: bytes
    tail: bytes

    @property
    def size(self) -> int:
        """The length of the whole file in bytes."""
        return len(self.head) + len(self.tail)

    def __bytes__(self) -> bytes:
        """The whole file."""
        return self.head + self.tail


class Bundle:
    """The files that all passes of one template and language share; safe to share between threads.

    `names` are their paths inside the package. Digests in the manifest are SHA-1 because phones read no others:
    https://developer.apple.com/documentation/walletpasses/building-a-pass
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        """Hash and lay out `files`, given by their paths inside the package.

        Raises:
            PassRefused: when phones refuse a package with such a path.
        """
        faults = [fault for name in files for fault in _name_faults(name)]
        if faults:
            raise PassRefused("The package was not built:", faults)
        ordered = sorted(files.items())
        self.names = frozenset(files)
        self._head, self._directory = _lay_out([(name.encode(), data) for name, data in ordered], 0)
        digests = orjson.dumps({name: _sha1(data) for name, data in ordered})
        self._manifest = (digests[:-1] + b"," if ordered else b"{") + b'"pass.json":"'

    @property
    def size(self) -> int:
        """The length in bytes of what all its passes share."""
        return len(self._head)

    def seal(self, pass_json: bytes, signer: Signer, at: datetime) -> SignedPass:
        """Return the package of `pass_json`, signed `at`."""
        manifest = self._manifest + _sha1(pass_json).encode() + b'"}'
        own = ((b"pass.json", pass_json), (b"manifest.json", manifest), (b"signature", signer.sign(manifest, at)))
        entries, records = _lay_out(own, len(self._head))
        count = len(self.names) + len(own)
        size, start = len(self._directory) + len(records), len(self._head) + len(entries)
        end = END.pack(b"PK\5\6", 0, 0, count, count, size, start, 0)
        return SignedPass(self._head, b"".join((entries, self._directory, records, end)))


def _lay_out(files: Iterable[tuple[bytes, bytes]], start: int) -> tuple[bytes, bytes]:
    """Return the stored entries of `files`, the first at offset `start`, and their records in the directory."""
    entries: list[bytes] = []
    records: list[bytes] = []
    for name, data in files:
        flags = 0 if name.isascii() else UTF8_NAME
        size = len(data)
        common = COMMON.pack(VERSION, flags, STORED, TIME, DATE, crc32(data), size, size, len(name))
        entries += (LOCAL_START, common, LOCAL_END, name, data)
        records += (CENTRAL_START, common, CENTRAL_END, start.to_bytes(4, "little"), name)
        start += LOCAL_SIZE + len(name) + size
    return b"".join(entries), b"".join(records)


def _sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def _name_faults(name: str) -> Iterator[Fault]:
    segments = name.split("/")
    if name in OWN_NAMES:
        yield Fault("package", name, "is made for each pass. Leave it out of the static files.")
    elif any(each.startswith(".") or each == "__MACOSX" for each in segments):
        yield Fault("package", name, "is hidden or leads out of the package. Leave it out.")
    elif "" in segments:
        yield Fault("package", name, "is not the path of a file inside the package. Write it like en.lproj/logo.png.")
    elif "\\" in name or not name.isprintable():
        shown = ascii(name)[1:-1]
        yield Fault("package", shown, "has a character that paths in a package cannot have. Separate folders by '/'.")
