"""What every section needs: the programme, a language, and what the programme's own things are called in it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from wallet_service.domain.program import Program
from wallet_service.domain.program.earning_tables import LimitTable, MatchTable
from wallet_service.domain.program.reward_tables import Reward
from wallet_service.terms.section import Section
from wallet_service.terms.tongue import LEAP_YEAR, MINUS, TIMES, Tongue
from wallet_service.terms.vocabulary import Vocabulary

BASIS_POINTS = 10_000


@dataclass(frozen=True)
class Telling:
    """A programme told in one language; `own` is what the template calls things in that language."""

    program: Program
    own: Vocabulary
    tongue: Tongue

    def section(self, title: str, lines: Iterable[str]) -> Section | None:
        """Return the section of that title, or None without lines."""
        found = tuple(filter(None, lines))
        return Section(self.tongue.one_of("title", title), found) if found else None

    # Amounts.

    def money(self, minor: int) -> str:
        """Return minor units of the programme's currency."""
        return self.tongue.money(minor, self.program.program.currency)

    def amount(self, points: int) -> str:
        """Return an amount of what is collected.

        Money where the unit is money; else by the template's words. Without them the programme's own names do in
        English, which has two forms; other languages decline, and show the unit behind a sign of times.
        """
        unit = self.program.unit
        if unit is not None and unit.is_money:
            return self.money(points)
        number = self.tongue.number(points)
        if form := self.own.unit.get(self.tongue.locale.plural_form(points)):
            return f"{number} {form}"
        if unit is None or (unit.one is None and unit.other is None and unit.code == "points"):
            return self.tongue.count("points", points)
        if self.tongue.locale.plural_form.tags <= {"one"} and unit.one and unit.other:
            return f"{number} {unit.one if points == 1 else unit.other}"
        return f"{number} {TIMES} {unit.one or unit.other or readable(unit.code)}"

    def below_zero(self, points: int) -> str:
        """Return an amount that a balance lacks."""
        return f"{MINUS}{self.amount(points)}"

    def percent(self, basis_points: int) -> str:
        """Return hundredths of a percent as a percentage."""
        return self.tongue.percent(Fraction(basis_points, BASIS_POINTS))

    def last_day_of_year(self) -> str:
        """Return 31 December."""
        last = date(LEAP_YEAR, 12, 31)
        return self.tongue.day_of_year(last.month, last.day)

    # Names.

    def said(self, table: str, code: str) -> str | None:
        """Return what the template calls a thing in this language."""
        return self.own.name(table, code)

    def named(self, table: str, code: str, name: str | None) -> str:
        """Return a thing's name in the language, else the programme's, else its code in quotation marks."""
        return self.said(table, code) or name or self.tongue.quoted(readable(code))

    def tier(self, code: str) -> str:
        """Return a tier's name."""
        found = self.program.tier_of(code)
        return self.said("tier", code) or (found and found.name) or readable(code)

    def tiers(self, codes: Iterable[str]) -> str:
        """Return the names of tiers, lowest first."""
        return ", ".join(self.tier(each) for each in sorted(codes, key=self.program.rank))

    def event(self, kind: str) -> str:
        """Return what an event is called."""
        told = self.said("event", kind) or self.tongue.known("event", kind)
        return told or self.tongue.say("event_other", name=self.tongue.quoted(readable(kind)))

    def rule(self, code: str) -> str:
        """Return what the earning rule of that code rewards."""
        found = next((each for each in self.program.earning_rule if each.code == code), None)
        return self.said("rule", code) or (self.event(found.on) if found else self.tongue.quoted(readable(code)))

    def reward(self, code: str) -> str:
        """Return the name of the reward of that code, which the programme may not have."""
        found = self.program.reward_of(code)
        return self.reward_name(found) if found else self.named("reward", code, None)

    def reward_name(self, reward: Reward) -> str:
        """Return a reward's name with what it is worth, or what kind of thing it is."""
        percent = reward.value if reward.kind == "percent_off" else None
        money = reward.value if reward.kind in ("amount_off", "gift_card") else None
        # Payments and donations are what their kind says; of things there may be several of a kind.
        own = reward.kind not in (
            "percent_off",
            "amount_off",
            "free_shipping",
            "gift_card",
            "pay_with_points",
            "donation",
        )
        name = self.said("reward", reward.code) or reward.name
        return self.thing("reward", reward.kind, name, reward.code if own else None, percent=percent, money=money)

    def thing(
        self, table: str, kind: str, name: str | None, code: str | None, *, percent: int | None, money: int | None
    ) -> str:
        """Return what a reward or benefit is: its name, else its kind with the code; and what it is worth."""
        value = None
        if percent is not None:
            value = self.percent(percent)
        elif money is not None:
            value = self.money(money)
        kind_name = self.tongue.one_of(table, kind)
        if name is not None and value and _states(name, value):
            return name
        if kind in ("percent_off", "amount_off") and value:
            value = self.tongue.say(kind, value=value)
            if name is None:
                return value
        called = name or (f"{kind_name} {self.tongue.quoted(readable(code))}" if code else kind_name)
        return self.tongue.say("worth", name=called, value=value) if value else called

    # Conditions.

    def things(self, match: MatchTable) -> str:
        """Return the products and categories that a rule is about."""
        return "; ".join(
            [*(self._line("sku", each) for each in match.skus), *(self._line("tag", each) for each in match.tags)]
        )

    def matching(self, match: MatchTable | None, exclude: MatchTable | None = None) -> list[str]:
        """Return what a rule is restricted to, and what it leaves out."""
        only = [self.tongue.say("only", things=self.things(match))] if match and (match.skus or match.tags) else []
        without = exclude and (exclude.skus or exclude.tags)
        return only + ([self.tongue.say("except", things=self.things(exclude))] if exclude and without else [])

    def limit(self, limit: LimitTable) -> str:
        """Return how often something is given."""
        times = self.tongue.count("at_most", limit.times)
        per = (
            self.tongue.one_of("per", limit.per)
            if isinstance(limit.per, str)
            else self.tongue.say("per_period", period=self.tongue.period(limit.per))
        )
        told = self.tongue.say("limit", times=times, per=per)
        if limit.key is None:
            return told
        key = self.tongue.known("key", limit.key)
        key = key or self.tongue.say("key_other", name=self.tongue.quoted(readable(limit.key)))
        return self.tongue.say("limit_key", limit=times if limit.per == "lifetime" else told, key=key)

    def property(self, name: str) -> str:
        """Return the condition that a property of an activity is true."""
        told = self.said("property", name) or self.tongue.known("property", name)
        return told or self.tongue.say("when_marked", name=self.tongue.quoted(readable(name)))

    def members(self, segment: str | None) -> str | None:
        """Return what holds of the members of a segment, or None if nothing is known of it."""
        found = next((each for each in self.program.segment if each.code == segment), None)
        if found is None:
            return None
        say, period = self.tongue.say, self.tongue.period
        told = [
            say("segment_tiers", tiers=self.tiers(found.tiers)) if found.tiers else None,
            say("segment_min_orders", number=self.tongue.number(found.min_orders)) if found.min_orders else None,
            None
            if found.max_orders is None
            else say("segment_max_orders", number=self.tongue.number(found.max_orders)),
            say("segment_spend", money=self.money(found.min_spend)) if found.min_spend else None,
            say("segment_inactive", period=period(found.inactive_for)) if found.inactive_for else None,
            say("segment_active", period=period(found.active_within)) if found.active_within else None,
            say("segment_birthday") if found.birthday_month else None,
        ]
        return "; ".join(filter(None, told)) or None

    def _line(self, kind: str, name: str) -> str:
        told = self.said(kind, name) or self.tongue.known("name", name)
        return told or self.tongue.say(kind, name=self.tongue.quoted(name))


def _states(name: str, value: str) -> bool:
    """Whether a name says already what the thing is worth: "$10 off" of "$10.00"."""
    told, value = (re.sub(r"[.,]00(?!\d)", "", " ".join(each.split())) for each in (name, value))
    return re.search(rf"(?<![\d.,]){re.escape(value)}(?![.,]?\d)", told) is not None


def readable(code: str) -> str:
    """Return a code as it is read: "double day" of "double-day"."""
    return code.replace("_", " ").replace("-", " ").replace(".", " ")
