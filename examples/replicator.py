"""A replicator: ConfigMaps that ask for it are copied into every namespace that asks for copies, and kept equal.

python examples/replicator.py [--kubeconfig FILE] [--context NAME]

    kubectl label configmap settings replicate=yes       # this one is copied
    kubectl label namespace team-a replicas=yes          # to here

Owners cannot cross namespaces, so an annotation names the source of a copy, and a finalizer holds a deleted source
until its copies are gone. A ConfigMap that is there already under the name of a copy is nobody's copy: it stays as it is.
"""

import logging
from argparse import ArgumentParser
from contextlib import suppress

from kubeinformer import (
    Conflict,
    Controller,
    EventRecorder,
    Finalizer,
    KubernetesObject,
    NotFound,
    Request,
    SharedInformerFactory,
    load_config,
)

SOURCE = "example.com/source"  # annotation of a copy: namespace/name of its source
COPIES = "example.com/copies"  # finalizer of a source


class Replicator:
    def __init__(self, factory: SharedInformerFactory, recorder: EventRecorder) -> None:
        self.client, self.recorder = factory.client, recorder
        self.finalizer = Finalizer(factory.client, "configmaps", COPIES)
        self.sources = factory.informer("configmaps", label_selector="replicate=yes")
        self.copies = factory.informer(
            "configmaps", label_selector="replica=yes", indexers={"source": lambda copy: [source_of(copy)]}
        )
        self.namespaces = factory.informer("namespaces", label_selector="replicas=yes")
        self.controller = Controller("replicator", self.reconcile, workers=4, read_your_writes=True)
        self.controller.watch(self.sources)
        self.controller.watch(self.copies, lambda copy: source_of(copy) or None)
        self.controller.watch(self.namespaces, lambda _: self.sources.lister.list())

    def reconcile(self, request: Request) -> None:
        source = self.sources.indexer.get_by_key(request.key)
        if source is not None:
            self.finalizer.run(source, self.replicate, self.clean_up)
        else:
            self.forget(request)

    def replicate(self, source: KubernetesObject) -> None:
        targets = {
            namespace.name
            for namespace in self.namespaces.lister.list()
            if namespace.name != source.namespace and namespace.deletion_timestamp is None
        }
        for copy in self.copies.indexer.by_index("source", source.key):
            if copy.namespace not in targets or copy.name != source.name:
                self.delete(copy)
        for target in sorted(targets):
            self.copy(source, target)

    def copy(self, source: KubernetesObject, target: str) -> None:
        metadata = {
            "name": source.name,
            "labels": {"replica": "yes"},
            "annotations": {SOURCE: source.key},
        }
        wanted = {"metadata": metadata, **content(source)}
        existing = self.copies.indexer.get_by_key(f"{target}/{source.name}")
        try:
            if existing is None:
                self.client.create("configmaps", wanted, target)
                self.recorder.event(source, "Normal", "Copied", f"copied to {target}")
            elif source_of(existing) != source.key or content(existing) == content(source):
                return
            elif existing.get("immutable"):
                self.delete(existing)  # which brings about the next run
            else:
                metadata["resourceVersion"] = (
                    existing.resource_version
                )  # to no other version than the one seen
                self.client.update("configmaps", wanted, target)
        except Conflict as error:
            if error.reason != "AlreadyExists":
                raise  # somebody changed the copy: the next run sees how
            self.recorder.event(source, "Warning", "NameTaken", f"{target} has a ConfigMap of this name")

    def clean_up(self, source: KubernetesObject) -> None:
        for copy in self.copies.indexer.by_index("source", source.key):
            self.delete(copy)

    def forget(self, request: Request) -> None:
        """Clean up for a source that has lost its label, or was deleted by force: the cache has it no more."""
        for copy in self.copies.indexer.by_index("source", request.key):
            self.delete(copy)
        with suppress(NotFound):
            self.finalizer.remove(self.client.get("configmaps", request.name, request.namespace))

    def delete(self, copy: KubernetesObject) -> None:
        with suppress(NotFound):  # somebody was faster
            self.client.delete("configmaps", copy.name, copy.namespace, uid=copy.uid)


def source_of(copy: KubernetesObject) -> str:
    return copy.annotations.get(SOURCE, "")


def content(config_map: KubernetesObject) -> dict[str, object]:
    return {field: config_map[field] for field in ("data", "binaryData", "immutable") if field in config_map}


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
