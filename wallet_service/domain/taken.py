"""What the evaluation of an order took, so that a later one of the same order takes only the difference."""

from collections import Counter

from msgspec import Struct, structs

from wallet_service.domain.award import Award
from wallet_service.domain.campaigns import Budget, Budgets
from wallet_service.domain.limits import Usage

Pairs = tuple[tuple[str, str], ...]


class Taken(Struct, frozen=True):
    """What an evaluation took: `uses` of limits, points `spent` of campaigns' budgets, and `marks` of challenges.

    All are as an award has them; `segments` are those that the member was in. `idle` says that the order does not count
    as one for the time being, and has given its uses back.
    """

    segments: tuple[str, ...] = ()
    uses: Pairs = ()
    spent: tuple[tuple[str, int], ...] = ()
    marks: Pairs = ()
    idle: bool = False

    def laid_back(self, usage: Usage, budgets: Budgets) -> tuple[Usage, Budgets]:
        """Return how often everything was used, and what is left of budgets, as if this had not been taken."""
        if not (self.uses or self.spent):
            return usage, budgets
        own, spent = Counter(self._used), dict(self.spent)
        return (
            {key: count - own[key] for key, count in usage.items()},
            {code: _more(left, spent[code]) if code in spent else left for code, left in budgets.items()},
        )

    def more_uses(self, before: "Taken") -> Pairs:
        """Return the uses that this takes and the one `before` did not; the other way round, those that come back."""
        return tuple((Counter(self._used) - Counter(before._used)).elements())

    def more_spent(self, before: "Taken") -> dict[str, tuple[int, int]]:
        """Return the points and claims of each campaign that this takes beyond `before`, below 0 where they return."""
        now, then = dict(self.spent), dict(before.spent)
        return {
            code: (now.get(code, 0) - then.get(code, 0), (code in now) - (code in then))
            for code in now | then
            if now.get(code) != then.get(code)
        }

    def followed_by(self, award: Award, segments: frozenset[str]) -> "Taken":
        """Return what is taken after the award took the place of what this was taken for; marks are not looked at."""
        return structs.replace(self, segments=tuple(sorted(segments)), uses=award.uses, spent=award.spent)

    def lost(self, marks: Pairs) -> Pairs:
        """Return those of its marks that are none of these."""
        return tuple(each for each in self.marks if each not in marks)

    def new(self, before: "Taken") -> Pairs:
        """Return the marks that `before` did not have."""
        return self.lost(before.marks)

    @property
    def _used(self) -> Pairs:
        return () if self.idle else self.uses


UNTAKEN = Taken()


def taken_by(award: Award) -> Taken:
    """Return what an award takes that belongs to no order."""
    return Taken(uses=award.uses, spent=award.spent)


def _more(left: Budget, points: int) -> Budget:
    return Budget(
        None if left.points is None else left.points + points, None if left.claims is None else left.claims + 1
    )
