"""A service whose rules a test chooses, and a town in which its members live."""

import itertools
import re
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from actors import Clock
from google_actors import loaded_once
from ledger_actors import Till, program, till
from slate import Slate
from sqlalchemy import Engine
from town import Ruled, Town, settled_town

from wallet_service.apple.identity import Identity
from wallet_service.config import Settings
from wallet_service.wiring import Service, build

STARTERS = Path(__file__).parents[2] / "pass_templates"


@pytest.fixture
def ruled(settings: Settings, slate: Slate, engine: Engine, identity: Identity, clock: Clock, tmp_path: Path) -> Ruled:
    """A way to start the service anew with other rules in its files: what is replaced, and by what."""
    folders = iter(range(1000))

    def start(*replaced: tuple[str, str], whole: str | None = None) -> Service:
        folder = tmp_path / f"templates {next(folders)}"
        shutil.copytree(STARTERS / "points", folder / "points")
        rules = folder / "points" / "program.toml"
        said = whole or rules.read_text()
        for old, new in replaced:
            assert old in said
            said = said.replace(old, new)
        rules.write_text(said)
        _show_only_its_tiers(folder / "points", said)
        if '"pass"' in said:
            _show_reminders(folder / "points")
        account = replace(loaded_once(), token_uri=f"{settings.sandbox_google_url}/token")
        elsewhere = settings.model_copy(update={"templates": folder})
        built = build(elsewhere, clock=clock, engine=engine, identity=identity, account=account)
        return replace(built, pipelined_engine=slate.pipelined)

    return start


def _show_only_its_tiers(template: Path, rules: str) -> None:
    """Take out of the look and its words the tiers that the programme has not."""
    codes = {each["code"] for each in tomllib.loads(rules).get("tier", [])}
    look = template / "pass.toml"
    fields = re.split(r"(?m)^(?=\[)", look.read_text())
    look.write_text("".join(each for each in fields if codes or not re.search(r'value = "(next_)?tier"', each)))
    for words in template.glob("locales/*.toml"):
        strings, tiers = words.read_text().split("[tier]\n")
        kept = [line for line in tiers.splitlines() if line.split(" = ")[0] in codes]
        words.write_text(strings + ("[tier]\n" + "\n".join(kept) if kept else ""))


def _show_reminders(template: Path) -> None:
    """Give the look the field that tells what triggers remind of, and its words."""
    with (template / "pass.toml").open("a") as look:
        look.write('\n[[back]]\nkey = "reminder"\nlabel = "Reminder"\nvalue = "reminder"\nchange = "%@"\n')
    for words in template.glob("locales/*.toml"):
        words.write_text('next_expiry = "{points} until {date}"\n' + words.read_text())


@pytest.fixture
def town(ruled: Ruled, clock: Clock) -> Callable[[str], Town]:
    """A way to open a programme with these rules and connect a shop to it."""
    return lambda rules: settled_town(ruled(whole=rules), clock)


@pytest.fixture
def opened(service: Service, clock: Clock) -> Callable[..., Till]:
    """A way to open a programme of its own, of these tables, with a member, Ann."""
    numbers = itertools.count()

    def made(**tables: Any) -> Till:
        made = till(service, clock, program(f"club-{next(numbers)}", **tables))
        made.enrol("ann")
        return made

    return made
