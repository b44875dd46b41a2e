"""Cards that a changed template redraws a second, against cards that events change one by one."""

import dataclasses
import itertools
import statistics
import time

from bench.stand import TEMPLATE, Stand, stand
from wallet_service.domain.event import Customer, OrderPaid
from wallet_service.domain.template import Template
from wallet_service.usecases.in_force import InForce
from wallet_service.usecases.publish import publish
from wallet_service.wiring import utc_now

MEMBERS = 1000
ROUNDS = 5


def run() -> list[str]:
    """Return the line to print."""
    with stand(MEMBERS) as ready:
        looks = itertools.count()
        published, single = [], []
        for each in range(ROUNDS):
            published.append(_published(ready, _repainted(ready.service.template(TEMPLATE), next(looks))))
            single.append(_single(ready, each))
        ratio = statistics.median(mine / theirs for mine, theirs in zip(published, single, strict=True))
        return [
            f"published: {statistics.median(published):,.0f} cards/s, changed by events one by one "
            f"{statistics.median(single):,.0f} cards/s, ratio {ratio:.1f}"
        ]


def _repainted(template: Template, number: int) -> Template:
    colors = template.look.colors.model_copy(update={"background": f"#2b1f{number:02x}"})
    look = template.look.model_copy(update={"colors": colors})
    return dataclasses.replace(template, version=f"look {number}", design=f"look {number}", look=look)


def _published(ready: Stand, template: Template) -> float:
    started = time.perf_counter()
    *_, (_, changed) = publish(
        ready.service.begin, InForce({TEMPLATE: template}, ready.service.read), TEMPLATE, now=utc_now()
    )
    assert changed == MEMBERS
    return changed / (time.perf_counter() - started)


def _single(ready: Stand, round_number: int) -> float:
    started = time.perf_counter()
    for number, customer in enumerate(ready.customers[:200]):
        order = f"order {round_number} {number}"
        ready.receive(f"event {order}", "order.paid", OrderPaid(Customer(id=customer), order, "EUR", 4200))
    return 200 / (time.perf_counter() - started)


if __name__ == "__main__":
    print("\n".join(run()))
