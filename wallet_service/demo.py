"""The demo: one programme, one shop, one member, so that there is something to see at once."""

import json
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from wallet_service.domain.api_key import SCOPES, Token
from wallet_service.domain.event import Customer, Event, MemberEnrolled, content_hash
from wallet_service.domain.identity import Identity
from wallet_service.domain.outbound import url_fault
from wallet_service.links import add_url, card_url, google_add_url, join_url, member_url
from wallet_service.storage import programs
from wallet_service.storage.merchants import MAIN
from wallet_service.usecases import endpoints
from wallet_service.usecases.admit import give_key
from wallet_service.usecases.connect import DIALECT, connect
from wallet_service.usecases.receive import receive, source_of
from wallet_service.usecases.serve import card_by_serial
from wallet_service.wiring import Service

TEMPLATE = "points"
SOURCE = "demo-shop"
CUSTOMER = "demo-customer"
ENDPOINT = "sandbox shop"
NAME = "Alex Example"
ADDRESS = "alex@home.example"
KEY = "key of the demo"  # its secret is worked out from the service's own, so that it is the same each time


@dataclass(frozen=True, slots=True)
class Demo:
    """What a visitor or a script needs to play merchant and phone; written to `var/demo.json`."""

    base_url: str
    phone_url: str | None
    webhook_url: str
    webhook_secret: str
    api_url: str
    api_key: str
    pass_type_identifier: str
    team_identifier: str
    endpoint_secret: str | None
    customer_id: str
    member_id: str
    serial_number: str
    authentication_token: str
    card_url: str
    add_url: str
    google_add_url: str | None
    join_url: str
    member_url: str
    email: str
    google_issuer_id: str | None
    google_object_id: str | None
    ca_file: str | None

    def write(self, path: Path) -> None:
        """Write it as JSON; it holds secrets of the sandbox, so only its owner may read it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps({name: getattr(self, name) for name in self.__slots__}, indent=2) + "\n")


def load(service: Service) -> Demo:
    """Make sure that the demo's programme, shop and member exist, and return what belongs to them."""
    now = service.clock()
    settings = service.settings
    template = service.template(TEMPLATE)
    with service.begin() as tx:
        connect(tx, vault=service.vault, template=template, name=SOURCE, now=now)
        key = give_key(
            tx, merchant=MAIN, name="demo", scopes=SCOPES, token=Token("demo", service.vault.mark(KEY).hex()), now=now
        )
        source = source_of(tx, dialect=DIALECT, name=SOURCE)
        endpoint_secret = _listen(tx, service, source.program_id)
    who = Customer(id=CUSTOMER, identities=(Identity("email", ADDRESS),))
    kind, fact = "member.enrolled", MemberEnrolled(who, NAME, template.look.default_language)
    content = content_hash(kind, fact)
    recorded = receive(
        service.begin,
        source=source,
        template=service.in_force.of_source(source),
        event=Event(f"demo-enrolment-{content.hex()[:8]}-{ADDRESS}", kind, content, now, b"", fact),
        pass_type_identifier=service.identity.pass_type_identifier,
        vault=service.vault,
        now=now,
    )
    with service.read() as tx:
        member = card_by_serial(tx, recorded.answer["serial_number"]).member
    google = service.google
    root = settings.data_folder / "sandbox" / "root.pem"
    return Demo(
        base_url=settings.base_url,
        phone_url=f"http://{settings.host}:{settings.sandbox_port}/" if settings.sandbox else None,
        webhook_url=f"{settings.base_url}/webhooks/{DIALECT}/{SOURCE}",
        api_url=f"{settings.base_url}/api/v1",
        api_key=key.text(),
        webhook_secret=source.secrets(service.vault)[0],
        pass_type_identifier=member.card.pass_type_identifier,
        team_identifier=service.identity.team_identifier,
        endpoint_secret=endpoint_secret,
        customer_id=CUSTOMER,
        member_id=member.public_id,
        serial_number=member.card.serial_number,
        authentication_token=member.card.authentication_token,
        card_url=card_url(settings.base_url, service.secret_key, member.card.serial_number),
        add_url=add_url(settings.base_url, service.secret_key, member.card.serial_number),
        google_add_url=(
            google_add_url(settings.base_url, service.secret_key, member.card.serial_number) if google else None
        ),
        join_url=join_url(settings.base_url, template.program.program.code),
        member_url=member_url(settings.base_url, template.program.program.code),
        email=ADDRESS,
        google_issuer_id=settings.issuer_id if google else None,
        google_object_id=google.drawings.target_of(member.card) if google else None,
        ca_file=str(root.resolve()) if settings.sandbox else None,
    )


def _listen(tx: Connection, service: Service, program_id: int) -> str | None:
    """Make sure that the sandbox's shop hears what happens, and return the secret of its endpoint.

    None where there is no sandbox, or webhooks may not go to this machine.
    """
    settings = service.settings
    url = f"http://127.0.0.1:{settings.sandbox_port}/shop/endpoint"
    if not settings.sandbox or url_fault(url, settings.reach):
        return None
    owner = programs.by_id(tx, program_id).merchant_id
    known = next((each for each in endpoints.standing(tx, merchant_id=owner) if each.endpoint.name == ENDPOINT), None)
    if known is None:
        _, secret = endpoints.add(
            tx,
            merchant_id=owner,
            vault=service.vault,
            reach=settings.reach,
            url=url,
            name=ENDPOINT,
            now=service.clock(),
        )
        return secret
    found = known.endpoint
    if found.url != url:
        endpoints.change(tx, merchant_id=owner, reach=settings.reach, endpoint=found.public_id, url=url)
    if found.state != "active":
        endpoints.enable(tx, merchant_id=owner, endpoint=found.public_id, now=service.clock())
    return found.secrets(service.vault, now=service.clock())[0]
