"""A worker: brings wallets up to date, again and again, until it is told to stop."""

import threading

import structlog

from wallet_service.domain.errors import DatabaseUnusable
from wallet_service.usecases.deliver import Delivery

log = structlog.get_logger(__name__)

POLL = 0.1  # seconds; a partial index makes looking cheap, and a notification would serialise every commit
PAUSE = 2.0  # seconds, while the database is away


def work(delivery: Delivery, stop: threading.Event) -> None:
    """Deliver batch after batch until `stop` is set; the batch at hand is finished first."""
    log.info("worker.started", platform=delivery.platform)
    while not stop.is_set():
        try:
            done = delivery.deliver()
        except DatabaseUnusable as error:
            log.error("worker.waits", detail=str(error))
            stop.wait(PAUSE)
            continue
        if done.total:
            log.info("delivered", platform=delivery.platform, sent=done.sent, later=done.later, gone=done.gone)
        else:
            stop.wait(POLL)
    log.info("worker.stopped", platform=delivery.platform)
