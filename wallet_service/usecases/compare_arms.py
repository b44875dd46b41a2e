"""How the arms of an experiment compare: whom each has, who has met it, and what they have done since."""

from collections import Counter
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from sqlalchemy import Connection

from wallet_service.domain.errors import UnknownExperiment
from wallet_service.domain.experiment import arm_of, measured
from wallet_service.domain.period import local_day
from wallet_service.domain.program import Program
from wallet_service.domain.program.reward_tables import HOLDOUT
from wallet_service.domain.program.values import exact
from wallet_service.storage import experiments


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm, or the holdout, which nobody meets: `value` is what was `counted` for each of those `among` whom it was.

    Money is counted in minor units. `value` is None where there is nobody.
    """

    arm: str
    members: int
    met: int | None
    counted: int
    among: int
    value: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The arms by the metric since the day on which the first member met one; None where nobody has yet."""

    experiment: str
    metric: str
    since: date | None
    arms: tuple[Arm, ...]


def compare_arms(tx: Connection, program: Program, program_id: int, experiment: str) -> Comparison:
    """Return how the arms compare by all members who fall into them, whether they met theirs or not.

    Whoever has met an arm came further than others already: to compare those alone with the holdout would flatter it.
    Raises `UnknownExperiment`, and `UnknownMetric` for rules of an earlier release.
    """
    found = next((each for each in program.experiment if each.code == experiment), None)
    if found is None:
        raise UnknownExperiment(experiment, [each.code for each in program.experiment])
    name = f"{program.program.code}/{experiment}"
    begun_at = experiments.begun_at(tx, name)
    since = local_day(begun_at, program.zone) if begun_at else None
    members: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    among: Counter[str] = Counter()
    for public_id, done in experiments.done_since(tx, program_id, since or date.max):
        arm = arm_of(found, public_id)
        amount, counts = measured(found, done)
        members[arm] += 1
        counted[arm] += amount
        among[arm] += counts
    met = experiments.exposed(tx, name)
    arms = tuple(
        Arm(
            arm,
            members[arm],
            None if arm == HOLDOUT else met.get(arm, 0),
            counted[arm],
            among[arm],
            exact(Fraction(counted[arm], among[arm])) if among[arm] else None,
        )
        for arm in (*found.arms, HOLDOUT)
    )
    return Comparison(experiment, found.metric, since, arms)
