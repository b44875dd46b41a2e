"""Writes cards to Google: each as it is when its turn comes, with or without telling its holder.

https://developers.google.com/wallet/retail/loyalty-cards/use-cases/trigger-push-notifications
"""

import logging
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from wallet_service.domain.errors import WalletError
from wallet_service.domain.face import Face
from wallet_service.domain.push import ClassMissing, Later, Outcome, Push, Refused, Sent
from wallet_service.domain.shown import plain
from wallet_service.google.answers import Answer, Exists, Missing, NotifyQuota
from wallet_service.google.client import WalletObjects, always
from wallet_service.google.clients import Clients
from wallet_service.google.layout import POINTS, members
from wallet_service.google.message import message, pruned

AT_ONCE = 6  # requests on their way of one worker; a turn lasts a second longer than they do
NOT_DRAWN = timedelta(minutes=15)
log = logging.getLogger(__name__)

FIELDS, MESSAGE = "fields", "message"  # the two ways of telling, each with notifications of its own


@dataclass(frozen=True, slots=True)
class Writing:
    """A card to be written: the change, and how its holder is told of it.

    `notify` has Google tell of changed points in its own words; `message` is added to the card, `aloud` if its holder
    is to be notified of it. A `new` card is inserted first.
    """

    revision: int
    body: Mapping[str, Any]
    new: bool = False
    notify: bool = False
    message: Mapping[str, Any] | None = None
    aloud: bool = False


class GoogleCards:
    """Sends pushes by writing what `draw` makes of each at that moment, unless it says that nothing can be made of it.

    No request is begun within `margin` of the end of a push's lease, so that an older writing never arrives after a
    newer, nor once it is not `in_time` any more.
    """

    def __init__(
        self,
        clients: Clients,
        draw: Callable[[Push], Writing | Outcome],
        *,
        clock: Callable[[], datetime],
        margin: timedelta,
        in_time: Callable[[], bool] = always,
    ) -> None:
        self._clients = clients
        self._draw = draw
        self._clock = clock
        self._margin = margin
        self._in_time = in_time

    def send(self, pushes: Iterable[Push]) -> Generator[tuple[Push, Outcome], None, None]:
        """Write all of them, some at once, and yield each one's outcome with the revision that was written."""
        pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="google")
        try:
            under_way: list[Future[tuple[Push, Outcome] | None]] = [pool.submit(self._one, each) for each in pushes]
            for each in as_completed(under_way):
                done = each.result()
                if done is not None:
                    yield done
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _one(self, push: Push) -> tuple[Push, Outcome] | None:
        def in_time() -> bool:
            return self._in_time() and (push.until is None or self._clock() <= push.until - self._margin)

        if not in_time():
            return None
        try:
            writing = self._draw(push)
        except WalletError:
            raise  # about the database or the settings, and so about every card
        except Exception as error:
            log.exception("card %s cannot be drawn; the others go on", push.card_id)
            return push, Later(f"it cannot be drawn ({type(error).__name__})", NOT_DRAWN)
        if not isinstance(writing, Writing):
            return push, writing
        if writing.body["id"] != push.target:
            return push, Refused(f"{push.target} is not of this issuer; its holder must add the card again")
        with self._clients.one(in_time) as client:
            return replace(push, revision=writing.revision), write(client, writing)


def channel(face: Face, key: str) -> str:
    """Return how Google tells of a field: points in its own words, anything else only by a message of ours."""
    held = members((each.key, each.role) for each in face.fields())
    return FIELDS if held.get(key) in POINTS else MESSAGE


def announcement(face: Face, key: str, revision: int) -> dict[str, Any] | None:
    """Return the message that tells of a field's new value in the template's words; None if it has no words."""
    field = next((each for each in face.fields() if each.key == key and each.change_message), None)
    if field is None or field.change_message is None:
        return None
    said = field.change_message.replace("%@", plain(field.value))
    return message(f"revision-{revision}", face.program, said)


def write(client: WalletObjects, writing: Writing) -> Outcome:
    """Write a card and tell its holder; a notification that Google does not give any more is left out."""
    answer = client.put_object(writing.body, expect_new=writing.new, notify=writing.notify)
    if isinstance(answer.meaning, NotifyQuota):
        answer = client.put_object(writing.body)
    if isinstance(answer.meaning, Sent) and writing.message is not None:
        told = _told(client, answer, writing.message, aloud=writing.aloud)
        # The card has been taken; a message that Google refuses does not make it one that it has not.
        answer = answer if isinstance(told.meaning, Refused | Missing) else told
    return outcome(answer)


def outcome(answer: Answer) -> Outcome:
    """Return what an answer means to a delivery."""
    match answer.meaning:
        case Missing(reason):
            return ClassMissing(reason)
        case Exists(reason) | NotifyQuota(reason):
            return Later(reason)
        case meaning:
            return meaning


def _told(client: WalletObjects, written: Answer, news: Mapping[str, Any], *, aloud: bool) -> Answer:
    """Add a message to a card that was just written, once however often that is tried."""
    held = [each for each in written.resource.get("messages") or [] if isinstance(each, dict)]
    if any(each.get("id") == news["id"] for each in held):
        return written
    object_id = str(written.resource.get("id", ""))
    room = pruned(held)
    if room is not None:
        answer = client.set_messages(object_id, room)
        if not isinstance(answer.meaning, Sent):
            return answer
    answer = client.add_message(object_id, news, notify=aloud)
    return client.add_message(object_id, news) if isinstance(answer.meaning, NotifyQuota) else answer
