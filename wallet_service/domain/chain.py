"""A chain of seals over the ledger: hashes by which a later change of a sealed transaction becomes evident.

The transactions of a seal are the leaves of a Merkle tree (RFC 6962, section 2.1), whose root goes into the seal's
head together with the head before it. Leaves, nodes and heads are hashed with different first bytes, so that none can
be passed off as another.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

HASH_BYTES = 32
NO_HEAD = bytes(HASH_BYTES)  # before the first seal
EMPTY_ROOT = hashlib.sha256(b"").digest()

_LEAF, _NODE, _HEAD = b"\x00", b"\x01", b"\x02"
_SIGNED = b"wallet_service ledger head\x00"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def canonical(content: Mapping[str, Any]) -> bytes:
    """Return the one JSON text of this content: keys sorted, no spaces, UTF-8; of texts, integers and what is null."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "strict")


def leaf(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(_LEAF + data).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root of the tree over hashes of leaves."""
    if not leaves:
        return EMPTY_ROOT
    level = list(leaves)
    # Pairing neighbours and carrying an odd one up gives the same tree as splitting at the largest power of two.
    while len(level) > 1:
        level = [_parent(*level[i : i + 2]) if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)]
    return level[0]


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the hashes with which the leaf at `index` makes the root, from the bottom up.

    Raises `IndexError` for a leaf that is not there.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"there is no leaf {index} among {len(leaves)}")
    found: list[bytes] = []
    level = list(leaves)
    while len(level) > 1:
        beside = index ^ 1
        if beside < len(level):
            found.append(level[beside])
        level = [_parent(*level[i : i + 2]) if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)]
        index //= 2
    return found


def root_by_path(leaf_hash: bytes, index: int, count: int, hashes: Sequence[bytes]) -> bytes | None:
    """Return the root that a leaf makes with its path in a tree of `count` leaves; None for a path of no such tree."""
    if not 0 <= index < count:
        return None
    left, found, last = list(hashes), leaf_hash, count - 1
    while last > 0:
        if index % 2 == 1 or index < last:
            if not left:
                return None
            beside = left.pop(0)
            found = _parent(beside, found) if index % 2 == 1 else _parent(found, beside)
        index, last = index // 2, last // 2
    return None if left else found


@dataclass(frozen=True, slots=True)
class Head:
    """What a seal says: the `position` of it, how many transactions were sealed `before` it and how many by it.

    `hash` is the hash of all of it; what comes after a head is bound to it by `previous`.
    """

    position: int
    previous: bytes
    root: bytes
    before: int
    count: int
    sealed_at: datetime

    @property
    def hash(self) -> bytes:
        """The hash of the head."""
        microseconds = (self.sealed_at - _EPOCH) // timedelta(microseconds=1)
        numbers = b"".join(each.to_bytes(8, "big") for each in (self.position, self.before, self.count, microseconds))
        return hashlib.sha256(_HEAD + self.previous + self.root + numbers).digest()

    @property
    def signed(self) -> bytes:
        """The very bytes that are signed."""
        return _SIGNED + self.hash


def joined(leaves: Sequence[bytes]) -> bytes:
    """Return hashes as one row of bytes."""
    return b"".join(leaves)


def parted(row: bytes) -> list[bytes]:
    """Return the hashes of such a row; a rest that is none comes last, so that a cut row never looks whole."""
    return [row[i : i + HASH_BYTES] for i in range(0, len(row), HASH_BYTES)]


def _parent(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()
