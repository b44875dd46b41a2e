"""The web service of a pass as a device talks to it.

Source: https://developer.apple.com/documentation/walletpasses/adding-a-web-service-to-update-passes
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests

from wallet_service.domain.errors import WalletError
from wallet_service.sandbox.verify import OpenedPass

TIMEOUT = (5.0, 15.0)
USER_AGENT = "wallet-service-sandbox-phone (iPhone; passd)"


class WebServiceFault(WalletError):
    """The web service did not answer as a device needs; `again` if a device would try once more."""

    def __init__(self, what: str, *, again: bool = False) -> None:
        self.again = again
        super().__init__(what)


@dataclass(frozen=True, slots=True)
class Listing:
    """The cards that changed, and the tag to ask with next time, which means nothing to a device."""

    serial_numbers: tuple[str, ...]
    tag: str


@dataclass(frozen=True, slots=True)
class Download:
    """A new version of a pass and the Last-Modified that came with it."""

    pkpass: bytes
    last_modified: str | None


class Device:
    """One device before any web service. `identifier` is its secret name there; `http` keeps the connections.

    Every method raises WebServiceFault.
    """

    def __init__(self, identifier: str, push_token: str, http: requests.Session) -> None:
        self._identifier = identifier
        self._push_token = push_token
        self._http = http

    def register(self, card: OpenedPass) -> int:
        """Ask for pushes about the card; return 201 if that is new and 200 if it was so before."""
        body = {"pushToken": self._push_token}
        answer = self._send("POST", self._registration(card), expected=(200, 201), headers=_token(card), json=body)
        return answer.status_code

    def unregister(self, card: OpenedPass) -> None:
        """Ask for no more pushes about the card."""
        self._send("DELETE", self._registration(card), expected=(200,), headers=_token(card))

    def changed(self, base: str, pass_type: str, tag: str | None) -> Listing | None:
        """Return which cards of a type changed since the tag was given, or None if there are none."""
        url = f"{base}/v1/devices/{self._identifier}/registrations/{quote(pass_type, safe='')}"
        query = {} if tag is None else {"passesUpdatedSince": tag}
        answer = self._send("GET", url, expected=(200, 204), params=query)
        return _listing(answer) if answer.status_code == 200 else None

    def fetch(self, card: OpenedPass, since: str | None) -> Download | None:
        """Return the pass if it changed since that Last-Modified, else None."""
        headers = _token(card) | ({} if since is None else {"If-Modified-Since": since})
        url = f"{_base(card)}/v1/passes/{_path(card)}"
        answer = self._send("GET", url, expected=(200, 304), headers=headers)
        if answer.status_code == 304:
            return None
        return Download(answer.content, answer.headers.get("Last-Modified"))

    def log(self, base: str, message: str) -> None:
        """Tell the web service what went wrong, as devices do."""
        self._send("POST", f"{base}/v1/log", expected=(200,), json={"logs": [message]})

    def _registration(self, card: OpenedPass) -> str:
        return f"{_base(card)}/v1/devices/{self._identifier}/registrations/{_path(card)}"

    def _send(self, method: str, url: str, *, expected: tuple[int, ...], **options: Any) -> requests.Response:
        headers = {"User-Agent": USER_AGENT} | options.pop("headers", {})
        try:
            answer = self._http.request(
                method, url, headers=headers, timeout=TIMEOUT, allow_redirects=method == "GET", **options
            )
        except requests.RequestException as failure:
            raise WebServiceFault(f"The connection failed ({type(failure).__name__})", again=True) from failure
        if answer.status_code == 401:
            raise WebServiceFault("Authentication failure")
        if answer.status_code not in expected:
            code = answer.status_code
            raise WebServiceFault(f"Unexpected response code {code}", again=code >= 500)
        return answer


def _base(card: OpenedPass) -> str:
    return str(card.content["webServiceURL"]).rstrip("/")


def _path(card: OpenedPass) -> str:
    return f"{quote(card.pass_type_identifier, safe='')}/{quote(card.serial_number, safe='')}"


def _token(card: OpenedPass) -> dict[str, str]:
    return {"Authorization": f"ApplePass {card.content['authenticationToken']}"}


def _listing(answer: requests.Response) -> Listing:
    try:
        content = answer.json()
        serials, tag = content["serialNumbers"], content["lastUpdated"]
    except (ValueError, KeyError, TypeError) as broken:
        raise WebServiceFault("Server response was malformed (serialNumbers or lastUpdated missing)") from broken
    if not isinstance(tag, str) or not isinstance(serials, list) or not all(isinstance(each, str) for each in serials):
        raise WebServiceFault("Server response was malformed (serialNumbers and lastUpdated must be text)")
    return Listing(tuple(serials), tag)
