"""Whatever merchants, tills and members do, in whatever order: the books are whole, and nothing is done twice."""

from typing import Any

import pytest
from actors import START, Clock
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from ledger_world import Drawn, Seeded
from operations_rules import KINDS
from operations_world import OFTEN, Broken, World, begin, walk
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from wallet_service.domain.errors import WalletError
from wallet_service.domain.event import Customer
from wallet_service.domain.ledger import Unbalanced
from wallet_service.usecases.correct import correct
from wallet_service.usecases.erase import Erased, erase
from wallet_service.usecases.merge import MergedMembers, merge
from wallet_service.usecases.operate import Operation, books_of, close
from wallet_service.usecases.redeem import Redeemed, cancel
from wallet_service.wiring import Service


class Machine(RuleBasedStateMachine):
    """Lives through a programme in operations that Hypothesis chooses."""

    def __init__(self, service: Service, clock: Clock) -> None:
        super().__init__()
        self.service, self.clock = service, clock
        self.world: World | None = None

    @initialize(kind=st.sampled_from(tuple(KINDS)), data=st.data())
    def begin(self, kind: str, data: st.DataObject) -> None:
        """Open a programme of some kind, with its first members."""
        self.clock.now = START
        self.world = World(self.service, self.clock, kind)
        begin(self.world, Drawn(data))

    @rule(data=st.data(), name=st.sampled_from(OFTEN))
    def step(self, data: st.DataObject, name: str) -> None:
        """Something is done, and everything is compared."""
        assert self.world is not None
        self.world.step(name, Drawn(data))

    def teardown(self) -> None:
        """Compare everything once more."""
        if self.world:
            self.world.compare()


def test_whole_operations_keep_the_books_whole(service: Service, clock: Clock) -> None:
    """Hypothesis looks for operations after which a law is broken, or something was done twice: there are none."""
    few = settings(
        max_examples=6,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.reuse, Phase.generate),  # to make a walk of seconds smaller would outlast the test
    )
    run_state_machine_as_test(lambda: Machine(service, clock), settings=few)  # type: ignore[no-untyped-call]


def gives_back_twice(operation: Operation, **asked: Any) -> Redeemed:
    """Cancel, and let the points come once more."""
    found = cancel(operation, **asked)
    (book,) = books_of(operation, Customer(member_id=found.member_id))
    correct(book, found.points or 1, actor="till", reason="a mistake", at=operation.now)
    close(operation, book)
    return found


def forgets_too_much(operation: Operation, **asked: Any) -> Erased:
    """Erase, and change what the books say of the erased."""
    found = erase(operation, **asked)
    operation.tx.execute(text("SET LOCAL session_replication_role = replica"))
    operation.tx.execute(text("UPDATE ledger_transactions SET reason = NULL, actor = NULL WHERE reason IS NOT NULL"))
    return found


def leaves_a_point(operation: Operation, **asked: Any) -> MergedMembers:
    """Merge, and give a point to whoever has gone."""
    found = merge(operation, **asked)
    gone = "SELECT id FROM members WHERE merged_into IS NOT NULL"
    operation.tx.execute(text(f"UPDATE balances SET available = 1 WHERE member_id IN ({gone})"))
    return found


ALTERED = "UPDATE ledger_transactions SET reason = 'another' WHERE id = (SELECT min(id) FROM ledger_transactions)"
# What is wrong, and by which steps it comes to light.
VARIANTS: dict[str, tuple[Broken, tuple[str, ...]]] = {
    "points come back twice": (Broken(acts={"cancel": gives_back_twice}), ("adjust", "redeem", "finish")),
    "keys are forgotten": (Broken(forgets_keys=True), ("adjust", "hold", "again")),
    "stock is not counted": (
        Broken(spoils={"redeem": "UPDATE reward_stock SET used = 0"}),
        ("adjust", "redeem"),
    ),
    "a code is good for ever": (
        Broken(spoils={"finish": "UPDATE redemptions SET status = 'issued' WHERE status = 'used'"}),
        ("adjust", "redeem", "finish", "finish"),
    ),
    "a merge leaves points behind": (
        Broken(acts={"merge": leaves_a_point}),
        ("adjust", "merge", "enrol"),
    ),
    "an erasure changes the books": (Broken(acts={"erase": forgets_too_much}), ("adjust", "enrol", "erase")),
    "what was sealed is changed": (Broken(spoils={"seal": ALTERED}), ("adjust", "seal")),
}
CAUGHT = (AssertionError, WalletError, DBAPIError, Unbalanced)


def caught(service: Service, clock: Clock, broken: Broken, among: tuple[str, ...], *, walks: int = 4) -> bool:
    """Return whether a service is given away on one of some walks."""
    for seed in range(walks):
        clock.now = START
        try:
            walk(World(service, clock, "shop", broken), Seeded(seed), 25, among)
        except CAUGHT:
            return True
    return False


def test_every_broken_service_is_caught(service: Service, clock: Clock) -> None:
    """Wrong in one way alone, each is given away by what it answers, by the laws, or by the chain of seals."""
    missed = [name for name, (broken, among) in VARIANTS.items() if not caught(service, clock, broken, among)]
    assert len(VARIANTS) >= 3
    assert missed == []


def test_a_sound_service_passes_by_the_same_ways(service: Service, clock: Clock) -> None:
    """With nothing broken, none of these walks finds anything."""
    every = tuple(sorted({step for _, among in VARIANTS.values() for step in among}))
    assert not caught(service, clock, Broken(), every, walks=1)


SOAK, WALK, PARTS = 20_000, 100, 8


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", KINDS)
def test_long_walks_of_operations(service: Service, clock: Clock, kind: str, part: int) -> None:
    """Twenty thousand operations through all kinds; a walk that fails names its seed, which repeats it."""
    walks = -(-SOAK // (len(KINDS) * PARTS * WALK))
    first = 2_000_000 + part * walks
    for seed in range(first, first + walks):
        clock.now = START
        world = World(service, clock, kind)
        try:
            walk(world, Seeded(seed), WALK)
        except Exception as error:
            pytest.fail(f"{kind}, seed {seed}, after {world.steps[-8:]}: {error!r}")
