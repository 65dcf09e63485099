"""A disk of its own for one folder, small enough to be filled. Only root can make one."""

import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SIZE = 256 * 1024 * 1024  # bytes: a PostgreSQL with little in it takes a quarter of that


@contextmanager
def small_disk(folder: Path, owner: str) -> Iterator[bool]:
    """Mounted on `folder`, which is made and empty; false when this machine does not let us."""
    folder.mkdir()
    user = pwd.getpwnam(owner)
    options = f"size={_SIZE},mode=0700,uid={user.pw_uid},gid={user.pw_gid}"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False)
    if done.returncode != 0:
        folder.rmdir()
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """No byte is left on its disk."""
    filler = folder / "filler"
    with filler.open("wb") as file:
        free = os.statvfs(folder)
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize)
    try:
        yield
    finally:
        filler.unlink()
