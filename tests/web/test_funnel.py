"""The funnel counts people step by step, by every way of telling them apart, and programs beside them."""

import csv
import io
import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from actors import Clock, Device, Shop, card_of
from flask.testing import FlaskClient
from link_actors import ANDROID, IPHONE, WHATSAPP, WINDOWS, Browser, Marketer, marketer

from wallet_service.links import add_url, funnel_url
from wallet_service.storage import holdings, merchants
from wallet_service.usecases.funnel import Counted, as_csv, as_json, funnel, total
from wallet_service.usecases.join import joined_through
from wallet_service.usecases.mint import sent
from wallet_service.usecases.object import object_to_counting, withdraw
from wallet_service.usecases.visit import look_up
from wallet_service.wiring import Service


@dataclass
class Scene:
    """A merchant, customers, their phones, and a campaign."""

    service: Service
    client: FlaskClient
    shop: Shop
    clock: Clock
    spring: Marketer

    def enrol(self, *names: str) -> None:
        """Enrol customers."""
        for name in names:
            self.shop.enrol(name)

    def card(self, name: str) -> Any:
        """Return a member's card."""
        query = "SELECT serial_number FROM cards JOIN members ON members.id = member_id WHERE external_id = :name"
        return card_of(self.service, self.spring.one(query, name=name))

    def phone(self, name: str) -> Device:
        """Return a member's iPhone."""
        return Device(
            self.client, self.service.identity.pass_type_identifier, library=f"phone of {name}".replace(" ", "-")
        )

    def open(self, link: str, agent: str = IPHONE) -> None:
        """Open a link."""
        assert Browser(self.client, agent).get(link).status_code in (200, 303)

    def download(self, link: str) -> None:
        """Download the pass of a link on an iPhone."""
        assert Browser(self.client, IPHONE).get(f"{link}/card.pkpass").status_code == 200

    def install(self, name: str) -> None:
        """Have a member's iPhone register."""
        assert self.phone(name).register(self.card(name)).status_code in (200, 201)

    def remove(self, name: str) -> None:
        """Have a member's iPhone unregister."""
        assert self.phone(name).unregister(self.card(name)).status_code == 200

    def hear(self, name: str, *, saved: bool) -> None:
        """Have Google say that a member saved or removed the card."""
        card = self.card(name)
        target = f"1.card-{card.id}"
        now = self.clock()
        with self.service.begin() as tx:
            if saved:
                holdings.offer(tx, card_id=card.id, platform="google", target=target, revision=1, now=now)
            assert holdings.heard(tx, platform="google", target=target, saved=saved, until=now, now=now)

    def rows(self, by: Any = "campaign", **asked: Any) -> dict[str, dict[str, int]]:
        """Return the funnel: of each key what was counted, without zeros."""
        with self.service.begin() as tx:
            found = funnel(tx, merchant_id=self.spring.merchant_id, by=by, now=self.clock(), **asked)
            return {each.key: numbers(each) for each in found}

    def total(self) -> dict[str, int]:
        """Return what was counted in all, without zeros."""
        with self.service.begin() as tx:
            return numbers(total(tx, merchant_id=self.spring.merchant_id, now=self.clock()))


def numbers(counted: Counted) -> dict[str, int]:
    """Return what is not zero."""
    names = ("sent", "opened", "joined", "clicked", "installed", "early", "kept", "purchased")
    names += ("preview", "scanner", "prefetch", "crawler")
    return {name: getattr(counted, name) for name in names if getattr(counted, name)}


@pytest.fixture
def scene(service: Service, client: FlaskClient, shop: Shop, clock: Clock) -> Scene:
    """A scene with a campaign, and nobody in it yet."""
    shop.enrol("first")
    return Scene(service, client, shop, clock, marketer(service))


