"""The starters of `pass_templates/`, and members of every kind who hold their cards."""

from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

from msgspec import structs

from wallet_service.apple import artwork
from wallet_service.domain.reminding import tells
from wallet_service.domain.standing import Movement, Reminder, Standing
from wallet_service.domain.template import Template
from wallet_service.storage import templates

STARTERS = Path(__file__).parents[1] / "pass_templates"
NAMES = tuple(sorted(each.parent.name for each in STARTERS.glob("*/pass.toml")))
LANGUAGES = ("en", "ru", "cs", "ro")
SINCE = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
NEW = Standing(0, 0, None, SINCE, "K7QM2XTD9FGH1234")


@cache
def starter(name: str) -> Template:
    """Return a starter, loaded with the check of its pictures that the service uses."""
    return templates.load(STARTERS / name, check_art=artwork.faults)


def standings(template: Template) -> dict[str, Standing]:
    """Return members of the programme: a new one, one in the middle, one at the top, one in debt, one who left."""
    program = template.program
    tiers = [None, *(each.code for each in program.tier)][-len(program.tier) or None :]
    codes = tuple(each.code for each in program.reward)
    new = structs.replace(NEW, tier=tiers[0])
    middle = structs.replace(
        new,
        balance=6,
        qualifying=program.tier[len(tiers) // 2].threshold + 7 if program.tier else 7,
        member_name="Ann",
        pending=12,
        tier=tiers[len(tiers) // 2],
        tier_until=date(2027, 12, 31),
        dying=3,
        dying_on=date(2027, 1, 31),
        member_until=date(2027, 5, 31) if program.membership else None,
        cause=program.cause[-1].code if program.cause else None,
        movements=(Movement(date(2026, 11, 22), 9, "earn"), Movement(date(2026, 11, 20), -3, "redeem")),
        rewards=codes[:2],
        granted=codes[:1],
        reminders=tuple(Reminder(each.code, date(2027, 1, 31), date(2027, 1, 31), SINCE, 3) for each in tells(program)),
    )
    return {
        "new": new,
        "middle": middle,
        "top": structs.replace(
            middle, balance=1_234_567, qualifying=10**9, tier=tiers[-1], rewards=codes, granted=codes
        ),
        "debt": structs.replace(middle, balance=-40, qualifying=-40, pending=0, tier=tiers[0], rewards=(), granted=()),
        "ended": structs.replace(
            new, member_name="Ann", member_until=date(2026, 5, 31) if program.membership else None
        ),
        "stray": structs.replace(middle, tier="gone", rewards=("gone",), granted=("gone",), cause="gone"),
    }
