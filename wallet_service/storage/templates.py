"""Reads a folder of `pass_templates/`, and refuses it with every fault named by file and key."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from string import Formatter
from typing import Any

import structlog
from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_decimal

from wallet_service.domain import look
from wallet_service.domain.errors import Fault, TemplateRefused
from wallet_service.domain.file_model import Model, parse, read
from wallet_service.domain.look import Look
from wallet_service.domain.program import Program
from wallet_service.domain.program.faults import faults as program_faults
from wallet_service.domain.template import Template
from wallet_service.domain.words import REFERENCE, Words

log = structlog.get_logger(__name__)

ArtCheck = Callable[[dict[str, bytes], str], Iterable[Fault]]
WORD_LIMIT = 2000


def load(folder: Path, *, check_art: ArtCheck) -> Template:
    """Return the template in the folder; `check_art` finds the faults of its images.

    Raises `TemplateRefused` with every fault, by file and key; nothing is loaded by half.
    """
    reading = _Reading(folder)
    rules, design = reading.program(), reading.look()
    words = reading.words(rules, design)
    art = reading.art(design)
    for fault in check_art(art, "pass.toml"):
        if fault.key in art:  # one that could not be read has been named already
            reading.faults.append(Fault(fault.place, f"art.{fault.key}", fault.message))
    if reading.faults or rules is None or design is None:
        raise TemplateRefused(f"The template {folder.name} cannot be used.", reading.faults)
    return Template(folder.name, reading.version(), rules, design, words, art)


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


class _Reading:
    """One pass over a folder, which gathers faults instead of stopping at the first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults: list[Fault] = []
        self._digest = hashlib.sha256()

    def version(self) -> str:
        return self._digest.hexdigest()[:16]

    def program(self) -> Program | None:
        model = self._read(Program, "program.toml")
        self.faults += program_faults(model, "program.toml") if model else []
        return model

    def look(self) -> Look | None:
        model = self._read(Look, "pass.toml")
        self.faults += look.faults(model, "pass.toml") if model else []
        return model

    def words(self, rules: Program | None, design: Look | None) -> dict[str, Words]:
        tables = {path.stem: self._table(f"locales/{path.name}") for path in sorted(self.folder.glob("locales/*.toml"))}
        known = {language: table for language, table in tables.items() if table is not None}
        if design and design.default_language not in tables:
            message = f"is {design.default_language!r}, but there is no locales/{design.default_language}.toml"
            self.faults.append(Fault("pass.toml", "default_language", message))
        words = {language: self._words_of(language, table, rules) for language, table in known.items()}
        if rules and design:
            for each in words.values():
                if each:
                    self.faults += _missing(each, design, known)
        return {language: each for language, each in words.items() if each}

    def art(self, design: Look | None) -> dict[str, bytes]:
        art = {}
        for name, path in design.art.model_dump().items() if design else ():
            data = self._bytes(path, Fault("pass.toml", f"art.{name}", f"names {path}, which does not exist"))
            if path and data is not None:
                art[name] = data
        return art

    def _words_of(self, language: str, table: dict[str, Any], rules: Program | None) -> Words | None:
        place = f"locales/{language}.toml"
        locale = _locale(language)
        if locale is None:
            self.faults.append(Fault(place, "", "is not named after a language; use a code such as en or cs"))
            return None
        unit, tier = table.get("unit", {}), table.get("tier", {})
        strings = {key: text for key, text in table.items() if key not in ("unit", "tier")}
        for name, each in (("", strings), ("unit.", unit), ("tier.", tier)):
            self.faults += _wrong_texts(place, name, each)
        wanted = [("unit", form, unit) for form in sorted(locale.plural_form.tags | {"other"})]
        wanted += [("tier", each.code, tier) for each in rules.tier] if rules else []
        for name, key, found in wanted:
            if isinstance(found, dict) and key not in found:
                self.faults.append(Fault(place, f"{name}.{key}", "is missing; add it"))
        return Words(
            language=language,
            strings=strings,
            unit=unit,
            tier=tier,
            plural_form=locale.plural_form,
            number=lambda count: str(format_decimal(count, locale=locale)),
            date=lambda moment: str(format_date(moment, format="long", locale=locale)),
        )

    def _read(self, model: type[Model], name: str) -> Model | None:
        table = self._table(name)
        if table is None:
            return None
        found, faults = read(model, name, table)
        self.faults += faults
        return found

    def _table(self, name: str) -> dict[str, Any] | None:
        data = self._bytes(name, Fault(name, "", "is missing; add it"))
        if data is None:
            return None
        table, faults = parse(data, name)
        self.faults += faults
        return table

    def _bytes(self, name: str | None, missing: Fault) -> bytes | None:
        if name is None:
            return None
        try:
            data = (self.folder / name).read_bytes()
        except OSError:
            self.faults.append(missing)
            return None
        self._digest.update(f"{name}\0{len(data)}\0".encode() + data)
        return data


def _locale(language: str) -> Locale | None:
    """Return the language of that code; None also for pt_BR or EN, which no member's wish would ever find."""
    try:
        locale = Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return None
    return locale if locale.language == language else None


def _wrong_texts(place: str, table: str, texts: Any) -> list[Fault]:
    if not isinstance(texts, dict):
        return [Fault(place, table.rstrip("."), "must be a table of texts")]
    return [
        Fault(place, f"{table}{key}", f"must be a text of 1 to {WORD_LIMIT} characters")
        for key, text in texts.items()
        if not isinstance(text, str) or not 1 <= len(text) <= WORD_LIMIT
    ]


def _missing(words: Words, design: Look, tables: dict[str, dict[str, Any]]) -> list[Fault]:
    """Return the strings that the look refers to and this language lacks, and what is wrong in those it has."""
    place = f"locales/{words.language}.toml"
    faults = [
        Fault(place, text[1:], f"is missing; pass.toml refers to it at {key}")
        for key, text in design.texts()
        if text.startswith(REFERENCE) and text[1:] not in words.strings
    ]
    elsewhere = {key for table in tables.values() for key in table if key not in ("unit", "tier")}
    faults += [
        Fault(place, key, "is missing; another language has it")
        for key in sorted(elsewhere - set(words.strings) - {each.key for each in faults})
    ]
    for key, text in design.texts():
        said = words.strings.get(text[1:]) if text.startswith(REFERENCE) else None
        if key.endswith(".change") and isinstance(said, str) and said.count(look.NEW_VALUE) != 1:
            faults.append(Fault(place, text[1:], look.WITHOUT_NEW_VALUE))
    if any(each.value == "next_tier" for _, each in design.fields()):
        faults += _pattern(place, words, "next_tier", {"points", "tier"}) + _pattern(place, words, "top_tier", set())
    return faults


def _pattern(place: str, words: Words, key: str, names: set[str]) -> list[Fault]:
    text = words.strings.get(key)
    if not isinstance(text, str):
        return [Fault(place, key, "is missing; a field with the value next_tier needs it")]
    try:
        # What follows a colon or an exclamation mark would be obeyed, and fail, only when a card is drawn.
        parts = [part for part in Formatter().parse(text) if part[1] is not None]
        found = {"?" if spec or conversion else name for _, name, spec, conversion in parts}
    except ValueError:
        found = {"?"}
    if found == names:
        return []
    wanted = " and ".join(sorted(f"{{{name}}}" for name in names)) or "no placeholder"
    return [Fault(place, key, f"must hold {wanted}")]
