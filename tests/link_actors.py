"""Who acts in the tests of links: a merchant with a campaign, and whatever opens its links."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from wallet_service.domain.links import Campaign, Channel, Link, Prospect, Utm
from wallet_service.storage import merchants
from wallet_service.usecases.campaign import add_campaign
from wallet_service.usecases.mint import Terms, short
from wallet_service.wiring import Service

PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)
CHROME_ON_IPHONE = IPHONE.replace("Version/18.5", "CriOS/138.0.7204.119")
ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36"
)
WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"
)
IPAD = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    "Safari/605.1.15"
)
INSTAGRAM = (
    f"{IPHONE.split(' Version', maxsplit=1)[0]} Mobile/22F76 Instagram 385.0.0.26.74 (iPhone15,2; iOS 18_5; cs_CZ; cs)"
)
INSTAGRAM_ON_ANDROID = f"{ANDROID.replace('; K)', '; Pixel 8; wv)')} Instagram 385.0.0.47.84 Android"
WHATSAPP = "WhatsApp/2.25.17.80 A"


@dataclass
class Browser:
    """Something that opens links: a phone, a computer or a program, by what it says of itself."""

    client: FlaskClient
    agent: str = IPHONE
    language: str = "en"
    more: Mapping[str, str] = field(default_factory=dict)

    def get(self, path: str, *, method: str = "GET", **more: str) -> TestResponse:
        """Ask for an address, or a path of it."""
        headers = {"User-Agent": self.agent, "Accept-Language": self.language, "Accept": PAGE, **self.more, **more}
        return self.client.open(path.removeprefix("https://cards.example"), method=method, headers=headers)

    def post(self, path: str, **more: str) -> TestResponse:
        """Press the button of a form."""
        return self.get(path, method="POST", **more)


@dataclass
class Marketer:
    """Somebody of the merchant's who makes links."""

    service: Service
    merchant_id: int
    campaign: Campaign

    def token(self, **said: Any) -> str:
        """Return the token of a link of the campaign; `member` is the merchant's own id."""
        said = {"channel": "email"} | said
        if isinstance(member := said.get("member"), str):
            said["member"] = self.member(member)
        return self.service.links.token(Link(self.campaign.id, **said))

    def link(self, **said: Any) -> str:
        """Return the path of such a link."""
        return f"/l/{self.token(**said)}"

    def prospect(self, external_id: str | None = "bob", name: str | None = "Bob", **said: Any) -> str:
        """Return the path of a link for somebody who is no member yet."""
        return self.link(prospect=Prospect(external_id, name, said.pop("locale", None)), **said)

    def short(self, **said: Any) -> str:
        """Return a short code."""
        with self.service.begin() as tx:
            terms = Terms(said.pop("channel", "print"), **said)
            return short(tx, self.campaign, terms, now=self.service.clock())

    def member(self, external_id: str) -> int:
        """Return our internal number of a member."""
        return int(self.one("SELECT id FROM members WHERE external_id = :name", name=external_id))

    def one(self, query: str, **values: Any) -> Any:
        """Return the one value that a query finds."""
        with self.service.read() as tx:
            return tx.execute(text(query), values).scalar_one()

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        with self.service.read() as tx:
            return [tuple(row) for row in tx.execute(text(query), values)]

    def visits(self) -> list[tuple[str, str, int]]:
        """Return all steps that people took, on which device, and how often."""
        return self.rows("SELECT step, device, times FROM link_visits ORDER BY first_at, step, device, link_id")


def marketer(
    service: Service,
    code: str = "spring",
    *,
    program: str = "points",
    merchant: str = "main",
    channel: Channel = "email",
    until: date | None = None,
    limit: int | None = None,
    utm: Utm | None = None,
) -> Marketer:
    """Begin a campaign, and return whoever makes its links."""
    with service.begin() as tx:
        found = merchants.find(tx, merchant)
        assert found is not None
        begun = add_campaign(
            tx,
            merchant_id=found.id,
            program=program,
            code=code,
            name=code.title(),
            channel=channel,
            utm=utm,
            until=until,
            limit=limit,
            now=service.clock(),
        )
    return Marketer(service, found.id, begun.campaign)
