"""Headers that keep a page's scripts and styles to what we wrote."""

import secrets
from typing import Any

from flask import Flask, Response, g


def install(app: Flask) -> None:
    """Give every answer its security headers, and every page the nonce of its own style."""
    app.before_request(_draw)
    app.context_processor(_nonce)
    app.after_request(_add)


def _draw() -> None:
    g.nonce = secrets.token_urlsafe(16)


def _nonce() -> dict[str, Any]:
    return {"nonce": g.nonce}


def _add(response: Response) -> Response:
    response.headers["X-Content-Type-Options"] = "nosniff"
    if response.mimetype == "text/html":
        policy = f"default-src 'none'; style-src 'nonce-{g.nonce}'; img-src 'self'; base-uri 'none'; form-action 'self'"
        response.headers["Content-Security-Policy"] = f"{policy}; frame-ancestors 'none'"
        response.headers["Referrer-Policy"] = "no-referrer"
    return response
