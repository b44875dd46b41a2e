"""Messages are added one by one, and old ones make room."""

from typing import Any

import pytest
from google_actors import CLASS, OBJECT, running

from wallet_service.domain.push import Refused, Sent
from wallet_service.google.message import message, pruned
from wallet_service.sandbox.walletobjects import faults


def held(count: int, **more: Any) -> list[dict[str, Any]]:
    """So many messages, the oldest first."""
    return [message(f"m{number}", "H", "B") | more for number in range(count)]


def test_a_message_has_an_id_a_header_and_a_body() -> None:
    """It is one that Google's schema accepts."""
    made = message("stamps", "Hello", "There is cake.")
    assert made == {"id": "stamps", "header": "Hello", "body": "There is cake."}
    assert faults("AddMessageRequest", {"message": made}, partial=False) == []


@pytest.mark.parametrize("count", [0, 1, 9])
def test_where_there_is_room_nothing_is_pruned(count: int) -> None:
    """Up to nine messages leave room for a tenth."""
    assert pruned(held(count)) is None


@pytest.mark.parametrize(("count", "keep", "first"), [(10, 9, 1), (12, 9, 3), (10, 1, 9), (2, 1, 1)])
def test_the_oldest_make_room(count: int, keep: int, first: int) -> None:
    """The newest are kept in their order."""
    kept = pruned(held(count), keep)
    assert kept is not None
    assert [each["id"] for each in kept] == [f"m{number}" for number in range(first, count)]


def test_all_may_go() -> None:
    """None is kept where none is to be."""
    assert pruned(held(10), 0) == []


def test_what_is_kept_tells_nobody_again() -> None:
    """A message that notified when it was added is sent back as a text, and without what Google added to it."""
    kept = pruned(held(10, messageType="TEXT_AND_NOTIFY", kind="walletobjects#walletObjectMessage"))
    assert kept == held(10, messageType="TEXT")[1:]
    assert faults("LoyaltyObject", {"messages": kept}, partial=True) == []


def test_a_full_card_takes_a_message_once_it_is_pruned() -> None:
    """The eleventh is refused, the oldest goes, and nothing else of the card changes."""
    with running() as here:
        client = here.client()
        client.put_class(CLASS)
        client.put_object(OBJECT)
        for each in held(10):
            assert client.add_message(OBJECT["id"], each, notify=each["id"] == "m9").meaning == Sent()
        assert isinstance(client.add_message(OBJECT["id"], message("new", "H", "B")).meaning, Refused)
        kept = pruned(client.get_object(OBJECT["id"]).resource["messages"])
        assert kept is not None
        assert client.set_messages(OBJECT["id"], kept).meaning == Sent()
        answer = client.add_message(OBJECT["id"], message("new", "H", "B"))
        found = client.get_object(OBJECT["id"]).resource
        assert [each["id"] for each in found["messages"]] == [*(f"m{number}" for number in range(1, 10)), "new"]
        assert found["accountName"] == OBJECT["accountName"]
        assert len(here.google.notices()) == 1
        assert answer.resource["resource"]["messages"] == found["messages"]
        assert client.set_messages(OBJECT["id"], []).meaning == Sent()
        assert client.get_object(OBJECT["id"]).resource.get("messages", []) == []
