"""Random operations on the queue's core beside a model so simple that it is right."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kubeinformer.workqueue.queue_core import QueueCore

KEYS = st.sampled_from("abcdef")
PRIORITIES = st.sampled_from([-100, 0, 0, 0, 5])


@dataclass
class Run:
    """A run that is due at a moment, or was.

    Attributes:
        rank: By which it is ordered once it is ready: the moment from which its age counts, less its priority.
    """

    priority: int
    due: float
    number: int
    ready: bool = False
    rank: float = 0.0


class QueueBesideAModel(RuleBasedStateMachine):
    """The model keeps a run a key, and looks through all of them for the best."""

    def __init__(self) -> None:
        super().__init__()
        self.core: QueueCore[str] = QueueCore(seconds_per_priority=0.1)
        self.now = 0.0
        self.number = 0
        self.runs: dict[str, Run] = {}
        self.work: dict[str, Run | None] = {}

    def fall_due(self) -> None:
        late = [run for run in self.runs.values() if not run.ready and run.due <= self.now]
        for run in sorted(late, key=lambda run: (run.due, run.number)):
            self.line_up(run)

    def line_up(self, run: Run) -> None:
        self.number += 1
        run.ready, run.number, run.rank = True, self.number, self.now - run.priority * 0.1

    def merge(self, run: Run | None, priority: int, due: float) -> Run:
        self.number += 1
        if run is None:
            return Run(priority, due, self.number)
        run.priority = max(run.priority, priority)
        if due < run.due:
            run.due, run.number = due, self.number
        return run

    @rule(key=KEYS, priority=PRIORITIES, delay=st.sampled_from([0.0, 0.0, 0.5, 1.0, 3.0]))
    def add(self, key: str, priority: int, delay: float) -> None:
        self.core.add(key, self.now, priority, self.now + delay if delay else None)
        self.fall_due()
        if key in self.work:
            self.work[key] = self.merge(self.work[key], priority, self.now + delay)
        elif key in self.runs and self.runs[key].ready:
            run = self.runs[key]
            if not delay and priority > run.priority:
                rank = self.now - priority * 0.1
                if rank < run.rank:
                    run.priority = priority
                    self.line_up(run)
        else:
            self.runs[key] = self.merge(self.runs.get(key), priority, self.now + delay)
            if not delay:
                self.line_up(self.runs[key])

    @rule()
    def get(self) -> None:
        self.fall_due()
        ready = {key: run for key, run in self.runs.items() if run.ready}
        entry = self.core.get(self.now)
        if entry is None:
            assert not ready
            return
        best = min(run.rank for run in ready.values())
        run = ready[entry.key]
        assert run.rank <= best + 1e-9
        assert entry.key not in self.work
        ahead = [
            other for other in ready.values() if other.priority == run.priority and other.number < run.number
        ]
        assert not ahead  # the order of coming, within a priority
        del self.runs[entry.key]
        self.work[entry.key] = None

    @precondition(lambda self: self.work)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.work)))
        self.fall_due()
        self.core.done(key, self.now)
        run = self.work.pop(key)
        if run is not None:
            self.runs[key] = run
            self.number += 1
            run.number = self.number  # of equal moments, that of the earlier `done` comes first
            if run.due <= self.now:
                self.line_up(run)

    @rule(key=KEYS)
    def stray_done(self, key: str) -> None:
        if key not in self.work:
            self.core.done(key, self.now)

    @rule(seconds=st.sampled_from([0.1, 0.4, 1.0, 5.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def agree(self) -> None:
        self.core.add("tick", self.now)  # it makes the core see what has fallen due
        self.fall_due()
        assert set(self.core.processing) == set(self.work)
        assert set(self.core._entries) - {"tick"} == set(self.runs)
        for key, run in self.runs.items():
            entry = self.core._entries[key]
            assert ((entry.place == 1), entry.priority) == (run.ready, run.priority)
            assert run.ready or entry.due == run.due
        for key, again in self.work.items():
            working = self.core.processing[key]
            assert working.again == (again is not None)
            assert again is None or (working.priority, working.due) == (again.priority, again.due)
        self.drop_tick()
        assert self.core.waiting == sum(not run.ready for run in self.runs.values())
        assert len(self.core) == sum(run.ready for run in self.runs.values())

    def drop_tick(self) -> None:
        entry = self.core._entries.pop("tick")
        entry.place = type(entry.place).LEFT
        self.core._ready -= 1


TestQueueBesideAModel = QueueBesideAModel.TestCase
TestQueueBesideAModel.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
