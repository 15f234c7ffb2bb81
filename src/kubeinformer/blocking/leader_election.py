"""The blocking face of leader election."""

from __future__ import annotations

import os
import signal

from kubeinformer.errors import LeadershipLost
from kubeinformer.fronts.portal import SLICE
from kubeinformer.leader_election.elector import ElectorFront
from kubeinformer.leader_election.leadership import Leadership


class LeaderElector(ElectorFront):
    """Lets one of several replicas be at work: `with LeaderElector(config, "name", "namespace") as leadership:`.

    The block is entered when this replica leads. It is to end when `leadership.is_leading` turns false; to that end the
    process is sent SIGTERM by then, and where the block has not ended half a second before another replica may lead, the
    process is ended. Renewal runs on a thread and a connection of its own. At the end of the block, however it ends,
    the lease is released if it is still ours; where it was lost, LeadershipLost is raised.

    An elector may also be given to `run_all` or `Controller.run`, which do all of this by themselves.
    """

    def __enter__(self) -> Leadership:
        campaign = self._entered = self.begin()
        try:
            while True:
                try:
                    self._leadership = campaign.acquired.result(SLICE)
                    break
                except TimeoutError:
                    if campaign.acquired.done():
                        raise
            self._leadership.lost.add_done_callback(lambda _: os.kill(os.getpid(), signal.SIGTERM))
        except BaseException:
            campaign.end()
            raise
        return self._leadership

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        lost = self._leadership.lost
        self._entered.end()
        if lost.done() and kind is None:
            raise LeadershipLost(lost.result())
