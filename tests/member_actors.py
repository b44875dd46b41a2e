"""Who acts in the tests of members' pages: a mailbox into which the sandbox's letters come, and a member's browser."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import cast

from flask.testing import FlaskClient
from link_actors import ANDROID, PAGE
from werkzeug.test import TestResponse

from wallet_service.wiring import Service

MARK = re.compile(r'name="mark" value="([^"]+)"')
LINK = re.compile(r"https?://\S+/members/\S+")


@dataclass
class Mailbox:
    """All letters that a sandbox lays down, in the order in which they come; each is read once."""

    service: Service
    read_before: set[Path] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Leave what other tests have been written."""
        self.read_before |= set(self._files())

    def read(self) -> list[EmailMessage]:
        """Have everything written and sent that was asked for, and return what is new."""
        while self.service.asked_letters().step():
            pass
        assert self.service.post is not None
        while self.service.post.deliver().total:
            pass
        new = [each for each in self._files() if each not in self.read_before]
        self.read_before |= set(new)
        parser = BytesParser(policy=policy.default)
        return [cast("EmailMessage", parser.parsebytes(each.read_bytes())) for each in new]

    def link(self) -> str:
        """Return the path that the one new letter leads to."""
        (path,) = self.links()
        return path

    def links(self) -> list[str]:
        """Return the paths that all new letters lead to."""
        return [path_in(each) for each in self.read()]

    def _files(self) -> list[Path]:
        folder = self.service.settings.mail_folder
        assert folder is not None
        return sorted(folder.glob("*.eml"))


def path_in(letter: EmailMessage) -> str:
    """Return the path that a letter leads to."""
    part = letter.get_body(("plain",))
    assert part is not None
    return "/" + LINK.findall(part.get_content())[0].split("/", 3)[3]


@dataclass
class Visitor:
    """Somebody with a browser, which keeps cookies."""

    client: FlaskClient
    program: str = "points"
    language: str = "en"
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def home(self) -> str:
        """The path of the programme's pages for members."""
        return f"/members/{self.program}"

    def get(self, path: str) -> TestResponse:
        """Open a page."""
        return self.client.get(path, headers=self._headers())

    def post(self, path: str, **said: str) -> TestResponse:
        """Send a form."""
        return self.client.post(path, data=said, headers=self._headers())

    def ask(self, email: str) -> TestResponse:
        """Ask for a link."""
        return self.post(self.home, email=email)

    def me(self) -> TestResponse:
        """Open the member's own page."""
        return self.get(f"{self.home}/me")

    def press(self, path: str, *, on: str | None = None, **said: str) -> TestResponse:
        """Press a button of one of the member's own pages, or of the page `on`."""
        mark = MARK.findall(self.get(on or f"{self.home}/me").text)[0]
        return self.post(path, mark=mark, **said)

    def _headers(self) -> dict[str, str]:
        return {"User-Agent": ANDROID, "Accept": PAGE, "Accept-Language": self.language, **self.more}
