"""What a request says is read by its route's models, or refused with everything that is wrong in it."""

from flask import Request
from pydantic import ValidationError
from werkzeug.exceptions import BadRequest, NotAcceptable, NotFound, UnsupportedMediaType

from wallet_service.domain.errors import Fault, IdempotencyKeyMissing, RequestRefused
from wallet_service.web.api.model import Model, refused
from wallet_service.web.api.routes import JSON, Route

KEY = "Idempotency-Key"
LONGEST_KEY = 255


def read(route: Route, request: Request, path: dict[str, str]) -> dict[str, Model]:
    """Return the parts that the route takes, by the names under which its function takes them.

    Raises `NotFound` for a path that names nothing, `BadRequest` for a body that is not JSON, `UnsupportedMediaType`,
    and `RequestRefused` for all else.
    """
    parts: dict[str, Model] = {}
    if model := route.takes("path"):
        try:
            parts["path"] = model.model_validate_strings(path)
        except ValidationError:
            raise NotFound from None
    said = _query(request)
    if model := route.takes("query"):
        parts["query"] = _strings(model, said)
    elif said:
        raise _refused(*[Fault("request", name, "is not known here; leave it out") for name in said])
    if route.method != "GET" and not route.takes_file:
        body = request.get_data()
        if model := route.takes("body"):
            parts["body"] = _body(model, body, request.mimetype)
        elif body:
            raise _refused(Fault("request", "body", "is not known here; send none"))
    return parts


def accepted(route: Route, request: Request) -> str:
    """Return the type of answer that the caller takes most gladly, of those that the route can give.

    Raises `NotAcceptable`.
    """
    offered = route.offers
    if "Accept" not in request.headers:
        return offered[0]
    best: str | None = request.accept_mimetypes.best_match(offered)
    if best is None:
        raise NotAcceptable(f"Answers are {' or '.join(offered)}; accept that.")
    return best


def idempotency_key(request: Request) -> str:
    """Return the key under which the request can be repeated.

    Raises `IdempotencyKeyMissing` and `RequestRefused`.
    """
    key = request.headers.get(KEY, "").strip()
    if not key:
        raise IdempotencyKeyMissing
    if len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise _refused(Fault("request", KEY, f"should be at most {LONGEST_KEY} characters of ASCII"))
    return key


def _query(request: Request) -> dict[str, str]:
    several = [name for name, values in request.args.lists() if len(values) > 1]
    if several:
        raise _refused(*[Fault("request", name, "is given more than once") for name in several])
    return request.args.to_dict()


def _strings(model: type[Model], said: dict[str, str]) -> Model:
    try:
        return model.model_validate_strings(said)
    except ValidationError as errors:
        raise refused(errors) from None


def _body(model: type[Model], body: bytes, mimetype: str) -> Model:
    if mimetype != JSON:
        raise UnsupportedMediaType(f"Send {JSON}.")
    try:
        return model.model_validate_json(body)
    except ValidationError as errors:
        if any(each["type"] == "json_invalid" for each in errors.errors(include_url=False, include_input=False)):
            raise BadRequest("The body is not JSON in UTF-8.") from None
        raise refused(errors) from None


def _refused(*faults: Fault) -> RequestRefused:
    return RequestRefused("The request cannot be understood; nothing was done.", faults)
