"""What the evaluation of an order took, so that a later one of the same order takes only the difference."""

from collections import Counter

from msgspec import Struct

from wallet_service.domain.award import Award
from wallet_service.domain.campaigns import Budget, Budgets
from wallet_service.domain.limits import Usage

Pairs = tuple[tuple[str, str], ...]


class Taken(Struct, frozen=True):
    """What an evaluation took: `uses` of limits, points `spent` of campaigns' budgets, and `marks` of challenges.

    All are as an award has them; `segments` are those that the member was in.
    """

    segments: tuple[str, ...] = ()
    uses: Pairs = ()
    spent: tuple[tuple[str, int], ...] = ()
    marks: Pairs = ()

    def laid_back(self, usage: Usage, budgets: Budgets) -> tuple[Usage, Budgets]:
        """Return how often everything was used, and what is left of budgets, as if this had not been taken."""
        if not (self.uses or self.spent):
            return usage, budgets
        own, spent = Counter(self.uses), dict(self.spent)
        return (
            {key: count - own[key] for key, count in usage.items()},
            {code: _more(left, spent[code]) if code in spent else left for code, left in budgets.items()},
        )

    def more_uses(self, award: Award) -> Pairs:
        """Return the uses that the award takes beyond this; none returns: they are rows that are only added to."""
        return tuple((Counter(award.uses) - Counter(self.uses)).elements()) if self.uses else award.uses

    def more_spent(self, award: Award) -> dict[str, tuple[int, int]]:
        """Return the points and claims that the award takes of each campaign beyond this, below 0 where they return."""
        now, then = dict(award.spent), dict(self.spent)
        return {
            code: (now.get(code, 0) - then.get(code, 0), (code in now) - (code in then))
            for code in now | then
            if now.get(code) != then.get(code)
        }

    def followed_by(self, award: Award, marks: Pairs, segments: frozenset[str]) -> "Taken":
        """Return what is taken after the award took the place of what this was taken for."""
        uses = (*self.uses, *self.more_uses(award))
        return Taken(tuple(sorted(segments)), uses, award.spent, (*self.marks, *marks))


UNTAKEN = Taken()


def _more(left: Budget, points: int) -> Budget:
    return Budget(
        None if left.points is None else left.points + points, None if left.claims is None else left.claims + 1
    )
