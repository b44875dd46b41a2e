"""What a PATCH makes of a class or object.

Source: https://developers.google.com/wallet/generic/use-cases/performance-tips (patch semantics)
"""

from collections.abc import Mapping
from typing import Any


def merged(stored: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored value with a change merged in: null deletes, an array replaces the whole array."""
    whole = dict(stored)
    for name, value in change.items():
        if value is None:
            whole.pop(name, None)
        elif isinstance(value, dict):
            before = stored.get(name)
            whole[name] = merged(before if isinstance(before, dict) else {}, value)
        else:
            whole[name] = value
    return whole


def without_nulls(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a whole body without the members that are null, which say nothing there."""
    return merged({}, body)
