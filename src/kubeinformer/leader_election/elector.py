"""What an elector is in both faces: its settings, its metrics, and the making of campaigns."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping

from kubeinformer.client.config import Config
from kubeinformer.client.loading import load_config
from kubeinformer.clock import Clock
from kubeinformer.errors import UsageError
from kubeinformer.leader_election.campaign import Campaign, LeaseClock, Recorder, end_process
from kubeinformer.leader_election.candidate import Terms
from kubeinformer.leader_election.leadership import Leadership
from kubeinformer.metrics import Distribution, Metric, MetricsProvider


class ElectorFront:
    """The part of an elector that is the same in both faces."""

    def __init__(
        self,
        config: Config | None,
        name: str,
        namespace: str | None = None,
        identity: str | None = None,
        *,
        lease_duration: float = 15.0,
        renew_deadline: float = 10.0,
        retry_period: float = 2.0,
        release_on_exit: bool = True,
        labels: Mapping[str, str] | None = None,
        on_new_leader: Callable[[str], object] | None = None,
        on_overrun: Callable[[str], object] = end_process,
        event_recorder: Recorder | None = None,
        metrics: MetricsProvider | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Make an elector; nothing is sent before its block begins.

        Args:
            config: The server; None for what :func:`~kubeinformer.load_config` finds.
            name: The name of the Lease, the same for all replicas.
            namespace: Its namespace; None for the configuration's, else `default`.
            identity: Who this replica is, unlike all others; None for the host's name and a random part.
            lease_duration: Whole seconds for which others wait after they last saw the lease change.
            renew_deadline: Seconds after which a leader that could not renew it ceases to lead.
            retry_period: Seconds between two requests.
            release_on_exit: Whether the lease is given up at the end, so that another replica leads at once.
            labels: Labels that the Lease is to have; others that it has stay.
            on_new_leader: Called with the identity of each new leader ("" where there is none), on a thread of the
                elector, which it must not hold up.
            on_overrun: Called half a second before another replica may lead where the work has not ended; by default
                it ends the process, with exit code 1.
            event_recorder: Records who leads, as events of the Lease.
            metrics: Where `leader_election_master_status` goes.
            clock: Time and chance.

        Raises:
            ConfigurationError: No configuration was given, and none was found.
            ValueError: The seconds do not fit together: lease_duration > renew_deadline > 1.2 * retry_period.
        """
        self._config = config or load_config()
        self.name = name
        self.namespace = namespace or self._config.namespace or "default"
        if identity is None:
            identity = f"{socket.gethostname()}_{uuid.uuid4()}"
        self._terms = Terms(identity, lease_duration, renew_deadline, retry_period)
        self._release = release_on_exit
        self._labels = labels
        self._on_new_leader = on_new_leader
        self._on_overrun = on_overrun
        self._recorder = event_recorder
        self._metrics = metrics
        self._clock = clock or LeaseClock()
        self._campaign: Campaign | None = None
        self._source = _ElectorMetrics(name, lambda: self.is_leading, self._slow_renewals)
        self._pid = os.getpid()

    @property
    def identity(self) -> str:
        """Who this replica is."""
        return self._terms.identity

    @property
    def is_leading(self) -> bool:
        """Whether this replica leads."""
        campaign = self._campaign  # read once: another thread may end it
        return campaign is not None and campaign.candidate.is_leading(self._clock.now())

    @property
    def leadership(self) -> Leadership | None:
        """The leadership of this replica, with its fencing token; None while it does not lead."""
        campaign = self._campaign
        acquired = None if campaign is None else campaign.acquired
        if (
            acquired is None
            or not acquired.done()
            or acquired.cancelled()
            or acquired.exception() is not None
        ):
            return None
        leadership = acquired.result()
        return leadership if leadership.is_leading else None

    @property
    def leader(self) -> str:
        """Who leads, as far as this replica has seen; "" where nobody does, or it has not looked."""
        campaign = self._campaign
        return "" if campaign is None else campaign.candidate.record.holder

    @property
    def healthy(self) -> bool:
        """Whether it does not lead, or has renewed the lease in time: for a liveness probe."""
        campaign = self._campaign
        return campaign is None or campaign.is_healthy

    def begin(self) -> Campaign:
        """Begin a campaign: for runs of controllers, which end it.

        Raises:
            UsageError: One is under way.
        """
        if self._campaign is not None:
            raise UsageError(f"the elector of {self.namespace}/{self.name} is at work already")
        if os.getpid() != self._pid:
            raise UsageError("the elector was made before the fork; make a new one in the child process")
        self._campaign = Campaign(
            self._config,
            self.name,
            self.namespace,
            self._terms,
            labels=self._labels,
            on_new_leader=self._on_new_leader,
            on_overrun=self._on_overrun,
            on_end=self._forget,
            release=self._release,
            recorder=self._recorder,
            clock=self._clock,
        )
        if self._metrics is not None:
            self._metrics.register(self._source)
        self._campaign.start()
        return self._campaign

    def __repr__(self) -> str:
        return f"<LeaderElector {self.identity} for {self.namespace}/{self.name}>"

    def __reduce__(self) -> str:
        raise TypeError("an elector is bound to its process and cannot be pickled")

    def _forget(self) -> None:
        self._campaign = None
        if self._metrics is not None:
            self._metrics.unregister(self._source)

    def _slow_renewals(self) -> int:
        campaign = self._campaign
        return 0 if campaign is None else campaign.slow_renewals


class _ElectorMetrics:
    """A source of the metrics of one elector."""

    def __init__(self, name: str, is_leading: Callable[[], bool], slow_renewals: Callable[[], int]) -> None:
        self._labels = (name,)
        self._is_leading = is_leading
        self._slow_renewals = slow_renewals

    def collect(self) -> Iterator[Metric]:
        samples: list[tuple[tuple[str, ...], float | Distribution]] = [
            (self._labels, float(self._is_leading()))
        ]
        documentation = "1 while this replica leads."
        yield Metric("leader_election_master_status", "gauge", documentation, ("name",), samples)
        slow = [(self._labels, self._slow_renewals())]
        documentation = "Renewals that had to read the lease first."
        yield Metric("leader_election_slowpath", "counter", documentation, ("name",), slow)
