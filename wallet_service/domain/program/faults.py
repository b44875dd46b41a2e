"""The linter of programmes: faults, for which a programme is refused, and advice, with which it is published."""

from collections.abc import Iterator

from wallet_service.domain.errors import Fault
from wallet_service.domain.program import Program, earning_faults, reach, reward_faults, simplicity, tier_faults

RULES = (
    earning_faults.currency,
    earning_faults.unit,
    earning_faults.balance,
    earning_faults.rules,
    earning_faults.campaigns,
    tier_faults.tiers,
    tier_faults.membership,
    tier_faults.benefits,
    reward_faults.rewards,
    reward_faults.partners,
    reward_faults.triggers,
    reward_faults.referral,
    reward_faults.experiments,
    reward_faults.segments,
)


def faults(program: Program, place: str) -> Iterator[Fault]:
    """Yield what no single key shows: what contradicts itself, names nothing, or could never be carried out."""
    for rule in RULES:
        for key, message in rule(program):
            yield Fault(place, key, message)


def advice(program: Program, place: str, *, order_minor: int | None = None) -> Iterator[Fault]:
    """Yield what can be carried out, and still is hardly meant, too much to explain, or worth too little or too much.

    `order_minor` is the shop's median order in minor units; what is usual in the programme's currency if not given.
    """
    for key, message in (*simplicity.advice(program), *reach.advice(program, order_minor)):
        yield Fault(place, key, message)
