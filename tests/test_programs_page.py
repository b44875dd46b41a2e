"""The page on programmes as files: its examples are sound, and it leaves out no key and no word."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

from wallet_service.domain.file_model import FileModel
from wallet_service.domain.program import Program
from wallet_service.domain.program.faults import read_program
from wallet_service.domain.words import TABLES

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "programs.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
# What examples leave to the rest of the file.
REST = tomllib.loads("""
schema = 1
program = { code = "harbour", name = "Harbour Club", timezone = "Europe/Prague", currency = "EUR" }
unit = { code = "miles" }
earning_rule = [{ code = "purchase", on = "order.paid", basis = "net_items", points = 1, per = 100 }]
tiers = { measure = "spend" }
tier = [{ code = "deckhand", threshold = 0 }, { code = "captain", threshold = 1 }]
benefit = [{ code = "five-off", kind = "percent_off", value = 500 }]
reward = [{ code = "coffee", kind = "product", cost = 100 }]
""")


def vocabulary(annotation: Any) -> Iterator[str]:
    """Yield every key and every word that may stand in a table, and in all tables within it."""
    if isinstance(annotation, type) and issubclass(annotation, FileModel):
        for name, field in annotation.model_fields.items():
            yield field.alias or name
            yield from vocabulary(field.annotation)
    elif get_origin(annotation) is Literal:
        yield from (f'"{each}"' for each in get_args(annotation) if isinstance(each, str))
    else:
        for each in get_args(annotation):
            yield from vocabulary(each)


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_sound(example: str) -> None:
    """Each example, completed by the rest of a file, can be published."""
    assert read_program({**REST, **tomllib.loads(example)}, "docs/programs.md")[1] == []


def test_every_table_has_an_example() -> None:
    """What a merchant may write is shown."""
    shown = {name for each in EXAMPLES for name in tomllib.loads(each)}
    assert shown == {field.alias or name for name, field in Program.model_fields.items()}


def test_the_whole_vocabulary_is_told() -> None:
    """No key and no word of the file is left out, nor a table of names."""
    told = " ".join(re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", PAGE, flags=re.DOTALL | re.MULTILINE)))
    words = {*vocabulary(Program), *(f"[{each}]" for each in TABLES if each != "entry")}
    assert {each for each in words if not re.search(rf"(?<!\w){re.escape(each)}(?!\w)", told)} == set()


def test_the_readme_leads_there() -> None:
    """Who writes a programme finds the page."""
    assert "(docs/programs.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
