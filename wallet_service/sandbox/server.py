"""The sandbox's web pages: two phones to look at, a shop to press, a push service and a Google to break.

Everything it serves is its own; nothing is loaded from elsewhere. It is a developer's tool for a loopback address.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from babel.numbers import format_currency
from flask import Flask, Response, abort, jsonify, redirect, render_template, request, stream_with_context, url_for
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Response as AnyResponse

from wallet_service.domain.errors import WalletError
from wallet_service.sandbox.android_pages import image_addresses
from wallet_service.sandbox.android_state import android_state
from wallet_service.sandbox.apns import SandboxApns
from wallet_service.sandbox.google import SandboxGoogle
from wallet_service.sandbox.inbox import NotSigned
from wallet_service.sandbox.live import colors, context, events, version
from wallet_service.sandbox.phone import NoSuchCard
from wallet_service.sandbox.sandbox import CardLinkFailed, NotConnected, Sandbox
from wallet_service.sandbox.shop import NotForSale, Shop
from wallet_service.sandbox.state import heard_state, state
from wallet_service.sandbox.verify import PassNotInstallable
from wallet_service.sandbox.webhook import Exchange

__all__ = ["Sandbox", "Shop", "create_sandbox", "sandbox_of", "serve"]

log = logging.getLogger(__name__)

LARGEST_UPLOAD = 32 * 1024 * 1024
HEARTBEAT = 5.0
BUY = "42"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
STATUS: dict[type[WalletError], int] = {
    CardLinkFailed: 502,
    NoSuchCard: 404,
    NotConnected: 409,
    NotForSale: 422,
    NotSigned: 401,
    PassNotInstallable: 422,
}


def create_sandbox(
    *,
    root_pem: bytes,
    web_base_url: str,
    apns: SandboxApns | None,
    shop: Shop | None,
    clock: Callable[[], datetime],
    card_url: str | None = None,
    language: str = "en",
    heartbeat: float = HEARTBEAT,
    seed: str | None = None,
    google: SandboxGoogle | None = None,
    google_add_url: str | None = None,
) -> Flask:
    """Return the sandbox's web application.

    Where the push service is made with `on_push=sandbox_of(app).pushed`, it comes after the application: then pass
    `apns=None` here and set `sandbox_of(app).apns`.
    `root_pem` is trusted for signatures; `card_url` may be relative to `web_base_url`. `heartbeat` is in seconds:
    so long after a browser has gone its stream ends. With the same `seed` the phone is the same one after a restart.
    With a `google` there is an Android phone, too; `google_add_url` is the service's "Add to Google Wallet", which
    answers 303 with the save link, and may be relative to `web_base_url`.
    """
    sandbox = Sandbox(
        root_pem=root_pem,
        web_base_url=web_base_url,
        apns=apns,
        shop=shop,
        clock=clock,
        card_url=card_url,
        language=language,
        seed=seed,
        google=google,
        google_add_url=google_add_url,
    )
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_UPLOAD
    app.extensions["sandbox"] = sandbox
    app.before_request(_refuse_cross_site)
    app.after_request(_protect)
    app.register_error_handler(WalletError, _explain)
    _add_reading(app, sandbox, heartbeat)
    _add_phone(app, sandbox)
    _add_android(app, sandbox)
    _add_shop(app, sandbox)
    return app


def sandbox_of(app: Flask) -> Sandbox:
    """Return the sandbox behind an application made by `create_sandbox`."""
    sandbox = app.extensions["sandbox"]
    assert isinstance(sandbox, Sandbox)
    return sandbox


def serve(app: Flask, host: str, port: int) -> BaseWSGIServer:
    """Serve in a thread of its own and return the server: `.port` says where, `.shutdown()` ends it.

    Port 0 takes a free one.
    Raises: SystemExit if the port is taken.
    """
    server = make_server(host, port, app, threaded=True, request_handler=_Quiet)
    threading.Thread(target=server.serve_forever, args=(0.1,), name="sandbox-pages", daemon=True).start()
    return server


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002, the parent's words
        log.debug("%s %s %s", self.command, urlsplit(self.path).path, code)


def _add_reading(app: Flask, sandbox: Sandbox, heartbeat: float) -> None:
    @app.get("/")
    def home() -> str:
        name = version(sandbox, sandbox.changes.count)
        return render_template("sandbox.html", version=name, buy=_buy_label(sandbox), **context(sandbox))

    @app.get("/phone/events", endpoint="events")
    def stream_events() -> Response:
        stream = stream_with_context(events(sandbox, heartbeat))
        return Response(stream, mimetype="text/event-stream", headers={"Cache-Control": "no-store"})

    @app.get("/phone/colors.css", endpoint="colors")
    def colors_sheet() -> Response:
        return Response(colors(sandbox), mimetype="text/css")

    @app.get("/phone/cards/<path:serial>/images/<name>")
    def image(serial: str, name: str) -> Response:
        cards = [card for card in sandbox.phone.cards() if card.opened.serial_number == serial]
        if not cards or not name.endswith(".png") or name not in cards[0].opened.files:
            abort(404)
        return Response(
            cards[0].opened.files[name], mimetype="image/png", headers={"Cache-Control": "private, max-age=86400"}
        )

    @app.get("/state.json")
    def state_json() -> Response:
        return jsonify(_state(sandbox))


def _add_phone(app: Flask, sandbox: Sandbox) -> None:
    @app.post("/phone/add")
    def add() -> AnyResponse:
        upload = request.files.get("pass")
        if upload is not None:
            sandbox.phone.add(upload.read())
        else:
            sandbox.download_card()
        return _done(sandbox)

    @app.post("/phone/refresh")
    def refresh() -> AnyResponse:
        sandbox.phone.refresh()
        return _done(sandbox)

    @app.post("/phone/automatic-updates")
    def automatic_updates() -> AnyResponse:
        sandbox.phone.switch_automatic_updates(request.form["serial"], on=request.form["on"] == "true")
        return _done(sandbox)

    @app.post("/phone/remove")
    def remove() -> AnyResponse:
        sandbox.phone.remove(request.form["serial"])
        return _done(sandbox)

    @app.post("/push-service/behave")
    def behave() -> AnyResponse:
        sandbox.break_pushes(request.form["breakage"])
        return _done(sandbox)


def _add_android(app: Flask, sandbox: Sandbox) -> None:
    @app.get("/android/images/<name>")
    def android_image(name: str) -> Response:
        address = image_addresses(sandbox.the_android().cards()).get(name)
        picture = sandbox.pictures.get(address) if address else None
        if picture is None:
            abort(404)
        return Response(picture.data, mimetype=picture.kind, headers={"Cache-Control": "private, max-age=86400"})

    @app.post("/android/save")
    def save() -> AnyResponse:
        sandbox.save_card()
        return _done(sandbox)

    @app.post("/android/remove")
    def android_remove() -> AnyResponse:
        sandbox.the_android().remove(request.form["object_id"])
        return _done(sandbox)

    @app.post("/google/behave")
    def google_behave() -> AnyResponse:
        sandbox.break_google(request.form["breakage"])
        return _done(sandbox)


def _add_shop(app: Flask, sandbox: Sandbox) -> None:
    @app.post("/shop/buy")
    def buy() -> AnyResponse:
        till = sandbox.the_till()
        return _done(sandbox, till.buy(till.shop.minor(request.form.get("amount", BUY))))

    @app.post("/shop/refund")
    def refund() -> AnyResponse:
        return _done(sandbox, sandbox.the_till().refund())

    @app.post("/shop/endpoint")
    def hear() -> tuple[str, int]:
        sandbox.the_inbox().take(dict(request.headers), request.get_data())
        return "", 204

    @app.post("/shop/adjust")
    def adjust() -> AnyResponse:
        till = sandbox.the_till()
        return _done(sandbox, till.adjust(request.form["points"], request.form["reason"]))


def _state(sandbox: Sandbox) -> dict[str, Any]:
    return state(sandbox.phone, sandbox.till.last if sandbox.till else None) | {
        "push_service": sandbox.breakage.key,
        "android": android_state(sandbox.android) if sandbox.android else None,
        "google": sandbox.google_breakage.key if sandbox.google else None,
        "heard": heard_state(sandbox.inbox.kept()) if sandbox.inbox else None,
    }


def _done(sandbox: Sandbox, exchange: Exchange | None = None) -> AnyResponse:
    if _wants_page():
        return redirect(url_for("home"), 303)
    answer = jsonify(_state(sandbox))
    if exchange is not None and not exchange.accepted:
        answer = jsonify(_state(sandbox) | {"error": exchange.advice})
        answer.status_code = 502
    return answer


def _explain(error: WalletError) -> tuple[Response | str, int]:
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    if _wants_page():
        return render_template("error.html", message=str(error)), status
    return jsonify({"error": str(error)}), status


def _wants_page() -> bool:
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"


def _refuse_cross_site() -> tuple[Response, int] | None:
    """Refuse posts that another site's page made a browser send; a script sends neither header and may pass."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return None
    origin = request.headers.get("Origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.host
    if foreign or request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return jsonify({"error": "This page takes orders from itself alone. Use its own buttons."}), 403
    return None


def _protect(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    # Not "no-referrer": browsers then send "Origin: null" with the page's own forms, which is refused above.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _buy_label(sandbox: Sandbox) -> str:
    return format_currency(BUY, sandbox.till.shop.currency, locale="en") if sandbox.till else BUY
