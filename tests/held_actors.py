"""Who acts in the tests of cards that Google holds: a member with such a card, vendors that take all, our own door."""

import shutil
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from actors import Clock, Shop, card_of
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from wallet_service.domain.card import Card
from wallet_service.domain.push import Outcome, Push, Sender, Sent
from wallet_service.links import card_links
from wallet_service.sandbox.google import SandboxGoogle
from wallet_service.usecases.deliver import Delivered, Delivery
from wallet_service.usecases.drift import Report, drift
from wallet_service.usecases.reconcile import Comparison, Finding
from wallet_service.wiring import Service
from wallet_service.wiring.google import GoogleWallet
from wallet_service.worker import with_classes

ROOT = Path(__file__).parent.parent
PAST_WINDOW = 6  # seconds; the starter's window is 5


@dataclass(frozen=True)
class Holder:
    """A member with a card, as the shop, the service and Google see it."""

    name: str
    serial: str
    service: Service
    client: FlaskClient
    google: SandboxGoogle

    @property
    def page(self) -> str:
        """The address of the member's card, without the host."""
        return f"/cards/{card_links(self.service.secret_key).dumps(self.serial)}"

    @property
    def target(self) -> str:
        """The id of the card at Google."""
        return wallet_of(self.service).drawings.target_of(self.card)

    @property
    def card(self) -> Card:
        """The card as it stands."""
        return card_of(self.service, self.serial)

    def click(self, method: str = "GET", **headers: str) -> TestResponse:
        """Follow the link to Google, or ask for its headers."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.open(f"{self.page}/google", method=method, headers=named)

    def shown(self) -> dict[str, Any]:
        """The card as Google holds it."""
        return self.google.get("loyaltyObject", self.target)

    def balance(self) -> int:
        """The points that Google shows."""
        found: int = self.shown()["loyaltyPoints"]["balance"]["int"]
        return found

    def tier(self) -> str:
        """The tier that Google shows."""
        found: str = self.shown()["secondaryLoyaltyPoints"]["balance"]["string"]
        return found

    def row(self) -> dict[str, Any]:
        """The wallet at Google as the database has it, or nothing."""
        query = "SELECT * FROM wallets WHERE card_id = :card AND platform = 'google'"
        with self.service.read() as tx:
            row = tx.execute(text(query), {"card": self.card.id}).mappings().first()
        return dict(row) if row else {}


@dataclass
class Vendor:
    """A push service that takes everything, and remembers what it was sent."""

    got: list[Push] = field(default_factory=list)

    def send(self, pushes: Iterable[Push]) -> Generator[tuple[Push, Outcome], None, None]:
        """Take the pushes."""
        for push in pushes:
            self.got.append(push)
            yield push, Sent()


@dataclass
class Interrupted:
    """A sender before which something else happens, once it has been handed what was claimed."""

    sender: Sender
    meanwhile: Callable[[], object]

    def send(self, pushes: Iterable[Push]) -> Generator[tuple[Push, Outcome], None, None]:
        """Let it happen, and send."""
        self.meanwhile()
        yield from self.sender.send(pushes)


def wallet_of(service: Service) -> GoogleWallet:
    """The service's Google Wallet."""
    return service.google_wallet()


def enrolled(service: Service, google: SandboxGoogle, shop: Shop, customer: str, /, **more: Any) -> Holder:
    """A new member whose card nobody has asked for yet."""
    return Holder(customer, shop.enrol(customer, **more)["serial_number"], service, shop.client, google)


def delivered(service: Service) -> Delivered:
    """What a worker delivers to Google in one round, classes first."""
    google = wallet_of(service)
    return with_classes(google.class_delivery(), google.delivery())()


def interrupted(service: Service, meanwhile: Callable[[], object]) -> Delivery:
    """A delivery to Google with something that happens between the claim and the first request."""
    delivery = wallet_of(service).delivery()
    return replace(delivery, sender=Interrupted(delivery.sender, meanwhile))


def forgotten(google: SandboxGoogle, *kept: str) -> None:
    """Have Google hold nothing any more but what is `kept` ("loyaltyClass"); there is no request that deletes."""
    store = google._store
    whole = store.snapshot()
    store.restore({"loyaltyClass": {}, "loyaltyObject": {}, "saved": []} | {kind: whole[kind] for kind in kept})


def looked(service: Service) -> Report:
    """What `drift` reports."""
    with service.begin() as tx:
        return drift(tx, service.in_force, most=50, now=service.clock(), drawn=service.classes())


def compared(service: Service, *, mend: bool = True) -> list[Finding]:
    """All findings of one comparison."""
    shelf = wallet_of(service).shelf
    comparison = Comparison(shelf, service.in_force, service.begin, service.clock, mend)
    found: list[Any] = [*comparison.classes(service.classes()), *comparison.cards(comparison.wanted(service.classes()))]
    return [each for each in found if isinstance(each, Finding)]


def later(service: Service, clock: Clock, **step: float) -> Delivered:
    """Let time pass, and deliver."""
    clock.on(**step)
    return delivered(service)


def copied_template(folder: Path, old: str = "", new: str = "", *, file: str = "pass.toml") -> Path:
    """A copy of the starter's templates with one text in it replaced; return the folder of templates."""
    shutil.copytree(ROOT / "pass_templates", folder, dirs_exist_ok=True)
    path = folder / "points" / file
    before = path.read_text()
    assert old in before
    path.write_text(before.replace(old, new, 1))
    return folder


def templates_with_extra(folder: Path) -> Path:
    """A folder of templates with the starter and one more, `extra`, with a programme of its own."""
    copied_template(folder / "one")
    copied_template(folder / "other", 'code = "points"', 'code = "extra"', file="program.toml")
    (folder / "other" / "points").rename(folder / "one" / "extra")
    return folder / "one"


class Door:
    """Our own application on a loopback port, put there after the port is known; without one it answers 503."""

    def __init__(self) -> None:
        self.app: Callable[..., Iterable[bytes]] | None = None

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer as the application does."""
        if self.app is None:
            start("503 Service Unavailable", [("Content-Length", "0")])
            return [b""]
        return self.app(environ, start)


@contextmanager
def opened(door: Door) -> Iterator[str]:
    """Listen on a free port, and yield the address."""
    server = make_server("127.0.0.1", 0, door, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    server.server_close()
