"""Pods as they are in production: about 12 kB of JSON each once the server has added its managed fields."""

from __future__ import annotations

import random
from typing import Any


def namespaces(count: int = 200) -> list[str]:
    """Return the namespaces that the pods are spread over."""
    return [f"team-{number:03d}" for number in range(count)]


def pod(number: int) -> dict[str, Any]:
    """Return pod `number`, the same each time."""
    chance = random.Random(number)
    app = f"service-{number % 997}"
    started = f"2026-10-{1 + number % 28:02d}T{number % 24:02d}:{number % 60:02d}:00Z"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _metadata(number, app, started, chance),
        "spec": _spec(number, app, chance),
        "status": _status(number, app, started, chance),
    }


def _metadata(number: int, app: str, started: str, chance: random.Random) -> dict[str, Any]:
    replica_set = f"{app}-{chance.getrandbits(40):010x}"
    return {
        "name": f"{replica_set}-{number:06d}",
        "namespace": f"team-{number % 200:03d}",
        "labels": {
            "app": app,
            "pod-template-hash": f"{chance.getrandbits(40):010x}",
            "app.kubernetes.io/name": app,
            "app.kubernetes.io/instance": f"{app}-production",
            "app.kubernetes.io/version": f"1.{number % 9}.{number % 17}",
            "tier": ("web", "api", "database")[number % 3],
            "environment": "production",
        },
        "annotations": {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": "8080",
            "kubectl.kubernetes.io/restartedAt": started,
            "checksum/config": f"{chance.getrandbits(256):064x}",
        },
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": replica_set,
                "uid": f"{chance.getrandbits(128):032x}",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }


def _spec(number: int, app: str, chance: random.Random) -> dict[str, Any]:
    return {
        "containers": [_container(name, number, app, chance) for name in ("app", "sidecar")],
        "volumes": [{"name": "config", "configMap": {"name": f"{app}-config", "defaultMode": 420}}],
        "nodeName": f"node-{number % 1000:04d}",
        "securityContext": {"fsGroup": 1000},
        "tolerations": [
            {
                "key": f"node.kubernetes.io/{key}",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": 300,
            }
            for key in ("not-ready", "unreachable")
        ],
    }


def _container(name: str, number: int, app: str, chance: random.Random) -> dict[str, Any]:
    probe = {
        "httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"},
        "initialDelaySeconds": 10,
        "timeoutSeconds": 1,
    }
    return {
        "name": name,
        "image": f"registry.example.com/{app}/{name}:v1.{number % 9}",
        "args": ["--port=8080", "--log-level=info"],
        "ports": [{"name": f"http-{name}"[:15], "containerPort": 8080}],
        "env": [
            *({"name": f"SETTING_{key}", "value": f"value-{chance.getrandbits(64):x}"} for key in range(8)),
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ],
        "resources": {
            "limits": {"cpu": "500m", "memory": "512Mi"},
            "requests": {"cpu": "100m", "memory": "256Mi"},
        },
        "volumeMounts": [{"name": "config", "mountPath": "/etc/config"}],
        "livenessProbe": probe,
        "readinessProbe": probe,
        "securityContext": {"runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}},
    }


def _status(number: int, app: str, started: str, chance: random.Random) -> dict[str, Any]:
    conditions = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    address = f"10.1.{number // 256 % 256}.{number % 256}"
    return {
        "phase": "Running",
        "conditions": [
            {"type": name, "status": "True", "lastProbeTime": None, "lastTransitionTime": started}
            for name in conditions
        ],
        "hostIP": f"10.0.{number % 256}.{number % 200}",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": started,
        "qosClass": "Burstable",
        "containerStatuses": [
            {
                "name": name,
                "state": {"running": {"startedAt": started}},
                "lastState": {},
                "ready": True,
                "started": True,
                "restartCount": number % 3,
                "image": f"registry.example.com/{app}/{name}:v1.{number % 9}",
                "imageID": f"registry.example.com/{app}/{name}@sha256:{chance.getrandbits(256):064x}",
                "containerID": f"containerd://{chance.getrandbits(256):064x}",
            }
            for name in ("app", "sidecar")
        ],
    }
