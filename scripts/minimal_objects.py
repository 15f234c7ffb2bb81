"""A body that the real server accepts for each built-in kind, and names to try, to find out how the kind behaves."""

from __future__ import annotations

from typing import Any

_POD_SPEC = {"containers": [{"name": "main", "image": "none"}]}
_TEMPLATE = {"metadata": {"labels": {"app": "a"}}, "spec": _POD_SPEC}
_JOB_TEMPLATE = {"metadata": {}, "spec": {**_POD_SPEC, "restartPolicy": "Never"}}
_SELECTOR = {"matchLabels": {"app": "a"}}
_CLAIM_SPEC = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
_WEBHOOK = {
    "name": "a.example.org",
    "clientConfig": {"url": "https://example.org"},
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
}
_RULE = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
_POLICY = {"matchConstraints": {"resourceRules": [_RULE]}, "validations": [{"expression": "true"}]}
_MUTATION = {
    "patchType": "JSONPatch",
    "jsonPatch": {"expression": '[JSONPatch{op: "add", path: "/metadata/labels/a", value: "b"}]'},
}
_SCHEMA = {"openAPIV3Schema": {"type": "object"}}

MINIMAL: dict[str, dict[str, Any]] = {
    "endpoints": {},
    "events": {
        "metadata": {"namespace": "default"},
        "involvedObject": {"kind": "Pod", "name": "a", "namespace": "default"},
        "reason": "Tested",
    },
    "events.events.k8s.io": {
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "regarding": {"kind": "Pod", "name": "a", "namespace": "default"},
        "reason": "Tested",
        "action": "Test",
        "type": "Normal",
        "reportingController": "example.org/a",
        "reportingInstance": "a",
    },
    "persistentvolumeclaims": {"spec": _CLAIM_SPEC},
    "persistentvolumes": {
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/none"},
        }
    },
    "pods": {"spec": _POD_SPEC},
    "podtemplates": {"template": _TEMPLATE},
    "replicationcontrollers": {"spec": {"replicas": 0, "selector": {"app": "a"}, "template": _TEMPLATE}},
    "resourcequotas": {"spec": {"hard": {"pods": "1"}}},
    "limitranges": {"spec": {"limits": []}},
    "services": {"spec": {"ports": [{"port": 80}], "selector": {"app": "a"}}},
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": {"webhooks": [_WEBHOOK]},
    "validatingwebhookconfigurations.admissionregistration.k8s.io": {"webhooks": [_WEBHOOK]},
    "validatingadmissionpolicies.admissionregistration.k8s.io": {"spec": _POLICY},
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": {
        "spec": {"policyName": "a", "validationActions": ["Deny"]}
    },
    "mutatingadmissionpolicies.admissionregistration.k8s.io": {
        "spec": {
            "matchConstraints": {"resourceRules": [_RULE]},
            "mutations": [_MUTATION],
            "reinvocationPolicy": "Never",
        }
    },
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io": {"spec": {"policyName": "a"}},
    "customresourcedefinitions.apiextensions.k8s.io": {
        "metadata": {"name": "as.example.org"},
        "spec": {
            "group": "example.org",
            "scope": "Namespaced",
            "names": {"plural": "as", "kind": "A"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": _SCHEMA}],
        },
    },
    "apiservices.apiregistration.k8s.io": {
        "metadata": {"name": "v1.example.net"},
        "spec": {
            "group": "example.net",
            "version": "v1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "service": {"namespace": "default", "name": "a"},
            "insecureSkipTLSVerify": True,
        },
    },
    "controllerrevisions.apps": {"revision": 1, "data": {"a": "b"}},
    "daemonsets.apps": {"spec": {"selector": _SELECTOR, "template": _TEMPLATE}},
    "deployments.apps": {"spec": {"replicas": 0, "selector": _SELECTOR, "template": _TEMPLATE}},
    "replicasets.apps": {"spec": {"replicas": 0, "selector": _SELECTOR, "template": _TEMPLATE}},
    "statefulsets.apps": {
        "spec": {"replicas": 0, "serviceName": "a", "selector": _SELECTOR, "template": _TEMPLATE}
    },
    "horizontalpodautoscalers.autoscaling": {
        "spec": {
            "maxReplicas": 1,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"},
        }
    },
    "cronjobs.batch": {
        "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": _JOB_TEMPLATE}}}
    },
    "jobs.batch": {"spec": {"template": _JOB_TEMPLATE}},
    "certificatesigningrequests.certificates.k8s.io": {},
    "leases.coordination.k8s.io": {"spec": {"holderIdentity": "a", "leaseDurationSeconds": 15}},
    "endpointslices.discovery.k8s.io": {"addressType": "IPv4", "endpoints": []},
    "flowschemas.flowcontrol.apiserver.k8s.io": {
        "spec": {"matchingPrecedence": 9000, "priorityLevelConfiguration": {"name": "global-default"}}
    },
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": {
        "spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}}}
    },
    "ingressclasses.networking.k8s.io": {"spec": {"controller": "example.org/a"}},
    "ingresses.networking.k8s.io": {
        "spec": {"defaultBackend": {"service": {"name": "a", "port": {"number": 80}}}}
    },
    "ipaddresses.networking.k8s.io": {
        "metadata": {"name": "10.0.0.77"},
        "spec": {"parentRef": {"resource": "services", "name": "a", "namespace": "default"}},
    },
    "networkpolicies.networking.k8s.io": {"spec": {"podSelector": {}}},
    "servicecidrs.networking.k8s.io": {"spec": {"cidrs": ["10.77.0.0/24"]}},
    "runtimeclasses.node.k8s.io": {"handler": "a"},
    "poddisruptionbudgets.policy": {"spec": {"minAvailable": 1, "selector": _SELECTOR}},
    "clusterrolebindings.rbac.authorization.k8s.io": {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    },
    "rolebindings.rbac.authorization.k8s.io": {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    },
    "deviceclasses.resource.k8s.io": {"metadata": {"name": "a.example.org"}, "spec": {}},
    "resourceclaims.resource.k8s.io": {"spec": {}},
    "resourceclaimtemplates.resource.k8s.io": {"spec": {"spec": {}}},
    "resourceslices.resource.k8s.io": {
        "spec": {
            "driver": "example.org",
            "allNodes": True,
            "pool": {"name": "a", "generation": 1, "resourceSliceCount": 1},
            "devices": [],
        }
    },
    "devicetaintrules.resource.k8s.io": {"spec": {"taint": {"key": "example.org/a", "effect": "NoSchedule"}}},
    "storageversionmigrations.storagemigration.k8s.io": {
        "spec": {"resource": {"group": "apps", "resource": "deployments"}}
    },
    "priorityclasses.scheduling.k8s.io": {"value": 1},
    "csidrivers.storage.k8s.io": {"spec": {}},
    "csinodes.storage.k8s.io": {"spec": {"drivers": []}},
    "csistoragecapacities.storage.k8s.io": {"storageClassName": "a"},
    "storageclasses.storage.k8s.io": {"provisioner": "example.org/a"},
    "volumeattachments.storage.k8s.io": {
        "spec": {"attacher": "example.org", "nodeName": "n", "source": {"persistentVolumeName": "a"}}
    },
    "volumeattributesclasses.storage.k8s.io": {"driverName": "example.org", "parameters": {"a": "b"}},
}

NAMES_OF_NO_FIELD = ("spec.host", "status.successful")
"""What objects can be selected by though no schema has it: an old name of `spec.nodeName`, and of `status.succeeded`.

All others are paths in a schema. Both come from the calls of `AddFieldLabelConversionFunc` in Kubernetes'
`pkg/apis/*/*/conversion.go`, which decide what each kind can be selected by.
"""
