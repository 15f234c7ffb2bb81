"""User code that does what it should not costs itself alone: no worker, no other key, no end of the run."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar

import pytest
from tests.controller.conftest import Noting, config_map

from kubeinformer import (
    Controller,
    Request,
    SharedInformerFactory,
    TerminalError,
    every,
    requeue_after,
)
from kubeinformer.controller.reconciling import LONGEST_ERROR
from kubeinformer.errors import status_error
from kubeinformer.testing import APIServer
from kubeinformer.testing.waiting import eventually, eventually_equal


class Unprintable(Exception):
    """An error that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def raises(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def cancel_this_task() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


@pytest.mark.parametrize("error", [Unprintable(), asyncio.CancelledError()])
def test_no_error_costs_a_thread(error: BaseException) -> None:
    """Not one without words either: the key comes again, and the only worker goes on."""
    fails = [error]

    def fail(_: Request) -> None:
        if fails:
            raise fails.pop()

    controller = Controller("raising", fail)
    with controller:
        controller.enqueue("a")
        eventually(lambda: [run.result for run in controller.explain("a").history] == ["success", "error"])
    assert controller.explain("a").history[1].error.startswith(type(error).__name__)


@pytest.mark.parametrize(
    "fault",
    [
        raises(GeneratorExit()),
        raises(SystemExit(3)),
        raises(KeyboardInterrupt()),
        raises(asyncio.CancelledError()),
        raises(Unprintable()),
        cancel_this_task,
    ],
    ids=[
        "GeneratorExit",
        "SystemExit",
        "KeyboardInterrupt",
        "CancelledError",
        "unprintable",
        "cancels itself",
    ],
)
@pytest.mark.parametrize("limit", [None, 30.0])
def test_no_error_costs_a_task(fault: Callable[[], None], limit: float | None) -> None:
    """Whatever a coroutine raises, or does to its own task: the key comes again, and the only worker goes on."""

    async def fail(request: Request) -> None:
        if request.attempt == 1:
            fault()
            await asyncio.Event().wait()

    controller = Controller("raising", fail, reconcile_timeout=limit)
    with controller:
        controller.enqueue("a")
        eventually(lambda: [run.result for run in controller.explain("a").history] == ["success", "error"])


@pytest.mark.parametrize("is_async", [False, True])
def test_each_run_has_context_variables_of_its_own(is_async: bool) -> None:
    """What a run leaves in them (a trace, fields of a log) is not seen by the run of another key on its worker."""
    variable: ContextVar[str] = ContextVar("variable", default="")
    seen: list[str] = []

    def reconcile(request: Request) -> None:
        seen.append(variable.get())
        variable.set(request.key)

    async def reconcile_async(request: Request) -> None:
        reconcile(request)

    controller = Controller("tidy", reconcile_async if is_async else reconcile)
    for key in ("a", "b", "c"):
        controller.enqueue(key)
    with controller:
        eventually(lambda: len(seen) == 3)
    assert not {"a", "b", "c"} & set(seen)


def test_a_coroutine_that_nobody_awaits_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Where a decorator hides the `async def`, every run fails for good, and says why."""

    async def reconcile(_: Request) -> None:
        """Do nothing."""

    def decorated(request: Request) -> object:
        return reconcile(request)

    controller = Controller("hidden", decorated)  # type: ignore[arg-type]  # the mistake
    with controller:
        controller.enqueue("a")
        eventually(lambda: controller.explain("a").last is not None)
    assert "reconcile returned a coroutine; only an `async def` function is awaited" in caplog.text


def test_a_log_handler_that_raises_costs_no_worker() -> None:
    """Nor does the key stay with a worker for ever."""

    class Raising(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError(f"the disk is full: {record.levelname}")

    handler, logger = Raising(), logging.getLogger("kubeinformer.controller")
    reconcile = Noting(lambda request: raises(ValueError("once"))() if request.attempt == 1 else None)
    controller = Controller("logged", reconcile)
    logger.addHandler(handler)
    try:
        with controller:
            controller.enqueue("a")
            eventually_equal(lambda: [request.attempt for request in reconcile.of("a")], [1, 2])
    finally:
        logger.removeHandler(handler)


def test_a_failure_has_a_traceback_where_it_says_more(caplog: pytest.LogCaptureFixture) -> None:
    """An error of the program's own is shown with its lines, one of the API in one line of its own."""
    errors = [status_error(409, "Conflict", "somebody else was first"), ValueError("a mistake")]

    def fail(_: Request) -> None:
        if errors:
            raise errors.pop()

    controller = Controller("logged", fail)
    controller.enqueue("a")
    with controller:
        eventually(lambda: len(controller.explain("a").history) == 3)
    own, conflict = caplog.records
    assert own.exc_info is not None
    assert own.exc_info[0] is ValueError
    assert own.message.startswith("logged: a failed (attempt 1, asked for), next in 0.0")
    assert not conflict.exc_info
    assert "somebody else was first" in conflict.message


def test_a_long_error_is_remembered_in_part() -> None:
    """A thousand runs are remembered: an error with a whole document in it must not fill the memory."""
    controller = Controller("wordy", lambda _: raises(TerminalError("x" * 1_000_000))())
    with controller:
        controller.enqueue("a")
        last = eventually(lambda: controller.explain("a").last)
    assert last is not None
    assert len(last.error) == LONGEST_ERROR
    assert last.error.endswith("...")


@pytest.mark.parametrize("key", [7, None, ("default", "a")])
def test_what_is_no_key_is_refused_at_once(key: object) -> None:
    """Not by a worker, which it would cost."""
    controller = Controller("strict", Noting())
    with pytest.raises(TypeError, match="a key is a string"):
        controller.enqueue(key)  # type: ignore[arg-type]  # the mistake
    with pytest.raises(TypeError, match="a priority is a whole number"):
        controller.enqueue("a", "high")  # type: ignore[arg-type]  # the mistake
    with pytest.raises(TypeError, match="a priority is a whole number"):
        requeue_after(1, priority="high")  # type: ignore[arg-type]  # the mistake
    with controller:
        controller.enqueue("fine")
        eventually(lambda: controller.explain("fine").last is not None)


@pytest.mark.parametrize(
    "options",
    [
        {"reconcile_timeout": 0},
        {"reconcile_timeout": float("nan")},
        {"debounce": -1},
        {"grace_period": -1},
        {"sync_timeout": -1},
        {"read_your_writes": -1.0},
    ],
)
def test_times_that_are_none_are_refused(options: dict[str, float]) -> None:
    """A time-out of 0 s would end every run, or keep a loop busy for ever."""
    with pytest.raises(ValueError, match=f"{next(iter(options))} is in seconds"):
        Controller("timeless", Noting(), **options)  # type: ignore[arg-type]  # the mistakes


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()])
def test_sources_survive_whatever_their_functions_raise(
    error: BaseException,
    server: APIServer,
    factory: SharedInformerFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A timer ticks on, and mappers, predicates and iterables cost one item or themselves; each is logged."""
    ticks: list[int] = []

    def tick() -> str:
        ticks.append(1)
        raise error

    def once() -> Iterator[str]:
        yield "from the iterable"
        raise error

    async def once_async() -> AsyncIterator[str]:
        yield "from the async iterable"
        raise error

    reconcile = Noting()
    controller = Controller("sturdy", reconcile)
    controller.watch(every(0.01, tick))
    controller.watch(once())
    controller.watch(once_async())
    controller.watch(["item"], lambda _: raises(error)())
    maps = factory.informer("configmaps")
    controller.watch(maps, when=lambda *_: bool(raises(error)()))
    controller.watch(
        maps, lambda found: raises(error)() if found.resource_version == first else f"to/{found.name}"
    )
    first = server.create("configmaps", config_map("a"))["metadata"]["resourceVersion"]
    with controller:
        eventually(lambda: len(ticks) > 3)
        server.patch("configmaps", "a", {"data": {"k": "v"}}, "default")
        eventually(
            lambda: (
                {"from the iterable", "from the async iterable", "to/a"} <= set(reconcile.keys)
                and reconcile.counts["default/a"] == 2
            )
        )
        eventually(lambda: caplog.text.count("a source of keys, which is over raised") == 2)
    assert all(record.exc_info for record in caplog.records if " raised " in record.message)
    for where in (
        "a timer's function",
        "the mapper of a source of keys",
        "the predicate of",
        "the mapper of conf",
    ):
        assert where in caplog.text


def timer(controller: Controller) -> object:
    return every(0.01, controller.stop)


def iterable(controller: Controller) -> Iterator[str]:
    controller.stop()
    yield "late"


async def async_iterable(controller: Controller) -> AsyncIterator[str]:
    controller.stop()
    yield "late"


@pytest.mark.parametrize("source", [timer, iterable, async_iterable])
def test_a_source_may_stop_its_controller(source: Callable[[Controller], object]) -> None:
    """It does not wait for the end that waits for it: a timer's function, an iterable, an async one."""
    controller = Controller("ended", Noting())
    controller.watch(source(controller))
    running = threading.Thread(target=controller.run, daemon=True)
    running.start()
    running.join(30)
    assert not running.is_alive()


def test_a_timer_may_serve_several_controllers() -> None:
    """The end of one takes it from no other."""
    timer = every(0.01, "tick")
    reconciles = [Noting(), Noting()]
    first, second = (Controller(f"c{number}", each) for number, each in enumerate(reconciles))
    first.watch(timer)
    second.watch(timer)
    with second:
        with first:
            eventually(lambda: all(each.requests for each in reconciles))
        ticks = len(reconciles[1].requests)
        eventually(lambda: len(reconciles[1].requests) > ticks + 2)


def test_many_keys_leave_nothing_behind(server: APIServer, factory: SharedInformerFactory) -> None:
    """Regression 29: objects that come, fail, wait and go leave no state of their keys."""
    maps = factory.informer("configmaps")

    def reconcile(request: Request) -> object:
        found = maps.indexer.get_by_key(request.key)
        if found is None:
            return None
        if request.attempt == 1:
            raise TimeoutError
        return requeue_after(3600)

    controller = Controller("transient", reconcile, workers=2)  # type: ignore[arg-type]  # it says object
    controller.watch(maps)
    keys = controller._reconciling
    logging.getLogger("kubeinformer.controller").setLevel(logging.CRITICAL)
    try:
        with controller:
            for number in range(2_000):
                server.create("configmaps", config_map(f"map-{number}"))
            eventually(lambda: keys.queue.delayed == 2_000, timeout=60)
            for number in range(2_000):
                server.delete("configmaps", f"map-{number}", "default")
            eventually(lambda: not len(maps.lister) and not keys.queue.delayed, timeout=60)
            eventually(lambda: not len(keys.queue) and not keys.runs, timeout=60)
            limiter = keys.queue._limiter
            assert (len(keys._reasons), len(limiter._failures), len(keys.queue._core._entries)) == (0, 0, 0)  # type: ignore[attr-defined]  # the default's
            assert not keys._reasons._wishes
            assert sys.getsizeof(keys.runs) < 10_000
    finally:
        logging.getLogger("kubeinformer.controller").setLevel(logging.NOTSET)
