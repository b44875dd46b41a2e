"""Dispatch: the oldest of each lane goes first, whoever sends it; failures climb the ladder; nobody starves."""

import json
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from actors import Clock, Shop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from listeners import Listener, listening
from sqlalchemy import Connection, text

from wallet_service import logs
from wallet_service.domain.outbound import GIVEN_UP_AFTER, Answer, Parcel
from wallet_service.storage import messages
from wallet_service.storage.messages import Written
from wallet_service.storage.vault import Vault
from wallet_service.usecases import endpoints, replay
from wallet_service.usecases.deliver import Delivered
from wallet_service.usecases.dispatch import Dispatch
from wallet_service.wiring import Service

LEASE = timedelta(seconds=90)
FEW = 4  # failures, after which no message is given up yet
TAKEN, FAILED = Answer(200, ms=5), Answer(500, ms=5)


@dataclass
class Post:
    """A courier that answers as it is told, and remembers what it was given."""

    answer: Callable[[Parcel], Answer] = lambda _: TAKEN
    got: list[Parcel] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, parcel: Parcel, *, at: datetime) -> Answer:
        """Take the message and answer."""
        with self.lock:
            self.got.append(parcel)
            self.times.append(at)
        return self.answer(parcel)

    def numbers(self) -> list[int]:
        """Return the numbers that the messages say, in the order in which they came."""
        return [number_of(each) for each in self.got]


class Died(BaseException):
    """What ends a worker in the middle of its work."""


def number_of(parcel: Parcel) -> int:
    """Return the number that a message says."""
    number: int = json.loads(parcel.body)["data"]["number"]
    return number


@pytest.fixture
def post() -> Post:
    """A courier that brings back 200."""
    return Post()


def worker(service: Service, post: Post, **more: object) -> Dispatch:
    """Return a worker's dispatch, with a jitter that is always the same."""
    made = Dispatch(post, service.vault, service.begin, service.clock, LEASE, most=8, chance=random.Random(1))
    return replace(made, **more)  # type: ignore[arg-type]


def turn(dispatch: Dispatch) -> Delivered:
    """Do one round, to the end of all that it took on."""
    done = dispatch.deliver()
    more = dispatch.finish()
    return Delivered(done.sent + more.sent, done.gone + more.gone, done.later + more.later)


def rounds(dispatch: Dispatch) -> Delivered:
    """Do rounds until nothing is due any more."""
    done = Delivered()
    for _ in range(1000):
        more = turn(dispatch)
        if not more.total:
            return done
        done = Delivered(done.sent + more.sent, done.gone + more.gone, done.later + more.later)
    raise AssertionError("it never ends")


@pytest.fixture
def ann(shop: Shop, service: Service) -> int:
    """A member's row id."""
    return member(shop, service, "ann")


def member(shop: Shop, service: Service, name: str) -> int:
    """Enrol a member and return its row id."""
    shop.enrol(name)
    with service.read() as tx:
        row: int = tx.execute(text("SELECT id FROM members WHERE external_id = :name"), {"name": name}).scalar_one()
    return row


def write(service: Service, member_id: int, *numbers: int) -> None:
    """Write messages about a member to whoever listens."""
    with service.begin() as tx:
        program_id = tx.execute(text("SELECT program_id FROM members WHERE id = :id"), {"id": member_id}).scalar_one()
        told = [Written("points.earned", {"number": number}) for number in numbers]
        messages.write(tx, told, program_id=program_id, member_id=member_id, now=service.clock())


def endpoint_row(listener: Listener) -> endpoints.Endpoint:
    """Return the endpoint as it stands."""
    with listener.service.read() as tx:
        return endpoints.find(tx, merchant_id=listener.merchant_id, endpoint=listener.id)


def test_a_message_is_delivered_once(ann: int, service: Service, post: Post, clock: Clock) -> None:
    """It goes to its address with its secret, is settled, and is not sent again; its try is in the log."""
    ear = listening(service, "https://shop.example/in")
    write(service, ann, 1)
    dispatch = worker(service, post)
    assert turn(dispatch).sent == 1
    assert turn(dispatch).total == 0
    (parcel,) = post.got
    assert post.times == [clock.now]
    assert (parcel.url, parcel.secrets) == ("https://shop.example/in", (ear.secret,))
    assert json.loads(parcel.body) == ear.told()[0]
    with service.read() as tx:
        (attempt,) = replay.log(tx, merchant_id=ear.merchant_id, most=10)
    assert (attempt.message, attempt.status, attempt.ms, attempt.error) == (parcel.message_id, 200, 5, None)
    assert ear.states() == [("delivered", 1)]


