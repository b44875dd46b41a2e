"""The access token of the service account: fetched with a signed assertion, kept while it lasts.

Source: https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

from collections.abc import Mapping
from typing import Any

import requests
from google.auth.credentials import TokenState
from google.auth.crypt import RSASigner
from google.auth.exceptions import GoogleAuthError, TransportError
from google.auth.transport import Response
from google.auth.transport.requests import Request
from google.oauth2.service_account import Credentials

from wallet_service.domain.push import Outcome
from wallet_service.google.answers import token_failure
from wallet_service.google.pace import Pace, turn
from wallet_service.google.service_account import ServiceAccount

SCOPE = "https://www.googleapis.com/auth/wallet_object.issuer"


class Bearer:
    """The account's access token: kept while it lasts, and fetched anew when told to, at the given pace.

    A turn of `pace` is held around each request for a token until its answer is read, so that never more requests than
    there are turns are on their way or were answered in the last second.

    google-auth's AuthorizedSession is not used: it asks for tokens, and once more after a 401, without our pace; and it
    starts a thread that shows the token to another of Google's servers (the "regional access boundary").
    """

    def __init__(
        self,
        account: ServiceAccount,
        *,
        session: requests.Session,
        pace: Pace,
        timeout: tuple[float, float],
    ) -> None:
        self._credentials = _credentials(account)
        self._request = _TokenRequest(session, pace, timeout)

    @property
    def fresh(self) -> bool:
        """Whether there is a token that lasts some minutes yet."""
        return self._credentials.token_state is TokenState.FRESH

    def headers(self) -> dict[str, str]:
        """Return the header that carries the token."""
        return {"Authorization": f"Bearer {self._credentials.token}"}

    def fetch(self) -> Outcome | None:
        """Get a token, or return what it means that there is none."""
        try:
            self._credentials.refresh(self._request)  # type: ignore[no-untyped-call]
        # google-auth parses answers trustingly: junk raises whatever it stumbles over.
        except (GoogleAuthError, OSError, ValueError, TypeError, AttributeError, OverflowError) as error:
            return token_failure(error)
        return None if isinstance(self._credentials.token, str) else token_failure(TypeError("no text"))


class _TokenRequest(Request):
    """How google-auth asks for a token: at our pace, and once; left alone it sleeps and tries again."""

    def __init__(self, session: requests.Session, pace: Pace, timeout: tuple[float, float]) -> None:
        super().__init__(session)
        self._pace = pace
        self._timeout = timeout

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: object = None,  # noqa: ARG002, ours is in force
        **more: Any,
    ) -> Response:
        call = super().__call__
        with turn(self._pace):
            answer: Response = call(  # type: ignore[no-untyped-call]
                url, method, body, headers, self._timeout, allow_redirects=False, **more
            )
        if answer.status >= 500 or answer.status in (408, 429):
            raise TransportError(f"{answer.status} from the token service")  # type: ignore[no-untyped-call]
        return answer


def _credentials(account: ServiceAccount) -> Credentials:
    """Return credentials that may write the issuer's passes.

    google-auth names Google's own token address as audience whatever `token_uri` says: an assertion sent to another
    server could then be used at Google. So the audience is set here.
    """
    return Credentials(  # type: ignore[no-untyped-call]
        RSASigner(account.key, account.key_id),  # type: ignore[no-untyped-call]
        service_account_email=account.email,
        token_uri=account.token_uri,
        scopes=[SCOPE],
        additional_claims={"aud": account.token_uri},
    )
