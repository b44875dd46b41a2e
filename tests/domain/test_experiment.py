"""Arms of an experiment: the same member always falls into the same one, and all of them as the shares say."""

import math
from collections import Counter
from fractions import Fraction

import pytest

from wallet_service.domain.errors import UnknownMetric
from wallet_service.domain.experiment import HOLDOUT, arm_of, measured
from wallet_service.domain.program.reward_tables import Experiment
from wallet_service.domain.qualifying import Amounts

MEMBERS = [f"mem_{number:020}" for number in range(10_000)]


def experiment(code: str, holdout: str, **arms: str) -> Experiment:
    """Return an experiment with these shares."""
    return Experiment.model_validate({"code": code, "holdout": holdout, "arms": arms, "metric": "repeat_purchase_rate"})


@pytest.mark.parametrize(
    ("holdout", "arms"),
    [("0.10", {"discount": "0.45", "shipping": "0.45"}), ("0", {"a": "0.5", "b": "0.5"}), ("0.9", {"rare": "0.1"})],
)
def test_ten_thousand_members_fall_as_the_shares_say(holdout: str, arms: dict[str, str]) -> None:
    """Each arm is within three standard deviations of its share."""
    found = Counter(arm_of(experiment("offer", holdout, **arms), each) for each in MEMBERS)
    for arm, share in {HOLDOUT: holdout, **arms}.items():
        wanted = Fraction(share)
        expected, sigma = 10_000 * wanted, math.sqrt(10_000 * wanted * (1 - wanted))
        assert abs(found[arm] - expected) <= 3 * sigma


def test_a_metric_that_was_published_once_cannot_be_measured() -> None:
    """Rules of an earlier release stay readable, and who asks for their metric is told which there are."""
    table = {"code": "x", "holdout": "0.5", "arms": {"a": "0.5"}, "metric": "happiness"}
    with pytest.raises(UnknownMetric, match="one of points_earned, spend"):
        measured(Experiment.model_validate(table), Amounts())


def test_experiments_do_not_follow_each_other() -> None:
    """Who is in an arm of one is spread over the arms of another as everybody else."""
    one, two = (experiment(code, "0", a="0.5", b="0.5") for code in ("one", "two"))
    both = Counter((arm_of(one, each), arm_of(two, each)) for each in MEMBERS)
    assert all(abs(count - 2500) <= 3 * math.sqrt(10_000 * 0.25 * 0.75) for count in both.values())
    assert len(both) == 4


def test_a_member_stays_where_it_fell() -> None:
    """The arm follows from code and id alone; these are kept here for ever."""
    offer = experiment("offer", "0.1", a="0.45", b="0.45")
    assert [arm_of(offer, f"mem_{number}") for number in range(6)] == ["b", "a", "holdout", "b", "a", "a"]
