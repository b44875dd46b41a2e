"""The description of the API as programs and people read it: a JSON document, and a page that needs nothing else."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request

from wallet_service.web.api import PREFIX, RESOURCES
from wallet_service.web.api.description import describe
from wallet_service.web.api.pages import chapters, paragraphs
from wallet_service.wiring import Service

FRESH = 300  # seconds


def blueprint(service: Service) -> Blueprint:
    """Return the routes; they are open to everybody."""
    routes = Blueprint("api_description", __name__)
    base_url = service.settings.base_url

    @routes.get("/api/openapi.json")
    def openapi() -> Response:
        return _fresh(Response(_text(base_url), mimetype="application/json"))

    @routes.get("/api/docs")
    def docs() -> Response:
        described = _described(base_url)
        page = render_template(
            "api.html", api=described, about=paragraphs(described["info"]["description"]), chapters=chapters(described)
        )
        return make_response(page)

    return routes


@cache
def _described(base_url: str) -> Mapping[str, Any]:
    """Return the description, made when it is first asked for: it takes a tenth of a second, and few ask."""
    return describe(RESOURCES, base_url=base_url, prefix=PREFIX)


@cache
def _text(base_url: str) -> str:
    return json.dumps(_described(base_url), ensure_ascii=False)


def _fresh(response: Response) -> Response:
    response.headers["Cache-Control"] = f"public, max-age={FRESH}"
    response.add_etag()
    response.make_conditional(request)
    return response
