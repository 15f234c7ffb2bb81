"""Everything this package raises.

    KubeInformerError
    ├── ConfigurationError        kubeconfig, in-cluster files or Config(...) are wrong (also a ValueError)
    ├── StatusError               the server said no: code, reason, message, verb, resource
    │   ├── BadRequest 400  ├── Unauthorized 401  ├── Forbidden 403  ├── NotFound 404 (also a LookupError)
    │   ├── Conflict 409    ├── Expired 410       ├── Invalid 422    └── TooManyRequests 429
    ├── InvalidObject             one object could not be read and was set aside; its neighbours got through
    ├── InvalidResponse           something answered, but not as Kubernetes does (HTML, no JSON, a redirect)
    ├── NetworkError              nothing answered: refused, reset, timed out, no such host (also a ConnectionError)
    ├── CacheSyncTimeout          a cache did not fill in time, and why (also a TimeoutError)
    ├── StaleCache                a cache has not come as far as was waited for (also a TimeoutError)
    ├── WaitTimeout               an object has not come to a state in time (also a TimeoutError)
    ├── ShutDown                  a work queue that was shut down has nothing left to hand out
    ├── TerminalError             raised by a reconcile: trying again would not help
    ├── LeadershipLost            another replica may lead now: this one has to end
    └── UsageError                the program called something at the wrong time or place
        ├── NotSynced             a read before anything was loaded
        └── NotCovered            a read of a namespace that is not watched

No message holds a credential or the body of an object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class KubeInformerError(Exception):
    """The root of the tree."""


class ConfigurationError(KubeInformerError, ValueError):
    """The settings of a connection are wrong; the message names the file and the place in it."""


class StatusError(KubeInformerError):
    """The server refused a request.

    Attributes:
        code: The HTTP status, or the code of the Status inside a watch.
        reason: The machine-readable reason (`Expired`, `Forbidden`, ...), "" where none was given.
        message: What the server said.
        verb: The API verb: get, list, watch, create, update, patch, delete, discover.
        resource: The resource asked for, such as `deployments.apps`.
        retry_after: Seconds that the server asks to wait, None where it does not.
        causes: The reasons inside `details.causes`, such as `ResourceVersionTooLarge`.
    """

    def __init__(
        self,
        code: int,
        reason: str = "",
        message: str = "",
        *,
        verb: str = "",
        resource: str = "",
        retry_after: float | None = None,
        causes: tuple[str, ...] = (),
    ) -> None:
        super().__init__(code, reason, message, verb, resource)
        self.code = code
        self.reason = reason
        self.message = message
        self.verb = verb
        self.resource = resource
        self.retry_after = retry_after
        self.causes = causes

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).__new__, (type(self),), self.__dict__

    def __str__(self) -> str:
        request = f"{self.verb} {self.resource}".strip()
        what = f"{self.code} {self.reason}".strip()
        return ": ".join(part for part in (request, what, self.message) if part)

    @property
    def is_too_large_resource_version(self) -> bool:
        """Whether the server has not reached the asked resourceVersion yet (three historical spellings)."""
        return "ResourceVersionTooLarge" in self.causes or "Too large resource version" in self.message


class BadRequest(StatusError):
    """400."""


class Unauthorized(StatusError):
    """401: the credentials are not accepted."""


class Forbidden(StatusError):
    """403: the credentials lack a permission; the message names verb and resource."""


class NotFound(StatusError, LookupError):
    """404, from the server or from a lister."""


class Conflict(StatusError):
    """409: somebody else wrote first, or the object exists already (reason `AlreadyExists`)."""


class Expired(StatusError):
    """410: the resourceVersion or the continue token is too old."""


class Invalid(StatusError):
    """422: the object or the parameters are not valid."""


class TooManyRequests(StatusError):
    """429: the server asks to slow down; see `retry_after`."""


_BY_CODE: Mapping[int, type[StatusError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Expired,
    422: Invalid,
    429: TooManyRequests,
}


def status_error(
    code: int,
    reason: str = "",
    message: str = "",
    *,
    verb: str = "",
    resource: str = "",
    retry_after: float | None = None,
    causes: tuple[str, ...] = (),
) -> StatusError:
    """Return the error of the class that belongs to `code`.

    A reason of `Expired` or `Gone` is an :class:`Expired` under any code: both spellings mean "list again".
    """
    kind = Expired if reason in {"Expired", "Gone"} else _BY_CODE.get(code, StatusError)
    return kind(code, reason, message, verb=verb, resource=resource, retry_after=retry_after, causes=causes)


class InvalidObject(KubeInformerError, ValueError):
    """One object could not be read: not JSON, not UTF-8, too deep, or without proper metadata.

    Attributes:
        fault: What is wrong with it, without a word of its content.
        resource: The resource it belongs to.
        key: Its `namespace/name` where that could be read, else "".
    """

    def __init__(self, fault: str, *, resource: str = "", key: str = "") -> None:
        super().__init__(": ".join(part for part in (f"{resource} {key}".strip(), fault) if part))
        self.fault = fault
        self.resource = resource
        self.key = key


class InvalidResponse(KubeInformerError):
    """Something answered that is not a Kubernetes API server, or not in its language.

    Attributes:
        code: The HTTP status it came with, 0 where there was none.
        verb: The API verb of the request.
        resource: The resource asked for.
    """

    def __init__(self, message: str, *, code: int = 0, verb: str = "", resource: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.verb = verb
        self.resource = resource


class NetworkError(KubeInformerError, ConnectionError):
    """No answer: refused, reset, timed out, host not found, or a certificate that does not fit."""


class CacheSyncTimeout(KubeInformerError, TimeoutError):
    """`wait_for_cache_sync` ran out of time.

    Attributes:
        reasons: For each cache that is not filled, its name and the last error (or what it is waiting for).
    """

    def __init__(self, timeout: float, reasons: Mapping[str, str]) -> None:
        lines = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        super().__init__(f"not synced after {timeout:g} s: {lines}")
        self.reasons = dict(reasons)


class StaleCache(KubeInformerError, TimeoutError):
    """A cache has not seen a resourceVersion in time.

    Attributes:
        wanted: The version that was waited for.
        reached: The version that the cache is at, "" where it has loaded nothing.
        behind: By how much the cache is behind; None where the versions do not compare.
    """

    def __init__(self, name: str, wanted: str, reached: str, timeout: float, reason: str) -> None:
        numbers = wanted.isdecimal() and reached.isdecimal()
        self.wanted, self.reached = wanted, reached
        self.behind = int(wanted) - int(reached) if numbers else None
        distance = f", {self.behind} behind {wanted}" if numbers else f", not at {wanted}"
        where = f"at version {reached}" if reached else "not loaded"
        super().__init__(f"{name}: the cache is {where}{distance} after {timeout:g} s: {reason}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).__new__, (type(self), *self.args), self.__dict__


class WaitTimeout(KubeInformerError, TimeoutError):
    """`wait_until` ran out of time; the message says what was missing, and what was last seen."""


class ShutDown(KubeInformerError):
    """A work queue is shut down, and has nothing left to hand out: the worker's work is over."""


class TerminalError(KubeInformerError):
    """Raised by a reconcile where trying again would not help: the key waits for its next change."""


class LeadershipLost(KubeInformerError):
    """The lease could not be renewed in time, or somebody else holds it: another replica may lead now."""


class UsageError(KubeInformerError, RuntimeError):
    """The program called something at the wrong time, in the wrong place or twice."""


class NotSynced(UsageError):
    """A cache was read before anything was loaded; `wait_for_cache_sync` first."""


class NotCovered(UsageError, LookupError):
    """A cache was asked for a namespace that it does not watch."""
