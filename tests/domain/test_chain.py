"""Hashes, trees, paths and heads: RFC 6962's own vectors, and laws that hold for every tree."""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from actors import START
from hypothesis import given
from hypothesis import strategies as st

from wallet_service.domain import chain
from wallet_service.domain.chain import Head
from wallet_service.domain.errors import ReceiptRefused
from wallet_service.domain.receipt import Receipt, parse

# The leaves that implementations of RFC 6962 test with, and the roots of the trees over the first one to eight of them.
LEAVES = [
    bytes.fromhex(each)
    for each in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
HEAD = Head(1, chain.NO_HEAD, chain.root([chain.leaf(b"a")]), 0, 1, START)
hashes = st.lists(st.binary(max_size=8).map(chain.leaf), min_size=1, max_size=40)


def slow_root(leaves: list[bytes]) -> bytes:
    """Return the root as RFC 6962 defines it: split at the largest power of two below the number of leaves."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + slow_root(leaves[:split]) + slow_root(leaves[split:])).digest()


def test_roots_are_those_of_the_rfc() -> None:
    """An empty tree, and trees over one to eight leaves, have the roots that everybody else gives them."""
    assert chain.root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    leaves = [chain.leaf(each) for each in LEAVES]
    assert [chain.root(leaves[: count + 1]).hex() for count in range(8)] == list(ROOTS)


def test_paths_are_those_of_the_rfc() -> None:
    """The paths of RFC 6962, section 2.1.3, in its tree of seven leaves."""
    d = [chain.leaf(each) for each in LEAVES[:7]]

    def node(*pair: bytes) -> bytes:
        return hashlib.sha256(b"\x01" + b"".join(pair)).digest()

    g, h, i, j = node(d[0], d[1]), node(d[2], d[3]), node(d[4], d[5]), d[6]
    k, low = node(g, h), node(i, j)
    assert chain.path(d, 0) == [d[1], h, low]
    assert chain.path(d, 3) == [d[2], g, low]
    assert chain.path(d, 4) == [d[5], j, k]
    assert chain.path(d, 6) == [i, k]


@given(leaves=hashes, data=st.data())
def test_each_leaf_leads_to_the_root_and_no_other_does(leaves: list[bytes], data: st.DataObject) -> None:
    """The path of every leaf makes the root; another leaf, place, number, or a changed, longer or cut path does not."""
    assert chain.root(leaves) == slow_root(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    root, path = chain.root(leaves), chain.path(leaves, index)
    assert chain.root_by_path(leaves[index], index, len(leaves), path) == root
    other = chain.leaf(b"another leaf")
    assert chain.root_by_path(other, index, len(leaves), path) != root
    assert chain.root_by_path(leaves[index], index, len(leaves), [*path, other]) is None
    assert chain.root_by_path(leaves[index], len(leaves), len(leaves), path) is None
    assert chain.root_by_path(leaves[index], -1, len(leaves), path) is None
    if path:
        assert chain.root_by_path(leaves[index], index, len(leaves), path[:-1]) is None
        place = data.draw(st.integers(0, len(path) - 1))
        assert chain.root_by_path(leaves[index], index, len(leaves), [*path[:place], other, *path[place + 1 :]]) != root


@given(leaves=hashes, index=st.integers(-99, 99))
def test_no_path_leads_to_a_leaf_that_is_not_there(leaves: list[bytes], index: int) -> None:
    """A place outside the tree has no path."""
    if not 0 <= index < len(leaves):
        with pytest.raises(IndexError):
            chain.path(leaves, index)


@given(leaves=hashes)
def test_any_change_of_the_leaves_changes_the_root(leaves: list[bytes]) -> None:
    """One leaf more, one less, or one changed makes another root; rows of leaves come apart as they were joined."""
    root = chain.root(leaves)
    assert chain.root([*leaves, chain.leaf(b"one more leaf")]) != root
    assert chain.root(leaves[:-1]) != root
    assert chain.root([chain.leaf(b"another leaf"), *leaves[1:]]) != root
    assert chain.parted(chain.joined(leaves)) == leaves


def test_a_node_is_no_leaf() -> None:
    """Whoever shows two hashes as the content of a leaf gets another hash than their node has."""
    a, b = chain.leaf(b"a"), chain.leaf(b"b")
    assert chain.leaf(a + b) != chain.root([a, b])


@pytest.mark.parametrize(
    "change",
    [
        {"position": 2},
        {"previous": chain.leaf(b"x")},
        {"root": chain.leaf(b"x")},
        {"before": 1},
        {"count": 2},
        {"sealed_at": START + timedelta(microseconds=1)},
    ],
)
def test_a_head_binds_all_that_it_says(change: dict[str, Any]) -> None:
    """A head that says anything else has another hash, and other bytes to sign."""
    other = replace(HEAD, **change)
    assert other.hash != HEAD.hash
    assert other.signed != HEAD.signed


def test_content_has_one_text() -> None:
    """The order of keys does not matter; the text is UTF-8 without spaces, and holds no fractions that are none."""
    assert chain.canonical({"b": 1, "a": ["ř", None]}) == '{"a":["ř",null],"b":1}'.encode()
    assert chain.canonical({"a": 1, "b": 2}) == chain.canonical({"b": 2, "a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        chain.canonical({"a": float("nan")})


def receipt(**content: Any) -> Receipt:
    """Return the receipt of the middle one of three transactions."""
    told = {"id": 5, "points": 80} | content
    leaves = [chain.leaf(b"a"), chain.leaf(chain.canonical(told)), chain.leaf(b"c")]
    head = Head(7, chain.leaf(b"before"), chain.root(leaves), 30, 3, START)
    return Receipt(told, 1, tuple(chain.path(leaves, 1)), head, b"s" * 64, b"k" * 32)


def test_a_receipt_reads_as_it_was_written() -> None:
    """As a text and back a receipt is the same and proves the same."""
    written = receipt(rule="nákup")
    assert parse(written.text()) == written
    assert parse(written.text().encode()).proves()


def test_a_changed_receipt_proves_nothing() -> None:
    """A receipt with other points, another place or another path does not lead to its head."""
    good = receipt()
    assert good.proves()
    assert not replace(good, transaction={"id": 5, "points": 81}).proves()
    assert not replace(good, index=0).proves()
    assert not replace(good, path=good.path[::-1]).proves()
    assert not replace(good, transaction={"id": 5, "points": float("inf")}).proves()


def spoilt(*keys: str, value: Any) -> str:
    """Return a receipt with another value at one place."""
    told = json.loads(receipt().text())
    place = told
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    return json.dumps(told)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        "[" * 100_000,
        spoilt("kind", value="another"),
        spoilt("index", value=None),
        spoilt("path", value=7),
        spoilt("path", value=["zz"]),
        spoilt("path", value=["ab"]),
        spoilt("transaction", value="text"),
        spoilt("head", value=[]),
        spoilt("head", "count", value=-1),
        spoilt("head", "count", value=4),
        spoilt("head", "position", value=2**70),
        spoilt("head", "sealed_at", value="2026-06-01T10:00:00"),
        spoilt("head", "sealed_at", value="yesterday"),
        spoilt("head", "hash", value="00" * 32),
        spoilt("signature", value="x"),
    ],
)
def test_what_is_no_receipt_is_refused(text: str) -> None:
    """Whatever file is brought, it is refused in words and not with a stack trace."""
    with pytest.raises(ReceiptRefused):
        parse(text)
