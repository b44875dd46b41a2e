"""Meeting an experiment is noted once, and only by those who are treated otherwise for it."""

from collections import Counter
from collections.abc import Callable

import pytest
from town import Town, rules

from wallet_service.domain.errors import UnknownExperiment
from wallet_service.domain.experiment import HOLDOUT
from wallet_service.storage import experiments
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
