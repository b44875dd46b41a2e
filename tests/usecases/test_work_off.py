"""Jobs in their turns: shared out fairly, taken over from the dead, cancelled between two pieces, and given up."""

import logging
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread

import pytest
import structlog
from actors import Clock
from sqlalchemy import Connection, text
from town import settled_town

from wallet_service.domain.errors import DatabaseUnusable, JobOver, UnknownJob
from wallet_service.domain.job import Job, Progress
from wallet_service.storage import jobs, programs
from wallet_service.usecases import oversee
from wallet_service.usecases.work_off import MOST_ATTEMPTS, WorkOff, hold
from wallet_service.wiring import Service
from wallet_service.worker import work_off

LEASE = timedelta(seconds=60)
PIECES = 3

Ask = Callable[[str], Job]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """Faults are told to nobody here."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@pytest.fixture
def ask(service: Service, clock: Clock) -> Ask:
    """A way to ask for a job of a few pieces, by its id."""
    settled_town(service, clock)

    def one(public_id: str) -> Job:
        with service.begin() as tx:
            (opened,) = programs.of_template(tx, "points")
            return jobs.add(
                tx, public_id=public_id, program_id=opened.id, operation_id=None, kind="count", asked={},
                asked_by="me", file_id=None, total=PIECES, cursor={"at": 0}, now=clock.now,
            )  # fmt: skip

    return one


def get_on(tx: Connection, job: Job, clock: Clock) -> None:
    """Count one further."""
    at = job.cursor["at"] + 1
    jobs.get_on(tx, job, Progress({"at": at}, 1, 0, {"counted": 1}, over=at == PIECES), now=clock.now)


def counting(service: Service, clock: Clock, done: list[str] | None = None) -> WorkOff:
    """Return a worker who counts, and notes whose piece it did."""

    def piece(job: Job) -> None:
        with service.begin() as tx:
            hold(tx, job)
            get_on(tx, job, clock)
        if done is not None:
            done.append(job.public_id)

    return WorkOff(service.begin, clock, {"count": piece}, LEASE)


def state(service: Service, public_id: str) -> Job:
    """Return a job as it stands."""
    with service.read() as tx:
        return oversee.show(tx, public_id, merchant_id=None)


def test_jobs_take_turns(service: Service, clock: Clock, ask: Ask) -> None:
    """A long job does not keep a short one waiting: after each piece it is another's turn, the newest one's last."""
    done: list[str] = []
    worker = counting(service, clock, done)
    ask("a"), ask("b")
    worker.step()
    ask("c")
    while worker.step():
        pass
    assert done == ["a", "b", "a", "c", "b", "a", "c", "b", "c"]
    assert not worker.step()
    job = state(service, "a")
    assert (job.state, job.done, job.result, job.lease) == ("done", PIECES, {"counted": PIECES}, None)
    assert (job.started_at, job.finished_at) == (clock.now, clock.now)


def test_only_the_job_that_is_asked_for_is_done(service: Service, clock: Clock, ask: Ask) -> None:
    """Whoever waits for a job helps with that one."""
    done: list[str] = []
    worker = counting(service, clock, done)
    ask("a"), ask("b")
    assert worker.step("b")
    assert worker.step("b")
    assert worker.step("b")
    assert not worker.step("b")
    assert done == ["b", "b", "b"]


def test_a_kind_that_a_worker_does_not_know_is_left_to_others(service: Service, clock: Clock, ask: Ask) -> None:
    """While releases differ, a newer worker does what an older one cannot."""
    ask("a")
    assert not WorkOff(service.begin, clock, {"other": lambda _: None}, LEASE).step()
    assert state(service, "a").state == "waiting"


def test_workers_at_once_do_each_piece_once(service: Service, clock: Clock, ask: Ask) -> None:
    """Several of them share the jobs, and nobody does the piece that another is at."""
    names = [f"job{n}" for n in range(6)]
    for name in names:
        ask(name)
    done: list[str] = []
    worker = counting(service, clock, done)

    def at_work() -> None:
        while worker.step():
            pass

    threads = [Thread(target=at_work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    at_work()
    assert Counter(done) == dict.fromkeys(names, PIECES)


def test_a_dead_workers_job_is_taken_over_after_its_lease(service: Service, clock: Clock, ask: Ask) -> None:
    """Not before, and where the dead one was; a piece that it had begun counts for nothing."""
    ask("a")

    class Killed(BaseException):
        pass

    def dying(job: Job) -> None:
        with service.begin() as tx:
            hold(tx, job)
            get_on(tx, job, clock)
            raise Killed

    with pytest.raises(Killed):
        WorkOff(service.begin, clock, {"count": dying}, LEASE).step()
    worker = counting(service, clock)
    assert (state(service, "a").state, state(service, "a").done) == ("running", 0)
    assert not worker.step()
    clock.on(seconds=60)
    assert worker.step()
    assert (state(service, "a").done, state(service, "a").cursor) == (1, {"at": 1})


def test_who_slept_past_the_lease_gets_nothing_on(service: Service, clock: Clock, ask: Ask) -> None:
    """The job is another's by then, and what the sleeper did is undone."""
    ask("a")
    other = counting(service, clock)

    def sleeping(job: Job) -> None:
        clock.on(seconds=61)
        assert other.step()
        with service.begin() as tx:
            tx.execute(text("UPDATE jobs SET total = 99"))
            hold(tx, job)
            get_on(tx, job, clock)

    assert WorkOff(service.begin, clock, {"count": sleeping}, LEASE).step()
    assert (state(service, "a").done, state(service, "a").total) == (1, PIECES)


