"""The one node: its network, containerd, kubelet and kube-proxy.

Only for a network namespace of its own: what is set up here is for the whole of it.
"""

import json
import subprocess
from pathlib import Path

import yaml

from extauth.demo.child import Service
from tests.cluster.certificates import DNS, NODE, Credentials
from tests.cluster.control_plane import PODS
from tests.cluster.images import PAUSE
from tests.deploy.container import run

NAME = "node"
CGROUP = "/extauth-cluster"
_CGROUPS = Path("/sys/fs/cgroup")
_PLUGINS = "/usr/lib/cni"  # Debian's package containernetworking-plugins
_FORWARDING = ("net.ipv4.ip_forward=1", "net.bridge.bridge-nf-call-iptables=1")


def set_up_network() -> None:
    """The node's address, on a device of its own, and a default route, without which no service has one."""
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "node", "type", "veth", "peer", "name", "nowhere")
    run("ip", "address", "add", f"{NODE}/24", "dev", "node")
    run("ip", "link", "set", "node", "up")
    run("ip", "link", "set", "nowhere", "up")
    run("ip", "route", "add", "default", "via", NODE.replace(".1", ".2"), "dev", "node")
    for setting in _FORWARDING:
        run("sysctl", "-q", "-w", setting)


def runtime(folder: Path) -> Service:
    """containerd, with a store of its own."""
    network = folder / "cni"
    network.mkdir()
    (network / "10-pods.conflist").write_text(json.dumps(_pod_network()))
    socket = folder / "containerd.sock"
    plugin = {
        "sandbox_image": PAUSE,
        "cni": {"bin_dir": _PLUGINS, "conf_dir": str(network)},
        "restrict_oom_score_adj": True,
        "containerd": {"snapshotter": "overlayfs"},
    }
    settings = folder / "containerd.toml"
    settings.write_text(
        f"""
version = 2
root = "{folder}/containerd"
state = "{folder}/containerd-state"
[grpc]
address = "{socket}"
{_toml('plugins."io.containerd.grpc.v1.cri"', plugin)}
"""
    )
    return Service(
        name="containerd",
        command=("/usr/bin/containerd", "--config", str(settings)),
        log=folder / "containerd.log",
        is_ready=lambda: _answers(socket),
    )


def load_images(folder: Path, archives: Path) -> None:
    for archive in sorted(archives.glob("*.tar")):
        run("ctr", "--address", folder / "containerd.sock", "-n", "k8s.io", "images", "import", archive, seconds=300)


def kubelet(programs: Path, folder: Path, credentials: Credentials) -> Service:
    hosts = folder / "resolv.conf"
    hosts.write_text("")  # a cluster of ours asks nobody else
    settings = folder / "kubelet.yaml"
    settings.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "kubelet.config.k8s.io/v1beta1",
                "kind": "KubeletConfiguration",
                "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
                "authorization": {"mode": "AlwaysAllow"},
                "address": NODE,
                "cgroupDriver": "cgroupfs",
                "cgroupRoot": CGROUP,
                "cgroupsPerQOS": True,
                "enforceNodeAllocatable": [],
                "clusterDNS": [DNS],
                "clusterDomain": "cluster.local",
                "containerRuntimeEndpoint": f"unix://{folder}/containerd.sock",
                "evictionHard": {"memory.available": "100Mi"},
                "failSwapOn": False,
                "resolvConf": str(hosts),
                "registerNode": True,
                "fileCheckFrequency": "0s",
                "syncFrequency": "10s",
                "podLogsDir": str(folder / "pod-logs"),
            }
        )
    )
    return Service(
        name="kubelet",
        command=(
            f"{programs}/kubelet",
            f"--config={settings}",
            f"--kubeconfig={credentials.kubeconfig}",
            f"--root-dir={folder / 'kubelet'}",
            f"--cert-dir={folder / 'kubelet-certificates'}",
            f"--hostname-override={NAME}",
            f"--node-ip={NODE}",
        ),
        log=folder / "kubelet.log",
        is_ready=lambda: True,
    )


def proxy(programs: Path, folder: Path, credentials: Credentials) -> Service:
    """kube-proxy: what gives services their addresses."""
    settings = folder / "proxy.yaml"
    settings.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
                "kind": "KubeProxyConfiguration",
                "clientConnection": {"kubeconfig": str(credentials.kubeconfig)},
                "clusterCIDR": PODS,
                "hostnameOverride": NAME,
                "mode": "nftables",
                "conntrack": {"maxPerCore": 0},
            }
        )
    )
    return Service(
        name="kube-proxy",
        command=(f"{programs}/kube-proxy", f"--config={settings}"),
        log=folder / "kube-proxy.log",
        is_ready=lambda: True,
    )


def make_cgroups() -> None:
    """In each hierarchy, one for all pods."""
    for hierarchy in _CGROUPS.iterdir():
        (hierarchy / CGROUP.removeprefix("/")).mkdir(exist_ok=True)


def remove_cgroups() -> None:
    """With those of pods, whose processes are gone."""
    for hierarchy in _CGROUPS.iterdir():
        found = hierarchy / CGROUP.removeprefix("/")
        for folder in sorted([found, *found.rglob("*/")], reverse=True) if found.is_dir() else ():
            folder.rmdir()


def _pod_network() -> dict[str, object]:
    """One bridge, on which pods and node reach each other."""
    ranges = [[{"subnet": PODS}]]
    addresses = {"type": "host-local", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]}
    bridge = {"type": "bridge", "bridge": "pods", "isGateway": True, "hairpinMode": True, "ipam": addresses}
    return {
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}],
    }


def _toml(table: str, values: dict[str, object]) -> str:
    """A table and those in it."""
    plain = {name: value for name, value in values.items() if not isinstance(value, dict)}
    lines = [f"[{table}]", *(f"{name} = {json.dumps(value)}" for name, value in plain.items())]
    inner = [_toml(f"{table}.{name}", value) for name, value in values.items() if isinstance(value, dict)]
    return "\n".join([*lines, *inner])


def _answers(socket: Path) -> bool:
    command = ["ctr", "--address", str(socket), "version"]
    return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
