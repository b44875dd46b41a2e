"""A member's receipt: one transaction, and the proof that it lies under a signed head of the ledger."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wallet_service.domain import chain
from wallet_service.domain.chain import Head
from wallet_service.domain.errors import ReceiptRefused

KIND = "wallet_service receipt 1"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was sealed of a transaction, its place in the seal's tree with the path up, and the signed head.

    The signature is Ed25519's of `head.signed` under `public_key`, 32 bytes.
    """

    transaction: Mapping[str, Any]
    index: int
    path: tuple[bytes, ...]
    head: Head
    signature: bytes
    public_key: bytes

    def proves(self) -> bool:
        """Whether the transaction makes, by its path, the root that the head holds."""
        try:
            found = chain.leaf(chain.canonical(self.transaction))
        except ValueError:  # a number or a text that no canonical one holds
            return False
        return chain.root_by_path(found, self.index, self.head.count, self.path) == self.head.root

    def text(self) -> str:
        """Return it as JSON, to be handed out."""
        head = self.head
        told = {
            "kind": KIND,
            "transaction": self.transaction,
            "index": self.index,
            "path": [each.hex() for each in self.path],
            "head": {
                "position": head.position,
                "previous": head.previous.hex(),
                "root": head.root.hex(),
                "before": head.before,
                "count": head.count,
                "sealed_at": head.sealed_at.isoformat(),
                "hash": head.hash.hex(),
            },
            "signature": self.signature.hex(),
            "public_key": self.public_key.hex(),
        }
        return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def parse(text: str | bytes) -> Receipt:
    """Return the receipt that a text holds.

    Raises `ReceiptRefused` for one that is none, or whose head is not what it says it is.
    """
    try:
        told = json.loads(text)
        if told["kind"] != KIND:
            raise ReceiptRefused(f"This is no receipt of the kind {KIND!r}.")
        said = told["head"]
        head = Head(
            position=int(said["position"]),
            previous=bytes.fromhex(said["previous"]),
            root=bytes.fromhex(said["root"]),
            before=int(said["before"]),
            count=int(said["count"]),
            sealed_at=datetime.fromisoformat(said["sealed_at"]),
        )
        receipt = Receipt(
            transaction=dict(told["transaction"]),
            index=int(told["index"]),
            path=tuple(bytes.fromhex(each) for each in told["path"]),
            head=head,
            signature=bytes.fromhex(told["signature"]),
            public_key=bytes.fromhex(told["public_key"]),
        )
        hash_is_right = bytes.fromhex(said["hash"]) == head.hash
        hash_is_right &= {len(each) for each in (head.previous, head.root, *receipt.path)} == {chain.HASH_BYTES}
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise ReceiptRefused(f"This is no receipt: {type(error).__name__}.") from None
    if not hash_is_right:
        raise ReceiptRefused("The head of this receipt is not what it says it is.")
    return receipt
