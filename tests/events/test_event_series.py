"""Equal events folded into series, on explicit times: what is written when, and what is forgotten."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from kubeinformer.events.event_documents import EventKey, ObjectReference, Occurrence
from kubeinformer.events.event_series import EventSeriesTable, EventWrite

WALL = 1_800_000_000.0
STEPS = ("happen", "write", "fail", "lose", "expire", "wait", "hurry")


def occurrence(name: str = "a", time: float = 0.0, note: str = "") -> Occurrence:
    """Return an event about a pod."""
    key = EventKey("Normal", "Do", "Done", ObjectReference("v1", "Pod", name, "default"))
    return Occurrence(key, note, WALL + time)


def happen(table: EventSeriesTable, name: str, now: float, note: str = "") -> None:
    """Let an event happen."""
    event = occurrence(name, now, note)
    if not table.fold(event, now):
        assert table.has_room(now)
        table.add(event, f"{name}.{now:g}", now)


def take(table: EventSeriesTable, now: float) -> EventWrite:
    """Return the write that is due."""
    write = table.take(now)
    assert write is not None
    return write


def write_all(table: EventSeriesTable, now: float) -> list[tuple[str, str, int]]:
    """Write all that is due, and return it as verb, name and count."""
    done: list[tuple[str, str, int]] = []
    while (write := table.take(now)) is not None:
        table.written(write, now)
        done.append((write.verb, write.name, write.count))
    return done


def forget(table: EventSeriesTable, now: float) -> int:
    """Let time pass, and return how many series are left."""
    table.expire(now)
    return len(table)


def test_one_event_is_one_creation() -> None:
    """Invariant 299: it is created once, with the count of one, and nothing is due after it."""
    table = EventSeriesTable()
    happen(table, "a", 0.0, "first words")
    write = take(table, 0.0)
    assert (write.verb, write.count, write.is_repeated) == ("create", 1, False)
    assert write.series.first.note == "first words"
    assert table.written(write, 0.0)
    assert write_all(table, 1000.0) == []
    assert table.uncreated == 0


def test_the_second_is_patched_at_once_and_later_ones_in_steps() -> None:
    """Invariants 288, 300: count 2 without delay; then 1, 2, 4, 5, 5 minutes apart, with all that was counted."""
    table = EventSeriesTable()
    happen(table, "a", 0.0)
    assert write_all(table, 0.0) == [("create", "a.0", 1)]
    written = []
    for second in range(1, 1400):
        happen(table, "a", float(second))
        written += [(second, *write) for write in write_all(table, float(second))]
    assert written == [(second, "patch", "a.0", second + 1) for second in (1, 61, 181, 421, 721, 1021, 1321)]
    assert forget(table, 1400.0) == 1


def test_other_words_do_not_make_another_event() -> None:
    """Invariant 295: what legacy aggregation is for, the series does: the note is not among what makes events equal."""
    table = EventSeriesTable()
    for number in range(12):
        happen(table, "a", 0.0, f"try {number}")
    assert write_all(table, 0.0) == [("create", "a.0", 12)]


def test_other_objects_are_other_events_in_their_order() -> None:
    """Invariants 288, 299: unique events are written in the order of their coming, none merged."""
    table = EventSeriesTable()
    for name in "abcab":
        happen(table, name, 0.0)
    assert write_all(table, 0.0) == [("create", "a.0", 2), ("create", "b.0", 2), ("create", "c.0", 1)]


def test_writes_of_one_series_are_never_two_at_a_time() -> None:
    """What happens while its creation is under way is patched right after it, others go on beside it."""
    table = EventSeriesTable()
    happen(table, "a", 0.0)
    write = take(table, 0.0)
    happen(table, "a", 1.0)
    happen(table, "a", 2.0)
    happen(table, "b", 2.0)
    assert write_all(table, 2.0) == [("create", "b.2", 1)]
    table.written(write, 3.0)
    assert write_all(table, 3.0) == [("patch", "a.0", 3)]


def test_a_single_event_is_forgotten_after_six_minutes() -> None:
    """Invariant 301: then the same event begins anew, under a new name."""
    table = EventSeriesTable()
    happen(table, "a", 0.0)
    write_all(table, 0.0)
    assert forget(table, 359.0) == 1
    assert forget(table, 360.0) == 0
    happen(table, "a", 400.0)
    assert write_all(table, 400.0) == [("create", "a.400", 1)]


def test_a_series_is_complete_before_it_is_forgotten() -> None:
    """Invariant 301: the last count is patched once, only idle series go, and nothing is sent for them again."""
    table = EventSeriesTable()
    for second in (0.0, 1.0, 2.0, 3.0):
        happen(table, "a", second)
        write_all(table, second)
    happen(table, "b", 200.0)
    table.expire(361.0)
    assert write_all(table, 361.0) == [("patch", "a.0", 4), ("create", "b.200", 1)]
    assert forget(table, 364.0) == 1
    assert write_all(table, 364.0) == []
    assert forget(table, 560.0) == 0


def test_a_failed_write_waits_apart() -> None:
    """Invariant 292: others go on; it comes again after its delay, with what was counted meanwhile, not before."""
    table = EventSeriesTable()
    happen(table, "a", 0.0)
    assert not table.failed(take(table, 0.0), 0.0, 10.0)
    happen(table, "b", 1.0)
    happen(table, "a", 2.0)
    assert write_all(table, 9.0) == [("create", "b.1", 1)]
    assert table.next_moment(9.0) == 10.0
    assert write_all(table, 10.0) == [("create", "a.0", 2)]


def test_twelve_tries_and_no_more() -> None:
    """Invariant 289: the twelfth failure gives it up, the event counts as failed once."""
    table = EventSeriesTable()
    happen(table, "a", 0.0)
    given_up = [table.failed(take(table, 10.0 * number), 10.0 * number, 10.0) for number in range(12)]
    assert given_up == [False] * 11 + [True]
    assert table.uncreated == 0
    assert write_all(table, 150.0) == []


def test_what_was_given_up_is_remembered() -> None:
    """Invariant 302: a refused event that goes on is tried a minute later, not each time, and has all its count."""
    table = EventSeriesTable()
    happen(table, "a", 0.0)
    assert table.failed(take(table, 0.0), 0.0, None)
    for second in range(1, 60):
        happen(table, "a", float(second))
        assert table.take(float(second)) is None
    write = take(table, 60.0)
    assert (write.verb, write.count) == ("create", 60)
    assert not table.failed(write, 60.0, None)
    happen(table, "a", 61.0)
    assert table.take(179.0) is None
    write = take(table, 180.0)
    assert not table.written(write, 180.0)
    happen(table, "a", 181.0)
    assert write_all(table, 181.0) == [("patch", "a.0", 62)]


def test_a_count_that_was_given_up_has_a_last_chance() -> None:
    """Invariant 301: before it is forgotten it is written once more, whatever becomes of that."""
    table = EventSeriesTable()
    happen(table, "a", 0.0)
    write_all(table, 0.0)
    happen(table, "a", 1.0)
    assert not table.failed(take(table, 1.0), 1.0, None)
    table.expire(361.0)
    write = take(table, 361.0)
    assert (write.verb, write.count) == ("patch", 2)
    table.failed(write, 361.0, None)
    assert forget(table, 361.0 + 360.0) == 0


def test_a_name_that_is_taken() -> None:
    """Invariant 290: by somebody else, another one is tried; by an earlier try, the event is there, and is patched."""
    table = EventSeriesTable()
    happen(table, "a", 0.0)
    assert not table.exists(take(table, 0.0), 0.0, 5.0, "a.new")
    write = take(table, 5.0)
    assert (write.verb, write.name) == ("create", "a.new")
    assert not table.failed(write, 5.0, 10.0)
    happen(table, "a", 6.0)
    assert table.exists(take(table, 15.0), 15.0, 5.0, "unused")
    assert table.uncreated == 0
    assert table.take(19.0) is None
    assert write_all(table, 20.0) == [("patch", "a.new", 2)]


def test_a_server_that_contradicts_itself_is_given_up() -> None:
    """Invariants 289, 290: not there for a patch and there for a creation, twelve times, is enough; its name stays."""
    table = EventSeriesTable()
    happen(table, "a", 0.0)
    write_all(table, 0.0)
    happen(table, "a", 1.0)
    now, tries = 1.0, 0
    while (write := table.take(now)) is not None:
        assert write.name == "a.0"
        table.exists(write, now, 1.0, "unused")
        now, tries = now + 1.0, tries + 1
    assert tries == 12


def test_no_more_than_a_thousand_wait() -> None:
    """Further events are refused, equal ones still counted; there is room again when one is created."""
    table = EventSeriesTable()
    for number in range(1000):
        happen(table, f"p{number}", 0.0)
    assert not table.has_room(0.0)
    assert table.fold(occurrence("p7"), 0.0)
    table.written(take(table, 0.0), 0.0)
    assert table.has_room(0.0)


def test_no_more_than_4096_are_remembered() -> None:
    """The one that was not seen for longest goes first; one that still has a count to write is written before."""
    table = EventSeriesTable(remembered=3)
    for name in "abc":
        happen(table, name, 0.0)
        write_all(table, 0.0)
    for second in (1.0, 2.0, 3.0):
        happen(table, "a", second)  # patched, then a count that waits for its pause
        write_all(table, second)
    for name in "bc":
        happen(table, name, 4.0)
        write_all(table, 4.0)
    happen(table, "d", 5.0)
    assert write_all(table, 5.0) == [("patch", "a.0", 4), ("create", "d.5", 1)]
    assert len(table) == 3
    assert not table.fold(occurrence("b"), 5.0)
    stuffed = EventSeriesTable(remembered=1)
    happen(stuffed, "a", 0.0)
    assert not stuffed.has_room(0.0)
    stuffed.failed(take(stuffed, 0.0), 0.0, 10.0)
    assert not stuffed.has_room(1.0)
    assert stuffed.take(1.0) is None  # it is not tried before its delay is over


def test_a_flush_skips_pauses_and_not_the_delay_of_failures() -> None:
    """Counts that wait for their moment are due at once, as is what comes meanwhile; what fails waits as ever."""
    table = EventSeriesTable()
    for second in (0.0, 1.0, 2.0):
        happen(table, "a", second)
        write_all(table, second)
    table.flushes += 1
    [(series, count)] = table.hurry(2.0)
    assert (count, table.is_settled(series, count)) == (3, False)
    write = take(table, 2.0)
    happen(table, "a", 2.5)
    table.written(write, 3.0)
    assert table.is_settled(series, count)
    write = take(table, 3.0)
    assert write.count == 4
    table.failed(write, 3.0, 10.0)
    happen(table, "a", 4.0)
    assert table.take(4.0) is None
    table.flushes -= 1


class World:
    """A table, what happened, and a server that has what it was sent."""

    def __init__(self) -> None:
        self.table = EventSeriesTable()
        self.now = 0.0
        self.happened: Counter[str] = Counter()
        self.stored: dict[str, tuple[str, int]] = {}  # by name: which event, and its count

    def act(self, step: str, number: int) -> None:
        """Do a step."""
        if step == "happen":
            happen(self.table, f"p{number}", self.now)
            self.happened[f"p{number}"] += 1
        elif step == "expire":
            self.table.expire(self.now)
        elif step == "wait":
            self.now += (1.0, 30.0, 120.0, 400.0)[number]
        elif step == "hurry":
            self.table.hurry(self.now)
        elif (write := self.table.take(self.now)) is not None:
            if step == "write":
                self.serve(write)
            else:
                self.table.failed(write, self.now, None if step == "lose" else 10.0)

    def serve(self, write: EventWrite) -> None:
        """Take a write."""
        event = write.series.first.key.regarding.name
        if write.verb == "patch":
            assert self.stored[write.name] < (event, write.count)
        else:
            assert write.name not in self.stored
        self.stored[write.name] = (event, write.count)
        self.table.written(write, self.now)

    def end(self) -> None:
        """Let an hour pass in which everything succeeds."""
        for _ in range(40):
            self.now += 100.0
            self.table.expire(self.now)
            while (write := self.table.take(self.now)) is not None:
                self.serve(write)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 3))))
def test_nothing_is_lost_or_written_twice(steps: list[tuple[str, int]]) -> None:
    """Invariant 288: in the end the server has each event once, counted in full, but for what it refused for good."""
    world = World()
    for step, number in steps:
        world.act(step, number)
    world.end()
    assert len(world.table) == 0
    assert world.table.next_moment(world.now) is None
    found: Counter[str] = Counter()
    for event, count in world.stored.values():
        found[event] += count
    assert found <= world.happened
    assert found == world.happened or "lose" in dict(steps)
