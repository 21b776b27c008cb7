"""Whatever goes wrong: what a receiver holds is 1..n, in order, and nothing is lost or double."""

from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.core.batches import Cursor, Stream
from gateway.core.batches import Lane as Name
from gateway.sync.supply import Backfill
from tests.fakes.outage import Numbers, Site, ledger
from tests.fakes.sink import LOST_ANSWER, LOST_REQUEST

LANES = (Name.LIVE, Name.BACKFILL)


class Outages(RuleBasedStateMachine):
    """A gateway, its cloud, and everything that may befall them."""

    backfill: Backfill = "oldest"

    def __init__(self) -> None:
        super().__init__()
        self.site = Site(rows=Numbers(last=10), far=25, backfill=self.backfill)
        self.site.start()
        self.backups: list[dict[Stream, Cursor]] = []
        self.lost = self.apart = False

    @rule(count=strategies.integers(1, 120))
    def rows_come(self, count: int) -> None:
        self.site.rows.last += count

    @rule(name=strategies.sampled_from(LANES), steps=strategies.integers(1, 6))
    def a_lane_goes_on(self, name: Name, steps: int) -> None:
        for _ in range(steps):
            self.site.step(name)
            self.site.watch.ms += 200

    @rule(seconds=strategies.integers(1, 90))
    def time_passes(self, seconds: int) -> None:
        self.site.run(seconds)

    @rule(fault=strategies.sampled_from([LOST_ANSWER, LOST_REQUEST]))
    def a_send_fails(self, fault: str) -> None:
        self.site.cloud.faults.append(fault)

    @rule()
    def the_link_comes_and_goes(self) -> None:
        self.site.cloud.away = not self.site.cloud.away

    @rule()
    def the_process_is_killed(self) -> None:
        self.site.start()

    @precondition(lambda self: not self.apart)
    @rule()
    def the_ledger_is_lost(self) -> None:
        self.lost = True
        self.backups.clear()  # which jumps lay behind those, nobody knows any more: docs/sync.md
        self.site.ledger = ledger()
        self.site.start()

    @rule()
    def somebody_backs_the_receiver_up(self) -> None:
        self.backups.append(dict(self.site.cloud.cursors))

    @precondition(lambda self: self.backups)
    @rule(data=strategies.data())
    def the_receiver_goes_back(self, data: strategies.DataObject) -> None:
        at = data.draw(strategies.integers(0, len(self.backups) - 1))
        del self.backups[at + 1 :]  # later ones are gone, too
        for name in LANES:
            stream = self.site.stream(name)
            self.site.cloud.lose(stream, self.backups[at].get(stream, Cursor()))
        self.site.start()

    @precondition(lambda self: self.backups and not self.lost)
    @rule(data=strategies.data(), name=strategies.sampled_from(LANES))
    def the_receiver_loses_rows_of_one_lane(self, data: strategies.DataObject, name: Name) -> None:
        """What one lane alone has lost only our ledger knows: both lost are lost."""
        self.apart = True
        backup = data.draw(strategies.sampled_from(self.backups))
        stream = self.site.stream(name)
        self.site.cloud.lose(stream, backup.get(stream, Cursor()))
        self.backups.clear()
        self.site.start()

    @invariant()
    def rows_are_numbered_from_one(self) -> None:
        for stream in self.site.cloud.rows:
            seqs = self.site.cloud.seqs(stream)
            assert seqs == list(range(1, len(seqs) + 1))

    def teardown(self) -> None:
        self.site.cloud.away = False
        self.site.cloud.faults.clear()
        self.site.start()
        for _ in range(200):
            self.site.run(10)
            if self.complete():
                break
        rows = [row["n"] for found in self.site.cloud.rows.values() for row in found]
        assert sorted(rows) == self.site.rows.wanted()

    def complete(self) -> bool:
        count = sum(len(found) for found in self.site.cloud.rows.values())
        return count >= len(self.site.rows.wanted())


class NewestFirst(Outages):
    """The same, with the newest outage first, in stretches."""

    backfill: Backfill = "newest"


LAWS = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
Outages.TestCase.settings = NewestFirst.TestCase.settings = LAWS
TestOutages = Outages.TestCase
TestNewestFirst = NewestFirst.TestCase
