"""The commands of a page of documentation, run."""

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

_FILE = re.compile(r"^cat > (\S+) <<'END'\n(.*?)^END$", re.MULTILINE | re.DOTALL)
_EXPECTED = re.compile(r"^(?P<command>.*\S)\s+# (?P<status>\d{3})\b.*$", re.MULTILINE)

_PREAMBLE = """
set -euo pipefail
trap '[ -z "$(jobs -p)" ] || kill $(jobs -p); wait' EXIT
expect() {
  local wanted=$1 got
  shift
  for _ in $(seq "${TRIES:-1}"); do
    got=$("$@")
    [ "$got" != "$wanted" ] || return 0
    sleep 0.1
  done
  echo "$got, not $wanted: $*" >&2
  exit 1
}
"""
"""With `TRIES` above 1 what is expected may take a moment."""


def section(page: str, title: str) -> str:
    """From a heading of the second level to the next one."""
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def blocks(text: str) -> list[str]:
    """What a person would paste into a shell."""
    return re.findall(r"```sh\n(.*?)```", text, re.DOTALL)


def files(text: str) -> dict[str, str]:
    """The files that the commands write, by name."""
    return {name: content for block in blocks(text) for name, content in _FILE.findall(block)}


def script(text: str, replacements: Mapping[str, str], without: str | None = None) -> str:
    """All blocks but those with `without`, as one that fails when a command with `# 401` prints another status."""
    commands = "\n".join(block for block in blocks(text) if without is None or without not in block)
    commands = _EXPECTED.sub(r"expect \g<status> \g<command>", commands)
    for old, new in replacements.items():
        commands = commands.replace(old, new)
    return _PREAMBLE + commands


def at_ports(first: int, ports: list[int]) -> dict[str, str]:
    """Replacements of addresses of this machine by others, from `first` on."""
    return {f":{port}": f":{first + index}" for index, port in enumerate(ports)}


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def run(commands: str, folder: Path, programs: Path, seconds: float) -> str:
    """What they print; AssertionError with it when one fails. Nothing that they started is left."""
    path = f"{programs}:{os.environ['PATH']}"
    output = folder / "output.log"
    with output.open("wb") as file:
        process = subprocess.Popen(
            ["bash", "-c", commands],
            cwd=folder,
            env={**os.environ, "PATH": path},
            stdout=file,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    try:
        status = process.wait(seconds)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert status == 0, read(output)[-6000:]
    return read(output)
