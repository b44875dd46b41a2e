"""Whatever order a shop system's deliveries come in, and however often: they end at one order, and at the true one."""

from itertools import chain
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vendor_actors import SELLERS, facts_of, fold


@pytest.mark.parametrize("dialect", sorted(SELLERS))
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_all_ways_end_at_the_true_order(dialect: str, data: st.DataObject) -> None:
    """An order that was refunded, partly or fully, undone, edited, held or disputed is what the shop knows it to be."""

    def choose(strategy: st.SearchStrategy[Any]) -> Any:
        return data.draw(strategy)

    seller = SELLERS[dialect]()
    seller.live(choose)
    said = [facts_of(dialect, news) for news in seller.sent]
    in_time = fold(list(chain.from_iterable(said)))
    again = said + data.draw(st.lists(st.sampled_from(said), max_size=4))
    jumbled = fold(list(chain.from_iterable(data.draw(st.permutations(again)))))

    assert jumbled == in_time
    assert in_time.remaining_minor == seller.remaining(), [news.topic for news in seller.sent]
    assert in_time.counts == (seller.remaining() > 0)
