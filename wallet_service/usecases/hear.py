"""A phone tells what went wrong on its side."""

import re
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.storage import device_logs

# Phones quote the requests they made; a token in such a line must not end up in our tables.
_TOKEN = re.compile(r"(ApplePass)\W+\S+", re.IGNORECASE)


def hear(tx: Connection, lines: Sequence[str], *, now: datetime) -> int:
    """Keep a device's log lines, without tokens and within limits; return how many were kept."""
    return device_logs.add(tx, [_TOKEN.sub(r"\1 …", line) for line in lines], now=now)