def test_lanes_keep_their_order_and_do_not_wait_for_each_other(
    ann: int, shop: Shop, service: Service, post: Post, clock: Clock
) -> None:
    """While a member's first message fails, none of its later ones is sent, and other members' are."""
    ear = listening(service)
    bob = member(shop, service, "bob")
    rounds(worker(service, post))
    post.got.clear()
    write(service, ann, 1, 2, 3)
    write(service, bob, 11, 12)
    post.answer = lambda parcel: FAILED if number_of(parcel) == 1 else TAKEN
    dispatch = worker(service, post)
    assert (rounds(dispatch).later, sorted(post.numbers())) == (1, [1, 11, 12])
    write(service, ann, 4)
    assert rounds(dispatch).total == 0
    post.answer = lambda _: TAKEN
    clock.on(seconds=6)
    assert rounds(dispatch).sent == 4
    assert post.numbers()[-4:] == [1, 2, 3, 4]
    assert {state for state, _ in ear.states()} == {"delivered"}


def test_a_message_climbs_the_ladder_and_is_given_up(ann: int, service: Service, post: Post, clock: Clock) -> None:
    """Ten tries under one id over three days; then it is a dead letter, and the next of its lane goes."""
    ear = listening(service)
    write(service, ann, 1, 2)
    post.answer = lambda parcel: FAILED if number_of(parcel) == 1 else TAKEN
    dispatch, started = worker(service, post), clock.now
    times = []
    for _ in range(100):
        if turn(dispatch).total:
            times.append(clock.now)
        if len(post.got) == 11:
            break
        with service.read() as tx:
            due = tx.execute(text("SELECT min(due_at) FROM webhook_messages WHERE due_at > :now"), {"now": clock.now})
            clock.now = due.scalar_one() or clock.on(minutes=15)  # so long it rests at the most
    assert len({each.message_id for each in post.got[:10]}) == 1
    assert post.numbers() == [1] * 10 + [2]
    assert timedelta(days=3) < times[-1] - started < timedelta(days=3.6)
    assert ear.states() == [("dead", 10), ("delivered", 1)]
    with service.read() as tx:
        (letter,) = replay.dead(tx, merchant_id=ear.merchant_id, most=10)
        tries = replay.log(tx, merchant_id=ear.merchant_id, message=letter.public_id, most=99)
    assert (letter.attempts, letter.last_error) == (10, "answered 500")
    assert [each.status for each in tries] == [500] * 10
    assert json.loads(letter.body) == ear.told()[0]


def test_a_dead_letter_is_sent_again_under_its_id(ann: int, service: Service, post: Post, clock: Clock) -> None:
    """One by its id or all of an endpoint; from then on it climbs the ladder anew."""
    ear = listening(service)
    write(service, ann, 1)
    with service.begin() as tx:
        tx.execute(text("UPDATE webhook_messages SET attempts = 9"))
    post.answer = lambda _: FAILED
    dispatch = worker(service, post)
    assert turn(dispatch).gone == 1
    with service.begin() as tx:
        again = replay.replay(tx, merchant_id=ear.merchant_id, message=post.got[0].message_id, now=clock.now)
    assert (again.state, again.attempts) == ("waiting", 0)
    assert turn(dispatch).later == 1
    clock.on(seconds=6)
    post.answer = lambda _: TAKEN
    assert turn(dispatch).sent == 1
    with service.begin() as tx:
        assert replay.replay_dead(tx, merchant_id=ear.merchant_id, endpoint=ear.id, now=clock.now) == 0
        replay.replay(tx, merchant_id=ear.merchant_id, message=post.got[0].message_id, now=clock.now)
    assert turn(dispatch).sent == 1
    assert len({each.message_id for each in post.got}) == 1


