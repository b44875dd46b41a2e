"""The linter of programmes: faults, for which a programme is refused, and advice, with which it is published."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from wallet_service.domain.errors import Fault
from wallet_service.domain.file_model import read
from wallet_service.domain.program import Program, earning_faults, reach, reward_faults, simplicity, tier_faults
from wallet_service.domain.program.findings import NamesNothing

RULES = (
    earning_faults.currency,
    earning_faults.unit,
    earning_faults.balance,
    earning_faults.rules,
    earning_faults.campaigns,
    tier_faults.tiers,
    tier_faults.membership,
    tier_faults.benefits,
    reward_faults.rewards,
    reward_faults.partners,
    reward_faults.triggers,
    reward_faults.referral,
    reward_faults.experiments,
    reward_faults.segments,
)


TABLE = re.compile(r"(\w+)(?:\[(\d+)\])?")  # with which a key begins: "campaign[2]", "points"
# In place of a faulty one, so that the rest of the file can be read.
HEAD = {"schema": 1, "program": {"code": "a", "name": "a", "timezone": "UTC", "currency": "EUR"}}


def read_program(table: dict[str, Any], place: str) -> tuple[Program | None, list[Fault]]:
    """Return the programme that a parsed file states, and every fault in it; None if it cannot be read.

    What contradicts itself is only known of one that can be read, but names that lead nowhere are told anyway.
    """
    program, wrong = read(Program, place, table)
    if program is not None:
        return program, list(faults(program, place))
    return None, [*wrong, *_lost_names(table, wrong, place)]


def faults(program: Program, place: str) -> Iterator[Fault]:
    """Yield what no single key shows: what contradicts itself, names nothing, or could never be carried out."""
    for rule in RULES:
        for key, message in rule(program):
            yield Fault(place, key, message)


def advice(program: Program, place: str, *, order_minor: int | None = None) -> Iterator[Fault]:
    """Yield what can be carried out, and still is hardly meant, too much to explain, or worth too little or too much.

    `order_minor` is the shop's median order in minor units; what is usual in the programme's currency if not given.
    """
    for key, message in (*simplicity.advice(program), *reach.advice(program, order_minor)):
        yield Fault(place, key, message)


def _lost_names(table: dict[str, Any], wrong: Sequence[Fault], place: str) -> Iterator[Fault]:
    """Yield the names that lead nowhere in those tables of a file that are sound; what the others are called exists."""
    unsound = {found.groups() for each in wrong if (found := TABLE.match(each.key))}
    kept: dict[str, list[int]] = {}
    rest: dict[str, Any] = dict(HEAD)
    for name, said in table.items():
        if isinstance(said, list) and (name, None) not in unsound:
            kept[name] = [index for index in range(len(said)) if (name, str(index)) not in unsound]
            rest[name] = [said[index] for index in kept[name]]
        elif (name, None) not in unsound:
            rest[name] = said
    program, _ = read(Program, place, rest)
    if program is None:
        return
    left_out = set(_codes(table)) - set(_codes(rest))
    for rule in RULES:
        for key, message in rule(program):
            if isinstance(message, NamesNothing) and message.code not in left_out:
                said = NamesNothing(message.code, message.table, sorted({*message.known, *left_out}))
                yield Fault(place, TABLE.sub(lambda found: _as_written(found, kept), key, count=1), said)


def _codes(table: dict[str, Any]) -> Iterator[str]:
    for said in table.values():
        for each in said if isinstance(said, list) else [said]:
            if isinstance(each, dict) and isinstance(each.get("code"), str):
                yield each["code"]


def _as_written(found: re.Match[str], kept: dict[str, list[int]]) -> str:
    """Return where a table stands in the whole file."""
    name, index = found.groups()
    return name if index is None else f"{name}[{kept[name][int(index)]}]"
