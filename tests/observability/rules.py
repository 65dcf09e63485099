"""The rule files, and promtool for them."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
FILES = (FOLDER / "recording.yaml", FOLDER / "alerts.yaml")


def rules() -> Iterator[dict[str, Any]]:
    """Every rule of every file."""
    for path in FILES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    found = shutil.which("promtool")
    assert found is not None, "there is no promtool: apt install prometheus"
    return subprocess.run([found, *arguments], capture_output=True, text=True, timeout=60, check=False)