def test_an_endpoint_that_is_gone_is_told_nothing_more(ann: int, service: Service, post: Post, clock: Clock) -> None:
    """410 stops it at once and says so; nothing is written for it, and what waits goes when it is enabled again."""
    ear = listening(service)
    write(service, ann, 1, 2)
    post.answer = lambda _: Answer(410)
    dispatch = worker(service, post)
    turn(dispatch)
    stopped = endpoint_row(ear)
    assert (stopped.state, stopped.stopped_at) == ("gone", clock.now)
    assert "410" in (stopped.reason or "")
    write(service, ann, 3)
    clock.on(days=9)
    assert rounds(dispatch).total == 0
    assert ear.states() == [("waiting", 1), ("waiting", 0)]
    post.answer = lambda _: TAKEN
    with service.begin() as tx:
        endpoints.enable(tx, merchant_id=ear.merchant_id, endpoint=ear.id, now=clock.now)
    assert rounds(dispatch).sent == 2
    assert post.numbers() == [1, 1, 2]


def test_an_endpoint_that_fails_for_days_is_disabled(
    ann: int, shop: Shop, service: Service, post: Post, clock: Clock
) -> None:
    """Five days without a success are enough; one in between begins the count anew."""
    ear = listening(service)
    dispatch = worker(service, post)
    post.answer = lambda _: Answer(error="timeout")

    def fail() -> None:
        write(service, member(shop, service, f"customer {clock.now}"), 1)
        with service.begin() as tx:
            messages.hurry(tx, ear.row_id, now=clock.now)
            tx.execute(text("UPDATE webhook_endpoints SET not_before = :now"), {"now": clock.now})
        turn(dispatch)

    fail()
    clock.now += GIVEN_UP_AFTER - timedelta(minutes=1)
    fail()
    assert endpoint_row(ear).state == "active"
    post.answer = lambda _: TAKEN
    fail()
    assert endpoint_row(ear).failing_since is None
    post.answer = lambda _: Answer(error="timeout")
    clock.on(minutes=2)
    fail()
    assert endpoint_row(ear).state == "active"
    since = clock.now
    clock.now += GIVEN_UP_AFTER
    fail()
    stopped = endpoint_row(ear)
    assert stopped.state == "disabled"
    assert f"{since:%Y-%m-%d %H:%M}" in (stopped.reason or "")
    assert "timeout" in (stopped.reason or "")


def test_an_endpoint_that_fails_rests_and_is_tried_with_one(
    shop: Shop, service: Service, post: Post, clock: Clock
) -> None:
    """After some failures in a row one message at a time is tried; the first success brings all the others."""
    listening(service)
    for number in range(20):
        write(service, member(shop, service, f"customer {number}"), number)
    rounds(worker(service, post))
    for number in range(20):
        with service.begin() as tx:
            found = tx.execute(text("SELECT id FROM members WHERE external_id = :name"), {"name": f"customer {number}"})
            row = found.scalar_one()
        write(service, row, 100 + number)
    post.got.clear()
    post.answer = lambda _: FAILED
    dispatch = worker(service, post)
    assert turn(dispatch).later == 8
    assert turn(dispatch).total == 0
    clock.on(minutes=15)
    assert turn(dispatch).later == 1
    post.answer = lambda _: TAKEN
    clock.on(minutes=20)
    assert turn(dispatch).sent == 1
    assert rounds(dispatch).sent == 19
    assert len(set(post.numbers())) == 20


def test_an_endpoint_that_asks_for_a_pause_gets_it(
    ann: int, shop: Shop, service: Service, post: Post, clock: Clock
) -> None:
    """Retry-After holds for all its messages, an hour at the most, and for the one that was refused."""
    listening(service)
    bob = member(shop, service, "bob")
    rounds(worker(service, post))
    write(service, ann, 1)
    post.answer = lambda _: Answer(503, retry_after=timedelta(minutes=10))
    dispatch = worker(service, post)
    turn(dispatch)
    write(service, bob, 2)
    post.answer = lambda _: TAKEN
    clock.on(minutes=9, seconds=59)
    assert turn(dispatch).total == 0
    clock.on(seconds=1)
    assert rounds(dispatch).sent == 2


