"""What an order would earn, and how less could be paid for it, before it is paid."""

from typing import Literal

from wallet_service.domain.errors import OperationRefused, ProgramNotNamed, UnknownMember, UnknownProgram
from wallet_service.domain.purchase import Purchase
from wallet_service.usecases.operate import refused
from wallet_service.usecases.quote import quote
from wallet_service.usecases.reach import program_of_customer
from wallet_service.web.api import samples
from wallet_service.web.api.basket import Basket
from wallet_service.web.api.call import Call
from wallet_service.web.api.model import Code, MemberName, Model, ProgramCode
from wallet_service.web.api.points import Part, Uncounted
from wallet_service.web.api.rewards import WhyNot, reason_of
from wallet_service.web.api.routes import Example, Resource

QUOTES = Resource("Quotes", "What an order would come to, by the same rules that count once it is paid.")

ORDER = "quote"


class QuoteWanted(Model):
    """Who buys what."""

    member: MemberName
    program: ProgramCode | None = None
    order: Basket
    partner: Code | None = None


class Discount(Model):
    """A way to pay `minor` less: a benefit of the tier, or a reward that costs `points`; or why it cannot be had."""

    kind: Literal["benefit", "reward"]
    code: str
    minor: int
    points: int
    available: bool
    reasons: tuple[WhyNot, ...]


class Quote(Model):
    """What the order would come to, if it were paid now.

    It would earn `points` by the `parts` of rules and campaigns, of which `pending` would wait, and leave the member
    with `balance` and `tier`. `best` names the discount that takes most off.
    """

    member_id: str
    points: int
    pending: int
    parts: tuple[Part, ...]
    refused: tuple[Uncounted, ...]
    balance: int
    tier: str | None
    discounts: tuple[Discount, ...]
    best: str | None


@QUOTES.ask(
    "/quotes",
    scope="points:read",
    problems=(OperationRefused, ProgramNotNamed, UnknownMember, UnknownProgram),
    example=Example(
        body={
            "member": {"card_code": samples.CARD_CODE},
            "order": {"lines": [{"sku": "CREAM-50", "net_minor": 2700}, {"sku": "SOAP-2", "net_minor": 1500}]},
        }
    ),
)
def quote_order(call: Call, *, body: QuoteWanted) -> Quote:
    """Tell what an order would earn, and which ways there are to pay less for it; nothing is kept."""
    customer, order = body.member.customer(), body.order
    with call.service.read() as tx:
        opened = program_of_customer(tx, call.merchant_id, customer, body.program)
    program = call.program(opened)
    if body.partner is not None and program.template.program.partner_of(body.partner) is None:
        raise refused("partner", f"{body.partner!r} is no partner of the programme")
    purchase = Purchase(
        ORDER,
        call.now,
        order.earning,
        tuple(each.noun() for each in order.lines),
        order.tax_minor,
        order.total_minor,
        body.partner,
        order.location,
    )
    with call.service.trial() as trial:
        told = quote(trial, program=program, customer=customer, purchase=purchase, now=call.now)
    return Quote(
        member_id=told.member_id,
        points=told.points,
        pending=told.pending,
        parts=tuple(Part.model_validate(each, from_attributes=True) for each in told.parts),
        refused=tuple(Uncounted.model_validate(each, from_attributes=True) for each in told.refused),
        balance=told.balance,
        tier=told.tier,
        discounts=tuple(
            Discount(
                kind=each.kind,
                code=each.code,
                minor=each.minor,
                points=each.points,
                available=each.available,
                reasons=tuple(reason_of(why) for why in each.whys),
            )
            for each in told.discounts
        ),
        best=told.best,
    )
