"""What a demo shows: a policy, keys, and things to try. The machinery around it is the same for all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DemoKey:
    """A key that is made at the start. Its secret and id become the shell variables NAME and NAME_ID."""

    variable: str
    name: str
    tenant: str
    scopes: tuple[str, ...]
    plan: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """A shell command for the reader, what it should give, and what that shows."""

    command: str
    expected: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """The first key must be one that may pass: with it the demo proves that it works."""

    key_prefix: str
    key_header: str
    tenant: str
    apis: tuple[Mapping[str, Any], ...]
    """The `apis` of extauth.yaml."""
    keys: tuple[DemoKey, ...]
    trials: tuple[Trial, ...]
    """In an order in which each of them works. They may use all variables of the `env` file."""
