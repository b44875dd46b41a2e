"""The text of a back field as safe HTML: its own links stay, plain addresses become links, all other markup goes.

Source: https://developer.apple.com/documentation/walletpasses/passfieldcontent
"""

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

from markupsafe import Markup, escape

DETECTED = re.compile(r"(https?://[^\s<>\"]*[^\s<>\".,;:!?)])|([\w.+-]+@[\w-]+(?:\.[\w-]+)+)")
LINK = Markup('<a href="{}" target="_blank" rel="noopener noreferrer">')
SCHEMES = ("http", "https", "tel", "mailto")


def with_links(text: str) -> Markup:
    """Return an `attributedValue` with its `<a href>` to http, https, tel or mailto kept and all else as plain text."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return Markup("").join(reader.parts) + Markup("</a>") * reader.is_open


def with_detected_links(text: str) -> Markup:
    """Return plain text in which web and mail addresses are links, as Wallet's data detectors make them."""
    html, end = Markup(""), 0
    for match in DETECTED.finditer(text):
        href = match[1] or f"mailto:{match[2]}"
        html += escape(text[end : match.start()]) + LINK.format(href) + escape(match[0]) + Markup("</a>")
        end = match.end()
    return html + escape(text[end:])


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[Markup] = []
        self.is_open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "br":
            self.parts.append(Markup("\n"))
        if tag == "a" and not self.is_open and href and _is_safe(href):
            self.is_open = True
            self.parts.append(LINK.format(href))

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self.is_open:
            self.is_open = False
            self.parts.append(Markup("</a>"))

    def handle_data(self, data: str) -> None:
        self.parts.append(escape(data))


def _is_safe(href: str) -> bool:
    try:
        return urlsplit(href).scheme in SCHEMES
    except ValueError:
        return False
