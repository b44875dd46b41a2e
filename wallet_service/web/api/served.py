"""The description of the API as programs and people read it: a JSON document, and a page that needs nothing else."""

import json

from flask import Blueprint, Response, make_response, render_template, request

from wallet_service.web.api import PREFIX, RESOURCES
from wallet_service.web.api.description import describe
from wallet_service.web.api.pages import chapters, paragraphs
from wallet_service.wiring import Service

FRESH = 300  # seconds


def blueprint(service: Service) -> Blueprint:
    """Return the routes; they are open to everybody."""
    routes = Blueprint("api_description", __name__)
    described = describe(RESOURCES, base_url=service.settings.base_url, prefix=PREFIX)
    text = json.dumps(described, ensure_ascii=False)

    @routes.get("/api/openapi.json")
    def openapi() -> Response:
        return _fresh(Response(text, mimetype="application/json"))

    @routes.get("/api/docs")
    def docs() -> Response:
        page = render_template(
            "api.html", api=described, about=paragraphs(described["info"]["description"]), chapters=chapters(described)
        )
        return make_response(page)

    return routes


def _fresh(response: Response) -> Response:
    response.headers["Cache-Control"] = f"public, max-age={FRESH}"
    response.add_etag()
    response.make_conditional(request)
    return response