def test_a_long_piece_is_not_begun_twice(service: Service, clock: Clock, ask: Ask) -> None:
    """While its transaction holds the job, nobody else takes it on, also after the lease."""
    ask("a")
    other = counting(service, clock)

    def long(job: Job) -> None:
        with service.begin() as tx:
            hold(tx, job)
            clock.on(minutes=10)
            assert not other.step()
            get_on(tx, job, clock)

    assert WorkOff(service.begin, clock, {"count": long}, LEASE).step()
    assert state(service, "a").done == 1


def test_a_vanished_machines_locks_end(service: Service, clock: Clock, ask: Ask) -> None:
    """A piece's transaction may not idle for ever: the database ends one whose worker says nothing more."""
    ask("a")

    def looking(job: Job) -> None:
        with service.begin() as tx:
            hold(tx, job)
            assert tx.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one() == "1min"
            get_on(tx, job, clock)

    assert WorkOff(service.begin, clock, {"count": looking}, LEASE).step()
    assert state(service, "a").done == 1


def test_a_cancelled_job_is_done_no_further(service: Service, clock: Clock, ask: Ask) -> None:
    """What it has done stays; the piece at hand is finished first, and a second cancelling is refused."""
    ask("a")
    at_it, cancelled = Event(), Event()

    def piece(job: Job) -> None:
        with service.begin() as tx:
            hold(tx, job)
            at_it.set()
            assert not cancelled.wait(0.3)  # who cancels waits for us
            get_on(tx, job, clock)

    worker = WorkOff(service.begin, clock, {"count": piece}, LEASE)
    thread = Thread(target=worker.step)
    thread.start()
    assert at_it.wait(30)
    with service.begin() as tx:
        job = oversee.cancel(tx, "a", merchant_id=None, now=clock.now)
        cancelled.set()
    thread.join(30)
    assert (job.state, job.done) == ("cancelled", 1)
    assert not worker.step()
    with pytest.raises(JobOver, match="is cancelled"), service.begin() as tx:
        oversee.cancel(tx, "a", merchant_id=None, now=clock.now)


def test_a_job_that_was_cancelled_between_claim_and_piece_is_left(service: Service, clock: Clock, ask: Ask) -> None:
    """Its piece does nothing."""
    ask("a")

    def piece(job: Job) -> None:
        with service.begin() as tx:
            oversee.cancel(tx, "a", merchant_id=None, now=clock.now)
        with service.begin() as tx:
            hold(tx, job)
            get_on(tx, job, clock)

    assert WorkOff(service.begin, clock, {"count": piece}, LEASE).step()
    assert (state(service, "a").state, state(service, "a").done) == ("cancelled", 0)


