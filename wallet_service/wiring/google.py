"""Google Wallet, put together: what the doors, the workers and the commands need of it."""

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
import requests
from sqlalchemy import Connection

from wallet_service.config import Settings
from wallet_service.domain.card import Card
from wallet_service.domain.errors import CardNotOffered, CardVoid, Fault, UnknownTemplate
from wallet_service.domain.face import Face
from wallet_service.domain.pass_class import PassClass
from wallet_service.domain.push import Heard, Later, Outcome, Push
from wallet_service.domain.template import Template
from wallet_service.google import artwork, callback, loyalty
from wallet_service.google.answers import Answer
from wallet_service.google.callback_keys import KeyRing, http_fetch
from wallet_service.google.callback_roots import RootKeys
from wallet_service.google.cards import FIELDS, MESSAGE, GoogleCards, Writing, announcement, channel, outcome
from wallet_service.google.change import change
from wallet_service.google.clients import Clients
from wallet_service.google.save_link import save_link
from wallet_service.google.service_account import PLACE, ServiceAccount, ServiceAccountRefused, load_service_account
from wallet_service.google.shelf import GoogleShelf
from wallet_service.sandbox.google import make_service_account
from wallet_service.storage.members import Found
from wallet_service.usecases.deliver import Delivery
from wallet_service.usecases.deliver_classes import ClassDelivery
from wallet_service.usecases.offer import Offering
from wallet_service.usecases.prepare import prepare
from wallet_service.usecases.turns import Turns
from wallet_service.wiring.files import made_once

PLATFORM = "google"
BATCH = 20  # a second's worth, so that a lease never runs out while others use the same twenty a second
CONNECT = 5.0  # seconds
WORKERS_PATIENCE = 30.0  # seconds for a turn
PEOPLES_PATIENCE = 10.0
FOR_PEOPLE = 2  # turns that workers leave to whoever has pressed a button
NOT_HERE = timedelta(minutes=1)  # until a worker with newer files may have come
DOOR_PATIENCE = 1.0
SLACK = 5.0  # seconds beyond the time that an answer may take

Begin = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True)
class Art:
    """An image of a class, and a short name for its content."""

    data: bytes
    version: str