def test_no_transaction_is_open_while_sending(ann: int, service: Service, post: Post) -> None:
    """While an endpoint is waited for, no connection of ours holds a transaction."""
    listening(service)
    write(service, ann, 1)
    open_ones = []

    def look(_: Parcel) -> Answer:
        with service.read() as tx:
            query = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in %'"
            )
            open_ones.append(tx.execute(text(query)).scalar())
        return TAKEN

    post.answer = look
    assert turn(worker(service, post)).sent == 1
    assert open_ones == [0]


def test_a_slow_endpoint_starves_nobody(shop: Shop, service: Service, post: Post) -> None:
    """While all that one endpoint may have at once hangs, another one's messages come and go."""
    listening(service, "https://slow.example/")
    members = [member(shop, service, f"customer {number}") for number in range(20)]
    let_go = threading.Event()

    def answer(parcel: Parcel) -> Answer:
        if "slow" in parcel.url:
            let_go.wait(30)
        return TAKEN

    post.answer = answer
    dispatch = worker(service, post, room=10)
    assert dispatch.deliver().total == 0
    quick = listening(service, "https://quick.example/")
    for number, each in enumerate(members):
        write(service, each, number)
    sent = 0
    for _ in range(200):
        sent += dispatch.deliver().sent
        if sent == 20:
            break
    let_go.set()
    dispatch.finish()
    assert sent == 20
    assert [state for state, _ in quick.states()] == ["delivered"] * 20
    assert sum("slow" in each.url for each in post.got) <= 8


def test_a_dead_workers_messages_are_sent_again_under_the_same_id(
    ann: int, service: Service, post: Post, clock: Clock
) -> None:
    """What a worker had sent and not settled when it died is left alone until its lease ends, and then repeated."""
    ear = listening(service)
    write(service, ann, 1, 2)
    dying = worker(service, post, begin=Dying(service.begin, lives=1))
    with pytest.raises(Died):
        turn(dying)
    assert post.numbers() == [1]
    other = worker(service, post)
    clock.now += LEASE - timedelta(seconds=1)
    assert rounds(other).total == 0
    clock.on(seconds=1)
    assert rounds(other).sent == 2
    assert post.numbers() == [1, 1, 2]
    assert post.got[0].message_id == post.got[1].message_id
    assert ear.states() == [("delivered", 2), ("delivered", 1)]


@dataclass
class Dying:
    """A way to begin transactions that ends the worker after so many."""

    begin: Callable[[], object]
    lives: int

    def __call__(self) -> object:
        """Begin a transaction, or die."""
        if self.lives == 0:
            raise Died
        self.lives -= 1
        return self.begin()


def test_a_late_answer_of_a_lost_lease_counts_for_nothing(ann: int, service: Service, post: Post, clock: Clock) -> None:
    """A worker that slept past its lease cannot put off, or bury, what another has delivered since."""
    ear = listening(service)
    write(service, ann, 1)
    other = Post()

    def sleep(_: Parcel) -> Answer:
        clock.now += LEASE
        assert turn(worker(service, other)).sent == 1
        return Answer(410)

    post.answer = sleep
    assert turn(worker(service, post)).total == 0
    assert ear.states() == [("delivered", 2)]
    assert endpoint_row(ear).state == "active"


def test_two_secrets_are_live_for_a_while(ann: int, service: Service, post: Post, clock: Clock) -> None:
    """After a rotation messages are signed with both, the new one first; after the overlap with that alone."""
    ear = listening(service)
    with service.begin() as tx:
        new = endpoints.rotate(tx, merchant_id=ear.merchant_id, vault=service.vault, endpoint=ear.id, now=clock.now)
    dispatch = worker(service, post)
    write(service, ann, 1)
    turn(dispatch)
    clock.now += endpoints.OVERLAP
    write(service, ann, 2)
    turn(dispatch)
    assert [each.secrets for each in post.got] == [(new, ear.secret), (new,)]


