"""Reads a folder of `pass_templates/`, and refuses it with every fault named by file and key."""

import hashlib
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from wallet_service.domain import drawing, look
from wallet_service.domain.errors import Fault, TemplateRefused
from wallet_service.domain.file_model import Model, parse, read
from wallet_service.domain.look import Look
from wallet_service.domain.program import Program
from wallet_service.domain.program.faults import read_program
from wallet_service.domain.template import Template, version_of
from wallet_service.domain.words import Words
from wallet_service.storage import locales

ArtCheck = Callable[[dict[str, bytes], str], Iterable[Fault]]
Reader = Callable[[dict[str, Any], str], tuple[Model | None, list[Fault]]]
RULES = "program.toml"


def load(folder: Path, *, check_art: ArtCheck) -> Template:
    """Return the template in the folder; `check_art` finds the faults of its images.

    Raises `TemplateRefused` with every fault, by file and key; nothing is loaded by half.
    """
    reading = _Reading(folder)
    rules, design = reading.program(), reading.look()
    reading.compare(rules, design)
    words = reading.words(rules, design)
    art = reading.art(design)
    for fault in check_art(art, "pass.toml"):
        if fault.key in art:  # one that could not be read has been named already
            reading.faults.append(Fault(fault.place, f"art.{fault.key}", fault.message))
    if reading.faults or rules is None or design is None:
        raise TemplateRefused(f"The template {folder.name} cannot be used.", reading.faults)
    return Template(
        folder.name,
        version_of(reading.design(), reading.definition),
        rules,
        design,
        words,
        art,
        design=reading.design(),
        definition=reading.definition,
    )


def load_all(folder: Path, *, check_art: ArtCheck) -> dict[str, Template]:
    """Return every template below the folder by name.

    Raises `TemplateRefused` for the first folder that is not sound, if two are one programme, or if there is none.
    """
    folders = sorted(each.parent for each in folder.glob("*/pass.toml"))
    if not folders:
        missing = Fault(str(folder), "", "holds no template; set WALLET_TEMPLATES to a folder of templates")
        raise TemplateRefused("There is no template.", [missing])
    found = {each.name: load(each, check_art=check_art) for each in folders}
    by_code: dict[str, str] = {}
    for name, template in found.items():
        code = template.program.program.code
        if by_code.setdefault(code, name) != name:
            fault = Fault(f"{name}/program.toml", "program.code", f"{code!r} is that of {by_code[code]}, too")
            raise TemplateRefused("Two templates name one programme.", [fault])
    return found


@lru_cache(maxsize=256)
def _parsed(data: bytes, place: str) -> tuple[dict[str, Any] | None, list[Fault]]:
    """Return what a file says, or its faults; it is shared by all who read the same, and nobody changes it.

    Parsing is most of what loading takes, and whoever builds many services reads the same files each time.
    """
    return parse(data, place)


class _Reading:
    """One pass over a folder, which gathers faults instead of stopping at the first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults: list[Fault] = []
        self.definition = ""
        self._digest = hashlib.sha256()

    def design(self) -> str:
        return self._digest.hexdigest()

    def program(self) -> Program | None:
        return self._read(RULES, read_program)

    def look(self) -> Look | None:
        model = self._read("pass.toml", lambda table, place: read(Look, place, table))
        self.faults += look.faults(model, "pass.toml") if model else []
        return model

    def compare(self, rules: Program | None, design: Look | None) -> None:
        self.faults += drawing.faults(rules, design, "pass.toml") if rules and design else []

    def words(self, rules: Program | None, design: Look | None) -> dict[str, Words]:
        tables = {path.stem: self._table(f"locales/{path.name}") for path in sorted(self.folder.glob("locales/*.toml"))}
        known = {language: table for language, table in tables.items() if table is not None}
        if design and design.default_language not in tables:
            message = f"is {design.default_language!r}, but there is no locales/{design.default_language}.toml"
            self.faults.append(Fault("pass.toml", "default_language", message))
        found: dict[str, Words] = {}
        for language, table in known.items():
            words, faults = locales.words(language, table, rules, design)
            self.faults += faults
            if words is not None:
                found[language] = words
        if rules and design:
            for each in found.values():
                self.faults += locales.missing(each, design, rules, known)
        return found

    def art(self, design: Look | None) -> dict[str, bytes]:
        art = {}
        for name, path in design.art.model_dump(exclude_none=True).items() if design else ():
            data = self._bytes(path, Fault("pass.toml", f"art.{name}", f"names {path}, which does not exist"))
            if data is not None:
                art[name] = data
        return art

    def _read(self, name: str, reader: Reader[Model]) -> Model | None:
        table = self._table(name)
        if table is None:
            return None
        found, faults = reader(table, name)
        self.faults += faults
        return found

    def _table(self, name: str) -> dict[str, Any] | None:
        data = self._bytes(name, Fault(name, "", "is missing; add it"))
        if data is None:
            return None
        table, faults = _parsed(data, name)
        self.faults += faults
        return table

    def _bytes(self, name: str, missing: Fault) -> bytes | None:
        try:
            data = (self.folder / name).read_bytes()
        except OSError:
            self.faults.append(missing)
            return None
        if name == RULES:
            self.definition = data.decode("utf-8-sig", "replace")
        else:
            self._digest.update(f"{name}\0{len(data)}\0".encode() + data)
        return data
