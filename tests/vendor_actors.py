"""Shop systems that sign, and tell of the life of one order, as the real ones do; and what they are known to send."""

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from wallet_service.domain.delivery import Arrangement, Delivery, Normalised, Said
from wallet_service.domain.earning import Order, told
from wallet_service.domain.errors import EventRefused
from wallet_service.inbound import DIALECTS, standard

PAYLOADS = Path(__file__).parent / "inbound" / "payloads"
PAID_AT = datetime(2026, 6, 1, 9, 58, tzinfo=UTC)
NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
AFTER_ALL = NOW + timedelta(days=30)
SECRET = "whsec_" + base64.b64encode(b"s" * 24).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 24).decode()
SHOP = Arrangement("shop", "https://cards.example/webhooks/vendor/shop")

Choice = Callable[[st.SearchStrategy[Any]], Any]
Headers = dict[str, str]


# What they sign.


def in_base64(secret: str, signed: bytes) -> str:
    """Return an HMAC as most of them write it."""
    return base64.b64encode(hmac.digest(secret.encode(), signed, "sha256")).decode()


def sign_shopify(body: bytes, secret: str = SECRET, *, topic: str = "orders/paid", **_: Any) -> Headers:
    """Return the headers of a delivery of Shopify's."""
    return {
        "X-Shopify-Hmac-SHA256": in_base64(secret, body),
        "X-Shopify-Topic": topic,
        "X-Shopify-Webhook-Id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
        "X-Shopify-Shop-Domain": "shop.example",
        "X-Shopify-API-Version": "2026-04",
    }


def sign_woocommerce(body: bytes, secret: str = SECRET, *, topic: str = "order.updated", **_: Any) -> Headers:
    """Return the headers of a delivery of WooCommerce's."""
    return {
        "Content-Type": "application/json",
        "X-WC-Webhook-Source": "https://shop.example/",
        "X-WC-Webhook-Topic": topic,
        "X-WC-Webhook-Signature": in_base64(secret, body),
        "X-WC-Webhook-ID": "7",
        "X-WC-Webhook-Delivery-ID": "2c38d0e6a4bb7ef3c9a3f7de45d48ad1",
    }


def sign_square(body: bytes, secret: str = SECRET, *, url: str = SHOP.url, **_: Any) -> Headers:
    """Return the headers of a delivery of Square's."""
    return {"X-Square-HmacSha256-Signature": in_base64(secret, url.encode() + body), "Square-Version": "2026-05-20"}


def sign_stripe(body: bytes, secret: str = SECRET, *, at: datetime = NOW, **_: Any) -> Headers:
    """Return the headers of a delivery of Stripe's."""
    seconds = int(at.timestamp())
    digest = hmac.digest(secret.encode(), f"{seconds}.".encode() + body, "sha256").hex()
    return {"Stripe-Signature": f"t={seconds},v1={digest},v0={digest[::-1]}"}


def sign_standard(body: bytes, secret: str = SECRET, *, at: datetime = NOW, **_: Any) -> Headers:
    """Return the headers of a Standard Webhook."""
    return standard.sign(secret, event_id="evt_1", timestamp=at, body=body)


SIGN: dict[str, Callable[..., Headers]] = {
    "standard": sign_standard,
    "shopify": sign_shopify,
    "woocommerce": sign_woocommerce,
    "square": sign_square,
    "stripe": sign_stripe,
}
SIGNATURE = {
    "standard": "webhook-signature",
    "shopify": "X-Shopify-Hmac-SHA256",
    "woocommerce": "X-WC-Webhook-Signature",
    "square": "X-Square-HmacSha256-Signature",
    "stripe": "Stripe-Signature",
}


def verify(
    dialect: str,
    headers: Headers,
    body: bytes,
    *,
    secrets: tuple[str, ...] = (SECRET,),
    now: datetime = NOW,
    arrangement: Arrangement = SHOP,
) -> Delivery:
    """Verify a delivery by that dialect."""
    return DIALECTS[dialect].verify(headers, body, secrets=secrets, arrangement=arrangement, now=now)


# What they say.


def payload(dialect: str, name: str) -> Any:
    """Return what one of the known bodies says, to be changed at will."""
    return json.loads(_bytes(dialect, name))


@cache
def _bytes(dialect: str, name: str) -> bytes:
    return (PAYLOADS / dialect / f"{name}.json").read_bytes()


