"""What is drawn for Google: pictures and a class for each template, an object for each card."""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from wallet_service import strip
from wallet_service.config import Settings
from wallet_service.domain.card import Card
from wallet_service.domain.drawing import full
from wallet_service.domain.face import Face, Stamps
from wallet_service.domain.pass_class import PassClass
from wallet_service.domain.template import Template
from wallet_service.google import artwork, loyalty

PLATFORM = "google"
STAMPS_FILE = re.compile(r"stamps-(0|[1-9][0-9]?)\.png")


@dataclass(frozen=True)
class Art:
    """An image of a class, and a short name for its content."""

    data: bytes
    version: str


@dataclass(frozen=True)
class GoogleDrawings:
    """The drawings of all templates that are loaded here; pictures and classes are made when first asked for."""

    settings: Settings
    templates: dict[str, Template]

    @property
    def callback_url(self) -> str:
        """Where Google tells of saved and removed cards."""
        return f"{self.settings.base_url}/google/callback"

    @cached_property
    def _versions(self) -> dict[tuple[str, str], str]:
        """The short name for the content of every image, by template and file name; none is drawn for it."""
        return {
            (name, file): version
            for name, template in self.templates.items()
            for file, version in artwork.versions(template.art, background=template.look.colors.background).items()
        }

    def picture(self, name: str, file: str) -> Art | None:
        """Return an image that Google fetches, by template and file name; None if there is no such.

        It is drawn when it is first asked for, and remembered.
        """
        found = STAMPS_FILE.fullmatch(file)
        template = self.templates.get(name)
        if template is None:
            return None
        if found is None:
            version = self._versions.get((name, file))
            return None if version is None else Art(self._drawn(template)[file], version)
        table = template.look.stamps
        of = full(template.program, table) if table else None
        if of is None or (filled := int(found[1])) > of:
            return None
        stamps, background = Stamps(filled, of), template.look.colors.background
        drawn = artwork.hero_image(strip.art(template, stamps)["strip"], background)
        return Art(drawn, strip.version(template, stamps))

    @cached_property
    def classes(self) -> dict[str, PassClass]:
        """Every template's class as it is drawn here, by its id."""
        return {each.target: each for each in map(self._class, self.templates.values())}

    def class_of(self, template: Template) -> PassClass:
        """Return the template's class."""
        return self.classes[self._class_id(template)]

    def target_of(self, card: Card) -> str:
        """Return the id of the card's object."""
        return loyalty.object_id(self.settings.issuer_id, card.serial_number)

    def object_of(self, template: Template, face: Face, card: Card) -> dict[str, Any]:
        """Return the card's object; dates are written in the face's language and the programme's time zone."""
        zone = template.program.zone
        return loyalty.loyalty_object(
            face,
            issuer_id=self.settings.issuer_id,
            class_id=self._class_id(template),
            object_id=self.target_of(card),
            date=lambda moment, language: template.words[language].date(moment.astimezone(zone)),
            stamps_url=lambda stamps: self._stamps_url(template, stamps),
        )

    def picture_url(self) -> str:
        """Return the address of one of the pictures that Google fetches."""
        return next(self._art_url(self.templates[name], file) for name, file in self._versions)

    def _class_id(self, template: Template) -> str:
        return loyalty.class_id(self.settings.issuer_id, template.program.program.code)

    def _class(self, template: Template) -> PassClass:
        body = loyalty.loyalty_class(
            template,
            issuer_id=self.settings.issuer_id,
            art_url=lambda file: self._art_url(template, file),
            callback_url=self.callback_url,
        )
        digest = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).digest()
        return PassClass(PLATFORM, template.program.program.code, body["id"], digest, body)

    @staticmethod
    def _drawn(template: Template) -> dict[str, bytes]:
        return artwork.images(template.art, background=template.look.colors.background)

    def _stamps_url(self, template: Template, stamps: Stamps) -> str:
        version = strip.version(template, stamps)
        return f"{self.settings.base_url}/art/{template.name}/{version}/stamps-{stamps.filled}.png"

    def _art_url(self, template: Template, file: str) -> str:
        version = self._versions[template.name, file]
        return f"{self.settings.base_url}/art/{template.name}/{version}/{file}"
