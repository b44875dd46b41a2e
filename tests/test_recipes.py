"""The recipes of `docs/recipes/`: their commands exist, and their snippets do what is said of them."""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import click
import pytest
import stripe
from actors import Shop, connected_shop
from books import faults
from flask.testing import FlaskClient
from page_actors import started
from standardwebhooks import Webhook
from vendor_actors import SECRET, payload, say

from wallet_service.cli import main
from wallet_service.cli.source import TOPICS
from wallet_service.domain.event import Customer
from wallet_service.inbound import DIALECTS, standard
from wallet_service.links import claim_key, claim_url
from wallet_service.usecases.connect import connect
from wallet_service.web import create_app
from wallet_service.wiring import Service, utc_now

FOLDER = Path(__file__).parent.parent / "docs" / "recipes"
PAGES = {each.stem: each.read_text() for each in sorted(FOLDER.glob("*.md"))}
PUBLIC = "https://cards.example.com"  # what stands for the reader's own address
PATIENCE = 30
MEMBER = "mem_0123456789abcdef"
CARD = "0123456789ABCDEF"
PROGRAMS = {"python": [sys.executable], "php": ["php"], "javascript": ["node"], "bash": ["bash", "-e"]}
SUFFIX = {"python": "py", "php": "php", "javascript": "mjs", "bash": "sh"}