def topic_of(dialect: str, name: str, said: Any) -> str:
    """Return the topic under which a body of that name is sent."""
    match dialect, name.split("_"):
        case "shopify", ["orders" | "refunds" as what, event, *_]:
            return f"{what}/{event}"
        case "shopify", [what, *rest]:
            return f"{what}/{'_'.join(rest)}"
        case "woocommerce", [what, event, *_]:
            return f"{what}.{event}"
        case _:
            return str(said["type"])


def known() -> Iterator[tuple[str, str]]:
    """Yield dialect and name of each body that is known."""
    yield from ((each.parent.name, each.stem) for each in sorted(PAYLOADS.glob("*/*.json")))


def say(
    dialect: str, name: str, said: Any = None, *, now: datetime = NOW, arrangement: Arrangement = SHOP
) -> Normalised:
    """Sign, verify and normalise a known body, or a change of it that is sent as that one is."""
    said = payload(dialect, name) if said is None else said
    body = json.dumps(said).encode()
    topic = topic_of(dialect, name, said)
    delivery = verify(dialect, SIGN[dialect](body, topic=topic, at=now), body, now=now, arrangement=arrangement)
    assert delivery.topic == topic
    return DIALECTS[dialect].normalise(delivery, body, arrangement=arrangement, now=now)


def only(normalised: Normalised) -> Said:
    """Return the one thing that is said."""
    (said,) = normalised.said
    return said


def refusal(dialect: str, name: str, said: Any) -> dict[str, str]:
    """Return the faults that a changed body is refused for, by key."""
    try:
        found = say(dialect, name, said)
    except EventRefused as error:
        return {each.key: each.message for each in error.faults}
    raise AssertionError(f"{found} was not refused")


# How an order lives.


@dataclass(frozen=True)
class News:
    """A delivery: its topic and what its body says, and when it was sent."""

    topic: str
    said: Any
    at: datetime


@dataclass
class Seller:
    """A shop system with one order; each step tells of itself. `refunds` are live ones: minor units by id."""

    dialect: str = ""
    at: datetime = PAID_AT
    sent: list[News] = field(default_factory=list)
    refunds: dict[str, int] = field(default_factory=dict)
    made: int = 0

    def live(self, choose: Choice) -> None:
        """Pay the order, and do a few things with it."""
        self.begin(choose)
        for _ in range(choose(st.integers(0, 6))):
            self.at += timedelta(minutes=1)
            getattr(self, choose(st.sampled_from(self.steps)))(choose)

    steps: tuple[str, ...] = ()

    def begin(self, _: Choice) -> None:
        """Pay the order."""
        raise NotImplementedError

    def remaining(self) -> int:
        """Return what is still paid of what is eligible, in minor units."""
        raise NotImplementedError

    def tell(self, topic: str, said: Any) -> None:
        """Send something."""
        self.sent.append(News(topic, deepcopy(said), self.at))

    def new_id(self, prefix: str) -> str:
        """Return an id that none had yet."""
        self.made += 1
        return f"{prefix}{self.made}"

    @property
    def stamp(self) -> str:
        """The time, to the second."""
        return self.at.strftime("%Y-%m-%dT%H:%M:%S")


def part_of(choose: Choice, most: int) -> int:
    """Return an amount up to the most, often all of it."""
    return most if choose(st.booleans()) else choose(st.integers(1, most))


