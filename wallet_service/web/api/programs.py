"""Programmes: what is collected, which tiers and rewards there are, and the terms in words."""

from typing import Annotated, Any

from pydantic import Field

from wallet_service.domain.errors import UnknownProgram
from wallet_service.domain.template import Template
from wallet_service.terms import explain
from wallet_service.usecases.reach import program_of, programs_of
from wallet_service.web.api import samples
from wallet_service.web.api.call import Call
from wallet_service.web.api.model import Code, InLanguage, Model
from wallet_service.web.api.rewards import name_of
from wallet_service.web.api.routes import Example, Resource

PROGRAMS = Resource("Programmes", "The rules by which members collect and spend.")


class Unit(Model):
    """What is collected; with `is_money` one is one minor unit of the programme's currency."""

    code: str
    is_money: bool


class Program(Model):
    """A programme; `version` counts the rules that were published for it."""

    code: str
    name: str
    version: int
    currency: str
    timezone: str
    unit: Unit | None


class Programs(Model):
    """All programmes of yours."""

    data: tuple[Program, ...]


class Tier(Model):
    """A tier, reached at `threshold` of what the programme measures."""

    code: str
    name: str
    threshold: int


class Reward(Model):
    """A reward; `cost` in points, `value` in hundredths of a per cent (`percent_off`) or minor units."""

    code: str
    kind: str
    name: str
    cost: int | None
    value: int | None
    min_tier: str | None


class Section(Model):
    """A part of the terms: sentences that members can read."""

    title: str
    lines: tuple[str, ...]


class ProgramInFull(Program):
    """A programme with its tiers, lowest first, its rewards, and its terms in words."""

    tiers: tuple[Tier, ...]
    rewards: tuple[Reward, ...]
    language: str
    terms: tuple[Section, ...]


class ProgramPath(Model):
    """Which programme."""

    program: Annotated[Code, Field(description="The programme's code.")]


@PROGRAMS.get("/programs", scope="programs:read")
def list_programs(call: Call) -> Programs:
    """List your programmes."""
    with call.service.read() as tx:
        mine = programs_of(tx, call.merchant_id)
    opened = [(call.service.in_force.of_program(each), each.version) for each in mine]
    return Programs(data=tuple(Program(**_facts(template, version)) for template, version in opened))


@PROGRAMS.get(
    "/programs/{program}",
    scope="programs:read",
    problems=(UnknownProgram,),
    example=Example(path={"program": samples.PROGRAM}, query={"language": "en"}),
    etag=True,
)
def get_program(call: Call, *, path: ProgramPath, query: InLanguage) -> ProgramInFull:
    """Show a programme in full: tiers, rewards, and the terms in words.

    Names and terms are told in the language that you ask for, as far as the programme has names in it.
    """
    with call.service.read() as tx:
        opened = program_of(tx, call.merchant_id, path.program)
    template = call.service.in_force.of_program(opened)
    rules, words = template.program, template.words.get(query.language)
    rewards = tuple(
        Reward(
            code=each.code,
            kind=each.kind,
            name=name_of(template, "reward", each.code, each.name, query.language),
            cost=each.cost,
            value=each.value,
            min_tier=each.min_tier,
        )
        for each in rules.reward
    )
    return ProgramInFull(
        **_facts(template, opened.version),
        tiers=tuple(
            Tier(code=each.code, name=template.tier_name(each.code, query.language), threshold=each.threshold)
            for each in rules.tier
        ),
        rewards=rewards,
        language=query.language,
        terms=tuple(Section(title=each.title, lines=each.lines) for each in explain(rules, words, query.language)),
    )


def _facts(template: Template, version: int) -> dict[str, Any]:
    table, unit = template.program.program, template.program.unit
    return {
        "code": table.code,
        "name": table.name,
        "version": version,
        "currency": table.currency,
        "timezone": table.timezone,
        "unit": Unit(code=unit.code, is_money=unit.is_money) if unit else None,
    }
