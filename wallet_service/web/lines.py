"""The lines of a statement as a member reads them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from functools import cached_property

from wallet_service.domain import drawing
from wallet_service.domain.drawing import Case
from wallet_service.domain.entry_words import ENTRY_WORDS
from wallet_service.domain.expiry import NEVER
from wallet_service.domain.period import local_day
from wallet_service.terms import because, uncounted
from wallet_service.terms.telling import Telling
from wallet_service.usecases.statement import Line, LotNow, Move

STATES = ("now", "not_yet", "aside")


@dataclass(frozen=True, slots=True)
class Row:
    """A line: when (for people, and as ISO 8601), what happened, why, for which order, and what it moved in lots.

    `beside` is what it did to points that cannot be spent, `kind` how the change looks: "in", "out" or "none".
    """

    day: str
    iso_day: str
    what: str
    why: tuple[str, ...]
    order: str | None
    lots: tuple[str, ...]
    points: str
    beside: tuple[str, ...]
    balance: str
    kind: str


@dataclass(frozen=True, slots=True)
class Left:
    """Points that can be spent alike: how many, from when on, and until when."""

    points: str
    when: str
    until: str


@dataclass(frozen=True)
class Reader:
    """Whoever reads a statement: the member's programme and standing, the terms and the page's words in a language."""

    case: Case
    telling: Telling
    words: dict[str, str]

    def row(self, line: Line) -> Row:
        """Return a line as it is read."""
        day = local_day(line.at, self.case.program.zone)
        whole = sum((Fraction(each.points) for each in line.parts), Fraction(0)) // 1
        # Of a part of an award, or of one that was capped, the shares would not add up.
        adds_up = line.type == "earn" and whole == line.points + line.pending
        lost = [(each.code, each.reason) for each in line.refused]
        shares = [(each.code, each.kind, each.points) for each in line.parts] if adds_up else []
        return Row(
            day=self.case.words.short_date(day),
            iso_day=day.isoformat(),
            what=self.case.words.name("entry", line.type, self._entries.get(line.type)),
            why=because(self.telling, line.type, line.rule, shares) + uncounted(self.telling, lost),
            order=line.order_id,
            lots=tuple(filter(None, map(self._lot, line.lots))),
            points=drawing.signed(self.case, line.points),
            beside=tuple(
                f"{self.words[name]}: {drawing.signed(self.case, points)}"
                for name, points in (("pending", line.pending), ("held", line.held))
                if points
            ),
            balance=drawing.figure(self.case, line.balance),
            kind="in" if line.points > 0 else "out" if line.points < 0 else "none",
        )

    def left(self, lots: Iterable[LotNow]) -> list[Left]:
        """Return what is left, soonest to die first; lots of which all is alike are one."""
        found: dict[tuple[date, str, datetime | None], int] = {}
        for each in lots:
            last = each.dies_on or date.max
            for state, points, waits_until in (
                ("now", each.available, None),
                ("not_yet", each.pending, each.waits_until),
                ("aside", each.held, None),
            ):
                if points:
                    key = (last, state, waits_until)
                    found[key] = found.get(key, 0) + points
        ordered = sorted(found.items(), key=lambda each: (each[0][0], STATES.index(each[0][1]), each[0][2] or NEVER))
        return [
            Left(
                points=drawing.said(self.case, points),
                when=self._from(waits_until) if waits_until else self.words[state],
                until=self.words["no_end"] if last == date.max else self.case.words.short_date(last),
            )
            for (last, state, waits_until), points in ordered
        ]

    @cached_property
    def _entries(self) -> dict[str, str]:
        """What the language calls kinds of transactions, where the template speaks another."""
        return {str(kind): said for kind, said in ENTRY_WORDS[self.telling.tongue.language].items()}

    def _from(self, moment: datetime) -> str:
        day = local_day(moment, self.case.program.zone)
        return self.words["from"].format(date=self.case.words.short_date(day))

    def _lot(self, move: Move) -> str | None:
        """Return what was moved in a lot that dies some day: what can be spent of it counts before what cannot."""
        points = move.available or move.pending or move.held
        if not points or move.dies_on is None:
            return None
        day = self.case.words.short_date(move.dies_on)
        return self.words["valid"].format(points=drawing.signed(self.case, points), date=day)
