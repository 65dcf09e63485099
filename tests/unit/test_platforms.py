"""docs/platforms.md names the tests of the five platforms: those that exist, and all of them."""

import ast
import re
from pathlib import Path

import yaml

from extauth.demo.preset_file import read_preset
from extauth.demo.presets.names import NAMES
from extauth.demo.presets.table import PRESETS
from extauth.policy.settings import SidecarSettings
from extauth.settings.model import validate
from extauth.settings.source import Source

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests" / "e2e" / "presets"
PAGE = (ROOT / "docs" / "platforms.md").read_text()
NAMED = set(re.findall(r"`(test_\w+\.py::test_\w+)`", PAGE))


def names_in(path: Path) -> set[str]:
    functions = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    return {f"{path.name}::{function.name}" for function in functions if function.name.startswith("test_")}


def test_the_tests_that_are_named_are_those_that_exist() -> None:
    files = [TESTS / f"test_{name.replace('-', '_')}.py" for name in NAMES]
    assert set().union(*(names_in(path) for path in files)) == NAMED


def test_each_line_names_a_test() -> None:
    for table in re.findall(r"\| it says \| test \|\n\|---\|---\|\n((?:\|.*\n)+)", PAGE):
        for line in table.splitlines():
            assert re.fullmatch(r"\| .+ \| `test_\w+\.py::test_\w+`(, `test_\w+\.py::test_\w+`)* \|", line), line


def test_each_preset_has_a_file_a_scenario_and_a_name() -> None:
    files = sorted(path.stem for path in (ROOT / "deploy" / "presets").glob("*.yaml"))
    assert files == sorted(NAMES) == sorted(PRESETS)
    for name in NAMES:
        settings = validate(SidecarSettings, Source(yaml.safe_dump(dict(read_preset(name))), name))
        assert PRESETS[name].preset == name
        assert settings.apis