@dataclass
class ShopifyShop(Seller):
    """A shop whose prices have a fifth of tax on them, or in them; an edit adds a line, a return may wait for money."""

    dialect: str = "shopify"
    steps: tuple[str, ...] = ("refund", "refund", "goodwill", "take_back", "pay_later", "edit", "touch", "cancel")
    tax_inside: bool = False
    order: Any = None
    net: int = 100
    eligible: int = 0
    paid_back: int = 0
    owed: int = 0

    def begin(self, choose: Choice) -> None:
        """Pay an order of a few pieces at one net, and 0.20 tax each."""
        self.tax_inside = choose(st.booleans())
        self.order = payload("shopify", "orders_paid")
        self.order |= {"line_items": [], "taxes_included": self.tax_inside, "refunds": [], "currency": "USD"}
        self._add(choose(st.integers(1, 5)))
        self._update("orders/create", financial_status="pending")
        self.at += timedelta(seconds=2)
        self._update("orders/paid", financial_status="paid")

    def refund(self, choose: Choice) -> None:
        """Take back pieces and pay for them."""
        pieces = self._pieces(choose)
        if pieces:
            self.paid_back += pieces * self.net
            self._refund([self._returned(pieces)], [], [{"currency": "USD", "amount": f"{pieces * 1.2:.2f}"}])

    def goodwill(self, choose: Choice) -> None:
        """Pay something back for nothing."""
        left = self.eligible - self.paid_back - self.owed
        if left > 0:
            minor = part_of(choose, left)
            self.paid_back += minor
            self._refund([], [self._adjustment(-minor)], [{"currency": "USD", "amount": f"{minor / 100:.2f}"}])

    def take_back(self, choose: Choice) -> None:
        """Take back pieces, and pay later."""
        pieces = self._pieces(choose)
        if pieces:
            self.owed += pieces * self.net
            self._refund([self._returned(pieces)], [self._adjustment(pieces * self.net)], [])

    def pay_later(self, _: Choice) -> None:
        """Pay for what was taken back."""
        if self.owed:
            self.paid_back, owed, self.owed = self.paid_back + self.owed, self.owed, 0
            self._refund([], [self._adjustment(-owed)], [{"currency": "USD", "amount": f"{owed / 100:.2f}"}])

    def edit(self, choose: Choice) -> None:
        """Add pieces to the order."""
        self._add(choose(st.integers(1, 3)))
        self._update("orders/updated")

    def touch(self, _: Choice) -> None:
        """Change nothing that matters."""
        self._update("orders/updated", tags="checked")

    def cancel(self, _: Choice) -> None:
        """Cancel the order; there is no way back."""
        self._update("orders/cancelled", cancelled_at=f"{self.stamp}Z")

    def remaining(self) -> int:
        """Return what is left after what was paid back."""
        return 0 if self.order["cancelled_at"] else max(self.eligible - self.paid_back, 0)

    def _pieces(self, choose: Choice) -> int:
        left = (self.eligible - self.paid_back - self.owed) // self.net
        return part_of(choose, left) if left > 0 else 0

    def _line(self, pieces: int) -> Any:
        line = deepcopy(payload("shopify", "orders_paid")["line_items"][0])
        price = "1.20" if self.tax_inside else "1.00"
        tax = {"price": f"{pieces * 0.2:.2f}", "rate": 0.2, "title": "Tax"}
        return line | {"price": price, "quantity": pieces, "tax_lines": [tax], "discount_allocations": []}

    def _add(self, pieces: int) -> None:
        self.order["line_items"].append(self._line(pieces))
        self.eligible += pieces * self.net
        self.order["total_price"] = f"{self.eligible * 1.2 / 100:.2f}"

    def _returned(self, pieces: int) -> Any:
        each = 1.2 if self.tax_inside else 1.0
        money = {"shop_money": {"amount": "0.00", "currency_code": "USD"}}
        subtotal, tax = round(pieces * each, 2), round(pieces * 0.2, 2)
        return {"subtotal": subtotal, "total_tax": tax, "subtotal_set": money, "line_item": self._line(pieces)}

    def _adjustment(self, minor: int) -> Any:
        money = {"shop_money": {"amount": "0.00", "currency_code": "USD"}}
        return {"kind": "refund_discrepancy", "amount": f"{minor / 100:.2f}", "amount_set": money}

    def _refund(self, lines: list[Any], adjustments: list[Any], transactions: list[Any]) -> None:
        refund = payload("shopify", "refunds_create") | {
            "id": 900 + len(self.order["refunds"]),
            "created_at": f"{self.stamp}Z",
            "refund_line_items": lines,
            "order_adjustments": adjustments,
            "transactions": transactions,
        }
        self.order["refunds"].append(refund)
        self.tell("refunds/create", refund)
        self._update("orders/updated", financial_status="partially_refunded")

    def _update(self, topic: str, **more: Any) -> None:
        self.order |= {"updated_at": f"{self.stamp}Z", **more}
        self.tell(topic, self.order)


