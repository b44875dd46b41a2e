"""Logs are one line an event, on standard error, with ids and never with secrets."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wallet_service import logs

ROOT = Path(__file__).parents[1]
PROGRAM = """
import logging, sys, structlog
from wallet_service import logs
logs.configure(sys.argv[1])
log = structlog.get_logger("test")
log.debug("too.fine")
secrets = {"push_token": "hush", "detail": {"Api-Secret": "hush"}}
log.info("card.revised", card=7, path="a\\nforged line", odd="\\x00 žluť", **secrets)
try:
    password = "hush"
    raise LookupError("no such card")
except LookupError:
    log.exception("request.crashed", authorization="Bearer hush")
logging.getLogger("a.library").info("chatter")
logging.getLogger("a.library").warning("a warning of a library")
"""


@pytest.fixture(scope="module", params=["console", "json"])
def written(request: pytest.FixtureRequest) -> tuple[str, "subprocess.CompletedProcess[str]"]:
    """What a process writes in a format."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, request.param], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return request.param, done


Written = tuple[str, "subprocess.CompletedProcess[str]"]


def test_everything_goes_to_standard_error(written: Written) -> None:
    """Standard output stays free for what a command answers."""
    _, done = written
    assert done.stdout == ""
    assert "card.revised" in done.stderr
    assert "request.crashed" in done.stderr


def test_no_secret_is_written(written: Written) -> None:
    """Neither under a telling key, however deep, nor as a local variable of a stack trace, whatever is installed."""
    assert written[1].stderr.count("hush") == written[1].stderr.count('password = "hush"')


def test_an_error_is_told_with_its_stack(written: Written) -> None:
    """The operator sees what was raised and where."""
    assert "LookupError: no such card" in written[1].stderr
    assert "Traceback (most recent call last)" in written[1].stderr


def test_chatter_is_left_out(written: Written) -> None:
    """Debug lines, and what libraries tell below a warning, are not written; their warnings are."""
    assert "too.fine" not in written[1].stderr
    assert "chatter" not in written[1].stderr
    assert "a warning of a library" in written[1].stderr


def test_a_value_makes_no_line_of_its_own(written: Written) -> None:
    """A line break inside a value, such as a stranger's path, does not begin a new line."""
    assert not any(line.startswith("forged") for line in written[1].stderr.splitlines())


def test_json_is_one_object_a_line() -> None:
    """In the machine's format each event is a line that parses, with level, time in UTC, and the stack as a text."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, "json"], cwd=ROOT, capture_output=True, text=True, check=True)
    revised, crashed = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]

    assert revised["timestamp"].endswith("Z")
    del revised["timestamp"]
    assert revised == {
        "event": "card.revised",
        "level": "info",
        "card": 7,
        "path": "a\nforged line",
        "odd": "\0 žluť",
        "push_token": "***",
        "detail": {"Api-Secret": "***"},
    }
    assert crashed["level"] == "error"
    assert "LookupError" in crashed["exception"]


@pytest.mark.parametrize(
    "key", ["token", "push_token", "Authorization", "COOKIE", "apple_key_password", "webhook-signature", "e-mail/email"]
)
def test_a_telling_key_is_starred_out(key: str) -> None:
    """The value of a key that names a secret or a person's address is never written, whatever its type."""
    for value in ("hush", b"hush", ["hush"], {"a": "hush"}, None):
        assert logs.hide_secrets(None, "info", {key: value, "event": "e"}) == {key: "***", "event": "e"}


PLAIN = st.dictionaries(st.sampled_from(["card", "member", "revision", "event", "ms"]), st.integers() | st.text())


@given(PLAIN)
@settings(max_examples=50, deadline=None)
def test_what_is_no_secret_stays_as_it_is(event: dict[str, Any]) -> None:
    """Ids and figures pass unchanged, also inside tables."""
    assert logs.hide_secrets(None, "info", dict(event)) == event
    assert logs.hide_secrets(None, "info", {"detail": dict(event)}) == {"detail": event}
