"""The blocking face of what was registered: handlers, and streams of events."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Self

from kubeinformer.cache.notifications import Notification
from kubeinformer.fronts.informer import EventsFront, RegistrationFront
from kubeinformer.fronts.portal import SLICE


class Registration(RegistrationFront):
    """A handler that was added to an informer. Thread-safe.

    Its calls come one after the other, in the order of the cache. It never delays the cache or another handler:
    what it has not been told yet waits in a buffer of its own, which grows while it is slower than the changes
    (`pending` says how far, and 10,000 are logged).
    """

    def remove(self) -> None:
        """Take the handler off: no call of it begins once this has returned, and what waits is dropped.

        It waits for a call in flight to end, unless it is itself called from inside a handler. Removing twice is
        harmless.
        """
        self._portal.check_process()
        self._registration.remove()


class Events(EventsFront):
    """What happens to a cache, one :class:`Added`, :class:`Updated` or :class:`Deleted` after the other.

    An iterator: it waits for what comes next, and ends when it is closed or the informer is stopped. What was not
    read yet waits in a buffer that nothing bounds. Thread-safe; each event comes once.
    """

    def __iter__(self) -> Iterator[Notification]:
        return self

    def __next__(self) -> Notification:
        self._portal.check_process()
        queue = self._stream.queue
        while (event := queue.take()) is None:
            if queue.is_closed:
                raise StopIteration
            changed = threading.Event()
            if queue.wake_on_change(changed.set):
                try:
                    while not changed.wait(SLICE):
                        pass
                finally:
                    queue.forget(changed.set)
        return event

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
