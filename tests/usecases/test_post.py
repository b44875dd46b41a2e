"""Letters are written with what causes them, sent by workers one by one, and to nobody who must not be written to."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from actors import Clock, Shop
from sqlalchemy import text
from structlog.testing import capture_logs
from structlog.typing import EventDict

from wallet_service.domain.errors import LetterRefused
from wallet_service.domain.event import Customer
from wallet_service.domain.letters import LADDER, Button, Letter, Mail, Outcome, Suppression, Word, held_back
from wallet_service.storage import letters, suppressed, wallets
from wallet_service.storage.vault import Vault
from wallet_service.usecases import operate
from wallet_service.usecases.deliver import STOP_FOR, Delivered
from wallet_service.usecases.erase import erase
from wallet_service.usecases.post import Post, prune_letters
from wallet_service.usecases.write_letter import Written, write_letter
from wallet_service.wiring import Service

LEASE = timedelta(minutes=10)
ANN = "ann@home.example"
SENT = Outcome("sent", message_id="<1@shop.example>")
LATER = Outcome("later", "put off: 450")
SIGN_IN = Letter("sign_in", "en", "Your link", ("Here it is.",), Button("Sign in", "https://cards.example/x"), "Shop")
CAMPAIGN = Letter("campaign", "en", "Spring", ("It is here.",))
REMINDER = Letter("reminder", "en", "Shop: Happy birthday!", ("Happy birthday!",))


@dataclass
class Bag:
    """A carrier that answers as it is told, and remembers what it was given."""

    answer: Callable[[Mail], Outcome] = lambda _: SENT
    got: list[Mail] = field(default_factory=list)

    def send(self, mail: Mail, *, at: datetime) -> Outcome:  # noqa: ARG002
        """Take the letter and answer."""
        self.got.append(mail)
        return self.answer(mail)

    def close(self) -> None:
        """There is nothing to let go of."""

    @property
    def to(self) -> list[str]:
        """To whom the letters went."""
        return [each.to for each in self.got]


class Died(BaseException):
    """What ends a worker in the middle of its work."""


@dataclass
class Desk:
    """Where letters are written and sent, and how they stand."""

    service: Service
    shop: Shop
    clock: Clock
    bag: Bag
    program_id: int
    merchant_id: int
    member_id: int

    def write(self, letter: Letter = SIGN_IN, *, to: str = ANN, member: bool = True, **more: datetime) -> Written:
        """Write a letter."""
        with self.service.begin() as tx:
            return write_letter(
                tx,
                self.service.vault,
                letter,
                program_id=self.program_id,
                member_id=self.member_id if member else None,
                to=to,
                now=self.clock.now,
                **more,
            )

    def post(self, *, batch: int = 20) -> Post:
        """Return what sends letters, as one worker has it."""
        return Post(
            "email",
            self.bag,
            self.service.begin,
            self.service.vault,
            self.clock,
            lambda program, member, mark: f"https://cards.example/unsubscribe/{program}-{member}-{mark.hex()}",
            LEASE,
            batch,
            random.Random(1),
        )

    def suppress(self, reason: str, *, to: str = ANN) -> None:
        """Have an address not be written to."""
        with self.service.begin() as tx:
            mark = suppressed.marks_of(self.service.vault, to)[0]
            suppressed.add(tx, self.merchant_id, mark, reason, now=self.clock.now)  # type: ignore[arg-type]

    def agree(self, granted: bool = True, channel: str | None = "email") -> None:
        """Have the member say whether news may come."""
        consent = {"purpose": "marketing", "granted": granted} | ({"channel": channel} if channel else {})
        self.shop.answer("member.updated", {"customer": {"id": "ann"}, "consents": [consent]})

    def rows(self, columns: str = "state, attempts") -> list[tuple[object, ...]]:
        """Return columns of all letters, in the order of writing."""
        with self.service.read() as tx:
            return [tuple(row) for row in tx.execute(text(f"SELECT {columns} FROM letters ORDER BY id"))]

    def reasons(self) -> list[str]:
        """Return why addresses are not written to."""
        with self.service.read() as tx:
            return [each.reason for each in suppressed.newest(tx, self.merchant_id, most=9)]


@pytest.fixture
def desk(service: Service, shop: Shop, clock: Clock) -> Desk:
    """A desk in the programme of a member named ann."""
    shop.enrol("ann")
    with service.read() as tx:
        row = tx.execute(
            text("SELECT members.id, program_id, merchant_id FROM members JOIN programs ON programs.id = program_id")
        ).one()
    return Desk(service, shop, clock, Bag(), row.program_id, row.merchant_id, row.id)


@pytest.fixture
def logged() -> Iterator[list[EventDict]]:
    """What is logged."""
    with capture_logs() as said:
        yield said


def test_a_letter_is_sealed_until_it_is_sent(desk: Desk) -> None:
    """Neither address nor text can be read in the database; once sent they are gone, and the Message-ID is kept."""
    desk.write()
    (sealed,) = desk.rows("sealed")[0]
    assert isinstance(sealed, bytes)
    assert b"ann" not in sealed
    assert desk.post().deliver() == Delivered(sent=1)
    (got,) = desk.bag.got
    assert (got.to, got.letter, got.unsubscribe_url) == (ANN, SIGN_IN, None)
    assert desk.rows("state, attempts, sealed, message_id, sent_at") == [
        ("sent", 1, None, "<1@shop.example>", desk.clock.now)
    ]


def test_a_letter_is_there_with_its_cause_or_not_at_all(desk: Desk) -> None:
    """Where the transaction is undone, there is no letter."""
    with desk.service.trial() as tx:
        write_letter(
            tx, desk.service.vault, SIGN_IN, program_id=desk.program_id, member_id=None, to=ANN, now=desk.clock.now
        )
    assert desk.rows() == []


@pytest.mark.parametrize("to", ["ann", "ann@home.example\nBcc: x@y.example", "", "a b@home.example"])
def test_what_is_no_address(desk: Desk, to: str) -> None:
    """A letter to what is no address is refused, and nothing is written."""
    with pytest.raises(LetterRefused):
        desk.write(to=to)
    assert desk.rows() == []


@pytest.mark.parametrize("unasked", [CAMPAIGN, REMINDER], ids=["campaign", "reminder"])
def test_what_is_asked_for_goes_first(desk: Desk, unasked: Letter) -> None:
    """Whoever waits for a letter does not wait for a campaign of thousands, nor for what a day reminds all of."""
    for number in range(3):
        desk.write(unasked, to=f"p{number}@home.example", member=False)
    desk.clock.on(seconds=1)
    desk.write()
    desk.post(batch=1).deliver()
    assert desk.bag.to == [ANN]


def test_what_is_put_off_climbs_the_ladder(desk: Desk) -> None:
    """After each refusal for now a letter waits longer, and is given up after two days; the address is still good."""
    desk.write()
    desk.bag.answer = lambda _: LATER
    for number, step in enumerate(LADDER, 1):
        assert desk.post().deliver() == Delivered(later=1)
        assert desk.rows() == [("waiting", number)]
        desk.clock.on(seconds=step.total_seconds() * 0.9)
        assert desk.post().deliver() == Delivered()
        desk.clock.on(seconds=step.total_seconds() * 0.25)
    assert desk.post().deliver() == Delivered(gone=1)
    assert desk.rows("state, attempts, sealed, last_error") == [("dead", len(LADDER) + 1, None, "put off: 450")]
    assert desk.reasons() == []


def test_an_address_that_is_not_there(desk: Desk) -> None:
    """A refusal for good ends the letter, and nothing at all is written to that address any more."""
    desk.write()
    desk.bag.answer = lambda _: Outcome("bounced", "the address is refused: 550 5.1.1")
    assert desk.post().deliver() == Delivered(gone=1)
    assert (desk.rows(), desk.reasons()) == ([("dead", 1)], ["bounced"])
    assert desk.write().why == "suppressed"
    assert desk.rows("state, sealed") == [("dead", None), ("dropped", None)]


def test_a_text_that_is_refused(desk: Desk) -> None:
    """A letter that will not be taken is over; the address is not to blame."""
    desk.write()
    desk.bag.answer = lambda _: Outcome("refused", "the text is refused: 554")
    desk.post().deliver()
    assert desk.rows() == [("dead", 1)]
    assert desk.reasons() == []


def test_while_the_server_is_away(desk: Desk) -> None:
    """Nothing is used up while nobody takes letters: they wait, and go once somebody is there."""
    desk.write()
    desk.write(to="bob@home.example")
    desk.bag.answer = lambda _: Outcome("away", "no connection")
    post = desk.post()
    for _ in range(20):
        post.deliver()
        desk.clock.on(minutes=16)
    assert len(desk.bag.got) == 20
    assert desk.rows("state, attempts, last_error") == [("waiting", 0, "no connection")] * 2
    desk.bag.answer = lambda _: SENT
    assert post.deliver() == Delivered(sent=2)


def test_an_away_server_is_left_alone_for_a_while(desk: Desk) -> None:
    """A worker does not knock again at once."""
    desk.write()
    desk.bag.answer = lambda _: Outcome("away", "no connection")
    post = desk.post()
    for _ in range(5):
        post.deliver()
    assert len(desk.bag.got) == 1


def test_a_refused_login_stops_all_workers(desk: Desk, logged: list[EventDict]) -> None:
    """Nobody sends before the pause is over, then one letter is tried; the log calls for somebody."""
    for number in range(3):
        desk.write(to=f"p{number}@home.example")
    desk.bag.answer = lambda _: Outcome("stop", "the login is refused: 535")
    desk.post().deliver()
    assert desk.post().deliver() == Delivered()
    assert len(desk.bag.got) == 1
    with desk.service.read() as tx:
        assert [(each.platform, each.reason) for each in wallets.stops(tx)] == [("email", "the login is refused: 535")]
    assert [each["log_level"] for each in logged if each["event"] == "letters.stopped"] == ["error"]
    desk.clock.on(seconds=STOP_FOR.total_seconds() + 1)
    desk.bag.answer = lambda _: SENT
    assert desk.post().deliver() == Delivered(sent=1)
    assert desk.post().deliver() == Delivered(sent=2)
    with desk.service.read() as tx:
        assert wallets.stops(tx) == []


def test_a_worker_that_dies(desk: Desk) -> None:
    """What it had not settled is sent once more after its lease, by another one, and is one row still."""
    desk.write()

    def die(_: Mail) -> Outcome:
        raise Died

    desk.bag.answer = die
    with pytest.raises(Died):
        desk.post().deliver()
    desk.bag.answer = lambda _: SENT
    assert desk.post().deliver() == Delivered()
    desk.clock.on(seconds=LEASE.total_seconds())
    assert desk.post().deliver() == Delivered(sent=1)
    assert desk.rows() == [("sent", 2)]
    assert desk.bag.got[0].id == desk.bag.got[1].id


def test_a_worker_that_slept(desk: Desk) -> None:
    """Whoever comes back after the lease changes nothing of what its successor did."""
    desk.write()

    def sleep(_: Mail) -> Outcome:
        desk.clock.on(seconds=LEASE.total_seconds())
        desk.bag.answer = lambda _: SENT
        assert desk.post().deliver() == Delivered(sent=1)
        return LATER

    desk.bag.answer = sleep
    desk.post().deliver()
    assert desk.rows() == [("sent", 2)]


def test_a_slow_batch_is_given_back(desk: Desk) -> None:
    """What cannot be sent well within the lease is left to be taken on anew, and counts as no attempt."""
    for number in range(3):
        desk.write(to=f"p{number}@home.example")

    def slowly(_: Mail) -> Outcome:
        desk.clock.on(seconds=LEASE.total_seconds() * 0.6)
        return SENT

    desk.bag.answer = slowly
    assert desk.post().deliver() == Delivered(sent=1)
    assert desk.rows() == [("sent", 1), ("waiting", 0), ("waiting", 0)]


def test_a_fault_of_ours_keeps_nobody_waiting(desk: Desk, logged: list[EventDict]) -> None:
    """A letter that cannot even be drawn is given up; the others go, and the log does not tell to whom it was."""
    desk.write()
    desk.write(to="bob@home.example")

    def fail(mail: Mail) -> Outcome:
        if mail.to == ANN:
            raise ValueError(mail.to)
        return SENT

    desk.bag.answer = fail
    assert desk.post().deliver() == Delivered(sent=1, gone=1)
    assert ANN not in str(logged)


def test_what_comes_too_late(desk: Desk) -> None:
    """A link that does not work any more is not sent."""
    desk.write(until=desk.clock.now + timedelta(minutes=15))
    desk.clock.on(minutes=16)
    assert desk.post().deliver() == Delivered(gone=1)
    assert desk.rows("state, last_error") == [("dropped", "too_late")]
    assert desk.bag.got == []


def test_another_secret_key(desk: Desk) -> None:
    """Letters that were sealed under a key which is gone wait for it, and go once it is set as the previous one."""
    desk.write()
    post = desk.post()
    post.vault = Vault("another key " * 4)
    assert post.deliver() == Delivered()
    assert desk.rows() == [("waiting", 0)]
    desk.clock.on(seconds=STOP_FOR.total_seconds() + 1)
    assert desk.post().deliver() == Delivered(sent=1)


def test_news_needs_consent(desk: Desk) -> None:
    """Without the member's word nothing of a campaign is written; with it, it has a way out."""
    assert desk.write(CAMPAIGN).why == "no_consent"
    desk.agree(channel=None)
    assert desk.write(CAMPAIGN).why is None
    desk.post().deliver()
    assert desk.bag.got[0].unsubscribe_url is not None
    desk.agree(granted=False)
    assert desk.write(CAMPAIGN).why == "no_consent"


