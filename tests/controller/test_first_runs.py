"""What a controller finds in its caches when it runs for the first time."""

from __future__ import annotations

from tests.controller.conftest import Noting, config_map

from kubeinformer import Controller, Request, SharedInformerFactory
from kubeinformer.testing import APIServer
from kubeinformer.testing.waiting import eventually_equal

OBJECTS = 3_000


def test_indexes_are_full_before_the_first_run(server: APIServer, factory: SharedInformerFactory) -> None:
    """Regression 19: with one worker and thousands of objects in pages, also those of a resource that only is read."""
    for number in range(OBJECTS):
        server.create("configmaps", config_map(f"map-{number}", labels={"half": str(number % 2)}))
        server.create("secrets", config_map(f"secret-{number}"))
    maps = factory.informer("configmaps", indexers={"half": lambda found: [found.labels["half"]]})
    secrets = factory.informer("secrets")
    seen: list[tuple[int, int, int]] = []

    def look(_: Request) -> None:
        halves = [len(maps.indexer.by_index("half", half)) for half in "01"]
        seen.append((*halves, len(secrets.lister)))  # type: ignore[arg-type]  # two halves

    reconcile = Noting(look)
    controller = Controller("indexing", reconcile)
    controller.watch(maps)
    controller.watch(secrets, lambda _: None)
    with controller:
        eventually_equal(lambda: len(reconcile.counts), OBJECTS, timeout=60)
    assert set(seen) == {(OBJECTS // 2, OBJECTS // 2, OBJECTS)}
    assert set(reconcile.counts.values()) == {1}