def snippets(page: str, language: str) -> list[str]:
    """Return the blocks of a page in a language, in their order, without what indents them."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", PAGES[page], re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def run(language: str, code: str, folder: Path, given: str = "", **environment: str) -> str:
    """Run a snippet as a program of its own, which has to end well, and return what it prints."""
    done = ended(language, code, folder, given, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ended(
    language: str, code: str, folder: Path, given: str = "", **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run a snippet as a program of its own, and return how it ended."""
    program = PROGRAMS[language]
    for needed in (program[0], *(["openssl", "curl"] if language == "bash" else [])):
        if shutil.which(needed) is None:
            pytest.skip(f"there is no {needed} on this machine")
    path = folder / f"snippet.{SUFFIX[language]}"
    path.write_text(code)
    return subprocess.run(
        [*program, path], env={"PATH": os.environ["PATH"], **environment}, input=given, capture_output=True, text=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip


# Commands


def commands() -> Iterator[tuple[str, str, bool]]:
    """Yield each command that a page names, with the page and whether it is one to be typed as it stands."""
    for page, text in PAGES.items():
        blocks = [line for block in snippets(page, "sh") for line in block.splitlines() if line]
        yield from ((page, line, True) for line in blocks if line.startswith("wallet-service "))
        yield from ((page, said, False) for said in re.findall(r"`(wallet-service [^`]+)`", text))


@pytest.fixture
def beside_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that the recipes have their readers write."""
    for name in ("secret.txt", "new.txt", "test.txt"):
        (tmp_path / name).write_text(SECRET)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("beside_secrets")
def test_every_command_exists_with_its_options() -> None:
    """What stands in a block can be typed as it is; what is only named may leave out what it is about."""
    seen = 0
    for page, line, whole in commands():
        words = shlex.split(line, comments=True)[1:]
        command: click.Command = main
        context = click.Context(main)
        while isinstance(command, click.Group):
            assert words, f"{page}: {line}"
            found = command.get_command(context, words.pop(0))
            assert found is not None, f"{page}: {line}"
            command = found
        try:
            command.make_context(command.name, words).close()
        except click.MissingParameter:
            assert not whole, f"{page}: {line}"
        except click.exceptions.Exit:  # a command that only shows its help
            pass
        seen += 1
    assert seen > 20


def test_every_dialect_has_a_page_with_its_topics() -> None:
    """A page names just what `source add` prints that is to be subscribed to, and the dialect with its address."""
    for dialect in DIALECTS:
        text = PAGES["own_shop" if dialect == "standard" else dialect]
        assert f"/{dialect}/my-shop" in text or f"--dialect {dialect}" in text
        for topic in re.findall(r"[a-z_]+[/.][a-z_./]+[a-z]", TOPICS.get(dialect, "")):
            assert f"`{topic}`" in text, (dialect, topic)
    assert {f"({name}.md)" for name in PAGES} - {"(README.md)"} <= set(re.findall(r"\(\w+\.md\)", PAGES["README"]))


# Your own shop


@dataclass
class Open:
    """A shop, and the address at which the service answers real requests of anybody's programs."""

    shop: Shop
    url: str


@pytest.fixture
def there(service: Service, client: FlaskClient) -> Iterator[Open]:
    """The service on a real socket, with the real time; Ann is a member there."""
    service = replace(service, clock=utc_now)
    app = create_app(service)
    shop = connected_shop(service, app.test_client(), "my-shop")
    shop.enrol("customer-17")
    server = started(app)
    yield Open(shop, f"http://127.0.0.1:{server.port}/webhooks/standard/my-shop")
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("language", PROGRAMS)
def test_own_shop_posts_an_order(language: str, there: Open, service: Service, tmp_path: Path) -> None:
    """The snippet as it stands is taken and earns points; sent again it is answered alike, and earns none."""
    code = next(each for each in snippets("own_shop", language) if "order.paid" in each)
    environment = {"SHOP_WEBHOOK_URL": there.url, "SHOP_WEBHOOK_SECRET": there.shop.secret}
    first = json.loads(run(language, code, tmp_path, **environment))
    assert (first["status"], first["points"], first["balance"]) == ("processed", 42, 42)
    assert json.loads(run(language, code, tmp_path, **environment)) == first
    assert there.shop.enrol("customer-17")["balance"] == 42
    assert faults(replace(service, clock=utc_now)) == []


@pytest.mark.parametrize("language", PROGRAMS)
def test_own_shop_hears_that_it_was_refused(language: str, there: Open, tmp_path: Path) -> None:
    """With another secret nothing is entered, and the snippet ends with an error, so that the shop tries again."""
    code = next(each for each in snippets("own_shop", language) if "order.paid" in each)
    done = ended(language, code, tmp_path, SHOP_WEBHOOK_URL=there.url, SHOP_WEBHOOK_SECRET=SECRET)
    assert done.returncode != 0
    assert "401" in done.stdout + done.stderr
    assert there.shop.enrol("customer-17")["balance"] == 0


# What asks each language's function about every case on its input.
ASK = {
    "python": "\nimport json, sys\ncases = json.load(sys.stdin)"
    "\nprint(json.dumps([is_genuine(s, h, b.encode()) for s, h, b in cases]))",
    "php": "\n$cases = json_decode(stream_get_contents(STDIN), true);"
    "\necho json_encode(array_map(fn ($case) => is_genuine(...$case), $cases));",
    "javascript": '\nimport { readFileSync } from "node:fs";\nconst cases = JSON.parse(readFileSync(0));'
    "\nconsole.log(JSON.stringify(cases.map(([s, h, b]) => isGenuine(s, h, Buffer.from(b)))));",
}


@pytest.mark.parametrize("language", ASK)
def test_messages_are_checked(language: str, tmp_path: Path) -> None:
    """What the scheme's own library signs is genuine, also beside a signature of another secret; nothing else is."""
    (code,) = (each for each in snippets("own_shop", language) if "order.paid" not in each)
    now, body = utc_now(), json.dumps({"type": "points.earned", "data": {"name": "Žofie"}}, ensure_ascii=False)

    def signed(at: Any = now, *, said: str = body, secret: str = SECRET) -> dict[str, str]:
        given = Webhook(secret).sign("msg_1", at, said)
        return {"webhook-id": "msg_1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": given}

    other = Webhook("whsec_" + "b3RoZXI=").sign("msg_1", now, body)
    both = signed() | {"webhook-signature": f"{other} {signed()['webhook-signature']}"}
    early, late = (now + timedelta(minutes=each) for each in (-6, 6))
    cases = [
        (True, signed(), body),
        (True, both, body),
        (True, standard.sign(SECRET, event_id="msg_1", timestamp=now, body=body.encode()), body),
        (False, signed(), body + " "),
        (False, signed() | {"webhook-id": "msg_2"}, body),
        (False, signed() | {"webhook-signature": other}, body),
        (False, signed() | {"webhook-signature": "v1,"}, body),
        (False, signed(early), body),
        (False, signed(late), body),
    ]
    asked = json.dumps([[SECRET, headers, said] for _, headers, said in cases])
    assert json.loads(run(language, code + ASK[language], tmp_path, given=asked)) == [genuine for genuine, *_ in cases]


# Links on receipts


def hmac_hex(key: str, text: str) -> str:
    """Return the HMAC-SHA256 by its definition (RFC 2104), which nobody else here follows step by step."""
    block = key.encode() if len(key) <= 64 else hashlib.sha256(key.encode()).digest()
    block = block.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(each ^ 0x36 for each in block) + text.encode()).digest()
    return hashlib.sha256(bytes(each ^ 0x5C for each in block) + inner).hexdigest()