@dataclass
class WooShop(Seller):
    """A shop that tells refunds as totals, and whose deleted refunds leave the order's time as it was."""

    dialect: str = "woocommerce"
    steps: tuple[str, ...] = ("refund", "refund", "delete", "hold", "go_on", "cancel", "delete")
    order: Any = None

    def begin(self, _: Choice) -> None:
        """Pay an order of 45.00, which with tax and shipping is 64.00."""
        self.order = payload("woocommerce", "order_updated")
        pending = self.order | {"status": "pending", "date_paid_gmt": None, "date_modified_gmt": self.stamp}
        self.tell("order.created", pending)
        self.order["date_paid_gmt"] = self.stamp
        self._update("processing")

    def refund(self, choose: Choice) -> None:
        """Pay a part back, or all that is left; then the order is a refunded one."""
        left = 6_400 - sum(self.refunds.values())
        if left and self.order["status"] == "processing":
            self.refunds[self.new_id("")] = part_of(choose, left)
            self._update("refunded" if sum(self.refunds.values()) == 6_400 else "processing")

    def delete(self, choose: Choice) -> None:
        """Delete a refund; of an order that was refunded in full, somebody then sets it right by hand."""
        if not self.refunds:
            return
        del self.refunds[choose(st.sampled_from(sorted(self.refunds)))]
        self._write_refunds()
        self.tell("order.updated", self.order)
        if self.order["status"] == "refunded":
            self.go_on(choose)

    def hold(self, _: Choice) -> None:
        """Doubt that the money has come."""
        self._update("on-hold")

    def go_on(self, _: Choice) -> None:
        """Believe it again."""
        self._update("processing")

    def cancel(self, _: Choice) -> None:
        """Cancel the order."""
        self._update("cancelled")

    def remaining(self) -> int:
        """Return the goods' share of what was not paid back."""
        if self.order["status"] in ("on-hold", "cancelled"):
            return 0
        back = 6_400 if self.order["status"] == "refunded" else sum(self.refunds.values())
        return 4_500 - back * 4_500 // 6_400

    def _write_refunds(self) -> None:
        self.order["refunds"] = [
            {"id": int(each), "reason": "", "total": f"-{minor / 100:.2f}"} for each, minor in self.refunds.items()
        ]

    def _update(self, status: str) -> None:
        self._write_refunds()
        self.order |= {"status": status, "date_modified_gmt": self.stamp}
        self.tell("order.updated", self.order)


@dataclass
class SquareSeller(Seller):
    """A till whose payments count refunds that are pending, until they fail."""

    dialect: str = "square"
    steps: tuple[str, ...] = ("refund", "refund", "complete", "fail", "touch")
    payment: Any = None
    telling: str = "all"
    states: dict[str, int] = field(default_factory=dict)

    def begin(self, choose: Choice) -> None:
        """Complete a payment of 42.00 and a tip of 6.00; the merchant may not have subscribed to everything."""
        self.telling = choose(st.sampled_from(("all", "payments", "refunds")))
        self.payment = payload("square", "payment_updated_completed")
        self._pay(created=True, status="APPROVED")
        self.at += timedelta(seconds=1)
        self._pay(created=True, status="COMPLETED")

    def refund(self, choose: Choice) -> None:
        """Begin to pay something back."""
        left = 4_800 - sum(self.refunds.values())
        if left:
            refund = self.new_id("R")
            self.refunds[refund] = self.states[refund] = part_of(choose, left)
            self._refund("refund.created", refund, "PENDING")
            self._pay()

    def complete(self, choose: Choice) -> None:
        """Have paid it back."""
        if self.refunds:
            self._refund("refund.updated", choose(st.sampled_from(sorted(self.refunds))), "COMPLETED")

    def fail(self, choose: Choice) -> None:
        """Have failed to."""
        if self.refunds:
            refund = choose(st.sampled_from(sorted(self.refunds)))
            del self.refunds[refund]
            self._refund("refund.updated", refund, choose(st.sampled_from(("FAILED", "REJECTED"))))
            self._pay()

    def touch(self, _: Choice) -> None:
        """Change nothing that matters."""
        self._pay()

    def remaining(self) -> int:
        """Return the part of the payment that is no tip and was not paid back."""
        return 4_200 - sum(self.refunds.values()) * 4_200 // 4_800

    def _pay(self, *, created: bool = False, **more: Any) -> None:
        payment = self.payment["data"]["object"]["payment"]
        payment |= {"updated_at": f"{self.stamp}.100Z", **more}
        payment["refunded_money"] = {"amount": sum(self.refunds.values()), "currency": "USD"}
        if created or self.telling != "refunds":
            self.tell("payment.updated", self.payment)

    def _refund(self, topic: str, refund: str, status: str) -> None:
        said = payload("square", "refund_created") | {"type": topic}
        money = {"amount": self.states[refund], "currency": "USD"}
        said["data"]["object"]["refund"] |= {
            "id": refund,
            "status": status,
            "updated_at": f"{self.stamp}.050Z",
            "amount_money": money,
        }
        if self.telling != "payments":
            self.tell(topic, said)


