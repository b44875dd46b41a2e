"""Which arm of an experiment a member falls into: by a hash, always the same, and nothing has to be kept for it."""

import hashlib
from fractions import Fraction

from wallet_service.domain.errors import UnknownMetric
from wallet_service.domain.program.reward_tables import HOLDOUT, METRICS, Experiment
from wallet_service.domain.qualifying import Amounts

BITS = 64


def arm_of(experiment: Experiment, member_id: str) -> str:
    """Return the arm of a member by our public id, or `HOLDOUT`; the shares lie side by side in the file's order."""
    digest = hashlib.sha256(f"{experiment.code}\0{member_id}".encode()).digest()
    point = Fraction(int.from_bytes(digest[: BITS // 8]), 2**BITS)
    end = experiment.holdout
    if point < end:
        return HOLDOUT
    for arm, share in experiment.arms.items():
        end += share
        if point < end:
            return arm
    return HOLDOUT  # shares that make less than the whole leave the rest alone


def measured(experiment: Experiment, done: Amounts) -> tuple[int, int]:
    """Return what a member's deeds count in the experiment's metric, and 1 if the member is one of whom it is asked.

    Raises `UnknownMetric` for a version that was published when any word was taken.
    """
    match experiment.metric:
        case "points_earned":
            return done.points, 1
        case "spend":
            return done.spend, 1
        case "orders":
            return done.orders, 1
        case "repeat_purchase_rate":
            return int(done.orders > 1), int(done.orders > 0)
        case _:
            raise UnknownMetric(experiment.metric, METRICS)
