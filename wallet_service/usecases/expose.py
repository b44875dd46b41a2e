"""A member meets an experiment."""

from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.errors import UnknownExperiment
from wallet_service.domain.experiment import arm_of
from wallet_service.domain.member import Membership
from wallet_service.domain.program import Program
from wallet_service.domain.program.reward_tables import HOLDOUT
from wallet_service.storage import experiments


def expose(tx: Connection, program: Program, member: Membership, experiment: str, *, now: datetime) -> str:
    """Return the arm to treat the member by, and note that it is.

    Called only where the arm makes the difference, just then: who never gets there was never exposed. The holdout is
    treated as if there were no experiment, so nothing is noted of it. Raises `UnknownExperiment`.
    """
    found = next((each for each in program.experiment if each.code == experiment), None)
    if found is None:
        raise UnknownExperiment(experiment, [each.code for each in program.experiment])
    arm = arm_of(found, member.public_id)
    if arm != HOLDOUT:
        experiments.expose(tx, f"{program.program.code}/{experiment}", member.id, arm, now=now)
    return arm
