"""The API for merchants' programs, `/api/v1`: every route is declared once, and described and tested from that."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from wallet_service.domain.errors import WalletError
from wallet_service.web import errors
from wallet_service.web.api import asked, files, keys
from wallet_service.web.api.call import Call
from wallet_service.web.api.campaigns import CAMPAIGNS
from wallet_service.web.api.cards import CARDS
from wallet_service.web.api.events import EVENTS
from wallet_service.web.api.holds import HOLDS
from wallet_service.web.api.inbound import INBOUND
from wallet_service.web.api.jobs import JOBS
from wallet_service.web.api.links import LINKS
from wallet_service.web.api.look_ups import LOOK_UPS
from wallet_service.web.api.members import MEMBERS
from wallet_service.web.api.orders import ORDERS
from wallet_service.web.api.points import POINTS
from wallet_service.web.api.programs import PROGRAMS
from wallet_service.web.api.quotes import QUOTES
from wallet_service.web.api.redemptions import REDEMPTIONS
from wallet_service.web.api.rewards import REWARDS
from wallet_service.web.api.routes import JSON, Done, Resource, Route
from wallet_service.web.api.sync import SYNC
from wallet_service.web.api.webhooks import WEBHOOKS
from wallet_service.wiring import Service

MEGABYTE = 2**20
PREFIX = "/api/v1"
RESOURCES: tuple[Resource, ...] = (
    PROGRAMS,
    MEMBERS,
    POINTS,
    LOOK_UPS,
    QUOTES,
    HOLDS,
    REWARDS,
    REDEMPTIONS,
    EVENTS,
    ORDERS,
    CARDS,
    SYNC,
    CAMPAIGNS,
    LINKS,
    INBOUND,
    JOBS,
    WEBHOOKS,
)
ROUTES: tuple[Route, ...] = tuple(route for resource in RESOURCES for route in resource.routes)


def blueprint(service: Service) -> Blueprint:
    """Return the routes; a merchant's key opens what is the merchant's own, and of nothing else says that it exists."""
    routes = Blueprint("api", __name__)
    for route in ROUTES:
        # Shops' ids of orders may hold anything, slashes too.
        rule = route.path.replace("{order_id}", "<path:order_id>").replace("{", "<").replace("}", ">")
        view = _view(service, route)
        routes.add_url_rule(rule, endpoint=route.name, methods=[route.method], view_func=view, merge_slashes=False)
    routes.register_error_handler(WalletError, errors.refused_in_the_api)
    routes.after_request(_private)
    routes.after_request(keys.add_quota)
    return routes


def _view(service: Service, route: Route) -> Callable[..., Response]:
    def view(**path: str) -> Response:
        caller = keys.admitted(service, request, route)
        accepted = asked.accepted(route, request)
        key = asked.idempotency_key(request) if route.writes else ""
        more: dict[str, files.File] = {}
        parts = asked.read(route, request, path)
        # Where some of a thing is changed, null and nothing are not the same.
        some = route.method == "PATCH"
        content = {name: part.model_dump(mode="json", exclude_unset=some) for name, part in parts.items()}
        if route.takes_file:
            more["file"] = files.taken(request, most=service.settings.import_megabytes * MEGABYTE)
        call = Call(service, caller, service.clock(), key, content, request.if_match, accepted)
        return _answer(route, route.act(call, **parts, **more))

    return view


def _answer(route: Route, said: Any) -> Response:
    done = said if isinstance(said, Done) else Done(said, replayed=False)
    status = route.status if done.made or route.status_found is None else route.status_found
    if isinstance(done.said, files.Sheet | files.Picture):
        response = files.given(done.said)
    else:
        response = Response(done.said.model_dump_json(), status=status, mimetype=JSON)
    if done.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    if route.etag and not route.writes:
        response.add_etag()
        response.make_conditional(request)
    return response


def _private(response: Response) -> Response:
    """Keep what is answered to one caller out of everybody's caches; with a version, a caller may keep it."""
    response.headers["Cache-Control"] = "private, no-cache" if "ETag" in response.headers else "no-store"
    response.vary.add("Authorization")
    return response
