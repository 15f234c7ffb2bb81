"""Programs that end: by themselves, by signals, in the middle of anything; quickly, in silence, with nothing left."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from kubeinformer.testing import APIServer

WAIT = 30.0
HEAD = """
import asyncio, logging, os, signal, sys, threading, time
from kubeinformer import Config, SharedInformerFactory, aio

logging.getLogger("asyncio").setLevel(logging.ERROR)  # a machine may be slow
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin without it
config = Config(server=sys.argv[1])
said = threading.Lock()


def say(*words):
    print(*words, flush=True)


"""


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer() as running:
        running.create("configmaps", {"metadata": {"name": "a"}}, namespace="default")
        yield running


def run(server: APIServer, body: str, *signals: int) -> str:
    """Run a program with every warning an error, send it the signals once it said "ready", and return what it said."""
    command = [
        sys.executable,
        "-X",
        "dev",
        "-X",
        "faulthandler",
        "-W",
        "error",
        "-c",
        HEAD + body,
        server.url,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        lines = []
        if signals:
            while (line := program.stdout.readline()) not in ("ready\n", ""):
                lines.append(line)
            for number in signals:
                program.send_signal(number)
        try:
            out, err = program.communicate(timeout=WAIT)
        except subprocess.TimeoutExpired:
            program.send_signal(signal.SIGABRT)  # it prints where each of its threads is
            raise AssertionError(program.communicate()) from None
    assert (program.returncode, err) == (0, ""), out
    server.wait_for_watches(0)
    return "".join(lines) + out


def test_a_plain_return_of_main_ends_the_process(server: APIServer) -> None:
    """Case C38: without a stop, with an open watch and handlers: no hang, and nothing on stderr."""
    said = run(
        server,
        """
factory = SharedInformerFactory(config)
informer = factory.informer("configmaps")
informer.add_event_handler(lambda added: None)
factory.start()
factory.wait_for_cache_sync(20)
events = informer.events()
say(next(events).object.name)
""",
    )
    assert said == "a\n"


def test_an_asyncio_program_that_forgets_to_stop_ends(server: APIServer) -> None:
    """With an async handler in flight, which asyncio cancels; its loop is closed while the engine goes on."""
    said = run(
        server,
        """
async def main():
    factory = aio.SharedInformerFactory(config)
    entered = asyncio.Event()

    async def hang(added):
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            say("cancelled")

    factory.informer("configmaps").add_event_handler(hang)
    await factory.start()
    await entered.wait()
    return factory

factory = asyncio.run(main())
factory.informer("namespaces")
say("returned")
""",
    )
    assert said == "cancelled\nreturned\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_ends_on_a_signal_in_both_faces(server: APIServer, number: int) -> None:
    """The blocking one and the asyncio one; what handled the signal before handles it again."""
    for body in (
        """
with SharedInformerFactory(config) as factory:
    factory.informer("configmaps").add_event_handler(lambda added: say("ready"))
    factory.run()
assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
say("over", threading.active_count())
""",
        """
async def main():
    async with aio.SharedInformerFactory(config) as factory:
        factory.informer("configmaps").add_event_handler(lambda added: say("ready"))
        await factory.run()

asyncio.run(main())
assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
say("over", threading.active_count())
""",
    ):
        assert run(server, body, number) == "over 1\n"


@pytest.mark.parametrize(
    "busy",
    [
        "factory.wait_for_cache_sync(60)",
        "while not stopped: threading.Event().wait(0.2)",
        "while not stopped: informer.lister.list() if informer.has_synced else time.monotonic()",
        "for event in informer.events(): pass",
    ],
)
def test_stop_from_a_signal_handler(server: APIServer, busy: str) -> None:
    """Whatever the main thread is at: waiting for a sync, sleeping, reading the cache, reading events."""
    said = run(
        server,
        f"""
factory = SharedInformerFactory(config)
informer = factory.informer("configmaps" if "sync" not in {busy!r} else "unicorns.example.com")
logging.disable()
stopped = []

def handle(number, frame):
    factory.stop()
    stopped.append(number)
    raise KeyboardInterrupt

# A function: from Python 3.12 on, what a handler raises as a loop jumps back passes by a `try` around the loop.
def be_busy():
    {busy}

signal.signal(signal.SIGTERM, handle)
factory.start()
try:
    say("ready")
    be_busy()
except KeyboardInterrupt:
    pass
assert stopped == [signal.SIGTERM], stopped
say("over", threading.active_count())
""",
        signal.SIGTERM,
    )
    assert said == "over 1\n"


def test_ctrl_c_in_a_wait_cancels_it_and_the_block_stops(server: APIServer) -> None:
    """KeyboardInterrupt comes out of the wait, and leaving the `with` block stops everything."""
    said = run(
        server,
        """
try:
    with SharedInformerFactory(config) as factory:
        logging.disable()
        factory.informer("unicorns.example.com")
        factory.start()
        say("ready")
        factory.wait_for_cache_sync(60)
except KeyboardInterrupt:
    say("interrupted", threading.active_count())
""",
        signal.SIGINT,
    )
    assert said == "interrupted 1\n"


def test_ctrl_c_ends_asyncio_run(server: APIServer) -> None:
    """It becomes a cancellation there: of a wait for sync, of a wait for events."""
    for waiting in ("await factory.wait_for_cache_sync(60)", "async for event in informer.events(): pass"):
        said = run(
            server,
            f"""
def beat():  # asyncio.run notices a signal that comes as its loop begins to wait when the loop wakes
    asyncio.get_running_loop().call_later(0.2, beat)

async def main():
    logging.disable()
    beat()
    async with aio.SharedInformerFactory(config) as factory:
        informer = factory.informer("unicorns.example.com")
        await factory.start()
        say("ready")
        {waiting}

try:
    asyncio.run(main())
except KeyboardInterrupt:
    say("interrupted", threading.active_count())
""",
            signal.SIGINT,
        )
        assert said == "interrupted 1\n"


def test_stop_does_not_wait_for_what_hangs(server: APIServer) -> None:
    """A list without an answer, a name that no resolver answers, a back-off, a handler that never returns."""
    said = run(
        server,
        """
import socket
hung = threading.Event()

def never(*_arguments, **_named):
    hung.wait()
    raise OSError("no answer")

socket.getaddrinfo = never
logging.disable()
listener = socket.create_server(("127.0.0.1", 0))
silent = Config(server=f"http://127.0.0.1:{listener.getsockname()[1]}")
refusing = Config(server="http://127.0.0.1:1")
named = Config(server="http://some.name.example:8080")
entered = threading.Event()
for settings in (silent, refusing, named, config):
    factory = SharedInformerFactory(settings)
    factory.informer("configmaps").add_event_handler(lambda added: (entered.set(), hung.wait()))
    factory.start()
    if settings is config:
        entered.wait()
    else:
        while not factory.status["configmaps"].errors and settings is refusing:
            hung.wait(0.01)
    began = time.monotonic()
    factory.stop()
    assert time.monotonic() - began < 5, settings
hung.set()
listener.close()
say("over")
""",
    )
    assert said == "over\n"
