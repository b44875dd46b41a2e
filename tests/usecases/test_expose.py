"""Meeting an experiment is noted once, and only by those who are treated otherwise for it; arms are compared by all."""

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction

import pytest
from town import Town, rules

from wallet_service.domain.errors import UnknownExperiment
from wallet_service.domain.experiment import HOLDOUT, arm_of
from wallet_service.domain.program.values import exact
from wallet_service.storage import experiments
from wallet_service.usecases.compare_arms import compare_arms
from wallet_service.usecases.expose import expose

EXPERIMENT = """
    [[experiment]]
    code = "offer"
    holdout = "0.5"
    arms = { a = "0.25", b = "0.25" }
    metric = "repeat_purchase_rate"
"""


def test_only_who_meets_an_arm_is_noted(town: Callable[[str], Town]) -> None:
    """Each member once, whatever how often, with the arm; of the holdout and of an unknown experiment nothing."""
    here = town(rules(more=EXPERIMENT))
    program = here.service.in_force.of_source(here.source).program
    met: Counter[str] = Counter()
    for number in range(12):
        here.enrol(f"c{number}")
        for _ in range(2):
            with here.service.begin() as tx:
                arm = expose(tx, program, here.member(f"c{number}"), "offer", now=here.clock.now)
                with pytest.raises(UnknownExperiment, match="offer"):
                    expose(tx, program, here.member(f"c{number}"), "none", now=here.clock.now)
        met[str(arm)] += 1
    met.pop(HOLDOUT, None)
    with here.service.read() as tx:
        assert experiments.exposed(tx, "points/offer") == dict(met)


@pytest.mark.parametrize(
    ("metric", "counted", "values"),
    [
        ("points_earned", (90, 30), None),
        ("spend", (9000, 3000), None),
        ("orders", (6, 3), None),
        ("repeat_purchase_rate", (3, 0), ("1", "0", None)),
    ],
)
def test_arms_are_compared_by_all_who_fall_into_them(
    town: Callable[[str], Town], metric: str, counted: tuple[int, int], values: tuple[str | None, ...] | None
) -> None:
    """What was done before anybody met an arm counts nowhere, and whoever met none counts like the others."""
    here = town(rules(more=EXPERIMENT.replace("repeat_purchase_rate", metric)))
    program, program_id = here.service.in_force.of_source(here.source).program, here.source.program_id
    fallen: dict[str, list[str]] = {"a": [], "b": [], HOLDOUT: []}
    while min(map(len, fallen.values())) < 3:
        customer = f"c{sum(map(len, fallen.values()))}"
        fallen[arm_of(program.experiment[0], str(here.enrol(customer)["member_id"]))].append(customer)
    here.buy(50_000, order="early", customer=fallen["a"][0])
    with here.service.begin() as tx:
        found = compare_arms(tx, program, program_id, "offer")
        assert (found.since, [each.counted for each in found.arms]) == (None, [0, 0, 0])
    here.clock.now += timedelta(days=1)
    with here.service.begin() as tx:
        expose(tx, program, here.member(fallen["a"][0]), "offer", now=here.clock.now)
    for arm, times in (("a", 2), ("b", 1)):
        for customer in fallen[arm][:3]:
            for time in range(times):
                here.buy(500 + 500 * times, order=f"{customer} {time}", customer=customer)
    with here.service.begin() as tx:
        found = compare_arms(tx, program, program_id, "offer")
        with pytest.raises(UnknownExperiment, match="offer"):
            compare_arms(tx, program, program_id, "none")
    by_arm = {each.arm: each for each in found.arms}
    assert (list(by_arm), found.since, found.metric) == (["a", "b", HOLDOUT], date(2026, 6, 2), metric)
    assert [by_arm[arm].members for arm in fallen] == [len(each) for each in fallen.values()]
    assert (by_arm["a"].met, by_arm["b"].met, by_arm[HOLDOUT].met) == (1, 0, None)
    assert (by_arm["a"].counted, by_arm["b"].counted, by_arm[HOLDOUT].counted) == (*counted, 0)
    share = [exact(Fraction(each.counted, each.members)) for each in found.arms]
    assert [each.value for each in found.arms] == list(values or share)  # of all, or of those alone who ordered
