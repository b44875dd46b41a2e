"""Which rules are in force is the database's truth: templates, each with its programme as it was published."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from sqlalchemy import Connection

from wallet_service.domain.errors import UnknownTemplate
from wallet_service.domain.template import Template
from wallet_service.storage import programs
from wallet_service.storage.members import Found
from wallet_service.storage.programs import Opened
from wallet_service.storage.sources import Source


@dataclass(frozen=True)
class InForce:
    """The templates of one process; a version is read when it is first met, and kept: it never changes.

    Whoever asks names the newest version, which every look at a source or a card tells anyway; so a new one is in force
    in all processes as soon as it is committed.
    """

    templates: dict[str, Template]
    read: Callable[[], AbstractContextManager[Connection]]
    _known: dict[tuple[str, int, int], Template] = field(default_factory=dict)

    def template(self, name: str, program_id: int, version: int) -> Template:
        """Return the look, words and art of the files with the programme in that version; 0: with the files' own.

        Raises `UnknownTemplate`, and `TemplateRefused` where this release does not understand a version.
        """
        key = (name, program_id, version)
        if key not in self._known:
            self._known[key] = self._load(*key)
        return self._known[key]

    def of_source(self, source: Source) -> Template:
        """Return the template by which the source's events are entered; raises as `template` does."""
        return self.template(source.template, source.program_id, source.program_version)

    def of_card(self, found: Found) -> Template:
        """Return the template that draws the card; raises as `template` does."""
        return self.template(found.template, found.program_id, found.program_version)

    def of_program(self, opened: Opened) -> Template:
        """Return the template of an opened programme; raises as `template` does."""
        return self.template(opened.template, opened.id, opened.version)

    def knows(self, found: Found) -> bool:
        """Whether the card's template is loaded here."""
        return found.template in self.templates

    def _load(self, name: str, program_id: int, version: int) -> Template:
        files = self.templates.get(name)
        if files is None:
            known = ", ".join(sorted(self.templates))
            raise UnknownTemplate(f"There is no template {name!r}; there are: {known}.")
        if version == 0:
            return files
        with self.read() as tx:
            published = programs.versions(tx, program_id, newest=version)
        return files.ruled_by(published)
