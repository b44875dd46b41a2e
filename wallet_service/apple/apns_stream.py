"""One push on its way to Apple: the reusable libcurl handle of a request, and what became of it."""

import re
import uuid
from dataclasses import dataclass
from pathlib import Path

import pycurl

from wallet_service.apple.apns_reasons import outcome
from wallet_service.domain.push import Gone, Later, Outcome, Push, Stop

APNS_IDS = uuid.UUID("0f4dca18-5b3e-4f0e-9d3b-7a54c9a7d1c5")
LARGEST_ANSWER = 64 * 1024
IDLE_LIFETIME = 3600

# No token is assumed to have a length, and none needs quoting: what would need it is not a token.
TOKEN = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:~-]{0,511}")
TOPIC = re.compile(r"[0-9A-Za-z._-]{1,255}")

# A key that cannot be read, or is another certificate's, is reported as a bad argument.
OUR_CERTIFICATE = (pycurl.E_SSL_CERTPROBLEM, pycurl.E_BAD_FUNCTION_ARGUMENT)
THEIR_CERTIFICATE = (pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CACERT_BADFILE, pycurl.E_SSL_ISSUER_ERROR)
NOT_HTTP2 = ("no application protocol", "does not support HTTP/2")
NO_HTTP2 = "The push service does not speak HTTP/2 ({message}). Check WALLET_APPLE_APNS_URL and what stands before it."
REFUSALS = ("certificate", "unknown ca", "access denied", "handshake failure")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where pushes go, as whom, and how; all times in seconds. `ca_file` None trusts what the platform trusts."""

    url: str
    certificate_pem: bytes
    key_pem: bytes
    ca_file: Path | None
    push_type: str
    priority: int
    timeout: float
    connect_timeout: float


class Stream:
    """Carries one push at a time; `attempt` counts its tries from 1, `alone` says that no other was under way."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._prefix = f"{endpoint.url.rstrip('/')}/3/device/"
        # An empty value keeps libcurl from sending a header of its own.
        own = ["accept:", "content-type:"]
        self._headers = [f"apns-push-type: {endpoint.push_type}", f"apns-priority: {endpoint.priority}", *own]
        self._body: list[bytes] = []
        self.curl = _curl(endpoint)
        self.curl.setopt(pycurl.WRITEFUNCTION, self._body.append)
        self.push: Push
        self.attempt = 0
        self.alone = False

    def load(self, push: Push, attempt: int, *, alone: bool) -> None:
        """Make the handle ready to send the push; its target and topic must be sound (see `unsound`)."""
        self.push, self.attempt, self.alone = push, attempt, alone
        self._body.clear()
        self.curl.setopt(pycurl.URL, self._prefix + push.target)
        self.curl.setopt(pycurl.HTTPHEADER, [f"apns-topic: {push.topic}", f"apns-id: {apns_id(push)}", *self._headers])

    def answered(self) -> Outcome:
        """Return what the server's answer means."""
        if self.curl.getinfo(pycurl.INFO_HTTP_VERSION) != pycurl.CURL_HTTP_VERSION_2_0:
            return Stop(NO_HTTP2.format(message="it answered in another version"))
        return outcome(self.curl.getinfo(pycurl.RESPONSE_CODE), b"".join(self._body))


def apns_id(push: Push) -> uuid.UUID:
    """Return the id of the push: the same for the same wallet and revision, so that a repeat is recognisable."""
    return uuid.uuid5(APNS_IDS, f"{push.wallet_id}/{push.revision}")


def unsound(push: Push) -> Outcome | None:
    """Return the outcome of a push that cannot be put into a request, or None if it can.

    Tokens come from outside; one that held "../" or a line break would otherwise rewrite the request.
    """
    if not TOPIC.fullmatch(push.topic):
        return Stop("The topic of a push is not a pass type identifier. Correct it in the template's pass.toml.")
    if not TOKEN.fullmatch(push.target):
        return Gone("BadDeviceToken: it holds characters that no push token has, and was not sent to Apple")
    return None


def failed(code: int, message: str) -> Stop | Later:
    """Return what a failure below HTTP means, from libcurl's error code and message.

    Source of the codes: https://curl.se/libcurl/c/libcurl-errors.html
    """
    if code in OUR_CERTIFICATE:
        return Stop(
            f"The pass certificate or its key cannot be used ({message}). "
            "Check that WALLET_APPLE_CERTIFICATE and WALLET_APPLE_KEY are PEM and belong together."
        )
    if code in THEIR_CERTIFICATE:
        return Stop(
            f"The push service's certificate is not trusted ({message}). Install the platform's CA certificates, or "
            "set WALLET_APPLE_APNS_CA_FILE, and check WALLET_APPLE_APNS_URL."
        )
    return _refused(message) or Later(f"transport: {message or f'libcurl error {code}'}")


def _refused(message: str) -> Stop | None:
    """Recognise by their words what OpenSSL and nghttp2 say of a peer that will not have us.

    TLS 1.3 refuses a client certificate only after the handshake, so the error code is that of any broken connection.
    """
    if any(words in message for words in NOT_HTTP2):
        return Stop(NO_HTTP2.format(message=message))
    if "alert" not in message or not any(words in message for words in REFUSALS):
        return None
    return Stop(
        f"The push service refuses the pass certificate ({message}). Check that it is a Pass Type ID certificate, "
        "has neither expired nor been revoked, and set WALLET_APPLE_CERTIFICATE and WALLET_APPLE_KEY."
    )


def _curl(endpoint: Endpoint) -> pycurl.Curl:
    curl = pycurl.Curl()
    options: dict[int, object] = {
        pycurl.POST: 1,
        pycurl.POSTFIELDS: "{}",
        pycurl.PATH_AS_IS: 1,
        pycurl.PROTOCOLS: pycurl.PROTO_HTTPS,
        # Over TLS, "prior knowledge" offers h2 alone (since libcurl 8.10), where "2TLS" would fall back to HTTP/1.1.
        pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE,
        pycurl.PIPEWAIT: 1,
        pycurl.SSLVERSION: pycurl.SSLVERSION_TLSv1_2,
        pycurl.SSLCERT_BLOB: endpoint.certificate_pem,
        pycurl.SSLKEY_BLOB: endpoint.key_pem,
        pycurl.SSLCERTTYPE: "PEM",
        pycurl.SSLKEYTYPE: "PEM",
        pycurl.TIMEOUT_MS: int(endpoint.timeout * 1000),
        pycurl.CONNECTTIMEOUT_MS: int(endpoint.connect_timeout * 1000),
        pycurl.MAXFILESIZE: LARGEST_ANSWER,
        pycurl.MAXAGE_CONN: IDLE_LIFETIME,
        pycurl.TCP_KEEPALIVE: 1,
        pycurl.NOSIGNAL: 1,
        # An empty string, unlike none, also turns off the proxies of the environment.
        pycurl.PROXY: "",
        pycurl.NETRC: pycurl.NETRC_IGNORED,
    }
    if endpoint.ca_file is not None:
        options[pycurl.CAINFO] = str(endpoint.ca_file)
    for option, value in options.items():
        curl.setopt(option, value)
    return curl
