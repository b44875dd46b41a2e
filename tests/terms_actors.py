"""The programmes whose terms are tested, and their golden texts.

`PYTHONPATH=. python tests/terms_actors.py` writes the golden texts anew; read what git says has changed.
"""

import tomllib
from pathlib import Path
from typing import Any

from wallet_service.domain.file_model import read
from wallet_service.domain.program import Program
from wallet_service.terms import LANGUAGES, Vocabulary, as_text, explain
from wallet_service.terms.vocabulary import of_table

HERE = Path(__file__).parent
GOLDEN = HERE / "terms" / "golden"
FILES = [*sorted((HERE / "programs").glob("*.toml")), HERE / "terms" / "all_tables.toml"]
PROGRAMS = [each.stem for each in FILES]
NAMES: dict[str, Any] = tomllib.loads((HERE / "terms" / "names.toml").read_text(encoding="utf-8"))


def program_of(table: dict[str, Any]) -> Program:
    """Return the programme in a parsed file."""
    found, faults = read(Program, "program.toml", table)
    assert found is not None, faults
    return found


def program_named(name: str) -> Program:
    """Return one of the `PROGRAMS`."""
    (file,) = (each for each in FILES if each.stem == name)
    return program_of(tomllib.loads(file.read_text(encoding="utf-8")))


def own_words(name: str, language: str) -> Vocabulary:
    """Return what the programme calls its things in that language; nothing where it says nothing."""
    return of_table(NAMES.get(name, {}).get(language, {}))


def golden(name: str, language: str) -> Path:
    """Return the file with the terms that are right."""
    return GOLDEN / f"{name}.{language}.txt"


def told(name: str, language: str) -> str:
    """Return the terms of one of the `PROGRAMS` as they are now, as a golden file has them."""
    return as_text(explain(program_named(name), own_words(name, language), language)) + "\n"


if __name__ == "__main__":
    for program in PROGRAMS:
        for each in LANGUAGES:
            golden(program, each).write_text(told(program, each), encoding="utf-8")
