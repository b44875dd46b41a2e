"""Rewards and benefits as they lie before a member."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from wallet_service.domain.errors import UnknownMember
from wallet_service.domain.event import Customer
from wallet_service.domain.program.earning_tables import MatchTable
from wallet_service.domain.redeeming import Why
from wallet_service.domain.template import Template
from wallet_service.usecases.catalogue import Choice, catalogue
from wallet_service.usecases.look_up import Entitlement, entitlements
from wallet_service.usecases.operate import OpenProgram
from wallet_service.usecases.reach import member_of
from wallet_service.web.api import samples
from wallet_service.web.api.call import Call
from wallet_service.web.api.model import Digits, InLanguage, MemberPath, Model
from wallet_service.web.api.routes import Example, Resource
from wallet_service.wiring import Found

REWARDS = Resource("Rewards", "What a member can have for points, and what comes with the tier.")


class WhyNot(Model):
    """A reason why a member cannot have a reward now: `points` are missing, needed or the most; `tier` is needed."""

    reason: str
    points: int | None
    tier: str | None
    message: str


class RewardNow(Model):
    """A reward, and whether the member can have it now; if not, every reason is told.

    `value` is in minor units, or in hundredths of a per cent where it is a percentage. Of one without a fixed `cost`,
    up to `most_points` can be spent now, which are worth `most_minor`. `left` is how many there are, null without end.
    """

    code: str
    kind: str
    name: str
    cost: int | None
    value: int | None
    available: bool
    reasons: tuple[WhyNot, ...]
    min_tier: str | None
    left: int | None
    most_points: int | None
    most_minor: int | None


class Rewards(Model):
    """All rewards of the programme, in its order."""

    data: tuple[RewardNow, ...]


class Goods(Model):
    """Lines of an order, by any of these SKUs or tags."""

    skus: tuple[str, ...]
    tags: tuple[str, ...]


class Benefit(Model):
    """A standing benefit of the tier; `value` in minor units, or hundredths of a per cent for a percentage.

    It is for what `match` names, if that is there, and not for what `exclude` names; `lead` is by how much earlier
    than others (ISO 8601). One that the programme only names is of the kind `other`.
    """

    code: str
    kind: str
    name: str
    value: int | None
    match: Goods | None
    exclude: Goods | None
    lead: str | None


class Entitlements(Model):
    """What a member is entitled to by the tier."""

    tier: str | None
    data: tuple[Benefit, ...]


class ForAnOrder(InLanguage):
    """Which order the points would pay a part of."""

    order_minor: Annotated[
        int | None, Field(ge=0, le=10**11, description="The order to be paid, in minor units."), Digits
    ] = None


@REWARDS.get(
    "/members/{member_id}/rewards",
    scope="points:read",
    problems=(UnknownMember,),
    example=Example(path={"member_id": samples.MEMBER}, query={"order_minor": "4200"}),
)
def list_rewards(call: Call, *, path: MemberPath, query: ForAnOrder) -> Rewards:
    """List all rewards: which of them a member can have now, and why not the others."""
    found, program = _settled(call, path)
    customer = Customer(member_id=found.member.public_id)
    with call.service.snapshot() as tx:
        choices = catalogue(tx, program=program, customer=customer, order_minor=query.order_minor, now=call.now)
    return Rewards(data=tuple(rewards_of(choices, program.template, query.language)))


@REWARDS.get(
    "/members/{member_id}/entitlements",
    scope="points:read",
    problems=(UnknownMember,),
    example=Example(path={"member_id": samples.MEMBER}),
)
def list_entitlements(call: Call, *, path: MemberPath, query: InLanguage) -> Entitlements:
    """List what comes with a member's tier, as a shop's programs can act on it."""
    found, program = _settled(call, path)
    rank = found.member.position.rank
    tier = rank.tier if rank else None
    return Entitlements(
        tier=tier, data=tuple(benefits_of(entitlements(program, tier), program.template, query.language))
    )


def rewards_of(choices: Iterable[Choice], template: Template, language: str) -> Iterable[RewardNow]:
    """Yield rewards as the language calls them."""
    for each in choices:
        yield RewardNow(
            code=each.reward,
            kind=each.kind,
            name=name_of(template, "reward", each.reward, each.name, language),
            cost=each.cost,
            value=each.value,
            available=each.available,
            reasons=tuple(reason_of(why) for why in each.whys),
            min_tier=each.min_tier,
            left=each.left,
            most_points=each.most_points,
            most_minor=each.most_minor,
        )


def benefits_of(found: Iterable[Entitlement], template: Template, language: str) -> Iterable[Benefit]:
    """Yield benefits as the language calls them."""
    for each in found:
        name = name_of(template, "benefit", each.code, each.name, language)
        yield Benefit(
            code=each.code,
            kind=each.kind,
            name=name,
            value=each.value,
            match=_goods(each.match),
            exclude=_goods(each.exclude),
            lead=str(each.lead) if each.lead else None,
        )


def _goods(named: MatchTable | None) -> Goods | None:
    return Goods(skus=named.skus, tags=named.tags) if named else None


def reason_of(why: Why) -> WhyNot:
    """Return a reason as it is told."""
    return WhyNot(reason=why.reason, points=why.points, tier=why.tier, message=str(why))


def name_of(template: Template, table: str, code: str, otherwise: str | None, language: str) -> str:
    """Return what the language calls something of the programme, as far as it has names in it."""
    words = template.words.get(language)
    return words.name(table, code, otherwise) if words else otherwise or code


def _settled(call: Call, path: MemberPath) -> tuple[Found, OpenProgram]:
    with call.service.read() as tx:
        found = member_of(tx, call.merchant_id, path.member_id)
    found = call.service.settled(found)
    return found, OpenProgram(found.program_id, call.service.in_force.of_card(found), call.service.vault)