def test_secrets_that_do_not_open_send_nothing_and_lose_nothing(
    ann: int, service: Service, post: Post, clock: Clock
) -> None:
    """Under another key of the service's nothing can be signed; it is tried again, and goes once the key is back."""
    ear = listening(service)
    write(service, ann, 1)
    assert turn(worker(service, post, vault=Vault("another key, just as long as it has to be"))).later == 1
    assert post.got == []
    clock.on(seconds=6)
    assert turn(worker(service, post)).sent == 1
    assert ear.states() == [("delivered", 2)]


def test_a_fault_of_ours_in_one_message_stops_no_other(ann: int, shop: Shop, service: Service, post: Post) -> None:
    """Where a courier breaks over one message, the others go, and that one is tried again later."""
    logs.configure("json")
    listening(service)
    bob = member(shop, service, "bob")
    rounds(worker(service, post))
    write(service, ann, 1)
    write(service, bob, 2)

    def answer(parcel: Parcel) -> Answer:
        if number_of(parcel) == 1:
            raise ZeroDivisionError
        return TAKEN

    post.answer = answer
    done = rounds(worker(service, post))
    assert (done.sent, done.later) == (1, 1)


def test_a_removed_endpoint_is_sent_nothing_and_deleted(ann: int, service: Service, post: Post, clock: Clock) -> None:
    """What waits for it is not sent, and goes with its log; the endpoint itself goes when nobody can write to it."""
    ear = listening(service)
    write(service, ann, 1)
    with service.begin() as tx:
        endpoints.remove(tx, merchant_id=ear.merchant_id, endpoint=ear.id, now=clock.now)
    assert turn(worker(service, post)).total == 0
    assert service.prune_messages() == 1
    assert count(service, "webhook_messages") == 0
    assert count(service, "webhook_endpoints") == 1
    clock.on(hours=2)
    service.prune_messages()
    assert count(service, "webhook_endpoints") == 0


def test_what_was_settled_long_ago_is_deleted(ann: int, shop: Shop, service: Service, post: Post, clock: Clock) -> None:
    """Delivered messages and dead letters go after so many days, with their tries; what waits stays."""
    ear = listening(service)
    bob = member(shop, service, "bob")
    rounds(worker(service, post))
    write(service, ann, 1)
    with service.begin() as tx:
        tx.execute(text("UPDATE webhook_messages SET attempts = 9 WHERE state = 'waiting'"))
    post.answer = lambda _: FAILED
    turn(worker(service, post))
    write(service, bob, 2)
    clock.on(days=29)
    assert service.prune_messages() == 0
    clock.on(days=2)
    assert service.prune_messages() == 2
    assert ear.states() == [("waiting", 0)]
    assert count(service, "webhook_attempts") == 0


def count(service: Service, table: str) -> int:
    """Count the rows of a table."""
    with service.read() as tx:
        number: int = tx.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
    return number


@dataclass
class Watched:
    """A courier that fails by chance, a few times for one message, and looks whether those before it are over."""

    service: Service
    chance: random.Random
    lanes: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    taken: list[tuple[str, int, int]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def send(self, parcel: Parcel, *, at: datetime) -> Answer:
        """Look at the lane, and answer."""
        assert at == self.service.clock()
        query = """
            SELECT count(*) FROM webhook_messages AS mine JOIN webhook_messages AS older
              ON older.endpoint_id = mine.endpoint_id AND older.member_id = mine.member_id AND older.id < mine.id
            WHERE mine.public_id = :id AND older.state = 'waiting'
        """
        with self.service.read() as tx:
            if tx.execute(text(query), {"id": parcel.message_id}).scalar_one():
                self.wrong.append(parcel.message_id)
        if self.chance.random() < 0.4 and self.failed.count(parcel.message_id) < FEW:
            self.failed.append(parcel.message_id)
            return FAILED
        said = json.loads(parcel.body)["data"]
        self.taken.append((parcel.url, said["member"], said["number"]))
        return TAKEN


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 2), st.integers(1, 4)),
        st.tuples(st.just("work"), st.integers(0, 1), st.just(0)),
        st.tuples(st.just("die"), st.integers(0, 1), st.integers(1, 3)),
        st.tuples(st.just("wait"), st.sampled_from([1, 6, 100, 400, 4000]), st.just(0)),
    ),
    min_size=5,
    max_size=25,
)