def test_consent_that_is_withdrawn_before_it_is_sent(desk: Desk) -> None:
    """What the member said last counts when the letter goes, not when it was written."""
    desk.agree()
    desk.write(CAMPAIGN)
    desk.agree(granted=False)
    assert desk.post().deliver() == Delivered(gone=1)
    assert desk.rows("state, last_error") == [("dropped", "no_consent")]
    assert desk.bag.got == []


def test_suppression_that_comes_before_it_is_sent(desk: Desk) -> None:
    """An address that is put on the list meanwhile gets nothing of the campaign; what was asked for goes."""
    desk.write(CAMPAIGN, member=False)
    desk.write()
    desk.suppress("complained")
    assert desk.post().deliver() == Delivered(sent=1, gone=1)
    assert desk.rows("kind, state, last_error") == [("campaign", "dropped", "suppressed"), ("sign_in", "sent", None)]


def test_another_merchants_list(desk: Desk) -> None:
    """Whom one merchant must not write to, another one may."""
    with desk.service.begin() as tx:
        other = tx.execute(
            text("INSERT INTO merchants (code, name, created_at) VALUES ('o', 'O', now()) RETURNING id")
        ).scalar_one()
        mark = suppressed.marks_of(desk.service.vault, ANN)[0]
        suppressed.add(tx, other, mark, "bounced", now=desk.clock.now)
    assert desk.write().why is None


