"""The demo's directory: claimed by one demo at a time, cleared only when a demo made it."""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from extauth.demo.errors import DemoError

MARKER = ".made-by-extauth-demo"
_LONGEST_SOCKET_NAME = len("/extauth.sock")
_LONGEST_SOCKET_PATH = 107  # bytes: sockaddr_un.sun_path without its final NUL
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


@contextmanager
def claimed(directory: Path) -> Iterator[None]:
    """Hold the directory, made if need be; DemoError when it is another's."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _refuse_foreign(directory)
        lock = os.open(directory / MARKER, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DemoError(f"{directory} cannot be used: {error.strerror}") from error
    try:
        _lock(lock, directory)
        yield
    finally:
        os.close(lock)


def clear(directory: Path) -> None:
    """Remove what an earlier demo left. The directory must be claimed."""
    for entry in directory.iterdir():
        if entry.name == MARKER:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


@contextmanager
def socket_directory(directory: Path) -> Iterator[Path]:
    """A place for unix sockets: `run` in the demo's directory, or a short one elsewhere when its path would not do.

    The system limits the length of a socket's path, and URLs of Redis give some characters a meaning.
    """
    inside = directory / "run"
    length = len(os.fsencode(inside)) + _LONGEST_SOCKET_NAME
    if length <= _LONGEST_SOCKET_PATH and _PLAIN_PATH.fullmatch(str(inside)):
        inside.mkdir()
        yield inside
    else:
        with tempfile.TemporaryDirectory(prefix="extauth-", dir="/tmp", ignore_cleanup_errors=True) as elsewhere:
            yield Path(elsewhere)


def _refuse_foreign(directory: Path) -> None:
    if not (directory / MARKER).exists() and any(directory.iterdir()):
        raise DemoError(
            f"{directory} holds files that no demo made, and a demo clears its directory: choose another --directory"
        )


def _lock(descriptor: int, directory: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 20).decode(errors="replace").strip()
        raise DemoError(
            f"another demo (process {holder}) is running in {directory}: "
            "stop it, or choose another --directory and --port-base"
        ) from None
    os.truncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
