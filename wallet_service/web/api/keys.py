"""Who calls is known by the key: what it may do, and how often."""

from flask import Request, Response, g

from wallet_service.domain.api_key import Caller, read_token
from wallet_service.domain.errors import KeyRefused, ScopeMissing, TooManyRequests
from wallet_service.usecases.admit import Quota, admit, count
from wallet_service.web.api.routes import Route
from wallet_service.wiring import Service

SCHEME = "bearer"


def admitted(service: Service, request: Request, route: Route) -> Caller:
    """Return who calls, if the key may do what the route does.

    Raises `KeyRefused`, `TooManyRequests` and `ScopeMissing`.
    """
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != SCHEME:
        raise KeyRefused("no bearer token was sent")
    now = service.clock()
    with service.read() as tx:
        caller = admit(tx, read_token(given.strip()), now=now)
        quota = count(tx, caller, per_second=service.settings.api_requests_per_second, now=now)
    g.quota = quota
    if quota.retry_after is not None:
        raise TooManyRequests(quota.retry_after)
    if route.scope not in caller.scopes:
        raise ScopeMissing(route.scope)
    return caller


def add_quota(response: Response) -> Response:
    """Say in the answer's headers how many requests the key has left."""
    quota: Quota | None = g.get("quota")
    if quota is not None:
        response.headers["RateLimit-Policy"] = f'"key";q={quota.limit};w={quota.window}'
        response.headers["RateLimit"] = f'"key";r={quota.left};t={quota.restored_in}'
    return response
