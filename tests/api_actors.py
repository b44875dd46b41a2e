"""Who acts in the tests of the API: merchants' programs with keys, and a world in which the examples' ids exist.

`python tests/api_actors.py` records anew what every route answers to its example.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

from actors import START, Clock, Shop
from flask.testing import FlaskClient
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
UNKNOWN = {"mem_": "mem_" + "0" * 20, "hld_": "hld_" + "0" * 20}
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
        body = {} if request.body is None else {"json": request.body}
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
        self.mine = Merchant(self.service, self.client, "papermoth", "points")
        self.other = Merchant(self.service, self.client, "rival", "small_shop")
        self.mine.shop.enrol("somebody-else")
        self.other.shop.enrol("a-rival's")

    def names(self, text: str) -> dict[str, str]:
        """Return what stands for each sample that a text names: a member with 1,250 points, a hold of 500 of them."""
        self.made += 1
        customer = f"customer-{self.made:06}"
        program = self.mine.program()
        answer = self.mine.shop.enrol(customer, name="Alex Example", locale="en", birthday="06-01")
        self.mine.shop.adjust(1_250, customer=customer)
        names = {samples.MEMBER: str(answer["member_id"]), samples.EXTERNAL: customer}
        if samples.HOLD in text:
            body = {"member": {"id": names[samples.MEMBER]}, "points": 500, "reference": "order-17"}
            names[samples.HOLD] = program.send("POST", "/holds", json=body).get_json()["id"]
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
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return Request(
        operation["operationId"],
        operation["x-scope"],
        method.upper(),
        path,
        int(next(iter(operation["responses"]))),
        {name: value for (place, name), value in given.items() if place == "query"},
        content.get("example"),
    )


def told_of(request: Request) -> str:
    """Return all that a request says, as one text."""
    return json.dumps([request.path, dict(request.query), request.body])


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
            case int() if name in ("transaction", "reverses", "lot"):
                return numbers.setdefault(value, 1001 + len(numbers))
            case str():
                return _named(name, renamed(value, {real: sample for sample, real in names.items()}), seen)
            case _:
                return value

    return plain("", answer)


FIXED: Sequence[tuple[str, Callable[[str], str]]] = (
    ("serial_number", lambda _: "3k8z0q5v7w1x9y2t4s6r8p0n"),
    ("add_url", lambda url: url.rsplit("/", 1)[0] + "/IjNrOHowcTV2N3cxeDl5MnQ0czZyOHAwbiI.k0s2v8R1nWw3yq5m7d9f1h3j5l7"),
)


def _named(name: str, value: str, seen: dict[str, str]) -> str:
    for other, made in FIXED:
        if name == other:
            return made(value)
    if name == "code" and re.fullmatch("[0-9A-Z]{16}", value):
        return "7F3K9Q0P1V8X2C4D"
    if name == "event_id":
        return seen.setdefault(value, f"evt-{len(seen) + 1:04}")
    value = re.sub("hld_[0-9a-f]{20}", samples.HOLD, value)
    return re.sub("key_[0-9a-f]{16}", "key_5b1c9e0a7d3f4286", value)


def played(world: World) -> dict[str, Any]:
    """Return what every route answers to its example, as it is recorded."""
    answers = {}
    described = world.client.get("/api/openapi.json").get_json()
    program = world.mine.program()
    for request in requests_of(described):
        names = world.names(told_of(request))
        answer = program.ask(request.told(names))
        assert answer.status_code == request.status, (request, answer.get_json())
        answers[request.name] = as_recorded(answer.get_json(), names)
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
