"""A cluster from its parts, while a context lasts."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extauth.demo import binaries
from extauth.demo.supervisor import Supervisor
from tests.cluster import certificates, control_plane, node
from tests.deploy.container import run
from tests.support.wait import wait_until

_MANIFESTS = Path(__file__).parent / "manifests"
_LOAD_BALANCERS = "10.99.0.{}"
_FIRST = 10


@dataclass(frozen=True, slots=True)
class Cluster:
    """`programs` has kubectl and helm, which know the cluster by `environment`."""

    programs: Path
    environment: Mapping[str, str]
    supervisor: Supervisor

    def kubectl(self, *arguments: str | Path, seconds: float = 60) -> str:
        return run("env", *self._variables, binaries.scripts_directory() / "kubectl", *arguments, seconds=seconds)

    def helm(self, *arguments: str | Path, seconds: float = 400) -> str:
        return run("env", *self._variables, self.programs / "helm", *arguments, seconds=seconds)

    def get(self, *arguments: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads(self.kubectl("get", *arguments, "--output", "json"))
        return found

    @property
    def _variables(self) -> list[str]:
        return [f"{name}={value}" for name, value in self.environment.items()]


@contextmanager
def running_cluster(folder: Path, programs: Path, images: Path) -> Iterator[Cluster]:
    """Ready to run pods that find each other by name. Its processes end with the PID namespace that it is in."""
    credentials = certificates.make(folder)
    environment = {"KUBECONFIG": str(credentials.kubeconfig), "HELM_CACHE_HOME": str(folder / "helm")}
    node.set_up_network()
    node.make_cgroups()
    with Supervisor() as supervisor:
        cluster = Cluster(programs, environment, supervisor)
        container_runtime = node.runtime(folder)
        services = [*control_plane.services(programs, folder, credentials), container_runtime]
        services += [part(programs, folder, credentials) for part in (node.kubelet, node.proxy)]
        for service in services:
            supervisor.start(service)
            supervisor.wait_until_ready(service, 120)
            if service is container_runtime:
                node.load_images(folder, images)
        wait_until(lambda: _is_up(cluster), 120)
        cluster.kubectl("apply", "--filename", _MANIFESTS / "dns.yaml")
        cluster.kubectl("--namespace=kube-system", "rollout", "status", "deploy/coredns", "--timeout=180s", seconds=200)
        done = threading.Event()
        balancer = threading.Thread(target=_balance, args=[cluster, done])
        balancer.start()
        try:
            yield cluster
        finally:
            done.set()
            balancer.join()


def _is_up(cluster: Cluster) -> bool:
    cluster.supervisor.check()
    nodes = cluster.get("nodes")["items"]
    conditions = [one["status"] for found in nodes for one in found["status"]["conditions"] if one["type"] == "Ready"]
    accounts = cluster.get("serviceaccounts", "--namespace=kube-system")["items"]
    return conditions == ["True"] and bool(accounts)


def _balance(cluster: Cluster, done: threading.Event) -> None:
    """What a cloud does for services of type LoadBalancer: it gives them addresses."""
    given = 0
    while not done.wait(1):
        for service in cluster.get("services", "--all-namespaces")["items"]:
            if service["spec"]["type"] != "LoadBalancer" or service["status"]["loadBalancer"]:
                continue
            address = _LOAD_BALANCERS.format(_FIRST + given)
            given += 1
            status = {"status": {"loadBalancer": {"ingress": [{"ip": address}]}}}
            names = (f"--namespace={service['metadata']['namespace']}", f"service/{service['metadata']['name']}")
            cluster.kubectl("patch", *names, "--subresource=status", "--type=merge", "--patch", json.dumps(status))
