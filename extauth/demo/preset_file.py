"""Finding the settings files of the presets: in the wheel beside the scenarios, in the source tree under deploy/."""

from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from extauth.demo.errors import DemoError

_IN_WHEEL = "extauth.demo.presets"
_IN_SOURCE = Path(__file__).parents[2] / "deploy" / "presets"


def read_preset(name: str) -> Mapping[str, Any]:
    """A sidecar's settings as they stand in the preset's file; DemoError when there is none."""
    places: tuple[Traversable, ...] = (files(_IN_WHEEL), _IN_SOURCE)
    for place in places:
        file = place / f"{name}.yaml"
        if file.is_file():
            content: Mapping[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
            return content
    raise DemoError(f"this installation of extauth lacks the preset {name}: install it again")
