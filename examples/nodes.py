"""The program that every introduction to client-go shows: print the nodes of a cluster, and what becomes of them.

python examples/nodes.py [--kubeconfig FILE] [--context NAME]
"""

from argparse import ArgumentParser

from kubeinformer import KubernetesObject, SharedInformerFactory, load_config


def added(node: KubernetesObject) -> None:
    print("add a node:", node.name)


def changed(old: KubernetesObject, new: KubernetesObject) -> None:
    print("update a node:", new.name, f"{old.resource_version} -> {new.resource_version}")


def deleted(node: KubernetesObject) -> None:
    print("delete a node:", node.name)


def main() -> None:
    parser = ArgumentParser()
    parser.add_argument("--kubeconfig", help="else $KUBECONFIG, ~/.kube/config, or the pod's service account")
    parser.add_argument("--context", help="else the current one")
    options = parser.parse_args()
    with SharedInformerFactory(load_config(options.kubeconfig, options.context)) as factory:
        nodes = factory.informer("nodes")
        nodes.add_event_handler(added, changed, deleted)
        factory.start()
        factory.wait_for_cache_sync()
        print("nodes:", ", ".join(sorted(node.name for node in nodes.lister.list())))
        factory.run()  # until Ctrl-C


if __name__ == "__main__":
    main()
