"""What an earning rule finds in a purchase or a deed: the lines it looks at, and its points by itself."""

from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction

from wallet_service.domain.program import EarningRule, Program
from wallet_service.domain.program.earning_tables import MatchTable
from wallet_service.domain.purchase import Deed, Line, Purchase

NONE = Fraction(0)


def moment(what: Purchase | Deed) -> datetime:
    """Return when it was bought or done."""
    return what.paid_at if isinstance(what, Purchase) else what.at


def rules_for(program: Program, what: Purchase | Deed) -> tuple[EarningRule, ...]:
    """Return the rules that such an event can earn by."""
    if isinstance(what, Purchase):
        return tuple(each for each in program.earning_rule if each.for_orders)
    return tuple(each for each in program.earning_rule if each.on == what.type and not each.for_orders)


def matching(purchase: Purchase, match: MatchTable | None) -> tuple[Line, ...]:
    """Return the lines that earn and match; all that earn where nothing is asked for."""
    return tuple(each for each in purchase.lines if each.earns and (match is None or _fits(each, match)))


def touches(what: Purchase | Deed, match: MatchTable | None) -> bool:
    """Return whether there is anything in it that earns and matches; a deed has no lines that could match."""
    if isinstance(what, Deed):
        return match is None
    if what.lines:
        return bool(matching(what, match))
    return match is None and what.eligible_minor > 0


def raw_points(program: Program, rule: EarningRule, what: Purchase | Deed, also: MatchTable | None = None) -> Fraction:
    """Return what the rule gives by itself, exactly; `also` narrows it to the lines that match that as well."""
    if isinstance(what, Purchase):
        return amount(rule, what, also) * _rate(program, rule, what)
    if rule.match or also:
        return NONE
    return Fraction((rule.points or 0) + sum(each.points for each in rule.bonus if what.properties.get(each.when)))


def amount(rule: EarningRule, purchase: Purchase, also: MatchTable | None = None) -> Fraction:
    """Return how much of the rule's basis the purchase holds: minor units, pieces or visits; never below 0.

    Tax, and the total of an order, fall to the lines that a rule looks at in proportion to their net amounts. A visit
    counts where any line is left to look at.
    """
    asked = tuple(each for each in (rule.match, also) if each is not None)
    if not purchase.lines:
        return NONE if asked else Fraction(max(_without_lines(rule, purchase), 0))
    earning = matching(purchase, None)
    looked_at = _picked(earning, asked, rule.exclude)
    match rule.basis:
        case "quantity":
            return Fraction(max(sum(each.quantity for each in looked_at), 0))
        case "visit":
            return Fraction(1 if looked_at or not (asked or rule.exclude) else 0)
        case "order_total":
            if purchase.total_minor is None:
                return max(purchase.eligible_minor, 0) * _share(looked_at, earning)
            return max(purchase.total_minor, 0) * _share(_picked(purchase.lines, asked, rule.exclude), purchase.lines)
        case "net_items_tax":
            return max(_net(looked_at), 0) + max(purchase.tax_minor or 0, 0) * _share(looked_at, earning)
        case _:
            return Fraction(max(_net(looked_at), 0))


def _without_lines(rule: EarningRule, purchase: Purchase) -> int:
    match rule.basis:
        case "quantity":
            return 0
        case "visit":
            return 1
        case "order_total":
            return purchase.eligible_minor if purchase.total_minor is None else purchase.total_minor
        case "net_items_tax":
            return purchase.eligible_minor + max(purchase.tax_minor or 0, 0)
        case _:
            return purchase.eligible_minor


def _rate(program: Program, rule: EarningRule, purchase: Purchase) -> Fraction:
    """Return the points for one unit of the basis."""
    if rule.rate == "partner.issue":
        partner = program.partner_of(purchase.partner)
        return Fraction(partner.issue.points, partner.issue.per) if partner else NONE
    return Fraction(rule.points or 0, rule.per)


def _picked(lines: Iterable[Line], asked: tuple[MatchTable, ...], exclude: MatchTable | None) -> tuple[Line, ...]:
    return tuple(
        each
        for each in lines
        if all(_fits(each, one) for one in asked) and not (exclude is not None and _fits(each, exclude))
    )


def _fits(line: Line, table: MatchTable) -> bool:
    return line.sku in table.skus or not set(table.tags).isdisjoint(line.tags)


def _net(lines: Iterable[Line]) -> int:
    return sum(each.net_minor for each in lines)


def _share(part: tuple[Line, ...], whole: tuple[Line, ...]) -> Fraction:
    """Return the part's share of the net amount, from 0 to 1; all lines of an order are all of it, even for nothing."""
    if len(part) == len(whole):
        return Fraction(1 if whole else 0)
    total = _net(whole)
    return Fraction(min(max(_net(part), 0), total), total) if total > 0 else NONE