@dataclass
class StripeAccount(Seller):
    """An account whose charges count what was paid back, and do not tell when that fails; payers may go to the bank."""

    dialect: str = "stripe"
    steps: tuple[str, ...] = ("refund", "refund", "refund", "succeed", "fail", "dispute", "win", "lose")
    telling: str = "all"
    states: dict[str, int] = field(default_factory=dict)
    disputes: dict[str, int] = field(default_factory=dict)
    lost: int = 0

    def begin(self, choose: Choice) -> None:
        """Be paid 100.00, of which 80.40 are for goods; the merchant may not have subscribed to everything."""
        self.telling = choose(st.sampled_from(("all", "charges and failures", "refunds")))
        self._send("checkout_session_completed_unpaid")
        self.at += timedelta(seconds=1)
        self._send("checkout_session_completed", topic="checkout.session.async_payment_succeeded")

    def refund(self, choose: Choice) -> None:
        """Pay something back."""
        left = 10_000 - sum(self.refunds.values()) - sum(self.disputes.values()) - self.lost
        if left > 0:
            refund = self.new_id("re_")
            self.refunds[refund] = self.states[refund] = part_of(choose, left)
            if self.telling != "refunds":
                self._send("charge_refunded", amount_refunded=sum(self.refunds.values()))
            if self.telling != "charges and failures":
                self._refund("refund.created", refund, choose(st.sampled_from(("pending", "succeeded"))))

    def succeed(self, choose: Choice) -> None:
        """Hear that it has arrived."""
        if self.refunds and self.telling != "charges and failures":
            self._refund("refund.updated", choose(st.sampled_from(sorted(self.refunds))), "succeeded")

    def fail(self, choose: Choice) -> None:
        """Hear that it has come back."""
        if self.refunds:
            refund = choose(st.sampled_from(sorted(self.refunds)))
            del self.refunds[refund]
            self._refund("refund.failed", refund, choose(st.sampled_from(("failed", "canceled"))))

    def dispute(self, choose: Choice) -> None:
        """Lose an amount to a payer's bank for now."""
        left = 10_000 - sum(self.refunds.values()) - sum(self.disputes.values()) - self.lost
        if left > 0:
            dispute = self.new_id("du_")
            self.disputes[dispute] = self.states[dispute] = part_of(choose, left)
            self._dispute("charge.dispute.created", dispute, "needs_response")
            self._dispute("charge.dispute.funds_withdrawn", dispute, "needs_response")

    def win(self, choose: Choice) -> None:
        """Have it given back."""
        if self.disputes:
            dispute = choose(st.sampled_from(sorted(self.disputes)))
            del self.disputes[dispute]
            self._dispute("charge.dispute.closed", dispute, "won")

    def lose(self, choose: Choice) -> None:
        """Lose it for good."""
        if self.disputes:
            dispute = choose(st.sampled_from(sorted(self.disputes)))
            self.lost += self.disputes.pop(dispute)
            self._dispute("charge.dispute.closed", dispute, "lost")

    def remaining(self) -> int:
        """Return the goods' share of what was neither paid back nor lost."""
        back, gone = sum(self.refunds.values()), sum(self.disputes.values()) + self.lost
        return max(8_040 - back * 8_040 // 10_000 - gone * 8_040 // 10_000, 0)

    def _refund(self, topic: str, refund: str, status: str) -> None:
        self._send("refund_created", topic=topic, id=refund, status=status, amount=self.states[refund])

    def _dispute(self, topic: str, dispute: str, status: str) -> None:
        self._send("charge_dispute_created", topic=topic, id=dispute, status=status, amount=self.states[dispute])

    def _send(self, name: str, *, topic: str | None = None, **more: Any) -> None:
        said = payload("stripe", name)
        said["data"]["object"] |= more
        said |= {"created": int(self.at.timestamp()), "type": topic or said["type"]}
        self.tell(said["type"], said)


SELLERS: dict[str, type[Seller]] = {
    "shopify": ShopifyShop,
    "woocommerce": WooShop,
    "square": SquareSeller,
    "stripe": StripeAccount,
}


def facts_of(dialect: str, news: News) -> tuple[Said, ...]:
    """Return what a delivery says of the order, heard long after."""
    body = json.dumps(news.said).encode()
    return DIALECTS[dialect].normalise(Delivery(news.topic), body, arrangement=SHOP, now=AFTER_ALL).said


def fold(said: Iterator[Said] | list[Said]) -> Order:
    """Return the order after all that was said of it, in that order."""
    order = Order("o", 1)
    for each in said:
        order = told(order, each.fact, at=each.occurred_at)  # type: ignore[arg-type]
    return order