def test_a_piece_that_fails_is_tried_again_later_and_given_up_in_the_end(
    service: Service, clock: Clock, ask: Ask
) -> None:
    """With longer waits between; other jobs go on meanwhile, and the reason that is kept names nobody."""
    ask("a"), ask("b")
    tries: list[str] = []

    def piece(job: Job) -> None:
        if job.public_id == "a":
            tries.append(job.public_id)
            raise ValueError("Ann")
        with service.begin() as tx:
            hold(tx, job)
            get_on(tx, job, clock)

    worker = WorkOff(service.begin, clock, {"count": piece}, LEASE)
    while worker.step():
        pass
    assert state(service, "b").state == "done"
    assert (state(service, "a").state, len(tries)) == ("running", 1)
    for _ in range(2 * MOST_ATTEMPTS):
        clock.on(days=1)
        worker.step()
    job = state(service, "a")
    assert (job.state, len(tries)) == ("failed", MOST_ATTEMPTS)
    assert job.last_error == "ValueError; see the log of the workers"


def test_a_job_that_kills_every_worker_is_given_up(service: Service, clock: Clock, ask: Ask) -> None:
    """One after the other dies of it, and then no more."""
    ask("a")

    def deadly(_: Job) -> None:
        raise SystemExit

    worker = WorkOff(service.begin, clock, {"count": deadly}, LEASE)
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(SystemExit):
            worker.step()
        clock.on(seconds=61)
    assert worker.step()
    assert state(service, "a").state == "failed"
    assert "died of it" in str(state(service, "a").last_error)


def test_getting_on_forgives_what_failed_before(service: Service, clock: Clock, ask: Ask) -> None:
    """A job whose pieces fail now and then, and work in the end, is done."""
    ask("a")
    worker, failing = counting(service, clock), WorkOff(service.begin, clock, {"count": _fail}, LEASE)
    for _ in range(PIECES):
        for _ in range(MOST_ATTEMPTS - 1):
            assert failing.step()
            clock.on(days=1)
        assert worker.step()
        assert state(service, "a").last_error is None
    assert state(service, "a").state == "done"


def _fail(_: Job) -> None:
    raise ValueError


def test_a_database_that_is_away_is_waited_for(service: Service, clock: Clock, ask: Ask) -> None:
    """The worker hears of it, and the job is let go so that it need not wait for the lease."""
    ask("a")

    def away(_: Job) -> None:
        raise DatabaseUnusable("away")

    with pytest.raises(DatabaseUnusable):
        WorkOff(service.begin, clock, {"count": away}, LEASE).step()
    clock.on(seconds=30)
    assert counting(service, clock).step()


def test_a_merchant_sees_its_own_jobs_alone(service: Service, clock: Clock, ask: Ask) -> None:
    """Another's is not there, to be seen or cancelled; an operator sees all, newest first and page by page."""
    made = [ask(name) for name in "abc"]
    with service.begin() as tx:
        owner = programs.by_id(tx, made[0].program_id).merchant_id
        assert oversee.show(tx, "a", merchant_id=owner).public_id == "a"
        for act in (oversee.show, lambda *given, **more: oversee.cancel(*given, **more, now=clock.now)):
            with pytest.raises(UnknownJob):
                act(tx, "a", merchant_id=owner + 1)
        assert [each.public_id for each in oversee.newest(tx, merchant_id=owner, most=2)] == ["c", "b"]
        older = oversee.newest(tx, merchant_id=None, before=made[1], most=9)
        assert [each.public_id for each in older] == ["a"]
        assert oversee.newest(tx, merchant_id=owner + 1, most=9) == []
        assert oversee.newest(tx, merchant_id=None, program_id=made[0].program_id + 1, most=9) == []


def test_a_worker_works_off_until_it_is_told_to_stop(service: Service, clock: Clock, ask: Ask) -> None:
    """It waits where there is nothing to do, and for a database that is away, and finishes the piece at hand."""
    stop, answers = Event(), [True, False, True]

    def step() -> bool:
        if not answers:
            stop.set()
            return False
        if len(answers) == 1:
            answers.pop()
            raise DatabaseUnusable("away")
        return answers.pop(0)

    stop_at_once = _Impatient(stop)
    work_off(step, stop_at_once)  # type: ignore[arg-type]
    assert stop_at_once.waits == [0.5, 2.0, 0.5]


class _Impatient:
    """An event that notes how long somebody would wait for it."""

    def __init__(self, event: Event) -> None:
        self.event = event
        self.waits: list[float] = []

    def is_set(self) -> bool:
        return self.event.is_set()

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return self.event.is_set()
