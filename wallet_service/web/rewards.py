"""The rewards of a programme as a member reads them: what lies ready, what can be had, and why the rest cannot."""

from dataclasses import dataclass
from datetime import timedelta

from wallet_service.domain import drawing
from wallet_service.domain.drawing import Case
from wallet_service.domain.period import local_day
from wallet_service.domain.redeeming import Why
from wallet_service.usecases.catalogue import Choice
from wallet_service.usecases.redeem import WITHOUT_CODE, Listed

MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Ready:
    """A reward that was taken and not used yet."""

    id: str
    name: str
    until: str | None
    has_code: bool


@dataclass(frozen=True, slots=True)
class Offered:
    """A reward that the programme has, what it costs, and everything that keeps the member from it."""

    name: str
    cost: str | None
    whys: tuple[str, ...]


@dataclass(frozen=True)
class Shelf:
    """Whoever looks at rewards: the programme and the member's standing, and the page's words in a language."""

    case: Case
    words: dict[str, str]

    def taken(self, listed: Listed) -> Ready:
        """Return what lies ready."""
        until, zone = listed.valid_until, self.case.program.zone
        day = self.case.words.date(local_day(until - MOMENT, zone)) if until else None  # the moment itself is too late
        return Ready(listed.redemption, self._name(listed.reward), day, listed.kind not in WITHOUT_CODE)

    def offered(self, choice: Choice) -> Offered:
        """Return what the programme offers."""
        cost = drawing.said(self.case, choice.cost) if choice.cost is not None else None
        return Offered(self._name(choice.reward), cost, tuple(self._why(each) for each in choice.whys))

    def _name(self, code: str) -> str:
        reward = self.case.program.reward_of(code)
        return self.case.words.name("reward", code, reward.name if reward else None)

    def _why(self, why: Why) -> str:
        points = drawing.said(self.case, why.points) if why.points is not None else ""
        tier = drawing.tier_name(self.case.program, self.case.words, why.tier)
        return self.words[f"why_{why.reason}"].format(points=points, tier=tier)
