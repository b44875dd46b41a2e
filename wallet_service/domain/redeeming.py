"""What a member can have for points, and why not."""

from wallet_service.domain.program import Program
from wallet_service.domain.program.reward_tables import Reward


def takeable(program: Program, *, available: int, tier: str | None) -> tuple[str, ...]:
    """Return the codes of the rewards that somebody with that balance and tier could choose now, stock aside."""
    return tuple(
        each.code
        for each in program.reward
        if each.cost is not None and not each.auto and each.cost <= available and reached(program, each, tier)
    )


def reached(program: Program, reward: Reward, tier: str | None) -> bool:
    """Whether the tier is high enough for the reward."""
    return reward.min_tier is None or program.rank(tier) >= program.rank(reward.min_tier)
