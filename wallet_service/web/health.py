"""Whether the service lives, is ready, and how far its cards are in step."""

from collections.abc import Iterator
from datetime import timedelta

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wallet_service.usecases.vitals import Vitals, vitals
from wallet_service.wiring import Service, tables_current


def blueprint(service: Service) -> Blueprint:
    """Return the routes that operators and their machines ask; they tell counts, never a member."""
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    def alive() -> Response:
        return jsonify({"status": "alive"})

    @routes.get("/readyz")
    def ready() -> tuple[Response, int]:
        checks = {
            "database": tables_current(service.engine),
            "certificate": service.identity.days_left(service.clock()) > 0,
        }
        good = all(checks.values())
        return jsonify({"status": "ready" if good else "not ready", "checks": checks}), 200 if good else 503

    @routes.get("/metrics")
    def metrics() -> Response:
        since = service.clock() - timedelta(days=service.settings.job_keep_days)
        with service.read() as tx:
            now = vitals(tx, failed_since=since)
        registry = CollectorRegistry()
        registry.register(_Gauges(now, service.identity.days_left(service.clock())))
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    return routes


class _Gauges(Collector):
    """All figures come from the database, so that any process tells the same whatever the others did."""

    def __init__(self, now: Vitals, days_left: int) -> None:
        self._now = now
        self._figures = (
            ("wallet_cards", "Cards issued.", now.tally.cards),
            ("wallet_cards_behind", "Cards that some phone does not show as they are.", now.tally.cards_behind),
            ("wallet_wallets", "Wallets that follow a card.", now.tally.wallets),
            ("wallet_wallets_unsent", "Wallets that have not been told of their newest revision.", now.tally.unsent),
            ("wallet_wallets_unfetched", "Wallets that were told and have not fetched yet.", now.tally.unfetched),
            ("wallet_classes_behind", "Classes that a vendor does not hold as published.", now.classes_behind),
            ("wallet_events", "Events entered.", now.events),
            ("wallet_ledger_unsealed", "Transactions of the ledger that no seal covers yet.", now.unsealed),
            ("wallet_delivery_stopped", "Platforms to which delivery is stopped by a fault of ours.", len(now.stopped)),
            (
                "wallet_webhooks_waiting",
                "Messages to merchants' endpoints that are not delivered.",
                now.messages.waiting,
            ),
            ("wallet_webhooks_dead", "Dead letters: messages that were given up.", now.messages.dead),
            ("wallet_webhooks_stopped", "Endpoints to which nothing is sent any more.", now.messages.stopped),
            ("wallet_letters_waiting", "Letters to people that are not sent.", now.letters.waiting),
            ("wallet_letters_dead", "Letters to people that were given up.", now.letters.dead),
            ("wallet_certificate_days_left", "Days until the signing certificate ends.", days_left),
        )

    def collect(self) -> Iterator[Metric]:
        for name, text, value in self._figures:
            yield GaugeMetricFamily(name, text, value=value)
        installed = GaugeMetricFamily("wallet_installed", "Wallets known to be on a phone.", labels=["platform"])
        for each in self._now.platforms:
            installed.add_metric([each.platform], each.installed)
        yield installed
        inbound = GaugeMetricFamily(
            "wallet_inbound", "Deliveries that failed, wait for a member, or need a person.", labels=["status"]
        )
        for status in ("failed", "unmatched", "attention"):
            inbound.add_metric([status], self._now.inbound.get(status, 0))
        yield inbound
        jobs = GaugeMetricFamily(
            "wallet_jobs", "Jobs that wait, are at work, or have failed and are still kept.", labels=["state"]
        )
        for state in ("waiting", "running", "failed"):
            jobs.add_metric([state], self._now.jobs.get(state, 0))
        yield jobs
