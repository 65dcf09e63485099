"""The presets are good settings files, for our own reader and for an editor's JSON Schema."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from extauth.policy.settings import SidecarSettings
from extauth.settings.model import load

DEPLOY = Path(__file__).parents[2] / "deploy"
PRESETS = sorted((DEPLOY / "presets").glob("*.yaml"))
SCHEMA = Draft202012Validator(json.loads((DEPLOY / "extauth.schema.json").read_text()))


def test_there_is_one_for_each_platform() -> None:
    assert [path.stem for path in PRESETS] == ["ai-api", "iiniit", "ninjio", "ninox", "nudj"]


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_is_a_good_settings_file(path: Path) -> None:
    load(SidecarSettings, path)


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_an_editor_finds_no_fault_in_a_preset(path: Path) -> None:
    assert path.read_text().startswith("# yaml-language-server: $schema=../extauth.schema.json\n")
    assert list(SCHEMA.iter_errors(yaml.safe_load(path.read_text()))) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"apis": []}, "should be non-empty"),
        ({"apiz": []}, "Additional properties"),
        ({"cache": {"max_stale": "3 parsecs"}}, "does not match"),
    ],
)
def test_an_editor_finds_faults_too(change: dict[str, object], message: str) -> None:
    settings = {**yaml.safe_load(PRESETS[0].read_text()), **change}
    assert any(message in error.message for error in SCHEMA.iter_errors(settings))
