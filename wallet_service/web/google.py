"""Google's doors: images that it fetches, and the news that a card was saved or removed.

https://developers.google.com/wallet/generic/use-cases/use-callbacks-for-saves-and-deletions
"""

import structlog
from flask import Blueprint, Response, abort, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from wallet_service.usecases.hear_holder import hear_holder
from wallet_service.wiring import Service

log = structlog.get_logger(__name__)

LARGEST_CALLBACK = 16 * 1024
FOR_EVER = "public, max-age=31536000, immutable"
FOR_A_WHILE = "public, max-age=300"
# Google calls back only where its own robot may go. Links to cards are their holders' alone.
ROBOTS = """User-agent: *
Allow: /google/
Allow: /art/
Disallow: /
"""


def blueprint(service: Service) -> Blueprint:
    """Return the routes that Google's servers ask."""
    routes = Blueprint("google", __name__)

    @routes.post("/google/callback")
    def callback() -> tuple[str, int]:
        request.max_content_length = LARGEST_CALLBACK
        said = service.google_wallet().heard(request.get_data())
        with service.begin() as tx:
            news = hear_holder(tx, said, now=service.clock())
        log.info("holder.heard", target=said.target, saved=said.saved, news=news)
        return "", 200

    # The address names the content, so that whoever keeps a copy never needs to ask again.
    @routes.get("/art/<template>/<version>/<name>")
    def art(template: str, version: str, name: str) -> AnyResponse:
        found = service.google_wallet().drawings.picture(template, name)
        if found is None:
            abort(404)
        if version != found.version:
            current = redirect(url_for(".art", template=template, version=found.version, name=name), 302)
            current.headers["Cache-Control"] = FOR_A_WHILE
            return current
        response = Response(found.data, mimetype="image/png")
        response.headers["Cache-Control"] = FOR_EVER
        response.set_etag(found.version)
        return response.make_conditional(request)

    @routes.get("/robots.txt")
    def robots() -> Response:
        response = Response(ROBOTS, mimetype="text/plain")
        response.headers["Cache-Control"] = FOR_A_WHILE
        return response

    return routes
