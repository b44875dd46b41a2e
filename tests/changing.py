"""One value of something sound is changed, to see what is made of it."""

from copy import deepcopy
from typing import Any

ABSENT = object()


def changed(said: Any, path: str, value: Any) -> Any:
    """Return it with the value at a path such as "data.lines.0.sku" replaced, or taken out if it is `ABSENT`."""
    said = deepcopy(said)
    *parents, last = (int(part) if part.isdecimal() else part for part in path.split("."))
    inner = said
    for part in parents:
        inner = inner[part]
    if value is ABSENT:
        del inner[last]
    else:
        inner[last] = value
    return said