def test_whatever_happens_lanes_keep_their_order(shop: Shop, service: Service, clock: Clock) -> None:
    """Two workers, endpoints that fail by chance, workers that die, and time: none overtakes another or is lost."""
    ears = [listening(service, f"https://shop{number}.example/") for number in range(2)]
    people = [member(shop, service, f"customer {number}") for number in range(3)]
    numbers = iter(range(10**6))

    @given(STEPS, st.integers(0, 10**6))
    @settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def run(steps: list[tuple[str, int, int]], seed: int) -> None:
        post = Watched(service, random.Random(seed))
        with service.begin() as tx:
            forget(tx, clock.now)
        workers = [worker(service, post) for _ in range(2)]  # type: ignore[arg-type]
        for kind, which, more in steps:
            match kind:
                case "write":
                    write_of(service, people[which], [next(numbers) for _ in range(more)])
                case "work":
                    turn(workers[which])
                case "die":
                    workers[which].begin = Dying(service.begin, lives=more)  # type: ignore[assignment]
                    with suppress(Died):
                        rounds(workers[which])
                    workers[which] = worker(service, post)  # type: ignore[arg-type]
                case "wait":
                    clock.on(seconds=which)
        post.chance = Never()  # type: ignore[assignment]
        for _ in range(60):
            clock.on(hours=3)
            for each in workers:
                rounds(each)
            if not waiting(service):
                break
        assert post.wrong == []
        for ear in ears:
            assert {state for state, _ in ear.states()} <= {"delivered"}
        for url in {url for url, _, _ in post.taken}:
            for who in people:
                came = list(dict.fromkeys(number for at, whose, number in post.taken if (at, whose) == (url, who)))
                assert came == sorted(came)

    run()


def waiting(service: Service) -> int:
    """Count the messages that are not over."""
    with service.read() as tx:
        return messages.tally(tx).waiting


class Never:
    """A chance that never fails anybody."""

    def random(self) -> float:
        """Return what is no failure."""
        return 1.0


def forget(tx: Connection, now: datetime) -> None:
    """Let there be no messages, and endpoints that do well."""
    tx.execute(text("DELETE FROM webhook_messages"))
    tx.execute(text("UPDATE webhook_endpoints SET failures = 0, failing_since = NULL, not_before = :now"), {"now": now})


def write_of(service: Service, member_id: int, numbers: list[int]) -> None:
    """Write messages that say whose they are."""
    with service.begin() as tx:
        program_id = tx.execute(text("SELECT program_id FROM members WHERE id = :id"), {"id": member_id}).scalar_one()
        told = [Written("points.earned", {"member": member_id, "number": number}) for number in numbers]
        messages.write(tx, told, program_id=program_id, member_id=member_id, now=service.clock())


def test_all_at_once(shop: Shop, service: Service) -> None:
    """Workers, writers, and a person who has everything sent now, at the same time: nobody waits in a circle."""
    ears = [listening(service, f"https://shop{number}.example/") for number in range(3)]
    people = [member(shop, service, f"customer {number}") for number in range(4)]
    rounds(worker(service, Post()))
    post = Watched(service, random.Random(7))
    over = threading.Event()

    def work() -> None:
        mine = worker(service, post)  # type: ignore[arg-type]
        while not over.is_set():
            mine.deliver()
        mine.finish()

    def hurry() -> None:
        while not over.is_set():
            for ear in ears:
                with service.begin() as tx:
                    endpoints.enable(tx, merchant_id=ear.merchant_id, endpoint=ear.id, now=service.clock())

    with ThreadPoolExecutor(4) as pool:
        busy = [pool.submit(work), pool.submit(work), pool.submit(hurry)]
        for number in range(40):
            for each in people:
                write_of(service, each, [number])
        end = time.monotonic() + 60
        while time.monotonic() < end and any({state for state, _ in ear.states()} != {"delivered"} for ear in ears):
            if any(each.done() for each in busy):
                break
            time.sleep(0.05)
        over.set()
        for each in busy:
            each.result()
    assert post.wrong == []
    for ear in ears:
        assert {state for state, _ in ear.states()} == {"delivered"}
        for who in people:
            url = endpoint_row(ear).url
            assert [number for at, whose, number in post.taken if (at, whose) == (url, who)] == list(range(40))
