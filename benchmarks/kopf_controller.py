"""kopf's side of controller.py: `kopf_controller.py FORM COUNT`, in an environment that has kopf, with KUBECONFIG set.

`event` is kopf's cheapest form: a handler of raw watch events, which keeps nothing. `change` is what kopf's documentation
begins with: handlers of creation, update and resumption, for which kopf keeps a copy of each object in an annotation of it.
All settings are kopf's own.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import kopf

sys.path.insert(0, str(Path(__file__).parent))
from controller import Recorder


def main() -> None:
    form, count = sys.argv[1:]
    logging.getLogger("kopf").setLevel(logging.WARNING)
    recorder = Recorder(int(count))

    async def reconcile(body: kopf.Body, **_: object) -> None:
        recorder.note(f"{body.metadata.namespace}/{body.metadata.name}", body["data"].get("written"))

    if form == "event":
        kopf.on.event("configmaps")(reconcile)
    else:
        for on in (kopf.on.create, kopf.on.update, kopf.on.resume):
            on("configmaps")(reconcile)
    recorder.begin()
    kopf.run(standalone=True, clusterwide=True)


if __name__ == "__main__":
    main()
