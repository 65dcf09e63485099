"""All targets by name."""

from collections.abc import Mapping
from importlib import import_module

from tests.fuzz.target import Target

NAMES = (
    "check_messages",
    "check_headers",
    "header_maps",
    "http_requests",
    "key_texts",
    "bearer_tokens",
    "key_records",
    "feed_entries",
    "usage_batches",
    "policies",
    "envoy_configurations",
    "arrivals",
    "import_rows",
)


def target_named(name: str) -> Target:
    """Imports what it is about, and nothing else."""
    found: Target = import_module(f"tests.fuzz.targets.{name}").TARGET
    assert found.name == name
    return found


def all_targets() -> Mapping[str, Target]:
    return {name: target_named(name) for name in NAMES}
