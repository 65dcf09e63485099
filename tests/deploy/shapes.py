"""JSON Schemas of custom resources, from the short notation in schemas/custom-resources.yaml."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

_FILE = Path(__file__).parent / "schemas" / "custom-resources.yaml"
_TYPES = {"string", "integer", "number", "boolean"}


def validate(manifest: dict[str, Any]) -> None:
    """jsonschema.ValidationError for a fault; LookupError for a kind that is not described."""
    name = f"{manifest['apiVersion']} {manifest['kind']}"
    if name not in _shapes():
        raise LookupError(name)
    top = {"apiVersion!": "string", "kind!": "string", "metadata!": _METADATA, "spec!": _shapes()[name]}
    jsonschema.validate(manifest, schema_of(top))


_METADATA = {
    "name!": "/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/",
    "namespace": "string",
    "labels": {"*": "string"},
    "annotations": {"*": "string"},
}


def schema_of(shape: Any) -> dict[str, Any]:
    """The JSON Schema of one value."""
    if isinstance(shape, list):
        return {"type": "array", "minItems": 1, "items": schema_of(shape[0])}
    if isinstance(shape, dict):
        return _object(shape)
    if shape == "any":
        return {}
    if shape in _TYPES:
        return {"type": shape}
    pattern = re.fullmatch("/(.*)/", shape)
    return {"type": "string", "pattern": pattern[1]} if pattern else {"enum": shape.split("|")}


def _object(shape: dict[str, Any]) -> dict[str, Any]:
    fields = {name.rstrip("!"): schema_of(value) for name, value in shape.items() if name != "*"}
    required = [name.rstrip("!") for name in shape if name.endswith("!")]
    others = schema_of(shape["*"]) if "*" in shape else False
    return {"type": "object", "properties": fields, "required": required, "additionalProperties": others}


@lru_cache
def _shapes() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(_FILE.read_text())
    return found
