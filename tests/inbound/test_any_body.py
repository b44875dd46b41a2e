"""All dialects: whatever a verified body holds, it is read, ignored, or refused with its faults."""

import json
from functools import reduce
from operator import getitem
from typing import Any

import pytest
from changing import ABSENT, changed
from hypothesis import given, settings
from hypothesis import strategies as st
from vendor_actors import NOW, SHOP, known, payload, topic_of

from wallet_service.domain.delivery import Delivery, Normalised
from wallet_service.domain.errors import EventRefused
from wallet_service.domain.event import OrderUpdated, Refund, RefundUpdated, content_hash
from wallet_service.inbound import DIALECTS
from wallet_service.inbound.reading import LARGEST

STANDARD = {
    "type": "order.updated",
    "timestamp": "2026-06-01T09:59:00Z",
    "data": {
        "order_id": "o1",
        "customer": {"id": "ann"},
        "currency": "EUR",
        "version": "2026-06-01T09:59:00Z",
        "paid": True,
        "lines": [{"sku": "a", "net_minor": 5, "tags": ["b"]}],
    },
}
KNOWN = {
    dialect: [
        (topic_of(dialect, name, payload(dialect, name)), payload(dialect, name)) for d, name in known() if d == dialect
    ]
    for dialect in DIALECTS.keys() - {"standard"}
} | {"standard": [("order.updated", STANDARD)]}
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(alphabet=st.characters(), max_size=10),
    st.sampled_from(
        [
            [],
            {},
            [{}],
            [None],
            {"id": 1},
            "",
            " ",
            "0",
            "-1",
            "1e5",
            "NaN",
            "Infinity",
            "19.90",
            "99999999999999999999",
            "0.0000001",
            "٣",
            "EUR",
            "JPY",
            "x" * 1000,
            "\0",
            "\u202e",
            "\ud800",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "2026-06-01T10:00:00Z",
            "0000-00-00T00:00:00",
            10**4000,
            10**11,
            -0.0,
            1e308,
        ]
    ),
)
ROWS = st.recursive(
    JUNK,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["id", "type", "data", "object", "amount", "total", "customer"]), inner, max_size=4
        ),
    ),
    max_leaves=10,
)


def paths(said: Any, before: str = "") -> list[str]:
    """Return the path to every value of a body."""
    inner = said.items() if isinstance(said, dict) else enumerate(said) if isinstance(said, list) else ()
    found = []
    for key, value in inner:
        path = f"{before}.{key}" if before else str(key)
        found += [path, *paths(value, path)]
    return found


PATHS = {dialect: [(topic, said, paths(said)) for topic, said in bodies] for dialect, bodies in KNOWN.items()}


@st.composite
def bodies(draw: st.DrawFn, dialect: str) -> tuple[str, bytes]:
    """Return a topic and a body: one that is known with a few values changed, cut off, or something else."""
    topic, said, places = draw(st.sampled_from(PATHS[dialect]))
    kind = draw(st.sampled_from(["changed", "changed", "changed", "other", "cut", "bytes"]))
    if kind == "bytes":
        return topic, draw(st.binary(max_size=100))
    if kind == "other":
        return topic, json.dumps(draw(ROWS)).encode()
    for path in draw(st.lists(st.sampled_from(places), min_size=1, max_size=3, unique=True)):
        try:
            said = changed(said, path, draw(st.one_of(st.just(ABSENT), JUNK, ROWS)))
        except (KeyError, IndexError, TypeError, AttributeError):  # an earlier change has taken the place away
            continue
    body = json.dumps(said).encode()
    return topic, body[: draw(st.integers(0, len(body)))] if kind == "cut" else body


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_no_body_breaks_a_reader(dialect: str, data: st.DataObject) -> None:
    """What is said can be entered: it has a time with a zone, can be hashed, and its amounts are whole and bounded."""
    read = read_or_refused(dialect, *data.draw(bodies(dialect)))
    if isinstance(read, EventRefused):
        assert read.faults
        assert str(read).encode()
        return
    assert bool(read.said) != bool(read.ignored)
    for said in read.said:
        assert said.occurred_at.tzinfo
        assert len(content_hash(said.type, said.fact)) == 32
        for amount in amounts(said.fact):
            assert type(amount) is int
            assert abs(amount) <= LARGEST


STRANGE = [
    float("inf"),
    float("nan"),
    10**500,
    "NaN",
    "1E+99",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "\ud800",
    [[]],
]


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_no_strange_value_breaks_a_reader_anywhere(dialect: str) -> None:
    """In one body of each kind, each value may be any of a few that are known to break readers."""
    kinds = {topic.partition("/")[0]: (topic, said, places) for topic, said, places in PATHS[dialect]}
    for topic, said, places in kinds.values():
        for path in places:
            *parents, last = (int(part) if part.isdecimal() else part for part in path.split("."))
            if any(isinstance(part, int) and part for part in parents):
                continue  # a row like the one before
            inner = reduce(getitem, parents, said)
            was = inner[last]
            for value in STRANGE:
                inner[last] = value
                read_or_refused(dialect, topic, json.dumps(said).encode())
            inner[last] = was


def read_or_refused(dialect: str, topic: str, body: bytes) -> Normalised | EventRefused:
    """Return what comes out of a reader, be it a refusal."""
    try:
        return DIALECTS[dialect].normalise(Delivery(topic), body, arrangement=SHOP, now=NOW)
    except EventRefused as refusal:
        return refusal


def amounts(fact: Any) -> list[Any]:
    """Return the amounts of an order or a refund."""
    refunds: list[Refund] = [fact.refund] if isinstance(fact, RefundUpdated) else []
    if isinstance(fact, OrderUpdated):
        refunds = list(fact.refunds)
        paid = [] if fact.paid is None else [fact.paid.eligible_minor, *(each.net_minor for each in fact.paid.lines)]
        return [fact.refunded_minor, *paid, *(each.minor for each in refunds)]
    return [each.minor for each in refunds]


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_unchanged_bodies_are_read_or_ignored(dialect: str) -> None:
    """Nothing that a vendor is known to send is refused."""
    for topic, said in KNOWN[dialect]:
        body = json.dumps(said).encode()
        normalised = DIALECTS[dialect].normalise(Delivery(topic), body, arrangement=SHOP, now=NOW)
        assert bool(normalised.said) != bool(normalised.ignored)


@pytest.mark.parametrize("dialect", sorted(DIALECTS.keys() - {"woocommerce", "shopify"}))
@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b'{"type":""}', b'{"type":7}', b"\xff", b"[" * 100_000])
def test_a_body_without_a_type_is_refused(dialect: str, body: bytes) -> None:
    """Where the body names the topic, one that names none is its sender's fault, and not ignored."""
    with pytest.raises(EventRefused):
        DIALECTS[dialect].normalise(Delivery(""), body, arrangement=SHOP, now=NOW)
