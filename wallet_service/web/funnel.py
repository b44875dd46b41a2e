"""The funnel of a merchant's links as a page with a chart, and as files; whoever has the signed address can read it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, Response, abort, make_response, render_template, request, url_for
from itsdangerous import BadSignature

from wallet_service.links import funnel_links
from wallet_service.usecases.funnel import PATH, WAYS, By, Counted, as_csv, as_json, codes, funnel, total
from wallet_service.web.card_page import private
from wallet_service.wiring import Service

MOST = 200  # rows of the page; the files have all
LABELS = {
    "sent": "Sent",
    "opened": "Opened",
    "clicked": "Downloaded or save clicked",
    "installed": "Installed",
    "kept": "Still installed after 30 days",
    "purchased": "First purchase",
}
MACHINES = {
    "preview": "Previews of messengers",
    "scanner": "Mail scanners and scripts",
    "prefetch": "Fetched ahead",
    "crawler": "Crawlers",
}
WIDTH = 1000  # of the longest bar, in units of its drawing


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the way: how many took it, how long its bar is, and how many in a hundred of the step before."""

    label: str
    number: int
    width: int
    share: str


def blueprint(service: Service) -> Blueprint:
    """Return the routes of the funnel."""
    routes = Blueprint("funnel", __name__)

    @routes.get("/funnel/<token>")
    def page(token: str) -> Response:
        merchant_id, by, campaign = _asked(service, token)
        with service.begin() as tx:
            rows = funnel(tx, merchant_id=merchant_id, by=by, campaign=campaign, now=service.clock())
            shown = [each for each, _ in zip(rows, range(MOST + 1), strict=False)]
            whole = total(tx, merchant_id=merchant_id, campaign=campaign, now=service.clock())
            known = codes(tx, merchant_id)
        files = [
            (kind, url_for(f"funnel.as_{kind}_file", token=token, by=by, campaign=campaign)) for kind in ("csv", "json")
        ]
        answer = render_template(
            "funnel.html",
            steps=steps(whole),
            whole=whole,
            width=WIDTH,
            rows=shown[:MOST],
            more=len(shown) > MOST,
            labels=LABELS,
            machines=[(label, getattr(whole, name)) for name, label in MACHINES.items()],
            by=by,
            ways=WAYS,
            campaign=campaign,
            campaigns=known,
            files=files,
        )
        return private(make_response(answer))

    @routes.get("/funnel/<token>/funnel.json")
    def as_json_file(token: str) -> Response:
        return _file("".join(as_json(rows(token))), "application/json")

    @routes.get("/funnel/<token>/funnel.csv")
    def as_csv_file(token: str) -> Response:
        return _file("".join(as_csv(rows(token))), "text/csv")

    def rows(token: str) -> Iterator[Counted]:
        merchant_id, by, campaign = _asked(service, token)
        with service.begin() as tx:
            yield from funnel(tx, merchant_id=merchant_id, by=by, campaign=campaign, now=service.clock())

    return routes


def steps(whole: Counted) -> list[Step]:
    """Return the steps of the way with their bars; who kept the card is a share of those who could have by now."""
    numbers = {name: int(getattr(whole, name)) for name in PATH}
    longest = max(*numbers.values(), 1)
    found = []
    for place, name in enumerate(PATH):
        before = numbers[PATH[place - 1]] if place else 0
        base = before - whole.early if name == "kept" else whole.installed if name == "purchased" else before
        share = f"{numbers[name] * 100 / base:.1f} %" if base > 0 else ""
        width = round(numbers[name] * WIDTH / longest)
        found.append(Step(LABELS[name], numbers[name], width, share))
    return found


def _asked(service: Service, token: str) -> tuple[int, By, str | None]:
    """Return whose funnel is asked for, told apart how, and of which campaign; a bad address is no page of ours."""
    try:
        merchant_id, until = funnel_links(service.secret_key, service.previous_key).loads(token)
    except (BadSignature, ValueError, TypeError):
        abort(404)
    if service.clock() >= datetime.fromtimestamp(until, UTC):
        abort(404)
    by = next((each for each in WAYS if each == request.args.get("by", WAYS[0])), None)
    if by is None:
        abort(404)
    return merchant_id, by, request.args.get("campaign") or None


def _file(text: str, mimetype: str) -> Response:
    response = Response(text, mimetype=mimetype)
    ending = mimetype.rpartition("/")[2]
    response.headers["Content-Disposition"] = f'attachment; filename="funnel.{ending}"'
    return private(response)
