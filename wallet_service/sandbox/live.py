"""Keeps an open page in step with the phone: its parts, drawn anew and sent at each change.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import json
from collections.abc import Iterator
from typing import Any

from flask import render_template, url_for

from wallet_service.sandbox.breaking import BREAKAGES
from wallet_service.sandbox.pages import card_views, colors_css, fingerprint, seconds_to_phone, steps
from wallet_service.sandbox.sandbox import Sandbox

PARTS = ("screen", "notification", "exchange", "timeline", "breaking")


def events(sandbox: Sandbox, heartbeat: float) -> Iterator[str]:
    """Yield the page's parts as server-sent events, at once and whenever the phone or the shop did something."""
    # The heartbeat is what notices a browser that went away: writing to it fails and ends the thread.
    seen = -1
    while not sandbox.changes.closed:
        count = sandbox.changes.wait_past(seen, heartbeat)
        if count == seen:
            yield ": still here\n\n"
        else:
            seen = count
            yield f"event: phone\ndata: {json.dumps(_live(sandbox, count))}\n\n"


def _live(sandbox: Sandbox, count: int) -> dict[str, Any]:
    drawn = context(sandbox)
    return {
        "version": version(sandbox, count),
        "colors": drawn["colors_url"],
        "parts": {part: render_template(f"_{part}.html", **drawn) for part in PARTS},
    }


def version(sandbox: Sandbox, count: int) -> str:
    """Return a name for the state of the page."""
    # A page that outlives the sandbox must not take the new one's state for the old one's.
    return f"{sandbox.run}-{count}"


def context(sandbox: Sandbox) -> dict[str, Any]:
    """Return what the page's templates draw."""
    phone, now = sandbox.phone, sandbox.now()
    timeline, last = phone.timeline(), sandbox.till.last if sandbox.till else None
    colors_version = fingerprint(colors_css(phone.cards()).encode())
    return {
        "sandbox": sandbox,
        "cards": card_views(phone, now),
        "notification": phone.notification(),
        "steps": steps(timeline, last),
        "last": last,
        "seconds": seconds_to_phone(timeline, last),
        "breakages": BREAKAGES,
        "now": now,
        "colors_url": url_for("colors", v=colors_version),
    }
