"""An Envoy of a test's own."""

import json
import urllib.request
from dataclasses import dataclass

from extauth.envoy.clusters import SIDECAR_CLUSTER


@dataclass(frozen=True, slots=True)
class OwnEnvoy:
    """One before the own workers."""

    url: str
    admin: str

    def checks_by_worker(self) -> list[int]:
        """How many each endpoint of the sidecar was asked."""
        with urllib.request.urlopen(f"{self.admin}/clusters?format=json", timeout=10) as response:
            clusters = json.load(response)["cluster_statuses"]
        (hosts,) = [cluster["host_statuses"] for cluster in clusters if cluster["name"] == SIDECAR_CLUSTER]
        stats = [{stat["name"]: stat.get("value", "0") for stat in host["stats"]} for host in hosts]
        return [int(values["rq_total"]) for values in stats]