def rendered(template: str, **values: Any) -> str:
    """Return what Liquid makes of the few things that the snippet uses."""

    def value(expression: str) -> str:
        first, *filters = (each.strip() for each in expression.split("|"))
        found = str(values[first])
        for each in filters:
            name, argument = (part.strip() for part in each.split(":"))
            found = {"append": found + argument[1:-1], "hmac_sha256": hmac_hex(argument[1:-1], found)}[name]
        return found

    out = []
    for line in template.splitlines():
        assigned = re.fullmatch(r"{% assign (\w+) = (.*) %}", line)
        if assigned:
            values[assigned[1]] = value(assigned[2])
        else:
            out.append(re.sub(r"{{ (.*?) }}", lambda found: value(found[1]), line))
    return "\n".join(out)


PHP_SHOP = """<?php
$hooks = [];
function add_action($name, $what, $priority = 10, $most = 1) { global $hooks; $hooks[$name] = [$what, $most]; }
function happens($name, ...$with)
{
    global $hooks;
    [$what, $most] = $hooks[$name];
    $what(...array_slice($with, 0, $most));
}
function esc_url($url) { return str_replace('&', '&#038;', $url); }
function wp_unslash($text) { return stripslashes($text); }
function sanitize_text_field($text) { return trim(strip_tags($text)); }
function woocommerce_form_field($name, $arguments, $value) { echo json_encode([$name, $arguments, $value]); }
class Checkout { function get_value($name) { return ''; } }
class Order {
    public array $meta = [];
    function get_id() { return 4711; }
    function update_meta_data($key, $value) { $this->meta[] = ['key' => $key, 'value' => $value]; }
}
"""


def php_shop(snippet: str, *happening: str) -> str:
    """Return a program: as much of WooCommerce as a snippet asks for, the snippet, and what happens there."""
    return "\n".join((PHP_SHOP, snippet.removeprefix("<?php\n"), *happening))


def made_link(dialect: str, key: str, folder: Path) -> tuple[str, str]:
    """Return an order's id, and the link that the page's snippet makes for it, with that key."""
    match dialect:
        case "shopify":
            (template,) = snippets(dialect, "liquid")
            page = rendered(template.replace("CLAIM_KEY", key), id=820982911946154508, name="#1004")
            return "820982911946154508", re.findall(r'href="([^"]+)"', page)[0].replace("&amp;", "&")
        case "woocommerce":
            code = snippets(dialect, "php")[1].replace("CLAIM_KEY", key)
            happening = "happens('woocommerce_email_after_order_table', new Order, {}, {}, 'mail');"
            staff, plain = happening.format("true", "false"), happening.format("false", "true")
            page = run("php", php_shop(code, staff, plain, happening.format("false", "false")), folder)
            text, html = re.fullmatch(
                r'Collect your points: (.*)\n<p><a href="(.*)">Collect your points</a></p>', page
            ).groups()
            assert html.replace("&#038;", "&") == text
            return "4711", text
        case "square":
            (code,) = (each for each in snippets(dialect, "bash") if "signature=" in each)
            return "hYy9pRFVxpDsO1FB05SunFWUe9JZY", run("bash", code, folder, CLAIM_KEY=key).strip()
        case "stripe":
            space: dict[str, Any] = {}
            exec(snippets(dialect, "python")[1], space)
            return "pi_3Example", space["receipt_link"](key, "pi_3Example")
    raise AssertionError(dialect)


