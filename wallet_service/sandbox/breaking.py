"""Ways in which the sandbox's push service and its Google can fail on request, and what should happen then."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from wallet_service.sandbox.apns import Behaviour
from wallet_service.sandbox.google import Behaviour as GoogleBehaviour


@dataclass(frozen=True, slots=True)
class Breakage:
    """One way to fail; `behaviour` makes it for a moment in time."""

    key: str
    label: str
    expect: str
    behaviour: Callable[[datetime], Behaviour]


BREAKAGES = (
    Breakage("none", "Nothing", "Pushes are delivered as they come.", lambda _: Behaviour()),
    Breakage(
        "429",
        "429 Too many",
        "The next push is refused with TooManyRequests. The service leaves this phone alone for some minutes, then "
        "pushes once for all that changed. Pull to refresh, on the back of the card, does not wait for that.",
        lambda _: Behaviour(429, "TooManyRequests", times=1),
    ),
    Breakage(
        "503",
        "503 Unavailable",
        "The next push is answered ServiceUnavailable. The service tries again after a while, so the card changes "
        "late but right. Pull to refresh, on the back of the card, does not wait for that.",
        lambda _: Behaviour(503, "ServiceUnavailable", times=1),
    ),
    Breakage(
        "410",
        "410 Gone",
        "The next push is answered Unregistered. The service must forget this phone, so nothing arrives any more until "
        "the card registers again: switch its automatic updates off and on.",
        lambda now: Behaviour(410, "Unregistered", timestamp=now, times=1),
    ),
    Breakage(
        "goaway",
        "GOAWAY",
        "Each connection is closed after one push. The service connects anew and sends again what was not answered.",
        lambda _: Behaviour(goaway_after=1),
    ),
    Breakage(
        "stall",
        "Stall",
        "The next push is never answered. The service must give up waiting and push again; other cards do not wait.",
        lambda _: Behaviour(action="stall", times=1),
    ),
    Breakage(
        "slow",
        "Slow",
        "Every answer takes three seconds. The phone is woken at once all the same, and the shop does not wait.",
        lambda _: Behaviour(delay=3.0),
    ),
)

BY_KEY = {breakage.key: breakage for breakage in BREAKAGES}


@dataclass(frozen=True, slots=True)
class GoogleBreakage:
    """One way in which Google can fail."""

    key: str
    label: str
    expect: str
    behaviour: GoogleBehaviour
    demo: bool = False
    strict_notices: bool = False


GOOGLE_BREAKAGES = (
    GoogleBreakage("none", "No fault", "Google takes every change at once.", GoogleBehaviour()),
    GoogleBreakage(
        "500-once",
        "500 once",
        "The next request fails on Google's side. The worker sends it again after a while, and the card changes late "
        "but right.",
        GoogleBehaviour(500, times=1),
    ),
    GoogleBreakage(
        "503",
        "503 for everything",
        "Google takes nothing. The worker waits longer after each try; the iPhone does not wait for it. With No fault "
        "the card comes right at the next try, with all that changed in one write.",
        GoogleBehaviour(503),
    ),
    GoogleBreakage(
        "429",
        "429 too many",
        "Google says that there are too many requests. The worker slows down; with No fault the card comes right at "
        "the next try.",
        GoogleBehaviour(429),
    ),
    GoogleBreakage(
        "403",
        "403 permission",
        "Google does not let the service account write for this issuer. That is for a person to mend, so the worker "
        "says so and tries again seldom; with No fault the card comes right in the end.",
        GoogleBehaviour(403),
    ),
    GoogleBreakage(
        "slow",
        "Slow (2 s)",
        "Every answer takes two seconds. The card changes late; neither the shop nor the iPhone waits.",
        GoogleBehaviour(delay=2.0),
    ),
    GoogleBreakage(
        "notices",
        "Refuse a 4th notice",
        "Nobody knows whether Google refuses the fourth notification of a day or just does not show it. Here it "
        "refuses. Buy four times: the card changes all the same, and the fourth time nobody is told.",
        GoogleBehaviour(),
        strict_notices=True,
    ),
    GoogleBreakage(
        "demo",
        "New issuer",
        "The issuer is in demo mode: nobody but its testers can save a card. Remove the card from the Android phone "
        "and add it again, to see what customers would see before Google has given publishing access.",
        GoogleBehaviour(),
        demo=True,
    ),
)

GOOGLE_BY_KEY = {breakage.key: breakage for breakage in GOOGLE_BREAKAGES}
