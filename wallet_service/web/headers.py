"""Headers that keep a page's scripts and styles to what we wrote."""

import secrets
from typing import Any
from urllib.parse import urlsplit

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


def allow_onward(address: str) -> None:
    """Let the forms of this page lead on to the site of an address: browsers also look where a form is sent on to."""
    parts = urlsplit(address)
    g.onward = f" {parts.scheme}://{parts.netloc}"


def _onward() -> str:
    return str(g.get("onward", ""))


def _add(response: Response) -> Response:
    response.headers["X-Content-Type-Options"] = "nosniff"
    if response.mimetype == "text/html":
        policy = f"default-src 'none'; style-src 'nonce-{g.nonce}'; img-src 'self'; base-uri 'none'"
        policy = f"{policy}; form-action 'self'{_onward()}; frame-ancestors 'none'"
        response.headers["Content-Security-Policy"] = policy
        response.headers["Referrer-Policy"] = "no-referrer"
    return response