def test_one_member_goes_the_whole_way(scene: Scene) -> None:
    """Each step is counted when it is taken, and only once, and each by the day on which it happened."""
    scene.enrol("ann")
    link = scene.spring.link(member="ann")
    with scene.service.begin() as tx:
        sent(tx, scene.spring.campaign, "email", times=3, day=scene.clock().date())
    assert scene.total() == {"sent": 3}
    scene.open(link)
    scene.open(link)
    assert scene.total() == {"sent": 3, "opened": 1}
    scene.download(link)
    scene.download(link)
    assert scene.total() == {"sent": 3, "opened": 1, "clicked": 1}
    scene.clock.on(minutes=1)
    scene.install("ann")
    installed = {"sent": 3, "opened": 1, "clicked": 1, "installed": 1}
    assert scene.total() == installed | {"early": 1}
    scene.shop.buy(1000, order="o1", customer="ann")
    assert scene.total() == installed | {"early": 1, "purchased": 1}
    scene.clock.on(days=30)
    assert scene.total() == installed | {"kept": 1, "purchased": 1}


def test_a_card_that_was_removed_was_not_kept(scene: Scene) -> None:
    """What counts is the thirtieth day: whoever removed it before is lost, and later nothing changes."""
    scene.enrol("ann", "bea", "cyn")
    for name in ("ann", "bea", "cyn"):
        scene.download(scene.spring.link(member=name))
        scene.install(name)
    scene.clock.on(days=10)
    scene.remove("ann")
    scene.remove("bea")
    scene.clock.on(days=10)
    scene.install("bea")
    scene.clock.on(days=11)
    scene.remove("cyn")
    assert scene.total() == {"clicked": 3, "installed": 3, "kept": 2}


def test_google_says_who_saved(scene: Scene) -> None:
    """A card saved with Google is installed by the click on its button, and lost when its holder removes it."""
    scene.enrol("ann")
    link = scene.spring.link(member="ann")
    scene.open(link, ANDROID)
    assert Browser(scene.client, ANDROID).get(f"{link}/google").status_code == 503  # nobody plays Google here
    scene.clock.on(minutes=1)
    scene.hear("ann", saved=True)
    assert scene.rows("wallet") == {"google": {"opened": 1, "clicked": 1, "installed": 1, "early": 1}}
    scene.clock.on(days=20)
    scene.hear("ann", saved=False)
    scene.clock.on(days=20)
    assert scene.rows("wallet") == {"google": {"opened": 1, "clicked": 1, "installed": 1}}


def test_an_installation_belongs_to_the_last_click_within_a_week(scene: Scene) -> None:
    """Of two links the later one counts; without a click, on another wallet or after more than a week, none does."""
    scene.enrol("ann", "bea", "cyn", "dan")
    summer = marketer(scene.service, "summer")
    scene.download(scene.spring.link(member="ann"))
    scene.clock.on(days=1)
    scene.download(summer.link(member="ann"))
    scene.download(scene.spring.link(member="bea"))
    scene.install("ann")
    scene.hear("bea", saved=True)
    scene.open(scene.spring.link(member="cyn"))
    scene.install("cyn")
    scene.download(scene.spring.link(member="dan"))
    scene.clock.on(days=7, seconds=1)
    scene.install("dan")
    assert scene.rows() == {
        "spring": {"opened": 1, "clicked": 3},
        "summer": {"clicked": 1, "installed": 1, "early": 1},
    }


def test_purchases_count_after_the_card_is_there(scene: Scene) -> None:
    """An order that was paid before, or that is cancelled, is none that the card led to."""
    scene.enrol("ann", "bea")
    scene.shop.buy(500, order="o0", customer="ann")
    scene.clock.on(days=1)
    for name in ("ann", "bea"):
        scene.download(scene.spring.link(member=name))
        scene.install(name)
    assert "purchased" not in scene.total()
    scene.clock.on(days=1)
    for order in ("o1", "o2"):
        scene.shop.buy(500, order=order, customer="ann")
    assert scene.total()["purchased"] == 1


