"""One line for each request: the route, never the address, which may hold a token."""

import time

import structlog
from flask import Flask, Response, g, request

log = structlog.get_logger(__name__)
QUIET = {"/healthz", "/readyz", "/metrics"}


def install(app: Flask) -> None:
    """Log every request when it is answered."""
    app.before_request(_start)
    app.after_request(_end)


def _start() -> None:
    g.started = time.perf_counter()


def _end(response: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else "no route"
    if route not in QUIET:
        took = round((time.perf_counter() - g.started) * 1000, 1)
        log.info("request", method=request.method, route=route, status=response.status_code, ms=took)
    return response
