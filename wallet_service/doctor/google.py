"""What is wrong with Google Wallet here: account, access, classes, pictures and callbacks, in plain words."""

from collections.abc import Iterator

import requests

from wallet_service.doctor.finding import Finding
from wallet_service.domain.pass_class import PassClass
from wallet_service.domain.push import Sent
from wallet_service.google.answers import Answer, Missing
from wallet_service.google.change import LOCATIONS
from wallet_service.google.differences import differences
from wallet_service.storage import pass_classes, wallets
from wallet_service.storage.pass_classes import Held
from wallet_service.wiring import Service
from wallet_service.wiring.google import GoogleWallet

PATIENCE = 5  # seconds for our own public address to answer
ROBOT = "Googlebot/2.1"
STATUS_NOT_APPROVED = {
    "DRAFT": "is a draft, so no card can be saved; run `wallet-service publish`",
    "REJECTED": "was rejected by Google's review; its comments are in the Google Pay & Wallet Console",
}


def examine(service: Service) -> Iterator[Finding]:
    """Yield what is found, in the order in which a card needs it: each failure explains the ones after it."""
    google = service.google
    if google is None:
        text = "no WALLET_GOOGLE_SERVICE_ACCOUNT is set: cards are offered for Apple Wallet alone"
        yield Finding("mind", "Google Wallet", text)
        return
    yield Finding("good", "Google service account", f"{google.account.email}, key read")
    token = _token(google)
    yield token
    if token.state == "good":
        yield from _access(service, google)
    yield from _own_doors(google)
    yield _holders(service)


def _token(google: GoogleWallet) -> Finding:
    failure = google.token()
    if failure is None:
        return Finding("good", "Google token", f"{google.account.token_uri} gives one")
    return Finding("wrong", "Google token", f"{google.account.token_uri}: {getattr(failure, 'reason', failure)}")


def _access(service: Service, google: GoogleWallet) -> Iterator[Finding]:
    """Yield whether the issuer lets us in, and how each published class stands there."""
    answer = google.access()
    if not isinstance(answer.meaning, Sent):
        yield Finding("wrong", "Google issuer", f"{google.settings.issuer_id}: {_reason(answer)}")
        return
    text = f"{google.settings.issuer_id} lets the service account in, and the Wallet API is enabled"
    yield Finding("good", "Google issuer", text)
    with service.read() as tx:
        known = {each.target: each for each in pass_classes.every(tx) if each.platform == "google"}
    if not known:
        yield Finding("mind", "Google classes", "none yet; the first customer who adds a card makes it, or `publish`")
    for drawn in google.drawings.classes.values():
        if drawn.target in known:
            yield _class(google, drawn, known[drawn.target])


def _class(google: GoogleWallet, drawn: PassClass, known: Held) -> Finding:
    about = f"Google class {drawn.target}"
    answer = google.held_class(drawn.target)
    if isinstance(answer.meaning, Missing):
        why = f": {known.last_error}" if known.last_error else "; a worker will put it"
        return Finding("wrong", about, f"is not there{why}")
    if not isinstance(answer.meaning, Sent):
        return Finding("wrong", about, _reason(answer))
    status = str(answer.resource.get("reviewStatus", ""))
    if status in STATUS_NOT_APPROVED:
        return Finding("wrong", about, STATUS_NOT_APPROVED[status])
    if known.wanted != drawn.digest:
        return Finding("mind", about, f"would be drawn otherwise now; run `wallet-service publish {known.template}`")
    # An issuer that may not use locations has its class written without them.
    wrong = differences(drawn.body, answer.resource, locations=bool(answer.resource.get(LOCATIONS)))
    if wrong:
        return Finding("mind", about, f"differs in {', '.join(wrong)}; `wallet-service reconcile` puts that right")
    return Finding("good", about, f"{status.lower()}, and just as it is drawn here")


def _own_doors(google: GoogleWallet) -> Iterator[Finding]:
    """Yield whether what Google has to reach here can be reached, as far as that is seen from this machine."""
    base = google.settings.base_url
    if not base.startswith("https://"):
        text = f"{base} is not https; Google fetches pictures and calls back over https alone"
        yield Finding("mind", "Google's way here", text)
    picture = google.drawings.picture_url()
    yield _asked("Google pictures", "GET", picture, 200, f"{picture} is served")
    yield _asked("robots.txt", "GET", f"{base}/robots.txt", 200, "lets Google's robot in")
    callback = google.drawings.callback_url
    yield _asked("Google callbacks", "POST", callback, 401, "refuses what Google has not signed, as it should")
    keys = google.callback_keys()
    url = google.settings.callback_keys_url
    if keys:
        yield Finding("good", "Google callback keys", f"{len(keys)} at {url}")
    else:
        text = f"{url} gives none, so no callback is believed; check WALLET_GOOGLE_CALLBACK_KEYS_URL, the network"
        yield Finding("wrong", "Google callback keys", text)


def _asked(about: str, method: str, url: str, wanted: int, good: str) -> Finding:
    try:
        answer = requests.request(method, url, headers={"User-Agent": ROBOT}, timeout=PATIENCE, allow_redirects=False)
    except (OSError, requests.RequestException) as error:
        text = f"{url} does not answer ({type(error).__name__}); is `wallet-service web` running?"
        return Finding("mind", about, text)
    if answer.status_code == wanted:
        return Finding("good", about, good)
    return Finding(
        "wrong", about, f"{url} answers {answer.status_code} instead of {wanted}; does a proxy keep it from us?"
    )


def _holders(service: Service) -> Finding:
    """Return whether anybody holds a card; a new issuer's demo mode cannot be asked for, but it looks like this."""
    with service.read() as tx:
        installed = sum(each.installed for each in wallets.by_platform(tx) if each.platform == "google")
    if installed:
        return Finding("good", "Google holders", f"{installed:,} cards are saved on phones")
    text = (
        "nobody has saved a card yet. If only your test accounts can, or cards say [TEST ONLY], the issuer is in demo "
        "mode: request publishing access in the Google Pay & Wallet Console"
    )
    return Finding("mind", "Google holders", text)


def _reason(answer: Answer) -> str:
    return str(getattr(answer.meaning, "reason", answer.meaning))