def test_two_phones_are_one_person_but_two_wallets(scene: Scene) -> None:
    """Somebody who opens a link on both phones is counted once, and once for each wallet where those are told apart."""
    scene.enrol("ann")
    link = scene.spring.link(member="ann")
    for agent in (IPHONE, ANDROID, WINDOWS):
        scene.open(link, agent)
    scene.download(link)
    Browser(scene.client, ANDROID).get(f"{link}/google")
    assert scene.total() == {"opened": 1, "clicked": 1}
    assert scene.rows("wallet") == {
        "apple": {"opened": 1, "clicked": 1},
        "google": {"opened": 1, "clicked": 1},
        "other": {"opened": 1},
    }


def test_channels_and_links_are_told_apart(scene: Scene) -> None:
    """The same campaign by mail and by message, and each link that was used by itself."""
    scene.enrol("ann", "bea")
    mail, message = scene.spring.link(member="ann"), scene.spring.link(member="bea", channel="sms")
    scene.open(mail)
    scene.open(message)
    scene.download(message)
    Browser(scene.client, WHATSAPP).get(message)
    assert scene.rows("channel") == {"email": {"opened": 1}, "sms": {"opened": 1, "clicked": 1, "preview": 1}}
    assert scene.rows("link") == {"link 1": {"opened": 1}, "link 2": {"opened": 1, "clicked": 1}}


def test_a_poster_counts_openings_and_then_members(scene: Scene) -> None:
    """Nobody knows who scans a poster, so each scan counts; from joining on it is members, by name."""
    code = scene.spring.short(content="window")
    for _ in range(3):
        scene.open(f"/s/{code}")
    for name in ("ann", "bea"):
        scene.enrol(name)
        with scene.service.begin() as tx:
            seen = look_up(tx, code)
            joined_through(tx, seen, None, scene.spring.member(name), now=scene.clock())
    page = Browser(scene.client, IPHONE)
    link = re.search(r'href="(/cards/[^"]+/card.pkpass)"', page.get(card_page(scene, "ann")).text)
    assert link
    for _ in range(2):
        assert page.get(link[1]).status_code == 200
    scene.install("ann")
    assert scene.rows("link") == {code: {"opened": 3, "joined": 2, "clicked": 1, "installed": 1, "early": 1}}
    assert scene.rows("channel") == {"print": {"opened": 3, "joined": 2, "clicked": 1, "installed": 1, "early": 1}}


def card_page(scene: Scene, name: str) -> str:
    """Return the path of a member's own page."""
    return add_url("", scene.service.secret_key, scene.card(name).serial_number)


def test_a_week_after_joining_the_link_is_thanked_no_more(scene: Scene) -> None:
    """What somebody does on the card's page much later has nothing to do with the poster."""
    scene.enrol("ann")
    code = scene.spring.short()
    with scene.service.begin() as tx:
        joined_through(tx, look_up(tx, code), None, scene.spring.member("ann"), now=scene.clock())
    scene.clock.on(days=7, seconds=1)
    Browser(scene.client, IPHONE).get(f"{card_page(scene, 'ann')}/card.pkpass")
    assert scene.total() == {"joined": 1}


def test_a_member_who_objects_is_in_no_step(scene: Scene) -> None:
    """What was counted goes, what comes is not counted, and whoever changes their mind begins anew."""
    scene.enrol("ann")
    link = scene.spring.link(member="ann")
    scene.open(link)
    scene.download(link)
    scene.install("ann")
    with scene.service.begin() as tx:
        object_to_counting(tx, scene.spring.member("ann"), now=scene.clock())
    assert scene.total() == {}
    scene.remove("ann")
    scene.open(link)
    scene.download(link)
    scene.install("ann")
    assert scene.total() == {}
    assert scene.spring.one("SELECT count(*) FROM installs") == 0
    with scene.service.begin() as tx:
        withdraw(tx, scene.spring.member("ann"))
    scene.open(link)
    assert scene.total() == {"opened": 1}


