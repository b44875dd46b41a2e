"""A campaign goes to whoever has agreed and has an address, once, in their language; what is foretold happens."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta

import pytest
from actors import Clock, Shop
from campaign_actors import LETTER, TO_PROSPECTS, Campaigner
from sqlalchemy import Connection, text

from wallet_service.domain.errors import LinkOver, LinkRefused, OperationConflict, SheetRefused
from wallet_service.domain.letters import Mail, Outcome
from wallet_service.storage import letters
from wallet_service.usecases import send_campaign as sending
from wallet_service.usecases.campaign import revoke_campaign
from wallet_service.usecases.post import Post
from wallet_service.usecases.send_campaign import CampaignSending
from wallet_service.wiring import LETTER_LEASE, Service

FILE = """email,external_id,name,locale
new@home.example,n1,Nora,cs
NEW@home.example,n2,Nora again,
ann@home.example,ann,Ann,
gone@home.example,n3,Gone,
nothing,n4,Nobody,
late@home.example,n5,,ro
"""


@pytest.fixture
def spring(service: Service, shop: Shop) -> Campaigner:
    """A campaign by e-mail, with members of every kind."""
    found = Campaigner(service, shop)
    for name, locale in (("ann", "en"), ("bob", "cs-CZ"), ("eve", "de")):
        found.member(name, locale=locale)
    found.member("silent", agrees=None)
    found.member("withdrawn", agrees=False)
    found.member("nowhere", address=False)
    found.member("gone")
    found.suppress("gone@home.example")
    return found.begin()


def written(spring: Campaigner) -> list[tuple[str, str, str]]:
    """Return address, language and subject of all letters that wait."""
    found = []
    for (sealed,) in spring.rows("SELECT sealed FROM letters WHERE sealed IS NOT NULL ORDER BY id"):
        to, letter = letters.opened(spring.service.vault, bytes(sealed))
        found.append((to, letter.language, letter.subject))
    return found


def test_each_member_gets_one_letter(spring: Campaigner) -> None:
    """Whoever has agreed and is known by an address gets it in their language, with a link of their own."""
    spring.ask()
    spring.work()
    assert written(spring) == [
        ("ann@home.example", "en", "Spring, Ann"),
        ("bob@home.example", "cs", "Jaro, Bob"),
        ("eve@home.example", "en", "Spring, Eve"),
    ]
    assert spring.result() == ({"written": 3, "no_consent": 2, "no_address": 1, "suppressed": 1}, 0)
    links = set()
    for (sealed,) in spring.rows("SELECT sealed FROM letters"):
        _, letter = letters.opened(spring.service.vault, bytes(sealed))
        assert letter.button is None or letter.button.url in letter.paragraphs[0]
        links.add(spring.service.links.open(letter.paragraphs[0].rsplit("/", 1)[1]).member)
    assert links == {each for (each,) in spring.rows("SELECT member_id FROM letters")}


def test_links_are_counted_as_sent(spring: Campaigner) -> None:
    """The funnel begins with the letters that were written."""
    spring.ask()
    spring.work()
    assert spring.rows("SELECT channel, what, times FROM link_counts") == [("email", "sent", 3)]


@pytest.mark.parametrize("file", [None, FILE])
def test_what_is_foretold_is_what_happens(spring: Campaigner, file: str | None) -> None:
    """A dry run writes nothing, and counts and shows just what sending then writes."""
    letter = LETTER if file is None else TO_PROSPECTS
    told = spring.foretell(letter, file=file)
    assert spring.rows("SELECT count(*) FROM letters") == [(0,)]
    spring.ask(letter, file=file)
    spring.work()
    result, refused = spring.result()
    assert Counter(result) == told.left_out + Counter(written=told.written)
    assert refused == told.refused
    assert [(each.to, each.letter.language, each.letter.subject) for each in told.samples] == written(spring)[:3]


def test_people_of_a_file(spring: Campaigner) -> None:
    """Rows that are members, come twice, or must not be written to are left out; what is no address is refused."""
    spring.suppress("late@home.example")
    spring.ask(TO_PROSPECTS, file=FILE)
    spring.work()
    assert written(spring) == [("new@home.example", "en", "Join us, Nora")]
    assert spring.result() == ({"written": 1, "twice": 1, "member": 2, "suppressed": 1}, 1)
    ((sealed,),) = spring.rows("SELECT sealed FROM letters")
    _, letter = letters.opened(spring.service.vault, bytes(sealed))
    link = spring.service.links.open(letter.paragraphs[0].rsplit("/", 1)[1])
    assert link.prospect is not None
    assert (link.prospect.external_id, link.prospect.name, link.prospect.locale) == ("n1", "Nora", "cs")
    assert spring.rows("SELECT count(*) FROM job_files") == [(0,)]


@pytest.mark.parametrize("file", ["", "name\nAnn\n", "email,colour\na@home.example,red\n"])
def test_a_file_with_other_columns(spring: Campaigner, file: str) -> None:
    """A file that cannot be read is refused before anything is done, when it is foretold and when it is asked for."""
    with pytest.raises(SheetRefused):
        spring.foretell(TO_PROSPECTS, file=file)
    with pytest.raises(SheetRefused):
        spring.ask(TO_PROSPECTS, file=file)
    assert spring.rows("SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM job_files)") == [(0,)]


def test_the_same_once_more(spring: Campaigner) -> None:
    """Under the same key nothing is written again; under the same key something else is refused."""
    first = spring.ask()
    assert spring.ask() == replace(first, replayed=True)
    with pytest.raises(OperationConflict):
        spring.ask(LETTER.replace("Spring", "Summer"))
    spring.work()
    assert spring.rows("SELECT count(*) FROM letters") == [(3,)]


class Died(BaseException):
    """What ends a worker in the middle of its work."""


def test_a_worker_that_dies_between_two_pieces(spring: Campaigner, clock: Clock) -> None:
    """Another one goes on where it stood, and nobody has two letters."""
    spring.ask()
    service = spring.service
    small = CampaignSending(
        service.begin,
        service.read,
        service.in_force,
        clock,
        service.vault,
        service.addresses,
        rows=2,
    )
    steps = service.jobs()
    working = replace(steps, kinds={**steps.kinds, "campaign": small.piece})
    assert working.step()
    assert spring.rows("SELECT count(*) FROM letters") == [(2,)]

    @contextmanager
    def dying() -> Iterator[Connection]:
        with service.begin() as tx:
            yield tx
            assert tx.execute(text("SELECT count(*) FROM letters")).scalar() == 3
            raise Died

    with pytest.raises(Died):
        replace(steps, kinds={**steps.kinds, "campaign": replace(small, begin=dying).piece}).step()
    assert spring.rows("SELECT count(*) FROM letters") == [(2,)]
    clock.on(seconds=timedelta(minutes=2).total_seconds())
    spring.work()
    assert len({to for to, _, _ in written(spring)}) == len(written(spring)) == 3
    assert spring.rows("SELECT what, times FROM link_counts") == [("sent", 3)]


def test_consent_that_is_withdrawn_meanwhile(spring: Campaigner, clock: Clock) -> None:
    """What was said between writing and sending counts."""
    spring.ask()
    spring.work()
    consent = {"purpose": "marketing", "channel": "email", "granted": False}
    spring.shop.answer("member.updated", {"customer": {"id": "ann"}, "consents": [consent]})
    assert sent_by(spring, clock) == ["bob@home.example", "eve@home.example"]


def test_a_campaign_that_is_ended_meanwhile(spring: Campaigner, clock: Clock) -> None:
    """Letters that still wait are not sent, for their links would lead nowhere."""
    spring.ask()
    spring.work()
    with spring.service.begin() as tx:
        revoke_campaign(tx, spring.opened.merchant_id, "spring", now=clock.now)
    assert sent_by(spring, clock) == []
    assert spring.rows("SELECT DISTINCT state, last_error FROM letters") == [("dropped", "revoked")]


def sent_by(spring: Campaigner, clock: Clock) -> list[str]:
    """Send what waits, and return to whom it went."""
    got: list[str] = []

    class Bag:
        def send(self, mail: Mail, *, at: object) -> Outcome:  # noqa: ARG002
            got.append(mail.to)
            return Outcome("sent")

        def close(self) -> None:
            pass

    service = spring.service
    Post("email", Bag(), service.begin, service.vault, clock, service.unsubscribe_link, LETTER_LEASE).deliver()
    return got


def test_campaigns_that_cannot_be_sent(spring: Campaigner, clock: Clock) -> None:
    """Posters are not mailed, what has ended is not begun, and the last day is the last."""
    campaign, template = spring.campaign.campaign, spring.service.template("points")
    with pytest.raises(LinkRefused, match="print"):
        sending.campaign_to_send(replace(campaign, channel="print"), template, now=clock.now)
    with pytest.raises(LinkOver):
        sending.campaign_to_send(replace(campaign, revoked_at=clock.now), template, now=clock.now)
    with pytest.raises(LinkOver):
        sending.campaign_to_send(replace(campaign, until=date(2026, 5, 31)), template, now=clock.now)
    assert sending.campaign_to_send(replace(campaign, until=date(2026, 6, 1)), template, now=clock.now) == "email"


def test_void_cards_and_those_who_are_erased(spring: Campaigner) -> None:
    """Whoever has no card that works, or has become one with another, is not written to."""
    with spring.service.begin() as tx:
        tx.execute(
            text("""
            UPDATE cards SET voided_at = now() FROM members WHERE members.id = member_id AND external_id = 'ann';
            UPDATE members SET merged_into = (SELECT id FROM members WHERE external_id = 'eve')
            WHERE external_id = 'bob';
        """)
        )
    spring.ask()
    spring.work()
    assert [to for to, _, _ in written(spring)] == ["eve@home.example"]
    assert spring.result()[0]["no_card"] == 1


def test_a_proved_address_goes_first(spring: Campaigner) -> None:
    """Of several addresses the one that the member has proved is written to."""
    spring.shop.answer("member.updated", {"customer": {"id": "ann", "email": "new@home.example"}})
    with spring.service.begin() as tx:
        tx.execute(
            text("""
            UPDATE member_identities SET verified_at = now()
            WHERE id = (SELECT max(member_identities.id) FROM member_identities
                        JOIN members ON members.id = member_id WHERE external_id = 'ann')
        """)
        )
    spring.ask()
    spring.work()
    assert written(spring)[0][0] == "new@home.example"
