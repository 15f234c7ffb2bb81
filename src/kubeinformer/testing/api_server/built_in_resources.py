"""The resources that are compiled into a server, with their rules."""

from __future__ import annotations

from kubeinformer.resources import Resource
from kubeinformer.testing.api_server.served_resources import METADATA_FIELDS, ServedResource

_POD_FIELDS = (
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
)
_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")

NAMESPACES = ServedResource(
    Resource(
        "",
        "v1",
        "namespaces",
        "Namespace",
        namespaced=False,
        verbs=tuple(verb for verb in _VERBS if verb != "deletecollection"),
        singular_name="namespace",
        short_names=("ns",),
    ),
    typed=True,
    needs_version=False,
    initial_status={"phase": "Active"},
    has_generation=False,
    returns_deleted=True,
    selectable_fields=("metadata.name", "status.phase"),
)
NODES = ServedResource(
    Resource("", "v1", "nodes", "Node", namespaced=False, singular_name="node", short_names=("no",)),
    typed=True,
    needs_version=False,
    initial_status=None,
    has_generation=False,
    selectable_fields=("metadata.name",),
)
PODS = ServedResource(
    Resource("", "v1", "pods", "Pod", singular_name="pod", short_names=("po",)),
    typed=True,
    needs_version=False,
    initial_status={"phase": "Pending"},
    returns_deleted=True,
    selectable_fields=METADATA_FIELDS + _POD_FIELDS,
)
CONFIG_MAPS = ServedResource(
    Resource("", "v1", "configmaps", "ConfigMap", singular_name="configmap", short_names=("cm",)),
    typed=True,
    needs_version=False,
    subresources=(),
    has_generation=False,
)
CUSTOM_RESOURCE_DEFINITIONS = ServedResource(
    Resource(
        "apiextensions.k8s.io",
        "v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        namespaced=False,
        singular_name="customresourcedefinition",
        short_names=("crd", "crds"),
    ),
    typed=True,
    needs_version=False,
    returns_deleted=True,
)


def built_in_resources() -> tuple[ServedResource, ...]:
    """Return the built-in resources in the order of discovery."""
    return (CONFIG_MAPS, NAMESPACES, NODES, PODS, CUSTOM_RESOURCE_DEFINITIONS)
