"""Who acts in the tests of the API: merchants' programs with keys, and a world in which the examples' ids exist.

`python tests/api_actors.py` records anew what every route answers to its example.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

from actors import START, Clock, Device, Shop, card_of
from bulk_actors import work_off
from flask.testing import FlaskClient
from sqlalchemy import text
from vendor_actors import SECRET, SIGN, payload
from werkzeug.test import TestResponse

from wallet_service.apple.identity import load_identity
from wallet_service.config import Settings
from wallet_service.domain.api_key import SCOPES, Scope
from wallet_service.sandbox.chain import make_chain
from wallet_service.storage import merchants, migrate
from wallet_service.storage.embedded import Embedded
from wallet_service.usecases.admit import give_key
from wallet_service.usecases.connect import connect
from wallet_service.web import create_app
from wallet_service.web.api import PREFIX, samples
from wallet_service.wiring import Service, build, open_engine

ROOT = Path(__file__).parent.parent
RECORDED = ROOT / "wallet_service" / "web" / "api" / "examples.json"
# The same shape as an id of ours, and nobody's.
UNKNOWN = {prefix: prefix + "0" * 20 for prefix in ("mem_", "hld_", "rdm_", "inb_", "job_", "whe_", "msg_")}
# What is nowhere, for each sample of something that is there.
NOWHERE = {
    samples.MEMBER: UNKNOWN["mem_"],
    samples.OTHER_MEMBER: UNKNOWN["mem_"],
    samples.EXTERNAL: "nobody",
    samples.SERIAL_NUMBER: "0" * 24,
    samples.CARD_CODE: "0" * 16,
    samples.HOLD: UNKNOWN["hld_"],
    samples.CAPTURED_HOLD: UNKNOWN["hld_"],
    samples.REDEMPTION: UNKNOWN["rdm_"],
    samples.USED_REDEMPTION: UNKNOWN["rdm_"],
    samples.COUPON: "0000-0000-0000",
    samples.ORDER: "no-order",
    samples.ENDPOINT: UNKNOWN["whe_"],
    samples.MESSAGE: UNKNOWN["msg_"],
    samples.JOB: UNKNOWN["job_"],
    samples.EXPORT_JOB: UNKNOWN["job_"],
    samples.WAITING_JOB: UNKNOWN["job_"],
    samples.DELIVERY: UNKNOWN["inb_"],
    samples.ASKING_DELIVERY: UNKNOWN["inb_"],
    samples.CAMPAIGN: "no-campaign",
    samples.LINK: "https://cards.example/l/nothing",
    samples.SHORT_CODE: "3VD8-Q5RK",
}
ROWS = 2  # of a file that are recorded, with its head
MEMBERS = 1_250  # is said to be the number of members, which grows with the tests
# Nobody is sent anything by tests: a private address is refused before anything goes there.
NOBODYS_URL = "https://localhost:9/loyalty"
_GIVEN_UP = text("""
    UPDATE webhook_messages
    SET state = 'dead', due_at = NULL, settled_at = :now, attempts = 13, last_error = 'timeout'
    WHERE endpoint_id = (SELECT id FROM webhook_endpoints WHERE public_id = :endpoint) AND due_at IS NOT NULL
    RETURNING public_id
