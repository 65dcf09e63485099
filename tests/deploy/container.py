"""Images built by buildah from bases of our own, since nothing can be pulled, and what runs from them.

A runtime such as crun wants cgroups in one of two layouts, which not every machine has. So a process is put by hand
where a cluster would put it: a mount namespace in which the image's root cannot be written, user 65532, and no
privileges that could be gained.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_PYTHON = ("usr/bin/python3", "usr/bin/python3.11")
_USELESS = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale")
_USER = "65532:65532"

_ENTER = """
set -eu
root=$1 mounts=$2; shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777,size=16m tmpfs "$root/tmp"
for pair in $mounts; do mount --bind "${pair%%=*}" "$root${pair#*=}"; done
mount -o remount,bind,ro "$root"
exec env -i PATH=/usr/local/bin:/usr/bin HOME=/ PYTHONDONTWRITEBYTECODE=1 \\
  setpriv --no-new-privs /usr/sbin/chroot --userspec=65532:65532 "$root" "$@"
"""


class Images:
    """A store of images in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def buildah(self, *arguments: str | Path, seconds: float = 280) -> str:
        """Run it; what it prints."""
        store = ("--root", self._folder / "root", "--runroot", self._folder / "run", "--storage-driver", "overlay")
        return run("buildah", *store, *arguments, seconds=seconds)

    def make_bases(self) -> None:
        """`localhost/builder`, a small Debian with Python, and `localhost/base`, which has no program but Python."""
        debian = self._folder / "debian"
        packages = "--include=python3,python3-venv,ca-certificates"
        run("debootstrap", "--variant=minbase", packages, "bookworm", debian, seconds=500)
        for useless in _USELESS:
            shutil.rmtree(debian / useless)
        self._import(debian, "localhost/builder")
        for program in [*(debian / "usr/bin").iterdir(), *(debian / "usr/sbin").iterdir()]:
            if str(program.relative_to(debian)) not in _PYTHON:
                program.unlink()
        self._import(debian, "localhost/base")
        shutil.rmtree(debian)

    def _import(self, root: Path, name: str) -> None:
        container = self.buildah("from", "scratch")
        mounted = self.buildah("mount", container)
        run("cp", "-a", f"{root}/.", mounted)
        self.buildah("umount", container)
        self.buildah("commit", "--quiet", "--rm", container, name)

    def build(self, context: Path, dockerfile: Path, name: str, arguments: Mapping[str, str]) -> None:
        """With the certificates of this machine, by which package indexes are known here."""
        files = ("--file", dockerfile, "--ignorefile", f"{dockerfile}.dockerignore", "--tag", name)
        options = [option for key, value in arguments.items() for option in ("--build-arg", f"{key}={value}")]
        certificates = ("--volume", "/etc/ssl/certs:/etc/ssl/certs:ro")
        self.buildah("build", "--isolation", "chroot", "--quiet", *files, *options, *certificates, context, seconds=600)

    def configuration(self, name: str) -> Mapping[str, Any]:
        """User, entry point and the like."""
        found: Mapping[str, Any] = json.loads(self.buildah("inspect", "--type", "image", name))["OCIv1"]["config"]
        return found

    def mount(self, name: str) -> Path:
        """The files of an image."""
        return Path(self.buildah("mount", self.buildah("from", name)))

    def close(self) -> None:
        """Unmount everything."""
        self.buildah("umount", "--all")


def command_in(root: Path, mounts: Mapping[Path, str], arguments: Sequence[str]) -> list[str]:
    """What runs a program of the image; `mounts` are folders of this machine, and where the program finds them."""
    for place in mounts.values():
        (root / place.removeprefix("/")).mkdir(parents=True, exist_ok=True)
    pairs = " ".join(f"{folder}={place}" for folder, place in mounts.items())
    enter = ("sh", "-c", _ENTER, "enter", str(root), pairs)
    return ["unshare", "--mount", "--ipc", "--uts", *enter, *arguments]


def owned(folder: Path) -> Path:
    """A folder and its files, given to the user of the image."""
    run("chown", "-R", _USER, folder)
    return folder


def run(*command: str | Path, seconds: float = 60) -> str:
    """What it prints, without the line's end; AssertionError with its complaint when it fails."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr[-4000:]}"
    return done.stdout.strip()
