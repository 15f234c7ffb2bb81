"""How long a failing key waits: rate limiters, under client-go's names.

A queue calls its limiter under its own lock, one call at a time; a limiter must not block. Only
:class:`BucketRateLimiter` may be shared by several queues.
"""

from __future__ import annotations

import math
import random as _random
import threading
import time
from collections.abc import Callable, Hashable
from typing import Protocol, TypeVar

from kubeinformer.forks import renew_in_child

K_contra = TypeVar("K_contra", bound=Hashable, contravariant=True)
K = TypeVar("K", bound=Hashable)


class RateLimiter(Protocol[K_contra]):
    """Says how long a key is to wait before it is tried again."""

    def when(self, key: K_contra, /) -> float:
        """Return the seconds that a key waits now; each call counts as one more failure."""

    def forget(self, key: K_contra, /) -> None:
        """Forget the failures of a key: it has succeeded, or is given up."""

    def num_requeues(self, key: K_contra, /) -> int:
        """Return how often a key has failed since it was last forgotten."""


class _Failures(RateLimiter[K]):
    """Counts failures by key; what is forgotten takes no memory."""

    def __init__(self) -> None:
        self._failures: dict[K, int] = {}

    def forget(self, key: K) -> None:
        """Forget the failures of a key."""
        self._failures.pop(key, None)

    def num_requeues(self, key: K) -> int:
        """Return how often a key has failed."""
        return self._failures.get(key, 0)

    def __len__(self) -> int:
        return len(self._failures)

    def _count(self, key: K) -> int:
        """Count one failure more and return how many there were before."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        return failures


class ItemExponentialFailureRateLimiter(_Failures[K]):
    """Doubles a key's delay with each failure, up to a limit.

    Args:
        base_delay: Seconds after the first failure.
        max_delay: The longest delay in seconds.
        jitter: The share of a delay that chance may take off, so that what failed together does not come back
            together: a delay is drawn from (d - jitter * d, d].
        random: Returns numbers in [0, 1).
    """

    def __init__(
        self,
        base_delay: float = 0.005,
        max_delay: float = 1000.0,
        *,
        jitter: float = 0.1,
        random: Callable[[], float] = _random.random,
    ) -> None:
        if not (0 < base_delay <= max_delay < math.inf and 0 <= jitter <= 1):
            raise ValueError(f"no delays: base {base_delay}, max {max_delay}, jitter {jitter}")
        super().__init__()
        self._base_delay = base_delay
        self._max_delay = max_delay
        self._jitter = jitter
        self._random = random
        # From so many failures on it is the longest delay.
        self._steps = math.ceil(math.log2(max_delay) - math.log2(base_delay))

    def when(self, key: K) -> float:
        """Return the seconds that a key waits now."""
        failures = self._count(key)
        delay = self._max_delay if failures >= self._steps else math.ldexp(self._base_delay, failures)
        return delay * (1 - self._jitter * self._random()) if self._jitter else delay


class ItemFastSlowRateLimiter(_Failures[K]):
    """Gives a key some short delays, then long ones.

    Args:
        fast_delay: Seconds.
        slow_delay: Seconds.
        max_fast_attempts: How many short delays there are.
    """

    def __init__(self, fast_delay: float, slow_delay: float, max_fast_attempts: int) -> None:
        super().__init__()
        self._fast_delay = fast_delay
        self._slow_delay = slow_delay
        self._max_fast_attempts = max_fast_attempts

    def when(self, key: K) -> float:
        """Return the seconds that a key waits now."""
        return self._fast_delay if self._count(key) < self._max_fast_attempts else self._slow_delay


class BucketRateLimiter(RateLimiter[Hashable]):
    """A token bucket over all keys: a burst, then so many a second. Thread-safe.

    Args:
        qps: Tokens a second.
        burst: How many tokens the bucket holds; it starts full.
        now: Seconds on a monotonic clock.
    """

    def __init__(self, qps: float, burst: int, *, now: Callable[[], float] = time.monotonic) -> None:
        if qps <= 0 or burst < 1:
            raise ValueError(f"no tokens: {qps} a second, burst {burst}")
        self._qps = qps
        self._burst = burst
        self._now = now
        self._lock = threading.Lock()
        renew_in_child(self, _lock=threading.Lock)
        self._full_at = now()  # when the bucket is full again, if nothing is taken

    def when(self, _key: Hashable, /) -> float:
        """Take a token, if need be one of the future, and return the seconds until it is there."""
        with self._lock:
            now = self._now()
            self._full_at = max(self._full_at, now) + 1 / self._qps
            return max(0.0, self._full_at - now - self._burst / self._qps)

    def try_accept(self) -> bool:
        """Take a token if one is there, and return whether."""
        with self._lock:
            now = self._now()
            full_at = max(self._full_at, now) + 1 / self._qps
            if full_at - now > self._burst / self._qps + 1e-9:  # rounding must not cost a token
                return False
            self._full_at = full_at
            return True

    def forget(self, _key: Hashable, /) -> None:
        """Do nothing: it knows no keys."""

    def num_requeues(self, _key: Hashable, /) -> int:
        """Return 0: it knows no keys."""
        return 0


class MaxOfRateLimiter(RateLimiter[K]):
    """Asks several limiters, and takes the longest delay; each of them counts each failure."""

    def __init__(self, *limiters: RateLimiter[K]) -> None:
        if not limiters:
            raise ValueError("no limiters")
        self._limiters = limiters

    def when(self, key: K) -> float:
        """Return the longest of the delays."""
        return max([limiter.when(key) for limiter in self._limiters])

    def forget(self, key: K) -> None:
        """Forget the failures of a key."""
        for limiter in self._limiters:
            limiter.forget(key)

    def num_requeues(self, key: K) -> int:
        """Return the largest of the numbers."""
        return max(limiter.num_requeues(key) for limiter in self._limiters)


class WithMaxWaitRateLimiter(RateLimiter[K]):
    """Shortens the delays of another limiter.

    Args:
        limiter: The other one.
        max_delay: The longest delay in seconds.
    """

    def __init__(self, limiter: RateLimiter[K], max_delay: float) -> None:
        self._limiter = limiter
        self._max_delay = max_delay

    def when(self, key: K) -> float:
        """Return the seconds that a key waits now."""
        return min(self._limiter.when(key), self._max_delay)

    def forget(self, key: K) -> None:
        """Forget the failures of a key."""
        self._limiter.forget(key)

    def num_requeues(self, key: K) -> int:
        """Return how often a key has failed."""
        return self._limiter.num_requeues(key)


def default_item_based_rate_limiter(*, random: Callable[[], float] = _random.random) -> RateLimiter[Hashable]:
    """Return a queue's default: 5 ms, doubled by each failure of a key up to 1000 s, and no limit over all keys."""
    return ItemExponentialFailureRateLimiter(random=random)


def default_controller_rate_limiter(
    *, random: Callable[[], float] = _random.random, now: Callable[[], float] = time.monotonic
) -> RateLimiter[Hashable]:
    """Return client-go's preset: the delays of a key, and over all keys ten a second after a burst of 100."""
    return MaxOfRateLimiter(
        ItemExponentialFailureRateLimiter(random=random), BucketRateLimiter(10, 100, now=now)
    )