def test_a_member_who_is_erased(desk: Desk) -> None:
    """Nothing more is sent to whoever is forgotten, and no letter says that it was theirs."""
    desk.write()
    operate.operate(
        desk.service.begin,
        program=operate.OpenProgram(desk.program_id, desk.service.template("points"), desk.service.vault),
        key="once",
        kind="member.erase",
        content={},
        actor="a test",
        now=desk.clock.now,
        act=lambda operation: erase(operation, customer=Customer(id="ann")),
    )
    assert desk.post().deliver() == Delivered()
    assert desk.rows("state, sealed, member_id") == [("dropped", None, None)]
    assert desk.rows("mark = convert_to(public_id, 'UTF8')") == [(True,)]


def test_a_member_who_was_erased_while_it_was_written(desk: Desk) -> None:
    """A letter that was written at the very moment in which its member was erased is not sent."""
    desk.agree()
    desk.write(CAMPAIGN)
    with desk.service.begin() as tx:
        tx.execute(text("UPDATE members SET erased_at = now()"))
    assert desk.post().deliver() == Delivered(gone=1)
    assert desk.rows("state, sealed, last_error") == [("dropped", None, "erased")]


def test_what_became_of_letters_is_forgotten(desk: Desk) -> None:
    """After some days nothing is left of a letter that is over; one that waits stays."""
    desk.write()
    desk.post().deliver()
    desk.write()
    desk.clock.on(days=31)
    assert prune_letters(desk.service.begin, keep=timedelta(days=30), now=desk.clock.now) == 1
    assert desk.rows() == [("waiting", 0)]


