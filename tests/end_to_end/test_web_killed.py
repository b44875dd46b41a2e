"""A web process that is killed with -9 under load has lost nothing, once its senders have tried again.

It comes after the tests that count the cards of their stage, and kills only what serves: the process above it, which
`wallet-service run` has started, brings it back.
"""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence

import pytest
from stage_actors import Stage

from bench.senders import Webhook, order_paid, post, signed

pytestmark = [
    pytest.mark.xdist_group("stage"),
    pytest.mark.skipif(shutil.which("ps") is None, reason="there is no ps command"),
]

ORDERS = 60
SENDERS = 6


def started_by(parent: int) -> list[tuple[int, str]]:
    """Return the processes that a process has started, with their commands."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    lines = [line.split(maxsplit=2) for line in listed.splitlines()]
    return [(int(pid), more[0] if more else "") for pid, its, *more in lines if int(its) == parent]


def test_nothing_is_lost_when_the_web_is_killed(stage: Stage) -> None:
    """What was under way is sent again; each order is entered once, whether it had been entered before or not."""
    url, secret = stage.facts["webhook_url"], stage.facts["webhook_secret"]
    customer = {"customer": {"id": "buys when the web is killed"}}
    post(url, [signed(url, secret, event_id="killed_0", kind="member.enrolled", data=customer)], connections=1)
    orders: Sequence[Webhook] = [
        order_paid(
            url, secret, event_id=f"killed_{n}", order=f"killed {n}", customer=customer["customer"]["id"], minor=100
        )
        for n in range(1, ORDERS + 1)
    ]
    (web,) = (pid for pid, command in started_by(stage.pid) if command.endswith(" web"))
    serving = [pid for pid, _ in started_by(web)]
    assert serving

    def answered(count: int) -> None:
        if count == ORDERS // 3:
            for pid in serving:
                os.kill(pid, signal.SIGKILL)

    first = post(url, orders, connections=SENDERS, answered=answered)
    assert first.cut + first.refused > 0
    assert first.statuses[200] == ORDERS
    assert not {pid for pid, _ in started_by(web)} & set(serving)

    again = post(url, orders, connections=SENDERS)
    assert again.replayed == ORDERS
    told = post(url, [signed(url, secret, event_id="killed_x", kind="member.enrolled", data=customer)], connections=1)
    assert json.loads(told.answers[0])["balance"] == ORDERS
    verified = stage.command("ledger", "verify")
    assert (verified.returncode, verified.stdout) == (0, "The books are sound, and everything is as it was sealed.\n")
