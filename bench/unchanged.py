"""Answers "not modified" a second, the commonest request of phones, against a Flask view that does nothing."""

import statistics
import time
from collections.abc import Callable
from typing import Any

from flask import Flask
from werkzeug.test import EnvironBuilder

from bench.stand import stand
from wallet_service.usecases.serve import card_by_serial
from wallet_service.web import create_app

ROUNDS = 60
BLOCK = 32


def run() -> list[str]:
    """Return the lines to print: both inside one process, in alternating blocks."""
    bare = Flask("bare")
    bare.add_url_rule("/", view_func=lambda: ("", 304))
    with stand(1) as ready:
        with ready.service.read() as tx:
            serial = tx.exec_driver_sql("SELECT serial_number FROM cards").scalar_one()
            card = card_by_serial(tx, serial).member.card
        path = f"/apple/v1/passes/{card.pass_type_identifier}/{card.serial_number}"
        headers = {
            "Authorization": f"ApplePass {card.authentication_token}",
            "If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT",
        }
        ours = _caller(create_app(ready.service), EnvironBuilder(path=path, headers=headers).get_environ())
        theirs = _caller(bare, EnvironBuilder().get_environ())
        pairs = [(_rate(ours), _rate(theirs)) for _ in range(ROUNDS)]
    ratio = statistics.median(mine / bare_rate for mine, bare_rate in pairs)
    mine, bare_rate = (statistics.median(each) for each in zip(*pairs, strict=True))
    return [
        f"304 with token and database look-up: {mine:,.0f}/s, bare Flask view {bare_rate:,.0f}/s, ratio {ratio:.2f}"
    ]


def _caller(app: Flask, environ: dict[str, Any]) -> Callable[[], None]:
    def call() -> None:
        status = []
        for _ in app.wsgi_app(environ.copy(), lambda line, *_: status.append(line)):
            pass
        assert status[0].startswith("304"), status

    return call


def _rate(call: Callable[[], None]) -> float:
    started = time.perf_counter()
    for _ in range(BLOCK):
        call()
    return BLOCK / (time.perf_counter() - started)


if __name__ == "__main__":
    print("\n".join(run()))
