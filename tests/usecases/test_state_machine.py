"""Whatever happens, in whatever order: the books, their projections and a plain model of the programme agree."""

import itertools

import pytest
from actors import START, Clock
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from ledger_world import KINDS, Drawn, Seeded, World, walk

from wallet_service.wiring import Service

WORLDS = itertools.count(1)  # two worlds on one database share no programme


class Machine(RuleBasedStateMachine):
    """Lives through a programme in steps that Hypothesis chooses."""

    def __init__(self, service: Service, clock: Clock) -> None:
        super().__init__()
        self.service, self.clock = service, clock
        self.world: World

    @initialize(kind=st.sampled_from(tuple(KINDS)), data=st.data())
    def begin(self, kind: str, data: st.DataObject) -> None:
        """Open a programme of some kind, with a first member."""
        self.clock.now = START
        self.world = World(self.service, self.clock, kind, next(WORLDS))
        self.step("enrol", data)

    def step(self, name: str, data: st.DataObject) -> None:
        """Take a step and compare everything that it touched."""
        getattr(self.world, name)(Drawn(data))
        self.world.check()

    @rule(data=st.data())
    def enrol(self, data: st.DataObject) -> None:
        """Somebody joins."""
        self.step("enrol", data)

    @rule(data=st.data())
    def buy(self, data: st.DataObject) -> None:
        """An order was paid."""
        self.step("buy", data)

    @rule(data=st.data())
    def refund(self, data: st.DataObject) -> None:
        """An order was paid back."""
        self.step("refund", data)

    @rule(data=st.data())
    def snapshot(self, data: st.DataObject) -> None:
        """An order is told of as a whole."""
        self.step("snapshot", data)

    @rule(data=st.data())
    def again(self, data: st.DataObject) -> None:
        """Something is delivered twice."""
        self.step("again", data)

    @rule(data=st.data(), name=st.sampled_from(("adjust", "review", "subscribe", "transfer", "fulfil", "look")))
    def other(self, data: st.DataObject, name: str) -> None:
        """Something else happens to a member."""
        self.step(name, data)

    @rule(data=st.data())
    def hold(self, data: st.DataObject) -> None:
        """Points are set apart."""
        self.step("hold", data)

    @rule(data=st.data(), name=st.sampled_from(("capture", "void", "give_back")))
    def resolve(self, data: st.DataObject, name: str) -> None:
        """What is set apart is used, or given back."""
        self.step(name, data)

    @rule(data=st.data())
    def on(self, data: st.DataObject) -> None:
        """Time goes by."""
        self.step("on", data)


def test_nothing_that_happens_puts_the_books_out(service: Service, clock: Clock) -> None:
    """Hypothesis looks for steps after which a law is broken, or projections or the model disagree: there are none."""
    few = settings(
        max_examples=12,
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(lambda: Machine(service, clock), settings=few)  # type: ignore[no-untyped-call]


def test_each_kind_of_programme_is_walked_through(service: Service, clock: Clock) -> None:
    """Whatever Hypothesis chose, every kind is lived through in every run, by steps that are the same each time."""
    for kind in KINDS:
        clock.now = START
        walk(World(service, clock, kind, next(WORLDS)), Seeded(20260601), 40)


SOAK, WALK, PARTS = 100_000, 250, 10


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", KINDS)
def test_long_walks(service: Service, clock: Clock, kind: str, part: int) -> None:
    """A hundred thousand steps through all kinds; a walk that fails names its seed, which repeats it."""
    walks = -(-SOAK // (len(KINDS) * PARTS * WALK))
    first = 1_000_000 + part * walks
    for seed in range(first, first + walks):
        clock.now = START
        world = World(service, clock, kind, next(WORLDS))
        try:
            walk(world, Seeded(seed), WALK)
        except Exception as error:
            pytest.fail(f"{kind}, seed {seed}, after {world.steps[-8:]}: {error!r}")