def test_days_bound_what_is_counted(scene: Scene) -> None:
    """Of a period only what was sent, opened and clicked in it counts, with what that led to."""
    scene.enrol("ann", "bea")
    day = scene.clock().date()
    scene.open(scene.spring.link(member="ann"))
    scene.download(scene.spring.link(member="ann"))
    scene.clock.on(days=1)
    scene.install("ann")
    scene.open(scene.spring.link(member="bea"))
    assert scene.rows(until=day) == {"spring": {"opened": 1, "clicked": 1, "installed": 1, "early": 1}}
    assert scene.rows(since=day + timedelta(days=1)) == {"spring": {"opened": 1}}


def test_merchants_never_see_one_another(scene: Scene) -> None:
    """A funnel is a merchant's own."""
    scene.enrol("ann")
    scene.open(scene.spring.link(member="ann"))
    with scene.service.begin() as tx:
        merchants.add(tx, code="other", name="Other", now=scene.clock())
        other = merchants.find(tx, "other")
        assert other
        assert list(funnel(tx, merchant_id=other.id, now=scene.clock())) == []
        assert numbers(total(tx, merchant_id=other.id, now=scene.clock())) == {}


def test_files_say_the_same_as_the_rows(scene: Scene) -> None:
    """JSON and CSV hold every number under its name, and no cell is a formula."""
    scene.enrol("ann")
    scene.open(scene.spring.link(member="ann"))
    with scene.service.begin() as tx:
        asked = {"merchant_id": scene.spring.merchant_id, "now": scene.clock()}
        rows = list(funnel(tx, **asked))
        told = json.loads("".join(as_json(funnel(tx, **asked))))
        table = list(csv.DictReader(io.StringIO("".join(as_csv(funnel(tx, **asked))))))
    assert len(rows) == len(told) == len(table) == 1
    assert told[0]["opened"] == 1
    assert table[0]["opened"] == "1"
    assert table[0]["key"] == told[0]["key"] == "spring"
    assert "".join(as_json([])) == "[\n]\n"
    evil = Counted("=1+1", *(None,) * 3, *(0,) * 12)
    assert "\n'=1+1,," in "".join(as_csv([evil]))


# The page.


def test_the_page_shows_the_way_and_a_table(scene: Scene) -> None:
    """Everything that the chart shows stands in words, too, and whoever has the address needs nothing else."""
    scene.enrol("ann")
    scene.open(scene.spring.link(member="ann"))
    with scene.service.begin() as tx:
        sent(tx, scene.spring.campaign, "email", times=4, day=scene.clock().date())
    url = address(scene, days=1)
    for by in ("campaign", "channel", "link", "wallet"):
        page = scene.client.get(f"{url}?by={by}&campaign=spring", headers={"Accept": "text/html"})
        assert page.status_code == 200
        way = re.findall(r"<li><span>([^<]+)</span> <b>([^<]+)</b>", page.text)
        assert way[:3] == [("Sent", "4"), ("Opened", "1 · 25.0 %"), ("Downloaded or save clicked", "0 · 0.0 %")]
        assert len(way) == 6
        assert page.headers["Cache-Control"] == "private, no-store"
    rows = scene.client.get(f"{url}/funnel.csv?by=link").text.splitlines()
    assert len(rows) == 2
    assert scene.client.get(f"{url}/funnel.json").get_json()[0]["sent"] == 4


def test_the_pages_address_ends(scene: Scene) -> None:
    """After its last moment, with a letter changed, or asked for what there is not, there is no page."""
    url = address(scene, days=1)
    scene.clock.on(days=1, seconds=-1)
    assert scene.client.get(url).status_code == 200
    assert scene.client.get(f"{url}x").status_code == 404
    assert scene.client.get(f"{url}?by=member").status_code == 404
    assert scene.client.get(f"{url}?campaign=none").status_code == 404
    assert scene.client.get(f"{url}/funnel.csv?campaign=none").status_code == 404
    scene.clock.on(seconds=1)
    assert scene.client.get(url).status_code == 404
    assert scene.client.get(f"{url}/funnel.json").status_code == 404


def address(scene: Scene, *, days: int) -> str:
    """Return the path of the funnel's page."""
    until = scene.clock() + timedelta(days=days)
    return funnel_url("", scene.service.secret_key, scene.spring.merchant_id, until=until)
