"""A worker: brings wallets up to date, tells merchants, and does the calendar's work, until it is told to stop."""

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass

import structlog

from wallet_service.domain.errors import DatabaseUnusable
from wallet_service.usecases.deliver import Delivered, Delivery
from wallet_service.usecases.deliver_classes import ClassDelivery
from wallet_service.usecases.settle_due import Settled

log = structlog.get_logger(__name__)

POLL = 0.1  # seconds; a partial index makes looking cheap, and a notification would serialise every commit
PAUSE = 2.0  # seconds, while the database is away

GLANCE = 0.5  # seconds between looks for jobs; who asked for one waits for far more than that
PAGE = 1.0  # seconds; days begin at midnight, and holds end by the minute

Deliver = Callable[[], Delivered]
Settle = Callable[[], Settled]
Step = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to do every so many seconds, which returns how much it did."""

    every: float
    do: Callable[[], int]


def work_on_all(
    platforms: dict[str, Deliver],
    stop: threading.Event,
    *,
    calendars: Iterable[Settle] = (),
    jobs: Iterable[Step] = (),
    chores: Mapping[str, Chore] | None = None,
) -> None:
    """Deliver to all platforms, do the calendar's work, jobs and chores, side by side until `stop` is set.

    If one fails, the others stop and it is told.
    """
    chores, settling, stepping = chores or {}, list(calendars), list(jobs)
    threads = len(platforms) + len(settling) + len(stepping) + len(chores)
    with ThreadPoolExecutor(threads, thread_name_prefix="worker") as pool:
        at_work = [pool.submit(work, platform, deliver, stop) for platform, deliver in platforms.items()]
        at_work += [pool.submit(turn_pages, settle, stop) for settle in settling]
        at_work += [pool.submit(work_off, step, stop) for step in stepping]
        at_work += [pool.submit(keep_doing, name, chore, stop) for name, chore in chores.items()]
        wait(at_work, return_when=FIRST_COMPLETED)
        stop.set()
    for each in at_work:
        each.result()


def work(platform: str, deliver: Deliver, stop: threading.Event) -> None:
    """Deliver batch after batch until `stop` is set; the batch at hand is finished first."""
    log.info("worker.started", platform=platform)
    while not stop.is_set():
        try:
            done = deliver()
        except DatabaseUnusable as error:
            log.error("worker.waits", detail=str(error))
            stop.wait(PAUSE)
            continue
        if done.total:
            log.info("delivered", platform=platform, sent=done.sent, later=done.later, gone=done.gone)
        else:
            stop.wait(POLL)
    log.info("worker.stopped", platform=platform)


def turn_pages(settle: Settle, stop: threading.Event) -> None:
    """Settle whoever the calendar has work for until `stop` is set; the batch at hand is finished first."""
    log.info("calendar.started")
    while not stop.is_set():
        try:
            done = settle()
        except DatabaseUnusable as error:
            log.error("worker.waits", detail=str(error))
            stop.wait(PAUSE)
            continue
        if done.settled or done.failed:
            log.info("settled", members=done.settled, failed=done.failed)
        if not (done.more and done.settled):
            stop.wait(PAGE)
    log.info("calendar.stopped")


def work_off(step: Step, stop: threading.Event) -> None:
    """Do jobs piece by piece until `stop` is set; the piece at hand is finished first."""
    log.info("jobs.started")
    while not stop.is_set():
        try:
            done = step()
        except DatabaseUnusable as error:
            log.error("worker.waits", detail=str(error))
            stop.wait(PAUSE)
            continue
        if not done:
            stop.wait(GLANCE)
    log.info("jobs.stopped")


def keep_doing(name: str, chore: Chore, stop: threading.Event) -> None:
    """Do a chore again and again until `stop` is set, and once more then."""
    last = False
    while not last:
        last = stop.wait(chore.every)
        try:
            done = chore.do()
        except DatabaseUnusable as error:
            log.error("chore.waits", chore=name, detail=str(error))
            continue
        if done:
            log.info("chore.done", chore=name, count=done)


def with_classes(classes: ClassDelivery, cards: Delivery) -> Deliver:
    """Return what delivers classes and then cards, which need theirs."""

    def deliver() -> Delivered:
        classes.deliver()
        return cards.deliver()

    return deliver