def test_an_operator_sees_how_letters_stand(desk: Desk) -> None:
    """Letters that wait and that were given up are counted."""
    desk.write()
    desk.bag.answer = lambda _: Outcome("refused", "spam")
    desk.post().deliver()
    desk.write()
    with desk.service.read() as tx:
        assert letters.tally(tx) == letters.Tally(waiting=1, dead=1)


AT = Clock().now
BEFORE, AFTER = AT - timedelta(days=1), AT + timedelta(days=1)


@pytest.mark.parametrize(
    ("marketing", "reasons", "word", "of_member", "why"),
    [
        (False, ["unsubscribed", "complained", "by_hand"], None, True, None),
        (False, ["bounced"], None, True, "suppressed"),
        (True, [], None, True, "no_consent"),
        (True, [], None, False, None),
        (True, [], Word(False, AFTER), True, "no_consent"),
        (True, [], Word(True, BEFORE), True, None),
        (True, ["unsubscribed"], Word(True, BEFORE), True, "suppressed"),
        (True, ["unsubscribed"], Word(True, AFTER), True, None),
        (True, ["unsubscribed", "bounced"], Word(True, AFTER), True, "suppressed"),
        (True, ["complained"], Word(True, AFTER), True, "suppressed"),
        (True, ["by_hand"], Word(True, AFTER), True, "suppressed"),
        (True, ["unsubscribed"], None, False, "suppressed"),
    ],
)
def test_who_is_written_to(
    *, marketing: bool, reasons: list[str], word: Word | None, of_member: bool, why: str | None
) -> None:
    """Consent that is newer than unsubscribing counts; bounces, complaints and what was set by hand stand above it."""
    against = [Suppression(each, AT) for each in reasons]  # type: ignore[arg-type]
    assert held_back(marketing=marketing, suppressions=against, word=word, of_member=of_member) == why
