"""Long lists come in pages: a cursor says where the next one begins, and belongs to one list alone."""

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from itsdangerous import BadData, URLSafeSerializer
from pydantic import Field

from wallet_service.domain.errors import Fault, RequestRefused
from wallet_service.web.api.call import Call
from wallet_service.web.api.model import Digits, Model

Row = TypeVar("Row")

Next = Annotated[str | None, Field(description="The `cursor` of the page after this one; null on the last page.")]


class Paged(Model):
    """Which page of a list is wanted, and how long it may be."""

    limit: Annotated[int, Field(ge=1, le=200, description="How many of the list to send at the most."), Digits] = 50
    cursor: Annotated[str | None, Field(max_length=400, description="`next` of the page before.")] = None


def begins_after(call: Call, paged: Paged, of: str) -> str | None:
    """Return after which entry of a list the page begins, None at the list's beginning.

    Raises `RequestRefused` for a cursor that is not one of this list.
    """
    if paged.cursor is None:
        return None
    try:
        found = _cursors(call).loads(paged.cursor)
    except BadData:
        found = None
    if not isinstance(found, list) or found[:1] != [of]:
        fault = Fault("request", "cursor", "is none of this list; begin again without")
        raise RequestRefused("The request cannot be understood; nothing was done.", [fault])
    return str(found[1])


def cursor(call: Call, of: str, rows: Sequence[Row], paged: Paged, name: Callable[[Row], object]) -> str | None:
    """Return the cursor of the page after these rows, of which one more than `limit` was looked for.

    None where there is none; `name` gives what the next page begins after.
    """
    if len(rows) <= paged.limit:
        return None
    made: str = _cursors(call).dumps([of, str(name(rows[paged.limit - 1]))])
    return made


def _cursors(call: Call) -> URLSafeSerializer:
    return URLSafeSerializer(call.service.secret_key, salt="api cursor")
