"""Keeps an open page in step with the phones: its parts, drawn anew and sent at each change.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import json
from collections.abc import Iterator
from typing import Any

from flask import render_template, url_for

from wallet_service.sandbox.android_pages import android_colors_css, android_views
from wallet_service.sandbox.breaking import BREAKAGES, GOOGLE_BREAKAGES
from wallet_service.sandbox.pages import card_views, colors_css, fingerprint, seconds_to, steps
from wallet_service.sandbox.sandbox import Sandbox

PARTS = ("screen", "notification", "exchange", "timeline", "breaking")
ANDROID_PARTS = ("android_screen", "android_notification", "google_breaking")
IPHONE, ANDROID = "iPhone", "Android"


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
    parts = (*PARTS, *(ANDROID_PARTS if sandbox.android else ()), *(("heard",) if sandbox.inbox else ()))
    return {
        "version": version(sandbox, count),
        "colors": drawn["colors_url"],
        "parts": {part: render_template(f"_{part}.html", **drawn) for part in parts},
    }


def version(sandbox: Sandbox, count: int) -> str:
    """Return a name for the state of the page."""
    # A page that outlives the sandbox must not take the new one's state for the old one's.
    return f"{sandbox.run}-{count}"


def colors(sandbox: Sandbox) -> str:
    """Return the style sheet with the colours of all cards."""
    apple = colors_css(sandbox.phone.cards())
    return f"{apple}\n{android_colors_css(sandbox.android.cards())}" if sandbox.android else apple


def context(sandbox: Sandbox) -> dict[str, Any]:
    """Return what the page's templates draw."""
    now, last = sandbox.now(), sandbox.till.last if sandbox.till else None
    timelines = {IPHONE: sandbox.phone.timeline()}
    if sandbox.android:
        timelines[ANDROID] = sandbox.android.timeline()
    return {
        "sandbox": sandbox,
        "cards": card_views(sandbox.phone, now),
        "notification": sandbox.phone.notification(),
        "android_cards": android_views(sandbox.android, now) if sandbox.android else [],
        "android_notification": sandbox.android.notification() if sandbox.android else None,
        "steps": steps(timelines, last),
        "last": last,
        "heard": sandbox.inbox.kept() if sandbox.inbox else [],
        "seconds": seconds_to("verified", timelines[IPHONE], last),
        "android_seconds": seconds_to("changed", timelines.get(ANDROID, ()), last),
        "breakages": BREAKAGES,
        "google_breakages": GOOGLE_BREAKAGES,
        "now": now,
        "colors_url": url_for("colors", v=fingerprint(colors(sandbox).encode())),
    }
