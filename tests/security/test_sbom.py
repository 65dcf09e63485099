"""The list of what is installed: `make sbom`."""

import json
import subprocess
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_it_names_what_the_product_needs_and_no_tool_of_ours() -> None:
    subprocess.run(["make", "--silent", "sbom"], cwd=ROOT, check=True, timeout=100)
    listed = json.loads((ROOT / ".build" / "sbom.json").read_text())
    versions = {component["name"]: component.get("version") for component in listed["components"]}
    assert listed["bomFormat"] == "CycloneDX"
    for name in ("cryptography", "grpcio", "psycopg", "pydantic", "redis", "uvicorn"):
        assert versions[name] == version(name), name
    assert not {"pytest", "ruff", "mypy", "hypothesis"} & set(versions)
