"""Programs of a cluster that no wheel and no package of Debian has, built from their Go modules.

`python -m tests.cluster.programs FOLDER` builds what is not there; a quarter of an hour for the first time.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

KUBERNETES = "v1.34.4"
"""The newest that runs on Debian 12's containerd."""
COREDNS = "v1.15.0"
HELM = "v3.22.0"
ENVOY_GATEWAY = "v1.9.1"
CONTOUR = "v1.33.8"

KUBERNETES_PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubelet")
CHART = "envoy-gateway-chart"
CONTOUR_INSTALLATION = "contour-installation.yaml"
DEFINITIONS = {
    "istio": ("istio.io/api@v1.31.1", "kubernetes/customresourcedefinitions.gen.yaml"),
    "contour": (f"github.com/projectcontour/contour@{CONTOUR}", "examples/contour/01-crds.yaml"),
    "kgateway": ("github.com/kgateway-dev/kgateway/v2@v2.2.0", "install/helm/kgateway-crds/templates/*.yaml"),
    "emissary": ("github.com/emissary-ingress/emissary/v3@v3.10.0", "manifests/emissary/emissary-crds.yaml.in"),
    "prometheus": ("github.com/prometheus-operator/prometheus-operator@v0.85.0", "bundle.yaml"),
}
"""Where the custom resources of others are defined: modules, and files in them."""
_VERSION_PACKAGES = ("component-base", "client-go/pkg")
_STAGED = re.compile(r"^\s+(k8s\.io/\S+) => \./staging", re.MULTILINE)
_DNS = """
package main

import (
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"

	"github.com/coredns/coredns/coremain"
)

func main() { coremain.Run() }
"""


def build(folder: Path) -> None:
    """All of them, and Envoy Gateway's chart."""
    folder.mkdir(parents=True, exist_ok=True)
    if not all((folder / program).exists() for program in KUBERNETES_PROGRAMS):
        _kubernetes(folder)
    if not (folder / "coredns").exists():
        _coredns(folder)
    _install(folder, "helm", f"helm.sh/helm/v3/cmd/helm@{HELM}")
    _install(folder, "envoy-gateway", f"github.com/envoyproxy/gateway/cmd/envoy-gateway@{ENVOY_GATEWAY}")
    _install(folder, "contour", f"github.com/projectcontour/contour/cmd/contour@{CONTOUR}")
    if not (folder / CHART).exists():
        _chart(folder)
    _join(folder / CONTOUR_INSTALLATION, f"github.com/projectcontour/contour@{CONTOUR}", "examples/contour/*.yaml")
    for name, (module, files) in DEFINITIONS.items():
        _join(folder / f"{name}.yaml", module, files)


def _kubernetes(folder: Path) -> None:
    """Its modules of the staging folder are taken from where they are published, one version beside each release."""
    source = _module(f"k8s.io/kubernetes@{KUBERNETES}")
    version = KUBERNETES.replace("v1.", "v0.")
    staged = _STAGED.findall((source / "go.mod").read_text())
    replaced = "".join(f"replace {name} => {name} {version}\n" for name in staged)
    commands = [f"k8s.io/kubernetes/cmd/{program}" for program in KUBERNETES_PROGRAMS]
    imports = "".join(f'import _ "{command}"\n' for command in commands)
    work = _work_space(folder / "kubernetes", f"require k8s.io/kubernetes {KUBERNETES}\n{replaced}")
    (work / "programs.go").write_text(f"//go:build programs\n\npackage programs\n\n{imports}")
    _go(work, "mod", "tidy")
    told = " ".join(f"-X k8s.io/{package}/version.gitVersion={KUBERNETES}" for package in _VERSION_PACKAGES)
    _go(work, "build", "-ldflags", told, "-o", f"{folder}/", *commands)
    shutil.rmtree(work)


def _coredns(folder: Path) -> None:
    """With the plugins that a cluster of ours needs: all of them would be hundreds of megabytes of others' clients."""
    work = _work_space(folder / "dns", f"require github.com/coredns/coredns {COREDNS}\n")
    (work / "main.go").write_text(_DNS)
    _go(work, "mod", "tidy")
    _go(work, "build", "-o", str(folder / "coredns"), ".")
    shutil.rmtree(work)


def _chart(folder: Path) -> None:
    """As it is released: with the image's name in its values."""
    source = _module(f"github.com/envoyproxy/gateway@{ENVOY_GATEWAY}")
    chart = folder / CHART
    shutil.copytree(source / "charts" / "gateway-helm", chart, copy_function=shutil.copyfile)
    for path in [chart, *chart.rglob("*/")]:
        path.chmod(0o755)
    values = (chart / "values.tmpl.yaml").read_text()
    values = values.replace("${GatewayImage}", f"docker.io/envoyproxy/gateway:{ENVOY_GATEWAY}")
    (chart / "values.yaml").write_text(values.replace("${GatewayImagePullPolicy}", "IfNotPresent"))


def _join(file: Path, module: str, files: str) -> None:
    if not file.exists():
        found = sorted(_module(module).glob(files))
        file.write_text("\n---\n".join(path.read_text() for path in found))


def _work_space(folder: Path, requirements: str) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "go.mod").write_text(f"module cluster\n\ngo 1.25.0\n\n{requirements}")
    return folder


def _module(name: str) -> Path:
    """Its source, downloaded."""
    told = subprocess.run(["go", "mod", "download", "-json", name], stdout=subprocess.PIPE, timeout=600, check=True)
    return Path(json.loads(told.stdout)["Dir"])


def _install(folder: Path, program: str, name: str) -> None:
    if not (folder / program).exists():
        subprocess.run(["env", f"GOBIN={folder}", "go", "install", name], timeout=3600, check=True)


def _go(folder: Path, *arguments: str) -> None:
    subprocess.run(["go", *arguments], cwd=folder, timeout=3600, check=True)


if __name__ == "__main__":
    build(Path(sys.argv[1]).absolute())
