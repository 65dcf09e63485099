"""What a Kubernetes API server would say of manifests."""

import json
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

import kubernetes_validate.utils

from tests.deploy import shapes

VERSIONS = ("1.30", "1.37")
"""The oldest that the chart takes, and the newest whose schemas are installed."""

_RESTRICTED_VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}

# It reads its files, of a megabyte and more, for each document anew.
kubernetes_validate.utils.schema_contents = lru_cache(kubernetes_validate.utils.schema_contents)


def validate(manifests: Iterable[dict[str, Any]]) -> None:
    """Raise for a manifest that has a fault, or a field that its kind does not have."""
    for manifest in manifests:
        _validate(json.dumps(manifest, sort_keys=True))


@cache
def _validate(text: str) -> None:
    manifest = json.loads(text)
    if _is_custom(manifest):
        shapes.validate(manifest)
        return
    for version in VERSIONS:
        kubernetes_validate.validate(manifest, version, strict=True)


def _is_custom(manifest: dict[str, Any]) -> bool:
    group = manifest["apiVersion"].rpartition("/")[0]
    return "." in group and (not group.endswith("k8s.io") or group.startswith("gateway."))


def assert_restricted(pod: dict[str, Any]) -> None:
    """The pod security standard `restricted`, and a root filesystem that is read-only."""
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    for volume in pod.get("volumes", ()):
        assert volume.keys() - {"name"} <= _RESTRICTED_VOLUMES, volume
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert "hostPort" not in json.dumps(container.get("ports", []))