@pytest.mark.parametrize("dialect", TOPICS)
def test_receipt_links_are_the_services_own(
    dialect: str, service: Service, client: FlaskClient, tmp_path: Path
) -> None:
    """What the snippet makes for an order is the link that the service would make, and opens its page."""
    with service.begin() as tx:
        template = service.template("points")
        connect(tx, vault=service.vault, template=template, name="my-shop", dialect=dialect, now=service.clock())
    order, link = made_link(dialect, claim_key(service.secret_key, dialect, "my-shop"), tmp_path)
    assert link == claim_url(PUBLIC, service.secret_key, dialect, "my-shop", order)
    assert client.get(link.removeprefix(PUBLIC)).status_code == 200
    assert client.get(link.removeprefix(PUBLIC).replace(order, "1")).status_code == 404


# Who bought


def bought(dialect: str, name: str, change: Callable[[Any], None]) -> Customer:
    """Return whom a known body names once it is changed."""
    said = payload(dialect, name)
    change(said)
    customer = say(dialect, name, said).said[0].fact.customer
    assert customer is not None
    return customer


def test_shopify_reads_what_the_form_asks_for() -> None:
    """The attribute of the cart is one by which the dialect finds the card."""
    (form,) = snippets("shopify", "html")
    (name,) = re.findall(r'name="attributes\[(\w+)\]"', form)
    (label,), (field,) = re.findall(r'for="([\w-]+)"', form), re.findall(r' id="([\w-]+)"', form)
    attributes = [{"name": name, "value": "0123 4567 89ab cdef"}]
    assert bought("shopify", "orders_paid", lambda said: said.update(note_attributes=attributes)).card_code == CARD
    assert label == field


def test_woocommerce_reads_what_the_checkout_writes(tmp_path: Path) -> None:
    """The field of the checkout comes into the order's meta data, where the dialect finds the card."""
    post = f"$_POST = ['wallet_card_code' => '{CARD} ']; $order = new Order;"
    code = php_shop(
        snippets("woocommerce", "php")[0],
        "happens('woocommerce_after_order_notes', new Checkout); echo PHP_EOL;",
        "$order = new Order; happens('woocommerce_checkout_create_order', $order);",
        "echo json_encode($order->meta), PHP_EOL;",
        post,
        "happens('woocommerce_checkout_create_order', $order); echo json_encode($order->meta);",
    )
    field, without, written = map(json.loads, run("php", code, tmp_path).splitlines())
    assert (field[0], without) == ("wallet_card_code", [])
    assert bought("woocommerce", "order_updated", lambda said: said.update(meta_data=written)).card_code == CARD


def test_square_reads_the_payment_that_is_made() -> None:
    """The reference of the payment comes back in its event, and names the member."""
    (made,) = map(json.loads, snippets("square", "json"))

    def change(said: Any) -> None:
        said["data"]["object"]["payment"]["reference_id"] = made["reference_id"]

    assert bought("square", "payment_updated_completed", change).member_id == MEMBER


@pytest.fixture
def stripes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, list[str]]]]:
    """Forms that Stripe's own library has sent to a server which answers as theirs does."""
    forms: list[dict[str, list[str]]] = []

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            forms.append(parse_qs(self.rfile.read(int(self.headers["content-length"])).decode()))
            body = b'{"id": "cs_1", "object": "checkout.session", "url": "https://pay.example/cs_1"}'
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setattr(stripe, "api_base", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(stripe, "api_key", "sk_test_example")
    yield forms
    server.shutdown()
    server.server_close()
    thread.join()


def test_stripe_reads_what_the_checkout_is_given(
    stripes: list[dict[str, list[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Stripe's library sends the snippet's checkout, whose reference and metadata come back and name the member."""
    exec(snippets("stripe", "python")[0], {})
    (form,) = stripes
    assert capsys.readouterr().out == "https://pay.example/cs_1\n"

    def session(said: Any) -> None:
        said["data"]["object"]["client_reference_id"] = form["client_reference_id"][0]

    def invoice(said: Any) -> None:
        given = {"member_id": form["subscription_data[metadata][member_id]"][0]}
        said["data"]["object"]["parent"]["subscription_details"]["metadata"] = given

    assert bought("stripe", "checkout_session_completed", session).member_id == MEMBER
    assert bought("stripe", "invoice_paid", invoice).member_id == MEMBER
