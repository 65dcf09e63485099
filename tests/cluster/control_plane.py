"""etcd, the API server, and what moves a cluster towards what it is told to be."""

import ssl
import urllib.request
from http import HTTPStatus
from pathlib import Path

from extauth.demo.child import Service
from tests.cluster.certificates import API, NODE, SERVICES, Credentials

_ETCD = "http://127.0.0.1:2379"
PODS = "10.244.0.0/24"


def services(programs: Path, folder: Path, credentials: Credentials) -> list[Service]:
    """In the order in which they must begin."""
    kubeconfig = f"--kubeconfig={credentials.kubeconfig}"
    etcd = (
        "/usr/bin/etcd",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={_ETCD}",
        f"--advertise-client-urls={_ETCD}",
        "--unsafe-no-fsync",  # what is in it is not kept
    )
    api_server = (
        f"{programs}/kube-apiserver",
        f"--etcd-servers={_ETCD}",
        f"--bind-address={NODE}",
        f"--advertise-address={NODE}",
        f"--service-cluster-ip-range={SERVICES}",
        f"--tls-cert-file={credentials.server.certificate}",
        f"--tls-private-key-file={credentials.server.key}",
        f"--token-auth-file={credentials.tokens}",
        "--authorization-mode=Node,RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={credentials.accounts}",
        f"--service-account-signing-key-file={credentials.accounts}",
        "--kubelet-preferred-address-types=InternalIP",
        "--allow-privileged=false",
    )
    controllers = (
        f"{programs}/kube-controller-manager",
        kubeconfig,
        f"--root-ca-file={credentials.authority}",
        f"--service-account-private-key-file={credentials.accounts}",
        "--use-service-account-credentials",
        "--leader-elect=false",
        f"--cluster-cidr={PODS}",
        "--node-monitor-grace-period=120s",
    )
    scheduler = (f"{programs}/kube-scheduler", kubeconfig, "--leader-elect=false")
    context = ssl.create_default_context(cafile=str(credentials.authority))
    return [
        Service(name="etcd", command=etcd, log=folder / "etcd.log", is_ready=lambda: _is_ok(f"{_ETCD}/health")),
        Service(
            name="kube-apiserver",
            command=api_server,
            log=folder / "kube-apiserver.log",
            is_ready=lambda: _is_ok(f"{API}/readyz", context),
        ),
        Service(
            name="kube-controller-manager",
            command=controllers,
            log=folder / "kube-controller-manager.log",
            is_ready=lambda: True,
        ),
        Service(name="kube-scheduler", command=scheduler, log=folder / "kube-scheduler.log", is_ready=lambda: True),
    ]


def _is_ok(url: str, context: ssl.SSLContext | None = None) -> bool:
    with urllib.request.urlopen(url, timeout=5, context=context) as answer:
        return bool(answer.status == HTTPStatus.OK)