""")
OPERATIONS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Request:
    """A request to a route, with everything that its example says."""

    name: str
    scope: str
    method: str
    path: str
    status: int
    query: Mapping[str, str]
    body: Any
    file: str | None = None

    def told(self, names: Mapping[str, str]) -> "Request":
        """Return the request with other names in place of those that it uses."""
        return Request(
            self.name,
            self.scope,
            self.method,
            renamed(self.path, names),
            self.status,
            {key: renamed(value, names) for key, value in self.query.items()},
            json.loads(renamed(json.dumps(self.body), names)),
            self.file and renamed(self.file, names),
        )


@dataclass(frozen=True)
class Program:
    """A merchant's program, which calls the API with a key."""

    client: FlaskClient
    token: str | None

    def send(
        self,
        method: str,
        path: str,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> TestResponse:
        """Send a request to a path of the API; what changes something has a new idempotency key, unless it is given."""
        sent = dict(headers or {})
        if self.token is not None:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        if method != "GET":
            sent.setdefault("Idempotency-Key", key or str(uuid4()))
        return self.client.open(f"{PREFIX}{path}", method=method, headers=sent, **more)

    def ask(self, request: Request, **more: Any) -> TestResponse:
        """Send a request."""
        body: dict[str, Any] = {} if request.body is None else {"json": request.body}
        if request.file is not None:
            body = {"data": request.file.encode(), "content_type": "text/csv"}
        return self.send(request.method, request.path, query_string=dict(request.query), **body, **more)


@dataclass
class Merchant:
    """A merchant with a programme, a shop, and keys."""

    service: Service
    client: FlaskClient
    code: str
    template: str

    @cached_property
    def shop(self) -> Shop:
        """The shop, which opens the programme."""
        service, now = self.service, self.service.clock()
        with service.begin() as tx:
            merchants.add(tx, code=self.code, name=self.code, now=now)
            secret = connect(
                tx,
                vault=service.vault,
                template=service.template(self.template),
                name=self.code,
                merchant=self.code,
                now=now,
            )
        assert secret
        return Shop(self.client, service.clock, secret, self.code)

    @cached_property
    def vendor(self) -> str:
        """The merchant's shop that speaks a vendor's dialect, by its name."""
        with self.service.begin() as tx:
            connect(
                tx,
                vault=self.service.vault,
                template=self.service.template(self.template),
                name=f"{self.code}-shop",
                merchant=self.code,
                dialect="shopify",
                secret=SECRET,
                now=self.service.clock(),
            )
        return f"{self.code}-shop"

    def deliver(self, topic: str, hook: str, *, name: str | None = None) -> str:
        """Have that shop deliver one of the known bodies, and return our id of it."""
        body = json.dumps(payload("shopify", name or topic.replace("/", "_"))).encode()
        headers = SIGN["shopify"](body, topic=topic) | {"X-Shopify-Webhook-Id": hook}
        answer = self.client.post(f"/webhooks/shopify/{self.vendor}", data=body, headers=headers)
        assert answer.status_code == 200, answer.get_json()
        delivery: str = answer.get_json()["delivery"]
        return delivery

    def key(self, *scopes: Scope, lasts: timedelta | None = None) -> str:
        """Return a new key; it may do everything if no scopes are given."""
        now = self.service.clock()
        with self.service.begin() as tx:
            return give_key(
                tx,
                merchant=self.code,
                name="a test's",
                scopes=scopes or SCOPES,
                expires_at=now + lasts if lasts else None,
                now=now,
            ).text()

    def program(self, *scopes: Scope) -> Program:
        """Return a program of the merchant's with a new key."""
        return Program(self.client, self.key(*scopes))


@dataclass
class World:
    """A merchant whose members are as the examples have them, and another one who must see nothing of it."""

    service: Service
    client: FlaskClient
    mine: Merchant = field(init=False)
    other: Merchant = field(init=False)
    made: int = 0

    def __post_init__(self) -> None:
        self.mine = Merchant(self.service, self.client, "petal-house", "sephora_like")
        self.other = Merchant(self.service, self.client, "rival", "small_shop")
        self.mine.shop.enrol("somebody-else")
        self.other.shop.enrol("a-rival's")

    def names(self, text: str) -> dict[str, str]:
        """Return what stands for each sample that a text names: a member with 1,250 points, and more."""
        self.made += 1
        customer, shop = f"customer-{self.made:06}", self.mine.shop
        who = {"name": "Alex Example", "birthday": "11-20", "email": f"{customer}@home.example"}
        answer = shop.enrol(customer, **who)
        shop.adjust(1_250, customer=customer)
        names = {
            samples.MEMBER: str(answer["member_id"]),
            samples.EXTERNAL: customer,
            samples.NEW_EXTERNAL: f"newcomer-{self.made:06}",
            samples.NEW_ORDER: f"till-1-{self.made:06}",
            samples.NEW_CAMPAIGN: f"summer-{self.made:06}",
        }
        if samples.OTHER_MEMBER in text:
            names[samples.OTHER_MEMBER] = str(shop.enrol(f"{customer}-b")["member_id"])
            shop.adjust(250, customer=f"{customer}-b")
        if samples.SERIAL_NUMBER in text or samples.CARD_CODE in text:
            (card,) = self.do("GET", f"/members/{names[samples.MEMBER]}")["cards"]
            names |= {samples.SERIAL_NUMBER: card["serial_number"], samples.CARD_CODE: card["code"]}
            phone = Device(self.client, self.service.identity.pass_type_identifier, library=f"phone-{self.made:06}")
            phone.register(card_of(self.service, card["serial_number"]))
        if samples.ORDER in text:
            names[samples.ORDER] = f"order-{self.made:06}"
            bought = {"currency": "USD", "eligible_minor": 4_200}
            shop.answer("order.paid", {"order_id": names[samples.ORDER], "customer": {"id": customer}, **bought})
        if samples.CAPTURED_HOLD in text or samples.USED_REDEMPTION in text:
            shop.adjust(1_000, customer=customer)
        names |= self._delivered(text) | self._jobs(text) | self._endpoints(text) | self._links(text)
        return names | self._held(text, names[samples.MEMBER]) | self._redeemed(text, names[samples.MEMBER])

    def do(self, method: str, path: str, **body: Any) -> Any:
        """Have the merchant's program send what must be done, and return the answer."""
        answer = self._program.send(method, path, **({"json": body} if body else {}))
        assert answer.status_code < 300, answer.get_json()
        return answer.get_json()

    @cached_property
    def _program(self) -> Program:
        return self.mine.program()

    def _held(self, text: str, member: str) -> dict[str, str]:
        names = {}
        for sample in (samples.HOLD, samples.CAPTURED_HOLD):
            if sample in text:
                hold = self.do("POST", "/holds", member={"id": member}, points=500, reference="order-17")
                names[sample] = hold["id"]
        if samples.CAPTURED_HOLD in text:
            self.do("POST", f"/holds/{names[samples.CAPTURED_HOLD]}/capture", points=300)
        return names

    def _delivered(self, text: str) -> dict[str, str]:
        """Return what a shop has delivered: an order of nobody's, and what asks for a person."""
        names = {}
        for sample, topic in ((samples.DELIVERY, "orders/paid"), (samples.ASKING_DELIVERY, "shop/redact")):
            if sample in text or (topic == "orders/paid" and '"/inbound"' in text):
                names[sample] = self.mine.deliver(topic, f"hook-{self.made:06}-{topic}")
        return names

    def _jobs(self, text: str) -> dict[str, str]:
        """Return an import of two members, one of whom was refused, an export that is done, and one that waits."""
        names = {}
        if samples.JOB in text or '"/jobs"' in text:
            new, other = (f"{each}-{self.made:06}" for each in ("newcomer", "other"))
            body = f"external_id,name,balance,tier\n{new},Alex Example,500,\n{other},Kim Example,,nowhere\n".encode()
            asked = self._program.send("POST", "/imports", data=body, content_type="text/csv")
            names[samples.JOB] = asked.get_json()["id"]
        if samples.EXPORT_JOB in text:
            names[samples.EXPORT_JOB] = self.do("POST", "/exports", program=samples.PROGRAM)["id"]
        if names:
            work_off(self.service.jobs())
        if samples.WAITING_JOB in text:
            names[samples.WAITING_JOB] = self.do("POST", "/exports", program=samples.PROGRAM)["id"]
        return names

    def _endpoints(self, text: str) -> dict[str, str]:
        """Return an endpoint at an address where nothing of ours goes, and a message to it that was given up."""
        if not (samples.ENDPOINT in text or samples.MESSAGE in text or '"/webhook-endpoints"' in text):
            return {}
        for each in self.do("GET", "/webhook-endpoints")["data"]:
            self.do("DELETE", f"/webhook-endpoints/{each['id']}")
        endpoint = self.do("POST", "/webhook-endpoints", url=NOBODYS_URL)["id"]
        self.mine.shop.enrol(f"told-{self.made:06}")
        with self.service.begin() as tx:
            message = tx.execute(_GIVEN_UP, {"endpoint": endpoint, "now": self.service.clock()}).scalars().first()
        assert message
        return {samples.ENDPOINT: endpoint, samples.MESSAGE: message}

    def _links(self, text: str) -> dict[str, str]:
        """Return a campaign, and a link of it for somebody who is no member, and one for anyone."""
        names: dict[str, str] = {}
        if any(each in text for each in (samples.CAMPAIGN, samples.LINK, samples.SHORT_CODE, '"/campaigns"')):
            code = names[samples.CAMPAIGN] = f"spring-{self.made:06}"
            self.do("POST", "/campaigns", program=samples.PROGRAM, code=code, name="Spring letter", channel="email")
            of = f"/campaigns/{code}"
            names[samples.LINK] = self.do("POST", f"{of}/links", prospect={"name": "Alex Example"})["url"]
            names[samples.SHORT_CODE] = self.do("POST", f"{of}/short-links", content="window")["code"]
        return names

    def _redeemed(self, text: str, member: str) -> dict[str, str]:
        """Return a reward that was taken, with its code, and another that was used."""
        names = {}
        if samples.REDEMPTION in text or samples.COUPON in text:
            taken = self.do("POST", "/redemptions", member={"id": member}, reward="ten-off")
            names |= {samples.REDEMPTION: taken["id"], samples.COUPON: taken["code"]}
        if samples.USED_REDEMPTION in text:
            used = self.do("POST", "/redemptions", member={"id": member}, reward="ten-off")
            names[samples.USED_REDEMPTION] = used["id"]
            self.do("POST", f"/redemptions/{used['id']}/use", order_id="order-17")
        return names


def renamed(text: str, names: Mapping[str, str]) -> str:
    """Return a text with every name replaced."""
    for name, other in names.items():
        text = text.replace(name, other)
    return text


def requests_of(described: Mapping[str, Any]) -> list[Request]:
    """Return the request that stands as an example with each route of the description."""
    return [
        _request(path, method, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
        if method in OPERATIONS
    ]


def _request(path: str, method: str, operation: Mapping[str, Any]) -> Request:
    given = {(each["in"], each["name"]): str(each["example"]) for each in operation["parameters"] if "example" in each}
    for (place, name), value in given.items():
        if place == "path":
            path = path.replace(f"{{{name}}}", value)
    content = operation.get("requestBody", {}).get("content", {})
    return Request(
        operation["operationId"],
        operation["x-scope"],
        method.upper(),
        path,
        int(next(iter(operation["responses"]))),
        {name: value for (place, name), value in given.items() if place == "query"},
        next(iter(bodies_of(content.get("application/json", {}))), None),
        content.get("text/csv", {}).get("example"),
    )


def bodies_of(content: Mapping[str, Any]) -> list[Any]:
    """Return the bodies that stand as examples, the first of them that of the route."""
    if "example" in content:
        return [content["example"]]
    return [each["value"] for each in content.get("examples", {}).values()]


def told_of(request: Request) -> str:
    """Return all that a request says, as one text."""
    return json.dumps([request.path, dict(request.query), request.body, request.file])


def as_recorded(answer: Any, names: Mapping[str, str]) -> Any:
    """Return an answer as it is recorded: with the samples' names, and the same each time."""
    numbers: dict[int, int] = {}
    seen: dict[str, str] = {}

    def plain(name: str, value: Any) -> Any:
        match value:
            case dict():
                return {key: plain(key, each) for key, each in value.items()}
            case list():
                return [plain(name, each) for each in value]
            case int() if name == "rows" and value > 1:
                return MEMBERS
            case int() if name == "ms":
                return 42
            case int() if name in ("transaction", "reverses", "lot"):
                return numbers.setdefault(value, 1001 + len(numbers))
            case str():
                return _named(name, renamed(value, {real: sample for sample, real in names.items()}), seen)
            case _:
                return value

    return plain("", answer)


# What is new each time: where it stands, what it looks like, and what is recorded in its place.
_TOKEN = "IjNrOHowcTV2N3cxeDl5MnQ0czZyOHAwbiI.k0s2v8R1nWw3yq5m7d9f1h3j5l7"
FIXED: Sequence[tuple[str, str, str]] = (
    ("voided_serial_number", ".+", samples.OLD_SERIAL_NUMBER),
    (".*serial_number", ".+", samples.SERIAL_NUMBER),
    ("code", "[0-9A-Z]{16}", samples.CARD_CODE),
    ("code", "^[0-9A-Z]{4}-[0-9A-Z]{4}$", samples.SHORT_CODE),
    (".*", r"(?<=/l/)[\w-]+", samples.LINK.rpartition("/")[2]),
    (".*", r"(?<=/s/)[0-9A-Z]{8}", samples.SHORT_CODE.replace("-", "")),
    ("code", "[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", samples.COUPON),
    (".*", "(?<=,)[0-9a-z]{24}(?=,)", samples.SERIAL_NUMBER),
    (".*", r"(?<=/cards/)[^/\s]+", _TOKEN),
    (".*", "(?<=signature=)[0-9a-f]+", "5b1c9e0a7d3f42861e0c" + "7" * 44),
    (".*", "mem_[0-9a-z]{20}", samples.MEMBER),
    (".*", "hld_[0-9a-f]{20}", samples.HOLD),
    (".*", "rdm_[0-9a-f]{20}", samples.REDEMPTION),
    ("url", "https://localhost.*", samples.ENDPOINT_URL),
    ("secret", "whsec_.*", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    (".*", "whe_[0-9a-f]{20}", samples.ENDPOINT),
    (".*", "msg_[0-9a-z]+", samples.MESSAGE),
    (".*", "job_[0-9a-f]{20}", samples.JOB),
    (".*", "inb_[0-9a-f]{20}", samples.DELIVERY),
    (".*", "key_[0-9a-f]{16}", "key_5b1c9e0a7d3f4286"),
)
_SAMPLES = frozenset(value for value in vars(samples).values() if isinstance(value, str))


def _named(name: str, value: str, seen: dict[str, str]) -> str:
    if name in ("event_id", "operation"):
        return seen.setdefault(value, f"{name[:2]}-{len(seen) + 1:04}")
    for where, like, made in FIXED:
        if re.fullmatch(where, name):
            value = re.sub(like, lambda found, made=made: found[0] if found[0] in _SAMPLES else made, value)
    return value


def played(world: World) -> dict[str, Any]:
    """Return what every route answers to its example, as it is recorded."""
    answers = {}
    described = world.client.get("/api/openapi.json").get_json()
    program = world.mine.program()
    for request in requests_of(described):
        names = world.names(told_of(request))
        answer = program.ask(request.told(names))
        assert answer.status_code == request.status, (request, answer.get_json())
        if not (answer.is_json or answer.mimetype.startswith("text/")):
            continue  # a picture, of which nothing is told but its type
        told = answer.get_json() if answer.is_json else "".join(answer.text.splitlines(keepends=True)[:ROWS])
        answers[request.name] = as_recorded(told, names)
    return answers


def main() -> None:
    """Record all answers anew."""
    folder = Path(tempfile.mkdtemp())
    server = Embedded(folder / "postgres")
    try:
        engine = open_engine(server.start())
        migrate.upgrade(engine)
        chain = make_chain(START, lifetime=timedelta(days=3000))
        identity = load_identity(
            certificate=chain.pass_certificate, key=chain.pass_key, wwdr=chain.wwdr, password=None, now=START
        )
        settings = Settings(data_folder=folder, templates=ROOT / "pass_templates", base_url="https://cards.example")
        service = build(settings, clock=Clock(), engine=engine, identity=identity)
        answers = played(World(service, create_app(service).test_client()))
        RECORDED.write_text(json.dumps(answers, indent=2, ensure_ascii=False, sort_keys=False) + "\n")
        engine.dispose()
    finally:
        server.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
