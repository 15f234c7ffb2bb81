"""A replicator: ConfigMaps that ask for it are copied into every namespace that asks for copies, and kept equal.

python examples/replicator.py [--kubeconfig FILE] [--context NAME]

    kubectl label configmap settings replicate=yes       # this one is copied
    kubectl label namespace team-a replicas=yes          # to here

Owners cannot cross namespaces, so an annotation names the source of a copy, and a finalizer holds a deleted source
until its copies are gone. A ConfigMap that is there already under the name of a copy is nobody's copy: it stays as it is,
and is looked at again every minute. Where one namespace refuses its copy (a quota, a webhook), the others get theirs.
"""

import logging
from argparse import ArgumentParser
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from kubeinformer import (
    Conflict,
    Controller,
    EventRecorder,
    Finalizer,
    KubernetesObject,
    NotFound,
    Request,
    Result,
    SharedInformerFactory,
    StatusError,
    load_config,
    requeue_after,
)

SOURCE = "example.com/source"  # annotation of a copy: namespace/name of its source
COPIES = "example.com/copies"  # finalizer of a source
CONTENT = ("data", "binaryData", "immutable")
TAKEN_SECONDS = 60.0  # from one look to the next where somebody else has the name of a copy


class Replicator:
    def __init__(self, factory: SharedInformerFactory, recorder: EventRecorder) -> None:
        self.client, self.recorder = factory.client, recorder
        self.finalizer = Finalizer(factory.client, "configmaps", COPIES)
        self.sources = factory.informer("configmaps", label_selector="replicate=yes")
        self.copies = factory.informer(
            "configmaps", label_selector="replica=yes", indexers={"source": lambda copy: [source_of(copy)]}
        )
        # One that lost its label while nobody was here is in no other cache, and could never be deleted.
        self.everything = factory.informer("configmaps", metadata_only=True, strip_managed_fields=True)
        self.namespaces = factory.informer("namespaces", label_selector="replicas=yes")
        self.controller = Controller("replicator", self.reconcile, workers=4, read_your_writes=True)
        self.controller.watch(self.sources)
        self.controller.watch(self.copies, lambda copy: source_of(copy) or None)
        self.controller.watch(
            self.everything, lambda found: found.key if COPIES in found.finalizers else None
        )
        self.controller.watch(self.namespaces, lambda _: self.sources.lister.list())

    def reconcile(self, request: Request) -> Result:
        source = self.sources.indexer.get_by_key(request.key)
        if source is not None:
            return self.finalizer.run(source, self.replicate, self.clean_up)
        self.forget(request)
        return None

    def replicate(self, source: KubernetesObject) -> Result:
        targets = {
            namespace.name
            for namespace in self.namespaces.lister.list()
            if namespace.name != source.namespace and namespace.deletion_timestamp is None
        }
        copies = self.copies.indexer.by_index("source", source.key)
        surplus = [copy for copy in copies if copy.namespace not in targets or copy.name != source.name]
        wanted, taken = content(source), []

        def copy(target: str) -> None:
            if not self.copy(source, wanted, target):
                taken.append(target)
                self.recorder.event(source, "Warning", "NameTaken", f"{target} has a ConfigMap of this name")

        try:
            for_each(copy, sorted(targets))
        finally:
            for_each(self.delete, surplus)
        return requeue_after(TAKEN_SECONDS) if taken else None  # nothing tells when the name is free

    def copy(self, source: KubernetesObject, wanted: dict[str, Any], target: str) -> bool:
        """Make the copy in a namespace, or make it equal; return False where somebody else has its name."""
        existing = self.copies.indexer.get_by_key(f"{target}/{source.name}")
        if existing is None:
            labels, annotations = {"replica": "yes"}, {SOURCE: source.key}
            metadata = {"name": source.name, "labels": labels, "annotations": annotations}
            try:
                self.client.create("configmaps", {"metadata": metadata, **wanted}, target)
            except Conflict as error:
                if error.reason != "AlreadyExists":
                    raise
                return False
            self.recorder.event(source, "Normal", "Copied", f"copied to {target}")
        elif source_of(existing) != source.key:
            return False
        elif content(existing) != wanted:
            if existing.get("immutable"):
                self.delete(existing)  # which brings about the next run
            else:  # its resourceVersion goes with it: no other version than the one seen is written to
                rest = {field: value for field, value in existing.to_dict().items() if field not in CONTENT}
                self.client.update("configmaps", {**rest, **wanted}, target)
        return True

    def clean_up(self, source: KubernetesObject) -> None:
        for_each(self.delete, self.copies.indexer.by_index("source", source.key))

    def forget(self, request: Request) -> None:
        """Clean up for a source that has lost its label, or was deleted by force."""
        for_each(self.delete, self.copies.indexer.by_index("source", request.key))
        found = self.everything.indexer.get_by_key(request.key)
        if found is not None:
            self.finalizer.remove(found)

    def delete(self, copy: KubernetesObject) -> None:
        with suppress(NotFound):  # somebody was faster
            self.client.delete("configmaps", copy.name, copy.namespace, uid=copy.uid)


def source_of(copy: KubernetesObject) -> str:
    """Return the key of a copy's source, "" where there is none: anybody may write anything into an annotation."""
    namespace, _, name = copy.annotations.get(SOURCE, "").partition("/")
    return f"{namespace}/{name}" if namespace and name else ""


def content(config_map: KubernetesObject) -> dict[str, Any]:
    return {field: value for field, value in config_map.to_dict().items() if field in CONTENT}


def for_each(action: Callable[[Any], None], items: Iterable[Any]) -> None:
    """Call `action` with each item; what the server refused is raised when all have had their turn."""
    refusals = []
    for item in items:
        try:
            action(item)
        except StatusError as error:
            refusals.append(error)
    if refusals:
        raise refusals[0]


def main() -> None:
    parser = ArgumentParser()
    parser.add_argument("--kubeconfig", help="else $KUBECONFIG, ~/.kube/config, or the pod's service account")
    parser.add_argument("--context", help="else the current one")
    options = parser.parse_args()
    config = load_config(options.kubeconfig, options.context)
    with SharedInformerFactory(config) as factory, EventRecorder(config, "replicator") as recorder:
        Replicator(factory, recorder).controller.run()  # until Ctrl-C or SIGTERM


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    main()