@dataclass(frozen=True)
class GoogleWallet:
    """All of Google Wallet in one process."""

    settings: Settings
    account: ServiceAccount
    templates: dict[str, Template]
    begin: Begin
    clock: Callable[[], datetime]

    @property
    def issuer_id(self) -> str:
        """The issuer whose cards these are."""
        return self.settings.issuer_id

    @property
    def callback_url(self) -> str:
        """Where Google tells of saved and removed cards."""
        return f"{self.settings.base_url}/google/callback"

    @cached_property
    def art(self) -> dict[tuple[str, str], Art]:
        """Every image that Google fetches, by template and file name; drawn when first asked for."""
        made = {
            (name, file): data
            for name, template in self.templates.items()
            for file, data in artwork.images(template.art, background=template.look.colors.background).items()
        }
        return {key: Art(data, hashlib.sha256(data).hexdigest()[:16]) for key, data in made.items()}

    @cached_property
    def classes(self) -> dict[str, PassClass]:
        """Every template's class as it is drawn here, by its id."""
        return {each.target: each for each in map(self._class, self.templates.values())}

    def class_of(self, template: Template) -> PassClass:
        """Return the template's class."""
        return self.classes[loyalty.class_id(self.issuer_id, template.program.program.code)]

    def target_of(self, card: Card) -> str:
        """Return the id of the card's object."""
        return loyalty.object_id(self.issuer_id, card.serial_number)

    def delivery(self) -> Delivery:
        """Return what brings the cards at Google up to date."""
        return self._delivery(self._workers)

    def class_delivery(self) -> ClassDelivery:
        """Return what brings the classes at Google up to date."""
        return self._class_delivery(self._workers)

    def add_link(self, found: Found) -> str:
        """Return the link that saves the card, which Google holds from now on.

        Raises `CardVoid`, `CardNotOffered`, `UnknownTemplate`.
        """
        if found.member.standing.voided:
            raise CardVoid
        template = self.templates.get(found.template)
        if template is None:
            raise UnknownTemplate(f"There is no template {found.template!r} here.")
        target = self.target_of(found.member.card)
        offering = Offering(
            self._delivery(self._people), self._class_delivery(self._people), self.begin, self.clock, time.sleep
        )
        # A Google that hangs must not keep all threads of the web from merchants and phones.
        if not self._door.acquire(timeout=DOOR_PATIENCE):
            raise CardNotOffered("others are waiting for Google already")
        try:
            offering.offer(found.member.card, self.class_of(template), target=target)
        finally:
            self._door.release()
        return save_link(
            target,
            service_account_email=self.account.email,
            key=self.account.key,
            key_id=self.account.key_id,
            origins=[self.settings.base_url],
            save_url=self.settings.save_url,
            now=self.clock(),
        )

    def heard(self, envelope: bytes) -> Heard:
        """Return what a callback says, once it is shown to come from Google.

        Raises `CallbackRefused`.
        """
        said = callback.verify(envelope, keys=self._keys, issuer_id=self.issuer_id, now=self.clock())
        return Heard(PLATFORM, said.object_id, said.event == "save", said.nonce, said.expires_at)

    @cached_property
    def shelf(self) -> GoogleShelf:
        """What Google holds, to be asked."""
        return GoogleShelf(self._workers, self._object)

    def token(self) -> Outcome | None:
        """Get an access token, or return what it means that there is none."""
        with self._workers.one() as client:
            return client.sign_in()

    def access(self) -> Answer:
        """Ask whether the issuer lets us in."""
        with self._workers.one() as client:
            return client.probe(self.issuer_id)

    def held_class(self, target: str) -> Answer:
        """Return the class as Google holds it."""
        with self._workers.one() as client:
            return client.get_class(target)

    def picture_url(self) -> str:
        """Return the address of one of the pictures that Google fetches."""
        return next(self._art_url(self.templates[name], file) for name, file in self.art)

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
            pace=Turns(PLATFORM, most, self._longest_request, patience, self.begin).turn,
            timeout=(CONNECT, float(self.settings.google_timeout)),
        )

    @property
    def _longest_request(self) -> timedelta:
        return timedelta(seconds=CONNECT + self.settings.google_timeout + SLACK)

    @property
    def _lease(self) -> timedelta:
        """How long a card is taken on for: a request may begin until just before its answer could come too late."""
        return timedelta(seconds=self.settings.delivery_lease) + self._longest_request

    def _delivery(self, clients: Clients) -> Delivery:
        cards = GoogleCards(clients, self._writing, clock=self.clock, margin=self._longest_request)
        return Delivery(PLATFORM, cards, self.begin, self.clock, lease=self._lease, batch=BATCH)

    def _class_delivery(self, clients: Clients) -> ClassDelivery:
        def put(drawn: PassClass) -> Outcome:
            with clients.one() as client:
                return outcome(client.put_class(change(drawn.body)))

        return ClassDelivery(PLATFORM, self.classes, put, self.begin, self.clock, lease=self._lease)

    @cached_property
    def _keys(self) -> KeyRing:
        session = requests.Session()
        session.trust_env = False
        return KeyRing(lambda: http_fetch(self.settings.callback_keys_url, session), self.clock)

    def _writing(self, push: Push) -> Writing | Outcome:
        """Draw the pushed card as it is now; nothing waits for Google while this transaction is open."""
        with self.begin() as tx:
            ready = prepare(tx, push, self.templates, channel=channel, now=self.clock())
        if ready is None:
            return Later("its template is not loaded here", NOT_HERE)
        card, told = ready.member.card, ready.told
        news = announcement(ready.face, told.field, told.revision) if told and told.channel == MESSAGE else None
        return Writing(
            revision=card.revision,
            body=change(self._object(ready.template, ready.face, card)),
            new=ready.new,
            notify=told is not None and told.channel == FIELDS and told.aloud,
            message=news,
            aloud=told is not None and told.aloud,
        )

    def _object(self, template: Template, face: Face, card: Card) -> dict[str, Any]:
        zone = template.program.zone
        return loyalty.loyalty_object(
            face,
            issuer_id=self.issuer_id,
            class_id=loyalty.class_id(self.issuer_id, template.program.program.code),
            object_id=self.target_of(card),
            date=lambda moment, language: template.words[language].date(moment.astimezone(zone)),
        )

    def _class(self, template: Template) -> PassClass:
        code = template.program.program.code
        body: Mapping[str, Any] = loyalty.loyalty_class(
            template,
            issuer_id=self.issuer_id,
            art_url=lambda file: self._art_url(template, file),
            callback_url=self.callback_url,
            home_url=None,
        )
        digest = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).digest()
        return PassClass(PLATFORM, code, body["id"], digest, body)

    def _art_url(self, template: Template, file: str) -> str:
        version = self.art[template.name, file].version
        return f"{self.settings.base_url}/art/{template.name}/{version}/{file}"


def open_account(settings: Settings) -> ServiceAccount:
    """Return the service account; in the sandbox one that is made on first use, with the sandbox's token address.

    Raises `ServiceAccountRefused`.
    """
    if settings.google_service_account is None:
        account = load_service_account(sandbox_account(settings))
        return replace(account, token_uri=f"{settings.sandbox_google_url}/token")
    given = settings.google_service_account.get_secret_value().strip()
    if given.startswith("{"):
        return load_service_account(given.encode())
    try:
        return load_service_account(Path(given).read_bytes())
    except OSError as error:
        fault = Fault("WALLET_GOOGLE_SERVICE_ACCOUNT", PLACE, f"cannot be read: {error.strerror}")
        raise ServiceAccountRefused("The service account cannot be used:", [fault]) from None


def sandbox_account(settings: Settings) -> bytes:
    """Return the JSON key of the sandbox's service account, made on first use."""
    path = settings.data_folder / "sandbox" / "google_service_account.json"
    return made_once(path, lambda: make_service_account(f"{settings.sandbox_google_url}/token"))
