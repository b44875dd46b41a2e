"""Google Wallet, put together: what the doors, the workers and the commands need of it."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import requests
from sqlalchemy import Connection

from wallet_service.config import Settings
from wallet_service.domain.errors import CardNotOffered, CardVoid
from wallet_service.domain.pass_class import PassClass
from wallet_service.domain.push import Heard, Later, Outcome, Push, Sent
from wallet_service.google import callback
from wallet_service.google.answers import Answer, Missing
from wallet_service.google.callback_keys import KeyRing, http_fetch
from wallet_service.google.callback_roots import RootKeys
from wallet_service.google.cards import FIELDS, MESSAGE, GoogleCards, Writing, announcement, channel, outcome
from wallet_service.google.change import change
from wallet_service.google.clients import Clients
from wallet_service.google.differences import differences
from wallet_service.google.save_link import save_link
from wallet_service.google.service_account import ServiceAccount
from wallet_service.google.shelf import GoogleShelf
from wallet_service.storage.holdings import Offer
from wallet_service.storage.members import Found
from wallet_service.usecases.deliver import Delivery
from wallet_service.usecases.deliver_classes import ClassDelivery
from wallet_service.usecases.in_force import InForce
from wallet_service.usecases.offer import Offering
from wallet_service.usecases.prepare import Overdue, prepare
from wallet_service.usecases.remind import ReminderLetters
from wallet_service.usecases.settle_due import settled
from wallet_service.usecases.turns import Turns
from wallet_service.wiring.google_drawings import PLATFORM, GoogleDrawings

BATCH = 20  # a second's worth, so that a lease never runs out while others use the same twenty a second
SETTLE_EVERY = 5
CONNECT = 5.0  # seconds
WORKERS_PATIENCE = 30.0  # seconds for a turn
PEOPLES_PATIENCE = 5.0
FOR_PEOPLE = 2  # turns that workers leave to whoever has pressed a button
DOOR_PATIENCE = 1.0
LONGEST_CLICK = timedelta(seconds=15)  # nothing more is asked of Google for a click after that
NOT_HERE = timedelta(minutes=1)  # until a worker with newer files may have come
SLACK = 5.0  # seconds beyond the time that an answer may take

Begin = Callable[[], AbstractContextManager[Connection]]
InTime = Callable[[], bool]


@dataclass(frozen=True)
class GoogleWallet:
    """All of Google Wallet in one process."""

    settings: Settings
    account: ServiceAccount
    in_force: InForce
    begin: Begin
    clock: Callable[[], datetime]
    letters: ReminderLetters | None = None

    @cached_property
    def drawings(self) -> GoogleDrawings:
        """What is drawn for Google here."""
        return GoogleDrawings(self.settings, self.in_force.templates)

    def delivery(self, stopping: Callable[[], bool] = lambda: False) -> Delivery:
        """Return what brings the cards at Google up to date; once it is `stopping`, it begins no further request."""
        return self._delivery(self._workers, lambda: not stopping())

    def class_delivery(self) -> ClassDelivery:
        """Return what brings the classes at Google up to date."""
        return self._class_delivery(self._workers, lambda: True)

    def add_link(self, found: Found) -> str:
        """Return the link that saves the card, which Google holds from now on.

        Raises `CardVoid`, `CardNotOffered`, `UnknownTemplate`.
        """
        if found.member.voided:
            raise CardVoid
        template = self.in_force.of_card(found)
        card, pass_class = found.member.card, self.drawings.class_of(template)
        target, offering = self.drawings.target_of(card), self._offering()
        offered = offering.enter(card, pass_class, target=target)
        if not offered.held:
            self._bring(offering, offered, pass_class)
        return save_link(
            target,
            service_account_email=self.account.email,
            key=self.account.key,
            key_id=self.account.key_id,
            origins=[self.settings.base_url],
            save_url=self.settings.save_url,
            now=self.clock(),
        )

    def _bring(self, offering: Offering, offered: Offer, pass_class: PassClass) -> None:
        """Have Google take the card, unless as many wait for it as may: merchants and phones need threads, too."""
        if not self._door.acquire(timeout=DOOR_PATIENCE):
            raise CardNotOffered("others are waiting for Google already")
        try:
            offering.bring(offered, pass_class)
        finally:
            self._door.release()

    def heard(self, envelope: bytes) -> Heard:
        """Return what a callback says, once it is shown to come from Google.

        Raises `CallbackRefused`.
        """
        said = callback.verify(envelope, keys=self._keys, issuer_id=self.settings.issuer_id, now=self.clock())
        return Heard(PLATFORM, said.object_id, said.event == "save", said.nonce, said.expires_at)

    @cached_property
    def shelf(self) -> GoogleShelf:
        """What Google holds, to be asked."""
        return GoogleShelf(self._workers, self.drawings.object_of)

    def token(self) -> Outcome | None:
        """Get an access token, or return what it means that there is none."""
        with self._workers.one() as client:
            return client.sign_in()

    def access(self) -> Answer:
        """Ask whether the issuer lets us in."""
        with self._workers.one() as client:
            return client.probe(self.settings.issuer_id)

    def held_class(self, target: str) -> Answer:
        """Return the class as Google holds it."""
        with self._workers.one() as client:
            return client.get_class(target)

    def compared(self, found: Found) -> str:
        """Ask Google for one card, and return in words how what it holds compares with what the card shows."""
        template, card = self.in_force.of_card(found) if self.in_force.knows(found) else None, found.member.card
        with self._workers.one() as client:
            answer = client.get_object(self.drawings.target_of(card))
        if isinstance(answer.meaning, Missing):
            return "holds no such card"
        if not isinstance(answer.meaning, Sent) or template is None:
            return f"cannot be compared: {getattr(answer.meaning, 'reason', 'its template is not loaded here')}"
        drawn = self.drawings.object_of(template, template.draw(found.member.standing, found.member.locale), card)
        wrong = differences(drawn, answer.resource)
        users = "somebody has saved it" if answer.resource.get("hasUsers") else "nobody has saved it"
        return f"holds {'other ' + ', '.join(wrong) if wrong else 'just what the card shows'}; {users}"

    def callback_keys(self) -> RootKeys:
        """Return the root keys that callbacks are judged by; none if they cannot be had."""
        return self._keys.current()

    def close(self) -> None:
        """Close the connections."""
        self._workers.close()
        self._people.close()

    @cached_property
    def _door(self) -> threading.BoundedSemaphore:
        return threading.BoundedSemaphore(max(self.settings.web_threads // 2, 1))

    @cached_property
    def _workers(self) -> Clients:
        most = max(self.settings.google_requests_per_second - FOR_PEOPLE, 1)
        return self._clients(most, WORKERS_PATIENCE)

    @cached_property
    def _people(self) -> Clients:
        return self._clients(self.settings.google_requests_per_second, PEOPLES_PATIENCE)

    def _clients(self, most: int, patience: float) -> Clients:
        return Clients(
            api_url=self.settings.wallet_api_url,
            service_account=self.account,
            pace=Turns(PLATFORM, most, self.longest_request, patience, self.begin).turn,
            timeout=(CONNECT, float(self.settings.google_timeout)),
        )

    @property
    def longest_request(self) -> timedelta:
        """How long a request and its answer take at the most, but for an answer that trickles in."""
        return timedelta(seconds=CONNECT + self.settings.google_timeout + SLACK)

    @property
    def _lease(self) -> timedelta:
        """How long a card is taken on for: a request may begin until just before its answer could come too late."""
        return timedelta(seconds=self.settings.delivery_lease) + self.longest_request

    def _offering(self) -> Offering:
        end = self.clock() + LONGEST_CLICK

        def in_time() -> bool:
            return self.clock() <= end

        cards, classes = self._delivery(self._people, in_time), self._class_delivery(self._people, in_time)
        return Offering(cards, classes, self.begin, self.clock, time.sleep, in_time)

    def _delivery(self, clients: Clients, in_time: InTime) -> Delivery:
        cards = GoogleCards(clients, self._writing, clock=self.clock, margin=self.longest_request, in_time=in_time)
        return Delivery(
            PLATFORM, cards, self.begin, self.clock, lease=self._lease, batch=BATCH, settle_every=SETTLE_EVERY
        )

    def _class_delivery(self, clients: Clients, in_time: InTime) -> ClassDelivery:
        def put(drawn: PassClass, until: datetime) -> Outcome:
            with clients.one(lambda: in_time() and self.clock() <= until - self.longest_request) as client:
                return outcome(client.put_class(change(drawn.body)))

        return ClassDelivery(PLATFORM, self.drawings.classes, put, self.begin, self.clock, lease=self._lease)

    @cached_property
    def _keys(self) -> KeyRing:
        session = requests.Session()
        session.trust_env = False
        return KeyRing(lambda: http_fetch(self.settings.callback_keys_url, session), self.clock)

    def _writing(self, push: Push) -> Writing | Outcome:
        """Draw the pushed card as it is now; nothing waits for Google while this transaction is open."""
        now = self.clock()
        with self.begin() as tx:
            ready = prepare(tx, push, self.in_force, channel=channel, now=now)
        if isinstance(ready, Overdue):
            settled(self.begin, self.in_force, ready.found, letters=self.letters, now=now)
            with self.begin() as tx:
                ready = prepare(tx, push, self.in_force, channel=channel, now=now)
        if isinstance(ready, Overdue):
            return Later("the calendar has come in between", NOT_HERE)
        if ready is None:
            return Later("its template is not loaded here, or in another version; see `publish`", NOT_HERE)
        card, told = ready.member.card, ready.told
        news = announcement(ready.face, told.field, told.revision) if told and told.channel == MESSAGE else None
        return Writing(
            revision=card.revision,
            body=change(self.drawings.object_of(ready.template, ready.face, card)),
            new=ready.new,
            notify=told is not None and told.channel == FIELDS and told.aloud,
            message=news,
            aloud=told is not None and told.aloud,
        )
