"""How long to wait before the next try: the brake on every failing path of a reflector."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Backoff:
    """A sequence of growing delays, as a value: `step` returns the next delay and the sequence after it.

    Each delay is drawn from [d, 2d) with d doubling from `initial` to `cap` (client-go's numbers). It starts
    again only when the caller says that health has lasted (see :meth:`reset`), never because time passed.

    Attributes:
        initial: The first d, in seconds.
        cap: The largest d, in seconds.
        failures: How many delays were drawn since the last reset.
    """

    initial: float = 0.8
    cap: float = 30.0
    failures: int = 0

    def step(self, random: float) -> tuple[float, Backoff]:
        """Return the next delay in seconds, for a random number in [0, 1), and the sequence after it."""
        base = min(self.cap, self.initial * 2.0 ** min(self.failures, 32))
        return base * (1.0 + random), replace(self, failures=self.failures + 1)

    def reset(self) -> Backoff:
        """Return the sequence at its beginning."""
        return replace(self, failures=0)
